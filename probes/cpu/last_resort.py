"""The processor's name and flags by `py-cpuinfo`, for systems whose own words we cannot read.

It runs machine code to ask the processor itself, and sleeps a second to estimate a frequency, so
it runs in a child process, for three seconds at most, and only when a name or the flags are
missing. Its sizes of caches are wrong by factors (a cache per core passes for the last level) and
are not used.

Source: py-cpuinfo 9.0.0; a frozen program would start itself: pyinstaller/pyinstaller#8406.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from probes.cpu.instructions import from_flags

if TYPE_CHECKING:
    from probes.ask import Asker
    from probes.machine import Cpu

TIMEOUT_S = 3.0


def command() -> tuple[str, ...]:
    """Runs `py-cpuinfo` so that the current directory cannot slip a module of its own into it."""
    return (sys.executable, "-P", "-W", "ignore", "-m", "cpuinfo", "--json")


def fill_in(asker: Asker, cpu: Cpu) -> Cpu:
    """The same processor with a name and instruction sets, if the child knows those missing."""
    if getattr(sys, "frozen", False) or not sys.executable:
        return cpu
    import json

    try:
        values = json.loads(asker.command(command(), timeout_s=TIMEOUT_S) or "null")
    except ValueError:
        return cpu
    if not isinstance(values, dict):
        return cpu
    name, flags = values.get("brand_raw"), values.get("flags")
    return replace(
        cpu,
        name=cpu.name or (name if isinstance(name, str) and name else None),
        instruction_sets=cpu.instruction_sets
        or from_flags(flags if isinstance(flags, list) else ()),
    )
