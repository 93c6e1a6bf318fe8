"""How far a fit is off on a device it has not seen, and the intervals that follow from it.

Every device is left out in turn, the model is fitted on the others, and its cells are predicted.
The intervals are quantiles of these errors: of a class with enough devices its own, of the others'
together otherwise, so that a class with little data promises less.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import exp, sqrt
from typing import Any

RICH_DEVICES = 4
RICH_CELLS = 16
"""Devices and cells that a class needs for an interval of its own."""

TAIL = 0.10
"""Share of the errors on either side of an 80 % interval, if there were endlessly many devices."""

UNSEEN_DEVICES = 7
"""How fast the tails shrink where devices are few, whose quantiles are too narrow for the next.

With n devices each tail is 0.10 × n / (n + 7): 0.04 for five, 0.09 for fifty. Chosen so that the
coverage of left-out devices (`coverage`) is about 80 %.
"""

THIN = "thin"
"""The group of the classes that have not enough for their own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Error:
    """What leaving one device out showed for one cell."""

    device: str
    speed_class: str
    group: str
    """Whose interval it counts for."""

    log_error: float
    """Logarithm of measured over predicted speed."""


def leave_devices_out(
    samples: Sequence[Any],
    fit: Callable[[Sequence[Any], Any], Any],
    error: Callable[[Any, Any], float],
) -> list[float]:
    """Errors of all samples, each predicted by a fit without its device.

    Args:
        samples: Anything with a `device.name`.
        fit: Fits samples, given the fit of all of them to begin from.
        error: The error of a sample under a fit.
    """
    everything = fit(samples, None)
    errors = [0.0] * len(samples)
    for name in sorted({sample.device.name for sample in samples}):
        model = fit([one for one in samples if one.device.name != name], everything)
        for place, sample in enumerate(samples):
            if sample.device.name == name:
                errors[place] = error(sample, model)
    return errors


def groups_of(classes: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Class → the group whose errors make its interval, from (class, device) of every cell."""
    devices: dict[str, set[str]] = defaultdict(set)
    cells: dict[str, int] = defaultdict(int)
    for name, device in classes:
        devices[name].add(device)
        cells[name] += 1
    return {
        name: name if len(seen) >= RICH_DEVICES and cells[name] >= RICH_CELLS else THIN
        for name, seen in devices.items()
    }


def interval(errors: Iterable[Error]) -> tuple[float, float]:
    """The 80 % interval as factors on the speed, every device counting as the root of its cells.

    Raises:
        ValueError: There is no error.
    """
    chosen = sorted(errors, key=lambda one: one.log_error)
    if not chosen:
        msg = "an interval needs errors"
        raise ValueError(msg)
    counts: dict[str, int] = defaultdict(int)
    for one in chosen:
        counts[one.device] += 1
    weights = [1 / sqrt(counts[one.device]) for one in chosen]
    total = sum(weights)
    tail = TAIL * len(counts) / (len(counts) + UNSEEN_DEVICES)
    low = _quantile(chosen, weights, tail * total)
    high = _quantile(chosen, weights, (1 - tail) * total)
    return min(exp(low), 1.0), max(exp(high), 1.0)


def _quantile(ordered: Sequence[Error], weights: Sequence[float], upto: float) -> float:
    """The error at which the weights before it (half of its own included) reach a sum."""
    before, place, value = 0.0, 0.0, ordered[0].log_error
    for one, weight in zip(ordered, weights, strict=True):
        middle = before + weight / 2
        if middle >= upto:
            share = (upto - place) / (middle - place)
            return value + min(share, 1.0) * (one.log_error - value)
        place, value = middle, one.log_error
        before += weight
    return value


def coverage(errors: Sequence[Error]) -> list[bool]:
    """Whether each cell lies in the interval that the other devices of its group give.

    A group of one device is judged by all the others.
    """
    inside: list[bool] = []
    cached: dict[tuple[str, str], tuple[float, float]] = {}
    for one in errors:
        key = (one.group, one.device)
        if key not in cached:
            others = [e for e in errors if e.group == one.group and e.device != one.device]
            others = others or [e for e in errors if e.device != one.device]
            cached[key] = interval(others)
        low, high = cached[key]
        inside.append(low <= exp(one.log_error) <= high)
    return inside
