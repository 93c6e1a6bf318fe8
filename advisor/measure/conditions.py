"""How quiet the machine was while something was timed.

Holds what the system says before and after, and when that spoils a measurement. A spoilt one is
kept and shown, and nothing is concluded from it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from probes.machine import Machine

MOST_TAKEN_SHARE = 0.10
"""Of the processor, by others, while it computes; more makes a measurement worthless."""

MOST_SPREAD = 0.25
"""Between the fastest and the slowest repetition, over their median."""

STRAY_FROM = 5
"""With so many repetitions one may stray: a program that wakes up for a second spoils no median."""

SLOW_CLOCK_SHARE = 0.6

_HOT = frozenset({"hardware", "software-thermal", "hardware-thermal", "power-brake"})
"""Reasons for lower clocks that go away again, unlike a card's power limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """What the system's counters say at one time."""

    wall_s: float
    busy_s: float
    """CPU time of all programs since the machine was started."""

    stolen_s: float
    """CPU time that a virtual machine's host gave to others."""

    cores: int
    load: float | None
    """Runnable threads over the last minute."""

    clock_hz: float | None
    clock_max_hz: float | None
    on_battery: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """How it was, from before to after."""

    others_share: float | None
    """Of all cores, taken by other programs or by the host of a virtual machine. 0 to 1."""

    load_before: float | None
    load_after: float | None
    notes: tuple[str, ...]
    """What a reader should know; sentences without a full stop."""


def now() -> Moment:
    """The counters at this moment."""
    import time

    import psutil

    spent = psutil.cpu_times()
    idle = spent.idle + getattr(spent, "iowait", 0.0)
    stolen = getattr(spent, "steal", 0.0)
    # A guest's time is in its owner's already.
    twice = getattr(spent, "guest", 0.0) + getattr(spent, "guest_nice", 0.0)
    clock = _clock()
    return Moment(
        wall_s=time.monotonic(),
        busy_s=sum(spent) - idle - stolen - twice,
        stolen_s=stolen,
        cores=psutil.cpu_count() or 1,
        load=_load(),
        clock_hz=clock[0],
        clock_max_hz=clock[1],
        on_battery=_on_battery(),
    )


def between(before: Moment, after: Moment, own_cpu_s: float | None, seen: Machine) -> Conditions:
    """What happened between two moments.

    Args:
        before: When the program was started.
        after: When it ended.
        own_cpu_s: CPU time of what was measured; ``None`` where it is not known.
        seen: The machine, as its drivers describe it right after.
    """
    wall = max(after.wall_s - before.wall_s, 1e-3) * after.cores
    others: float | None = None
    if own_cpu_s is not None:
        taken = after.busy_s - before.busy_s - own_cpu_s + after.stolen_s - before.stolen_s
        others = min(max(taken / wall, 0.0), 1.0)
    return Conditions(
        others_share=others,
        load_before=before.load,
        load_after=after.load,
        notes=(*_power_notes(after), *_gpu_notes(seen)),
    )


def disturbance(conditions: Conditions, samples: Sequence[float], *, on_host: bool) -> str | None:
    """Why a measurement is not to be trusted; ``None`` for a quiet one.

    Args:
        conditions: How it was meanwhile.
        samples: Its repetitions. [tokens/s]
        on_host: Whether the processor held layers.
    """
    share = conditions.others_share
    if on_host and share is not None and share > MOST_TAKEN_SHARE:
        return f"other programs took {share:.0%} of the processor meanwhile"
    spread = _spread(samples)
    if spread > MOST_SPREAD:
        return f"its repetitions differ by {spread:.0%}"
    hot = [note for note in conditions.notes if note.startswith(_THROTTLED)]
    return hot[0] if hot else None


def _spread(samples: Sequence[float]) -> float:
    """Between the fastest and the slowest, over the median; of several, one may stray."""
    middle = median(samples)
    near = sorted(samples, key=lambda sample: abs(sample - middle))
    if len(near) >= STRAY_FROM:
        near.pop()
    return (max(near) - min(near)) / middle


_THROTTLED = "throttled: "


def _power_notes(after: Moment) -> list[str]:
    said = []
    if after.on_battery:
        said.append("the machine ran on its battery, which may slow it down")
    if (
        after.clock_hz
        and after.clock_max_hz
        and after.clock_hz < SLOW_CLOCK_SHARE * after.clock_max_hz
    ):
        said.append(
            f"the processor's clock stood at {after.clock_hz / 1e9:.1f} of"
            f" {after.clock_max_hz / 1e9:.1f} GHz right afterwards"
        )
    return said


def _gpu_notes(seen: Machine) -> list[str]:
    said = []
    for gpu in seen.accelerators:
        limit, usual = gpu.power_limit_watts, gpu.power_default_watts
        if limit is not None and usual is not None and limit < usual:
            said.append(f"`{gpu.name}` is limited to {limit:.0f} of {usual:.0f} W")
        reasons = (gpu.condition.slowdowns if gpu.condition else None) or ()
        hot = [reason.value for reason in reasons if reason.value in _HOT]
        if hot:
            said.append(f"{_THROTTLED}`{gpu.name}` lowered its clocks ({', '.join(hot)})")
    return said


def _load() -> float | None:
    import os

    try:
        return os.getloadavg()[0]
    except (AttributeError, OSError):
        return None


def _clock() -> tuple[float | None, float | None]:
    """The processor's clock and its highest, in Hz; ``None`` where the system does not say."""
    import psutil

    try:
        said = psutil.cpu_freq()
    except (AttributeError, OSError, RuntimeError, NotImplementedError):
        return None, None
    if said is None or not said.max:
        return None, None
    return said.current * 1e6, said.max * 1e6


def _on_battery() -> bool | None:
    import psutil

    try:
        said = psutil.sensors_battery()
    except (AttributeError, OSError, RuntimeError, NotImplementedError):
        return None
    return None if said is None or said.power_plugged is None else not said.power_plugged
