"""The measured read bandwidth, kept for as long as this machine runs.

Timing takes 0.2 s, so a scan reuses what an earlier one measured since the machine was started,
with the same cores and memory. One small file in the user's cache directory holds one result.

A result taken on a quiet machine is reused. One taken on a busy machine is shown and kept, but
measured again the next time, and of the two the one with the larger share of the CPU stays. A
measurement that somebody asked for replaces whatever was kept.

Not being able to keep a result is never an error, only a note.
"""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from probes.atomic import write_atomically
from probes.errors import ProbeError
from probes.finding import Finding, Severity
from probes.folders import cache_directory
from probes.machine import ReadBandwidth
from probes.plain import from_plain, to_plain
from probes.record import bandwidth_contradiction

if TYPE_CHECKING:
    from collections.abc import Callable

    from probes.ask import Asker
    from probes.machine import Cpu, Memory

    Timed = tuple[ReadBandwidth | None, tuple[Finding, ...]]

SCHEMA = "advisor.read-bandwidth/1"
FILE = "read-bandwidth.json"
LARGEST_FILE_BYTES = 64 << 10

QUIET_SHARE = 0.9
"""With this much of the CPU, bytes by wall time and by CPU time agree within a tenth."""


class Measure(StrEnum):
    """Whether to time the memory."""

    IF_NEEDED = "if-needed"
    """Reuse a quiet result of this start; else measure."""

    FORCE = "force"
    """Measure now, whatever is kept."""

    SKIP = "skip"
    """Do not measure; a kept result is still used."""


def kept_or_measured(
    asker: Asker, cpu: Cpu, memory: Memory, *, measure: Measure, time_it: Callable[[], Timed]
) -> Timed:
    """The read bandwidth by the rules above, and what there is to say about it.

    Args:
        asker: Names the cache directory and this start of the machine.
        cpu: Part of what a kept result must have been taken on.
        memory: Likewise.
        measure: Whether to measure.
        time_it: Measures; called at most once.
    """
    directory, key = cache_directory(asker), machine_key(asker, cpu, memory)
    kept = None if directory is None or key is None else load(directory, key)
    is_quiet = kept is not None and kept.cpu_share >= QUIET_SHARE
    if is_quiet and measure is Measure.IF_NEEDED:
        return kept, ()
    if measure is Measure.SKIP:
        return kept, () if kept is not None else (_skipped(),)
    measured, findings = time_it()
    best = measured if measure is Measure.FORCE else _quieter(kept, measured)
    if measured is None or best is not measured:
        return best or kept, findings
    if directory is None or key is None:
        return best, (*findings, _not_kept("no cache directory or start of the machine is known"))
    note = keep(directory, key, measured)
    return best, findings if note is None else (*findings, note)


def _quieter(kept: ReadBandwidth | None, measured: ReadBandwidth | None) -> ReadBandwidth | None:
    if kept is None or measured is None:
        return measured or kept
    return measured if measured.cpu_share >= kept.cpu_share else kept


def machine_key(asker: Asker, cpu: Cpu, memory: Memory) -> str | None:
    """What a kept result must have been taken on; ``None`` when this start has no mark."""
    start = _start_of(asker)
    if start is None:
        return None
    return f"{start} {cpu.name} {cpu.usable_cores} {memory.total_bytes}"


def load(directory: Path, key: str) -> ReadBandwidth | None:
    """The kept result for this key; ``None`` when there is none that can be read."""
    import json

    try:
        with (directory / FILE).open("rb") as file:
            whole = json.loads(file.read(LARGEST_FILE_BYTES))
        if whole["schema"] != SCHEMA or whole["key"] != key:
            return None
        kept = from_plain(ReadBandwidth, whole["read_bandwidth"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError, ProbeError):
        return None
    return None if bandwidth_contradiction(kept) else kept


def keep(directory: Path, key: str, bandwidth: ReadBandwidth) -> Finding | None:
    """Write a result for later; a note when that is impossible."""
    import json

    whole = {"schema": SCHEMA, "key": key, "read_bandwidth": to_plain(bandwidth)}
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_atomically(directory / FILE, json.dumps(whole, indent=2) + "\n", mode=0o600)
    except OSError as error:
        return _not_kept(f"the cache directory cannot be written ({error.strerror})")
    return None


def _start_of(asker: Asker) -> str | None:
    """A mark that changes whenever the machine is started."""
    if asker.os == "linux":
        return asker.text("/proc/sys/kernel/random/boot_id") or None
    if asker.os == "macos":
        said = re.search(r"sec = (\d+)", asker.command(["sysctl", "-n", "kern.boottime"]) or "")
        return None if said is None else said[1]
    if asker.os == "windows" and asker.is_live:
        import psutil

        # Windows counts from now backwards, so the answer wavers by a second.
        return f"{psutil.boot_time() / 60:.0f}"
    return None


def _skipped() -> Finding:
    return Finding(
        probe="bandwidth",
        code="bandwidth-skipped",
        severity=Severity.NOTE,
        sentence="the memory's speed was not measured: measuring was not allowed",
        hint="leave out `--no-measure`",
    )


def _not_kept(why: str) -> Finding:
    return Finding(
        probe="bandwidth",
        code="bandwidth-not-kept",
        severity=Severity.NOTE,
        sentence=f"the measured memory speed is not kept for the next run: {why}",
    )
