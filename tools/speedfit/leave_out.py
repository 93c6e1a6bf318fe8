"""How far a fit is off on a device it has not seen, and the intervals that follow from it.

Every device is left out in turn, the model is fitted on the others, and its cells are predicted.
A class's interval is a quantile of these errors: its own, every device counting as one, and as many
of all other classes as `POOLED_DEVICES` would have. So a class with many devices speaks for itself,
one with few is as wide as the others are, and one with few and large errors wider.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import exp, fsum
from typing import Any
from zlib import crc32

FOLDS = 12
"""Parts that pairs of device and model are left out in."""

POOLED_DEVICES = 4
"""Devices that the errors of all other classes count for beside a class's own."""

OUTSIDE = 0.20
"""Share of the errors that an interval leaves out, if a class had endlessly many devices."""

UNSEEN_DEVICES = 1
"""How fast that share shrinks where devices are few, whose quantiles are too narrow for the next.

With n devices it is 0.20 × (n + 1) / (n + 1 + 1): 0.10 for none, 0.17 for five, 0.20 for many. This
and `POOLED_DEVICES` were chosen by looking at the coverage of left-out devices (`coverage`): 75 to
88 % of all cells, and in no class of many cells far below that.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Error:
    """What leaving one device out showed for one cell."""

    device: str
    speed_class: str
    pool: str
    """What it may be compared with: `decode`, `llamafile`, `prefill` or `cpu`."""

    group: str
    """Whose interval it counts for, within its pool."""

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


def leave_pairs_out(
    samples: Sequence[Any],
    fit: Callable[[Sequence[Any], Any], Any],
    error: Callable[[Any, Any], float],
) -> list[float]:
    """Errors of all samples, each predicted by a fit without its model on its device.

    Pairs of device and model are left out a twelfth at a time, by a checksum of their names.

    Args:
        samples: Anything with a `device.name` and a `run.shape.model`.
        fit: As for `leave_devices_out`.
        error: As for `leave_devices_out`.
    """
    everything = fit(samples, None)
    folds = [crc32(f"{one.device.name}|{one.run.shape.model}".encode()) % FOLDS for one in samples]
    errors = [0.0] * len(samples)
    for fold in range(FOLDS):
        rest = [one for one, its in zip(samples, folds, strict=True) if its != fold]
        model = fit(rest, everything)
        for place, one in enumerate(samples):
            if folds[place] == fold:
                errors[place] = error(one, model)
    return errors


def interval(own: Iterable[Error], others: Iterable[Error]) -> tuple[float, float]:
    """The 80 % interval as factors on the speed, as far down as up.

    Args:
        own: Errors of the class itself; may be none.
        others: Of all other classes of its pool; may be none.

    Raises:
        ValueError: There is no error at all.
    """
    near, far = list(own), list(others)
    count = len({one.device for one in near})
    weights = _shares(near, count) + _shares(far, POOLED_DEVICES)
    if not weights:
        msg = "an interval needs errors"
        raise ValueError(msg)
    outside = OUTSIDE * (count + 1) / (count + 1 + UNSEEN_DEVICES)
    apart = sorted(
        (abs(one.log_error), weight) for one, weight in zip(near + far, weights, strict=True)
    )
    half = _quantile(apart, 1 - outside)
    return exp(-half), exp(half)


def _shares(errors: Sequence[Error], total: float) -> list[float]:
    """What each error counts: all together the total, every device the same."""
    cells = Counter(one.device for one in errors)
    return [total / len(cells) / cells[one.device] for one in errors]


def _quantile(ordered: Sequence[tuple[float, float]], share: float) -> float:
    """The value at which the weights before it (half of its own included) reach a share of all."""
    upto = share * fsum(weight for _, weight in ordered)
    before, place, value = 0.0, 0.0, ordered[0][0]
    for one, weight in ordered:
        middle = before + weight / 2
        if middle >= upto:
            part = (upto - place) / (middle - place)
            return value + min(part, 1.0) * (one - value)
        place, value = middle, one
        before += weight
    return value


def coverage(errors: Sequence[Error]) -> list[bool]:
    """Whether each cell lies in the interval that the other devices give."""
    inside: list[bool] = []
    cached: dict[tuple[str, str, str], tuple[float, float]] = {}
    for one in errors:
        key = (one.pool, one.group, one.device)
        if key not in cached:
            rest = [e for e in errors if e.pool == one.pool and e.device != one.device]
            cached[key] = interval(
                (e for e in rest if e.group == one.group),
                (e for e in rest if e.group != one.group),
            )
        low, high = cached[key]
        inside.append(low <= exp(one.log_error) <= high)
    return inside
