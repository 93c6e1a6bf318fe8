"""Whether what a placement needs is there: one comparison for each device.

Holds the verdict on given allocations; never where the layers are, nor a search.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from advisor.estimate.result import Fit, Verdict, Why

if TYPE_CHECKING:
    from advisor.estimate.memory import Allocation
    from advisor.target import Gpu

SPARE_SHARE = 0.05
"""With less than this to spare a fit is tight. 0 to 1."""

UNLIMITED = float("-inf")
"""The excess over memory of which nobody knows how much there is."""


@dataclass(frozen=True, slots=True)
class Room:
    """One comparison: a need against what is there now and with nothing else running."""

    device: str
    needed: int
    high: int
    """Upper end of the need."""

    now: int | None
    idle: int | None

    def verdict(self, available: int | None) -> Verdict:
        """Nothing is said to fit that may need more than there is."""
        if available is None:
            return Verdict.FITS
        if self.needed > available:
            return Verdict.NO
        is_sure = holds_surely(self.needed, self.high, available)
        return Verdict.FITS if is_sure else Verdict.TIGHT

    @property
    def has_spare(self) -> bool:
        """True where what is needed, as far as is known, leaves enough."""
        return self.needed <= (self._available or 0) * (1 - SPARE_SHARE)

    @property
    def _available(self) -> int | None:
        return self.now if self.now is not None else self.idle

    @property
    def shortage(self) -> tuple[int, float]:
        """The verdict now, and need over what is there; the room with the largest decides."""
        available = self._available
        if available is None:
            return 0, 0.0
        share = self.needed / available if available > 0 else float("inf")
        return self.verdict(available).rank, share


def holds_surely(needed: int, high: int, available: int) -> bool:
    """True where a device has what may be needed, and some to spare.

    Args:
        needed: What is needed, as far as is known. [bytes]
        high: Upper end of it. [bytes]
        available: What there is. [bytes]
    """
    return high <= available and needed <= available * (1 - SPARE_SHARE)


def compared(allocations: Sequence[Allocation], gpus: Sequence[Gpu]) -> Fit:
    """The verdict on what devices hold: that of the one with the least to spare.

    Args:
        allocations: Of the GPUs in use, then of the host.
        gpus: Those GPUs.
    """
    rooms = _rooms(allocations, gpus)
    now = max((room.verdict(room.now) for room in rooms), key=_rank)
    idle = max((room.verdict(room.idle) for room in rooms), key=_rank)
    worst = max(rooms, key=lambda room: room.shortage)
    verdict = now
    if now is Verdict.NO and idle is not Verdict.NO:
        verdict = Verdict.TIGHT
    silent = _silent(rooms, gpus)
    if silent is not None and verdict is not Verdict.NO:
        return Fit(
            verdict=Verdict.TIGHT,
            now=max(now, Verdict.TIGHT, key=_rank),
            idle=max(idle, Verdict.TIGHT, key=_rank),
            why=Why.UNKNOWN_MEMORY,
            device=silent.device,
            needed_bytes=silent.needed,
            high_bytes=silent.high,
            available_bytes=None,
        )
    return Fit(
        verdict=verdict,
        now=now,
        idle=idle,
        why=_why(now, idle, worst),
        device=worst.device,
        needed_bytes=worst.needed,
        high_bytes=worst.high,
        available_bytes=worst.now if worst.now is not None else worst.idle,
    )


def excess_bytes(allocations: Sequence[Allocation], gpus: Sequence[Gpu]) -> float:
    """By how much the fullest device lacks memory: not above zero where `compared` has no *no*.

    Args:
        allocations: Of the GPUs in use, then of the host.
        gpus: Those GPUs.
    """
    rooms = _rooms(allocations, gpus)
    now = max(_over(room.needed, room.now) for room in rooms)
    return min(now, max(_over(room.needed, room.idle) for room in rooms)) if now > 0 else now


def _over(needed: int, available: int | None) -> float:
    return UNLIMITED if available is None else needed - available


def _rank(verdict: Verdict) -> int:
    return verdict.rank


def _rooms(allocations: Sequence[Allocation], gpus: Sequence[Gpu]) -> list[Room]:
    """One comparison per device; unified memory is compared once more as the pool it is."""
    host = allocations[-1]
    rooms = [
        Room(
            one.name,
            one.needed_bytes,
            one.needed_high_bytes,
            one.available_bytes,
            one.capacity_bytes,
        )
        for one in allocations[:-1]
    ]
    if any(gpu.shares_host_memory for gpu in gpus):
        name, pool = "unified memory", allocations
    else:
        name, pool = host.name, allocations[-1:]
    needed = sum(one.needed_bytes for one in pool)
    high = sum(one.needed_high_bytes for one in pool)
    return [*rooms, Room(name, needed, high, host.available_bytes, host.capacity_bytes)]


def _silent(rooms: Sequence[Room], gpus: Sequence[Gpu]) -> Room | None:
    """A card that would hold some of it and does not say how much memory it has, if there is one.

    One that shares the host's memory is judged by that.
    """
    return next(
        (
            room
            for room, gpu in zip(rooms, gpus, strict=False)
            if room.needed > 0
            and room.now is None
            and room.idle is None
            and not gpu.shares_host_memory
        ),
        None,
    )


def _why(now: Verdict, idle: Verdict, worst: Room) -> Why:
    if worst.now is None and worst.idle is None:
        return Why.UNKNOWN_MEMORY
    if now is Verdict.FITS:
        return Why.ENOUGH
    if now is Verdict.TIGHT:
        return Why.MAY_NEED_MORE if worst.has_spare else Why.LITTLE_SPARE
    return Why.WHEN_FREED if idle is not Verdict.NO else Why.TOO_LITTLE
