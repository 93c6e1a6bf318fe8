"""What llama.cpp was seen to reserve, beside what the program predicts for the same.

Reads `tests/measured/llama_cpp_memory.csv` and `tests/measured/gpu_logs.csv` and asks the program's
own model of memory for every row; holds no formula of memory and no judgement of an error.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from advisor.estimate.compute import relative_error
from advisor.estimate.estimator import costs_of
from advisor.estimate.memory import gpu_allocation, host_allocation
from advisor.estimate.placement import place
from advisor.estimate.setup import resolve
from advisor.estimate.subject import subject_of
from advisor.target import Gpu
from advisor.workload import Era, FlashAttention, Runtime, Workload
from catalog.names import find_model
from catalog.quants import find_quant

if TYPE_CHECKING:
    from advisor.estimate.graph_shape import GraphKind
    from advisor.estimate.subject import Subject

MEASURED = Path(__file__).parents[1] / "tests" / "measured"
RESERVED = MEASURED / "llama_cpp_memory.csv"
LOGS = MEASURED / "gpu_logs.csv"

MIB = 1 << 20

ROUNDED_TABLES = frozenset({"fit-params", "modern"})
"""Tables in whole MiB, rounded down: what differs by less than one is equal."""

LEAST_MIB = 1.0
"""Errors are stated of no less than this, so that a rounded megabyte is no error of half."""

NO_LIMIT_TOKENS = 1 << 40
"""Some rows ask for a longer context than their model states."""

LOG = "log"

_ERAS = {"before": Era.BEFORE_JUNE_2026, "since": Era.CURRENT}

PARTS = ("weights", "cache", "scratch")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One device in one run: how the model was set up, and what was reserved there. In MiB."""

    table: str
    model: str
    quant: str
    workload: Workload
    gpu_layers: int
    place: str
    """`gpu` or `host`."""

    weights: float | None
    """``None`` where the table does not say."""

    cache: float | None
    scratch: float | None
    device: str = ""
    """A log's device."""

    build: str = "since"
    """`before` or `since` June 2026."""

    @property
    def is_log(self) -> bool:
        """True for a run on a real GPU."""
        return self.table == LOG


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """A row beside its prediction."""

    row: Row
    architecture: str
    kind: GraphKind
    weights: float
    cache: float
    scratch: float
    stated_error: float
    """Half the width of the scratch's interval, as a share of it."""

    def difference(self, part: str) -> float | None:
        """Predicted less true, in MiB; ``None`` where the row does not say."""
        true: float | None = getattr(self.row, part)
        if true is None:
            return None
        found: float = getattr(self, part) - true
        is_rounded = self.row.table in ROUNDED_TABLES
        return 0.0 if is_rounded and 0 <= found < 1 else found

    def error(self, part: str) -> float | None:
        """Relative error of a part; ``None`` where the row does not say."""
        difference = self.difference(part)
        return None if difference is None else abs(difference) / max(self._true(part), LEAST_MIB)

    def sum_error(self) -> float | None:
        """Relative error of the three together; ``None`` where one of them is not known."""
        differences = [self.difference(part) for part in PARTS]
        if None in differences:
            return None
        true = sum(self._true(part) for part in PARTS)
        return abs(sum(found or 0.0 for found in differences)) / max(true, LEAST_MIB)

    def _true(self, part: str) -> float:
        return getattr(self.row, part) or 0.0

    @property
    def is_inside(self) -> bool:
        """True when the scratch lies in the interval that the program states."""
        difference = self.difference("scratch")
        return difference is not None and abs(difference) <= self.stated_error * self.scratch


def reserved_rows() -> Iterator[Row]:
    """What the library reserved: a sample."""
    for line in _lines(RESERVED):
        yield Row(
            table=line["table"],
            model=line["model"],
            quant=line["quant"],
            workload=_workload(line),
            gpu_layers=int(line["gpu_layers"]),
            place=line["place"],
            weights=_number(line["weights_mib"]),
            cache=_number(line["cache_mib"]),
            scratch=_number(line["scratch_mib"]),
        )


def log_rows() -> Iterator[Row]:
    """What logs of real GPUs say."""
    for line in _lines(LOGS):
        yield Row(
            table=LOG,
            model=line["model"],
            quant=line["quant"],
            workload=replace(_workload(line), era=_ERAS[line["build"]]),
            gpu_layers=int(line["gpu_layers"]),
            place="gpu",
            weights=_number(line["weights_mib"]),
            cache=_number(line["cache_mib"]),
            scratch=_number(line["scratch_mib"]),
            build=line["build"],
            device=line["device"],
        )


def _lines(path: Path) -> Iterator[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(line for line in file if not line.startswith("#"))


def _number(text: str) -> float | None:
    return float(text) if text else None


def _workload(line: dict[str, str]) -> Workload:
    flash = FlashAttention.OFF if line["flash_attention"] == "off" else FlashAttention.AUTO
    runtime = Runtime.LLAMA_SERVER if line["rows"] == "capped" else Runtime.LLAMA_BENCH
    return Workload(
        context_tokens=int(line["context_tokens"]),
        ubatch_tokens=int(line["ubatch_tokens"]),
        sequences=int(line["sequences"]),
        kv_unified=line["unified"] == "yes",
        kv_type_k=line["kv_type"],
        kv_type_v=line["kv_type"],
        flash_attention=flash,
        runtime=runtime,
    )


def compare(row: Row) -> Compared:
    """A row beside what the program says of it.

    A log's scratch has the copies of the host's weights in it; the tables' device makes none.
    """
    subject = _subject(row.model, row.quant)
    costs = costs_of(subject, resolve(row.workload, trained_tokens=NO_LIMIT_TOKENS))
    placement = place(
        block_count=subject.weights.block_count,
        gpu_layers=row.gpu_layers,
        weights=(1.0,) if row.gpu_layers else (),
    )
    if row.place == "host":
        allocation = host_allocation(costs, placement, available=None, capacity=None)
    else:
        allocation = gpu_allocation(costs, placement, 0, A_GPU)
    scratch = allocation.compute_bytes
    if row.place != "host":
        copies = costs.copied_bytes(placement, 0) if row.is_log else 0
        scratch = costs.context.gpu_compute_bytes(placement, 0) + copies
    return Compared(
        row=row,
        architecture=subject.model.architecture,
        kind=subject.shape.kind,
        weights=allocation.weights_bytes / MIB,
        cache=allocation.kv_cache_bytes / MIB,
        scratch=scratch / MIB,
        stated_error=relative_error(subject.shape),
    )


@cache
def _subject(model: str, quant: str) -> Subject:
    return subject_of(find_model(model), find_quant(quant))


A_GPU = Gpu(
    name="a GPU",
    vendor="nvidia",
    architecture=None,
    backend="cuda",
    kind="desktop",
    capacity_bytes=None,
    available_bytes=None,
    bandwidth_bytes_per_s=None,
    fp16_flops_per_s=None,
    shares_host_memory=False,
    row_name=None,
)
