"""Fits the speed model on the published runs: `make fit`.

Reads `tests/measured/*.csv`, writes `advisor/estimate/parameters.json` and, beside the runs, the
error of every cell when its device is left out (`speed_errors.csv`), which the intervals were made
from and the accuracy report shows. The same data give the same files, byte for byte.
"""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from math import exp
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tools")]

from speedfit import cpu, decode, leave_out, prefill, resolve  # noqa: E402
from speedfit.leave_out import Error  # noqa: E402
from speedfit.runs import MEASURED, Run, load_runs  # noqa: E402
from speedfit.sizes import file_bytes  # noqa: E402

from advisor.estimate.baseline import rule_of_thumb_tokens_per_s  # noqa: E402
from advisor.estimate.parameters import SCHEMA  # noqa: E402

PARAMETERS = ROOT / "advisor" / "estimate" / "parameters.json"
ERRORS = MEASURED / "speed_errors.csv"

DATE = "2026-11-23"
"""Of the data: the day the runs were last checked."""

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
    "tokens_per_s",
    "predicted_tokens_per_s",
    "rule_of_thumb_tokens_per_s",
    "group",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A test's cells, their errors when their device is left out, and the fit of all of them."""

    test: str
    samples: tuple[Any, ...]
    errors: tuple[Error, ...]
    fit: Any


def main() -> None:
    """Fit everything and write both files."""
    runs = load_runs()
    decoded = judge_decode(decode.samples_of(runs))
    prefilled = judge_prefill(prefill.samples_of(runs))
    cpus = cpu.fit_cpus(runs)
    implied = cpu.implied_errors(cpus)
    outside = leave_vendors_out(decoded.samples)
    values = parameters_of(decoded, prefilled, cpus, implied, outside)
    PARAMETERS.write_text(compact_json(values), encoding="utf-8")
    ERRORS.write_text(errors_csv(decoded, prefilled, implied), encoding="utf-8")


def judge_decode(samples: Sequence[decode.Sample]) -> Judged:
    """Fit and judge decoding on GPUs; llamafile's errors make groups of their own."""
    found = leave_out.leave_devices_out(samples, decode.fit_decode, decode.log_speed_error)
    pairs = [
        (decode.interval_class(s.speed_class), s.device.name)
        for s in samples
        if s.run.runtime != "llamafile"
    ]
    groups = leave_out.groups_of(pairs)
    errors = tuple(
        Error(
            device=sample.device.name,
            speed_class=sample.speed_class,
            group=f"llamafile {sample.run.backend}"
            if sample.run.runtime == "llamafile"
            else groups[decode.interval_class(sample.speed_class)],
            log_error=error,
        )
        for sample, error in zip(samples, found, strict=True)
    )
    return Judged(
        test="decode", samples=tuple(samples), errors=errors, fit=decode.fit_decode(samples)
    )


def judge_prefill(samples: Sequence[prefill.PrefillSample]) -> Judged:
    """Fit and judge prefill on GPUs."""
    found = leave_out.leave_devices_out(samples, prefill.fit_prefill, prefill.log_speed_error)
    groups = leave_out.groups_of((s.speed_class, s.device.name) for s in samples)
    errors = tuple(
        Error(
            device=sample.device.name,
            speed_class=sample.speed_class,
            group=groups[sample.speed_class],
            log_error=error,
        )
        for sample, error in zip(samples, found, strict=True)
    )
    return Judged(
        test="prefill", samples=tuple(samples), errors=errors, fit=prefill.fit_prefill(samples)
    )


def leave_vendors_out(samples: Sequence[decode.Sample]) -> tuple[Error, ...]:
    """The errors on devices of a vendor that the fit has never met."""
    errors: list[Error] = []
    for vendor in sorted({sample.device.vendor for sample in samples}):
        model = decode.fit_decode([one for one in samples if one.device.vendor != vendor])
        errors += [
            Error(
                device=sample.device.name,
                speed_class=sample.speed_class,
                group="any",
                log_error=decode.log_speed_error(sample, model),
            )
            for sample in samples
            if sample.device.vendor == vendor and sample.run.runtime != "llamafile"
        ]
    return tuple(errors)


def cpu_errors(implied: Sequence[tuple[cpu.CpuSample, float]]) -> tuple[Error, ...]:
    """The errors of CPUs whose memory another model stands for."""
    return tuple(
        Error(device=one.run.device_name, speed_class="cpu", group="cpu", log_error=error)
        for one, error in implied
    )


def parameters_of(
    decoded: Judged,
    prefilled: Judged,
    cpus: cpu.CpuFit,
    implied: Sequence[tuple[cpu.CpuSample, float]],
    outside: Sequence[Error],
) -> dict[str, Any]:
    """Everything the program reads, ready for JSON."""
    own = [one for one in decoded.errors if not one.group.startswith("llamafile")]
    backends = {s.run.backend for s in decoded.samples if s.run.runtime == "llamafile"}
    llamafile = {
        backend: leave_out.interval(
            one for one in decoded.errors if one.group == f"llamafile {backend}"
        )
        for backend in sorted(backends)
    }
    decode_rows = _decode_rows(decoded, own, outside)
    decode_rows |= resolve.cpu_rows(cpus, cpu_errors(implied))
    return {
        "schema": SCHEMA,
        "fitted": {
            "by": "tools/fit.py",
            "date": DATE,
            "data": "tests/measured/decode_speed.csv",
            "errors": "tests/measured/speed_errors.csv",
            "decode_cells": len(decoded.samples),
            "decode_devices": len({s.device.name for s in decoded.samples}),
            "prefill_cells": len(prefilled.samples),
            "cpu_cells": len(cpus.samples),
        },
        "decode": {
            "handover_s": resolve.rounded(decoded.fit.value("handover")),
            "kernels": resolve.kernels(decoded.fit),
            "kernel_bits": dict(sorted(decode.KERNEL_BITS.items())),
            "columns": list(resolve.DECODE_COLUMNS),
            "classes": decode_rows,
        },
        "runtimes": resolve.runtimes(decoded.fit, prefilled.fit, llamafile),
        "cpu": resolve.cpu_constants(cpus),
        "prefill": {
            **resolve.prefill_constants(prefilled.fit),
            "columns": list(resolve.PREFILL_COLUMNS),
            "classes": _prefill_rows(prefilled),
        },
    }


def _decode_rows(
    judged: Judged, own: Sequence[Error], outside: Sequence[Error]
) -> dict[str, list[float]]:
    groups = {decode.interval_class(one.speed_class): one.group for one in own}
    counts = resolve.device_counts((s.speed_class, s.device.name) for s in judged.samples)
    return {
        name: [
            *resolve.decode_row(name, judged.fit),
            *resolve.interval_of(name, groups, own, outside),
            counts.get(name, 0),
        ]
        for name in resolve.class_table(s.speed_class for s in judged.samples)
    }


def _prefill_rows(judged: Judged) -> dict[str, list[float]]:
    groups = {decode.interval_class(one.speed_class): one.group for one in judged.errors}
    counts = resolve.device_counts((s.speed_class, s.device.name) for s in judged.samples)
    return {
        name: [
            *resolve.prefill_row(name, judged.fit),
            *resolve.interval_of(name, groups, judged.errors, judged.errors),
            counts.get(name, 0),
        ]
        for name in resolve.class_table(s.speed_class for s in judged.samples)
    }


def compact_json(values: dict[str, Any]) -> str:
    """JSON with one row of a table per line."""
    lines = json.dumps(values, indent=1, ensure_ascii=False).splitlines()
    text: list[str] = []
    for line in lines:
        bare = line.strip()
        if text and text[-1].rstrip().endswith("[") and bare:
            text[-1] += bare
        elif text and _is_inside_list(text[-1]):
            text[-1] += bare if bare.startswith("]") else f" {bare}"
        else:
            text.append(line)
    return "\n".join(text) + "\n"


def _is_inside_list(line: str) -> bool:
    return line.count("[") > line.count("]")


def errors_csv(
    decoded: Judged, prefilled: Judged, implied: Sequence[tuple[cpu.CpuSample, float]]
) -> str:
    """The error of every cell when its device is left out, one a line."""
    file = io.StringIO()
    file.write(
        "# What `make fit` predicts for each cell of decode_speed.csv (runs that differ in their\n"
        "# source alone are one cell: their median) when its device is left out of the fit. CPUs:\n"
        "# with the memory rate that another model on the same CPU implies.\n"
    )
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(ERROR_COLUMNS)
    for judged in (decoded, prefilled):
        for sample, error in zip(judged.samples, judged.errors, strict=True):
            tokens = sample.run.prompt_tokens if judged.test == "prefill" else 1
            writer.writerow(
                _error_row(
                    judged.test, sample.run, error, tokens / sample.seconds, sample.run_count
                )
            )
    for one, log_error in implied:
        error = Error(
            device=one.run.device_name, speed_class="cpu", group="cpu", log_error=log_error
        )
        writer.writerow(_error_row("decode", one.run, error, 1 / one.seconds, 1))
    return file.getvalue()


def _error_row(
    test: str, run: Run, error: Error, tokens_per_s: float, run_count: int
) -> list[object]:
    return [
        test,
        run.device_name,
        run.units,
        error.speed_class,
        run.runtime,
        run.era,
        run.shape.model,
        "yes" if run.shape.is_moe else "no",
        run.quant,
        run.start_depth_tokens,
        run_count,
        f"{tokens_per_s:.4g}",
        f"{tokens_per_s / exp(error.log_error):.4g}",
        _rule_of_thumb(run),
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


if __name__ == "__main__":
    main()
