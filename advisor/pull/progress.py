"""How far a download is: bytes, speed, time left.

Holds the counting; how it looks is `advisor.render.pull`'s, and where it is shown the command's.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

SHOWN_EVERY_S = 0.1
"""More often nobody can read."""

WINDOW_S = 10.0
"""The speed is that of the last so many seconds."""

LEAST_S = 0.5
"""A speed over less time says nothing."""


class Phase(StrEnum):
    """What is being done."""

    CHECKING = "checking"
    """Hashing what an earlier try left."""

    FETCHING = "fetching"


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """One moment of a download."""

    phase: Phase
    file_name: str
    done_bytes: int
    """Of all files together, what was there before included."""

    total_bytes: int
    received_bytes: int
    """By this run."""

    elapsed_s: float
    bytes_per_s: float | None
    """Of late; ``None`` as long as nothing can be said."""

    @property
    def left_s(self) -> float | None:
        """How long the rest takes at this speed; ``None`` when it is not known."""
        if not self.bytes_per_s:
            return None
        return (self.total_bytes - self.done_bytes) / self.bytes_per_s


class Meter:
    """Counts the bytes of one run, and shows them now and then."""

    def __init__(
        self,
        total_bytes: int,
        show: Callable[[Progress], None] = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Start the clock.

        Args:
            total_bytes: Of all files, those that are already there included.
            show: Gets a moment at most ten times a second, and the last one.
            clock: Seconds since some moment.
        """
        self._total_bytes, self._show, self._clock = total_bytes, show, clock
        self._phase, self._file_name = Phase.FETCHING, ""
        self._done_bytes = self.received_bytes = 0
        self._began_s = clock()
        self._shown_s: float | None = None
        self._past: deque[tuple[float, int]] = deque([(self._began_s, 0)])

    def begin(self, phase: Phase, file_name: str) -> None:
        """Say what is done from now on."""
        self._phase, self._file_name = phase, file_name
        self._show(self.moment())

    def there(self, count_bytes: int) -> None:
        """So many bytes were there before."""
        self._done_bytes += count_bytes
        self._show_sometimes()

    def received(self, count_bytes: int) -> None:
        """So many bytes came."""
        self._done_bytes += count_bytes
        self.received_bytes += count_bytes
        self._show_sometimes()

    def moment(self) -> Progress:
        """How far it is now."""
        now = self._clock()
        self._past.append((now, self.received_bytes))
        while self._past[1][0] < now - WINDOW_S:
            self._past.popleft()
        then, before = self._past[0]
        is_long = now - then >= LEAST_S
        return Progress(
            phase=self._phase,
            file_name=self._file_name,
            done_bytes=self._done_bytes,
            total_bytes=self._total_bytes,
            received_bytes=self.received_bytes,
            elapsed_s=now - self._began_s,
            bytes_per_s=(self.received_bytes - before) / (now - then) if is_long else None,
        )

    def _show_sometimes(self) -> None:
        now = self._clock()
        if self._shown_s is None or now - self._shown_s >= SHOWN_EVERY_S:
            self._shown_s = now
            self._show(self.moment())
