"""How much nearer a measurement on a device brings the estimates of other models on it.

On published runs: every model of a device is left out in turn, some of the device's other models
are taken as measured, and the rule of `advisor.estimate.calibration` is applied to the prediction
of a fit that had not seen the device. Writes one section of `docs/accuracy.md`; see `accuracy`.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, islice
from math import exp, log
from pathlib import Path
from statistics import mean, median

from advisor.estimate.calibration import half_interval, log_factor
from advisor.estimate.parameters import decode_class, prefill_class

ERRORS = Path(__file__).parents[1] / "tests" / "measured" / "speed_errors.csv"

COUNTS = (1, 2, 3, 5)
"""Measured models that the section has a line for."""

COMBINATIONS = 20
"""Choices of measured models that are tried for one that is left out."""

Device = tuple[str, str]
"""A device's name, and its class under a backend."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """One cell of a model that was left out, with some others of its device measured."""

    before: float
    """Logarithm of measured over predicted speed."""

    after: float
    """The same over the prediction times the factor."""

    is_inside: bool
    """Whether it lies in the interval that is left."""


def published(test: str = "decode", path: Path = ERRORS) -> dict[Device, dict[str, list[float]]]:
    """Device → model → logarithms of measured over predicted speed, with an empty cache.

    Only of llama.cpp on single GPUs that have runs of two models at least.
    """
    found: dict[Device, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(line for line in file if not line.startswith("#")):
            if row["test"] == test and _is_plain(row):
                speeds = float(row["tokens_per_s"]), float(row["predicted_tokens_per_s"])
                device = row["device"], row["speed_class"]
                found[device][row["model"]].append(log(speeds[0] / speeds[1]))
    return {device: dict(models) for device, models in found.items() if len(models) > 1}


def _is_plain(row: Mapping[str, str]) -> bool:
    kind = row["runtime"], row["units"], row["era"], row["depth_tokens"]
    return kind == ("llama.cpp", "1", "", "0") and "/" in row["speed_class"]


def left_out(count: int, test: str = "decode") -> Iterator[LeftOut]:
    """Every cell of every model that is left out.

    Args:
        count: Other models of the device that are taken as measured, or all where there are fewer.
        test: `decode` or `prefill`, whose interval is not narrowed.
    """
    for (_, speed_class), models in published(test).items():
        own = decode_class(speed_class) if test == "decode" else prefill_class(speed_class)
        assert own is not None
        for name, cells in models.items():
            means = [mean(errors) for other, errors in models.items() if other != name]
            chosen = combinations(means, min(count, len(means)))
            for measured in islice(chosen, COMBINATIONS):
                shift = log_factor(measured, has_host=False)
                half = half_interval(len(measured), has_host=False)
                low, high = log(own.low), log(own.high)
                if test == "decode":
                    low, high = max(low, -half), min(high, half)
                for error in cells:
                    after = error - shift
                    yield LeftOut(before=error, after=after, is_inside=low <= after <= high)


HEAD = "| models measured | median, before | after | 90th percentile, before | after | inside |"

TEXT = """### Once something was measured here

What `advisor bench` measures on a device corrects the estimates of other models on it, by the rule
in [method.md](method.md#measured-here). One model of a device left out at a time, with some of the
others taken as measured, for all devices under a backend that have published runs of several models
with an empty cache. Decoding ({decode}):

{decode_rows}

Prompts ({prefill}), whose interval moves and is not narrowed:

{prefill_rows}
"""


def calibration_section() -> str:
    """What a measurement is worth, as the report says it."""
    return TEXT.format(
        decode=_counted("decode"),
        decode_rows=_rows("decode"),
        prefill=_counted("prefill"),
        prefill_rows=_rows("prefill"),
    )


def _counted(test: str) -> str:
    devices = published(test)
    cells = sum(len(errors) for models in devices.values() for errors in models.values())
    return f"{len(devices)} devices, {cells} cells"


def _rows(test: str) -> str:
    rows = [_row(count, [*left_out(count, test)]) for count in COUNTS]
    return "\n".join([HEAD, "|--:|--:|--:|--:|--:|--:|", *rows])


def _row(count: int, cells: Sequence[LeftOut]) -> str:
    before = sorted(abs(cell.before) for cell in cells)
    after = sorted(abs(cell.after) for cell in cells)
    middle = [_percent(median(errors)) for errors in (before, after)]
    far = [_percent(errors[len(errors) * 9 // 10]) for errors in (before, after)]
    inside = f"{100 * mean(cell.is_inside for cell in cells):.0f} %"
    return f"| {count} | {' | '.join(middle)} | {' | '.join(far)} | {inside} |"


def _percent(error: float) -> str:
    """A logarithm of two speeds as how far one is above the other."""
    return f"{100 * (exp(error) - 1):.1f} %"
