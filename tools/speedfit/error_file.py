"""The error of every cell, as `make fit` commits it: what intervals and the report are made from.

Holds the nouns and the file's columns; what an error is, `leave_out` says.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import exp
from typing import TYPE_CHECKING, Any

from advisor.estimate.baseline import rule_of_thumb_tokens_per_s
from speedfit.leave_out import Error
from speedfit.sizes import file_bytes, read_bytes

if TYPE_CHECKING:
    from speedfit import cpu
    from speedfit.runs import Run

ERROR_COLUMNS = (
    "test",
    "device",
    "units",
    "speed_class",
    "runtime",
    "era",
    "model",
    "is_moe",
    "quant",
    "depth_tokens",
    "runs",
    "read_bytes",
    "tokens_per_s",
    "predicted_tokens_per_s",
    "predicted_with_device_tokens_per_s",
    "rule_of_thumb_tokens_per_s",
    "pool",
    "group",
)


HEAD = """\
# What `make fit` predicts for each cell of decode_speed.csv (runs that differ in their source alone
# are one cell: their median) when its device is left out of the fit; and, as predicted_with_device,
# when only that model on that device is. CPUs: with the memory rate that another model on the same
# CPU implies.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A test's cells, their errors when their device is left out, and the fit of all of them."""

    test: str
    samples: tuple[Any, ...]
    errors: tuple[Error, ...]
    pair_errors: tuple[float | None, ...]
    """The same when only its model is left out on its device; ``None`` where nobody asked."""

    fit: Any


def cpu_error(sample: cpu.CpuSample, log_error: float) -> Error:
    """The error of a CPU whose memory another model stands for."""
    return Error(
        device=sample.run.device_name,
        speed_class="cpu",
        pool="cpu",
        group="cpu",
        log_error=log_error,
    )


def errors_csv(
    decoded: Judged, prefilled: Judged, implied: Sequence[tuple[cpu.CpuSample, float]]
) -> str:
    """The error of every cell when its device is left out, one a line."""
    file = io.StringIO()
    file.write(HEAD)
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(ERROR_COLUMNS)
    for judged in (decoded, prefilled):
        writer.writerows(line.columns() for line in _lines(judged))
    for one, log_error in implied:
        line = _Line(
            test="decode",
            run=one.run,
            runs=1,
            tokens_per_s=1 / one.seconds,
            error=cpu_error(one, log_error),
            pair_error=None,
        )
        writer.writerow(line.columns())
    return file.getvalue()


def _lines(judged: Judged) -> Iterator[_Line]:
    found = zip(judged.samples, judged.errors, judged.pair_errors, strict=True)
    for sample, error, pair_error in found:
        tokens = sample.run.prompt_tokens if judged.test == "prefill" else 1
        yield _Line(
            test=judged.test,
            run=sample.run,
            runs=sample.run_count,
            tokens_per_s=tokens / sample.seconds,
            error=error,
            pair_error=pair_error,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    """One cell."""

    test: str
    run: Run
    runs: int
    tokens_per_s: float
    error: Error
    pair_error: float | None

    def columns(self) -> list[object]:
        """In the order of `ERROR_COLUMNS`."""
        run, error, known = self.run, self.error, self.pair_error
        return [
            self.test,
            run.device_name,
            run.units,
            error.speed_class,
            run.runtime,
            run.era,
            run.shape.model,
            "yes" if run.shape.is_moe else "no",
            run.quant,
            run.start_depth_tokens,
            self.runs,
            round(read_bytes(run)),
            f"{self.tokens_per_s:.4g}",
            f"{self.tokens_per_s / exp(error.log_error):.4g}",
            "" if known is None else f"{self.tokens_per_s / exp(known):.4g}",
            _rule_of_thumb(run),
            error.pool,
            error.group,
        ]


def _rule_of_thumb(run: Run) -> str:
    """What everybody's formula says of a decode run on a GPU."""
    if run.device is None or run.test != "decode":
        return ""
    value = rule_of_thumb_tokens_per_s(
        bandwidth_bytes_per_s=run.device.bandwidth_bytes_per_s,
        file_bytes=file_bytes(run),
        vendor=run.device.vendor,
    )
    return f"{value:.4g}"
