"""Numbers of cores as psutil counts them, for systems whose own files we do not read."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class CoreCounts:
    """Cores of the machine this program runs on; ``None`` where psutil does not know."""

    physical: int | None = None

    logical: int | None = None

    allowed: int | None = None
    """Logical cores that the scheduler lets this process run on."""


def count_cores() -> CoreCounts:
    """Ask psutil about the live machine."""
    try:
        import psutil
    except (ImportError, OSError):
        return CoreCounts()
    failures = (psutil.Error, OSError, RuntimeError, ValueError, NotImplementedError)
    try:
        physical, logical = psutil.cpu_count(logical=False), psutil.cpu_count()
    except failures:
        return CoreCounts()
    try:
        affinity = getattr(psutil.Process(), "cpu_affinity", None)  # macOS has none
        allowed = len(affinity()) if affinity else None
    except failures:
        allowed = None
    return CoreCounts(physical=physical, logical=logical, allowed=allowed)
