"""The cells that speed is judged by: what was measured, and what a fit without the device predicts.

Holds the reading of the file that `make fit` writes; tables and figures are made from it elsewhere.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import log
from pathlib import Path

from speedfit.leave_out import Error, coverage
from speedfit.runs import MEASURED

ERRORS = MEASURED / "speed_errors.csv"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One line of `speed_errors.csv`."""

    test: str
    device: str
    units: int
    speed_class: str
    runtime: str
    era: str
    is_moe: bool
    depth_tokens: int
    read_bytes: int
    """Weights that one token reads."""

    measured: float
    predicted: float
    predicted_with_device: float | None
    """From a fit that knows the device with other models."""

    rule_of_thumb: float | None
    pool: str
    group: str
    is_inside: bool = False

    @property
    def error(self) -> float:
        """How far the prediction is off, of the measured speed."""
        return abs(self.predicted / self.measured - 1)

    @property
    def is_plain(self) -> bool:
        """One GPU decoding under llama.cpp or Ollama: what the targets are stated for."""
        return (
            self.test == "decode"
            and self.units == 1
            and self.speed_class != "cpu"
            and self.runtime != "llamafile"
        )


def read_cells(path: Path) -> list[Cell]:
    """The cells of the file that `make fit` wrote."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(line for line in file if not line.startswith("#"))
        return [_cell(row) for row in rows]


def _cell(row: dict[str, str]) -> Cell:
    rule, known = row["rule_of_thumb_tokens_per_s"], row["predicted_with_device_tokens_per_s"]
    return Cell(
        test=row["test"],
        device=row["device"],
        units=int(row["units"]),
        speed_class=row["speed_class"],
        runtime=row["runtime"],
        era=row["era"],
        is_moe=row["is_moe"] == "yes",
        depth_tokens=int(row["depth_tokens"]),
        read_bytes=int(row["read_bytes"]),
        measured=float(row["tokens_per_s"]),
        predicted=float(row["predicted_tokens_per_s"]),
        predicted_with_device=float(known) if known else None,
        rule_of_thumb=float(rule) if rule else None,
        pool=row["pool"],
        group=row["group"],
    )


def with_coverage(cells: Sequence[Cell]) -> list[Cell]:
    """The cells with whether each is inside the interval that the other devices give."""
    inside = coverage([error_of(cell) for cell in cells])
    return [replace(cell, is_inside=one) for cell, one in zip(cells, inside, strict=True)]


def error_of(cell: Cell) -> Error:
    """A cell as the intervals are made from."""
    return Error(
        device=cell.device,
        speed_class=cell.speed_class,
        pool=cell.pool,
        group=cell.group,
        log_error=log(cell.measured / cell.predicted),
    )
