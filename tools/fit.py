"""Fits the speed model on the published runs: `make fit`.

Reads `tests/measured/*.csv`, writes `advisor/estimate/parameters.json` and, beside the runs, the
error of every cell when its device is left out (`speed_errors.csv`), which the intervals were made
from and the accuracy report shows. The same data give the same files, byte for byte.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tools")]

from speedfit import cpu, decode, leave_out, prefill, resolve  # noqa: E402
from speedfit.error_file import Judged, cpu_error, errors_csv  # noqa: E402
from speedfit.leave_out import Error  # noqa: E402
from speedfit.runs import MEASURED, load_runs  # noqa: E402

from advisor.estimate.parameters import SCHEMA  # noqa: E402

PARAMETERS = ROOT / "advisor" / "estimate" / "parameters.json"
ERRORS = MEASURED / "speed_errors.csv"

DATE = "2026-11-24"
"""Of the data: the day the runs were last checked."""


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
    """Fit and judge decoding on GPUs; llamafile's errors are a pool of their own."""
    found = leave_out.leave_devices_out(samples, decode.fit_decode, decode.log_speed_error)
    errors = tuple(
        _decode_error(sample, error) for sample, error in zip(samples, found, strict=True)
    )
    pairs = leave_out.leave_pairs_out(samples, decode.fit_decode, decode.log_speed_error)
    return Judged(
        test="decode",
        samples=tuple(samples),
        errors=errors,
        pair_errors=tuple(pairs),
        fit=decode.fit_decode(samples),
    )


def _decode_error(sample: decode.Sample, log_error: float) -> Error:
    is_llamafile = sample.run.runtime == "llamafile"
    return Error(
        device=sample.device.name,
        speed_class=sample.speed_class,
        pool="llamafile" if is_llamafile else "decode",
        group=sample.run.backend if is_llamafile else decode.interval_class(sample.speed_class),
        log_error=log_error,
    )


def judge_prefill(samples: Sequence[prefill.PrefillSample]) -> Judged:
    """Fit and judge prefill on GPUs."""
    found = leave_out.leave_devices_out(samples, prefill.fit_prefill, prefill.log_speed_error)
    errors = tuple(
        Error(
            device=sample.device.name,
            speed_class=sample.speed_class,
            pool="prefill",
            group=decode.interval_class(sample.speed_class),
            log_error=error,
        )
        for sample, error in zip(samples, found, strict=True)
    )
    return Judged(
        test="prefill",
        samples=tuple(samples),
        errors=errors,
        pair_errors=(None,) * len(errors),
        fit=prefill.fit_prefill(samples),
    )


def leave_vendors_out(samples: Sequence[decode.Sample]) -> tuple[Error, ...]:
    """The errors on devices of a vendor that the fit has never met."""
    errors: list[Error] = []
    for vendor in sorted({sample.device.vendor for sample in samples}):
        model = decode.fit_decode([one for one in samples if one.device.vendor != vendor])
        errors += [
            _decode_error(sample, decode.log_speed_error(sample, model))
            for sample in samples
            if sample.device.vendor == vendor and sample.run.runtime != "llamafile"
        ]
    return tuple(errors)


def cpu_errors(implied: Sequence[tuple[cpu.CpuSample, float]]) -> tuple[Error, ...]:
    """The errors of CPUs whose memory another model stands for."""
    return tuple(cpu_error(one, error) for one, error in implied)


def parameters_of(
    decoded: Judged,
    prefilled: Judged,
    cpus: cpu.CpuFit,
    implied: Sequence[tuple[cpu.CpuSample, float]],
    outside: Sequence[Error],
) -> dict[str, Any]:
    """Everything the program reads, ready for JSON."""
    own = [one for one in decoded.errors if one.pool == "decode"]
    llamafile = llamafile_intervals([one for one in decoded.errors if one.pool == "llamafile"])
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


def llamafile_intervals(errors: Sequence[Error]) -> dict[str, tuple[float, float]]:
    """The interval of llamafile's decoding, by backend."""
    return {
        backend: leave_out.interval(
            (one for one in errors if one.group == backend),
            (one for one in errors if one.group != backend),
        )
        for backend in sorted({one.group for one in errors})
    }


def _decode_rows(
    judged: Judged, own: Sequence[Error], outside: Sequence[Error]
) -> dict[str, list[float]]:
    counts = resolve.device_counts((s.speed_class, s.device.name) for s in judged.samples)
    return {
        name: [
            *resolve.decode_row(name, judged.fit),
            *resolve.interval_of(name, own, outside),
            counts.get(name, 0),
        ]
        for name in resolve.class_table(s.speed_class for s in judged.samples)
    }


def _prefill_rows(judged: Judged) -> dict[str, list[float]]:
    counts = resolve.device_counts((s.speed_class, s.device.name) for s in judged.samples)
    return {
        name: [
            *resolve.prefill_row(name, judged.fit),
            *resolve.interval_of(name, judged.errors, judged.errors),
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


if __name__ == "__main__":
    main()
