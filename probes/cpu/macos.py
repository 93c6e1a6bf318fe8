"""The processor of a Mac, from `sysctl`.

Apple names its clusters of cores: `Performance` and `Efficiency` up to the M4, `Super` besides
since the M5. Only those named `Efficiency` count as slow; on a Mac too old to give names, every
level after the first does.

Source: Apple, "Determining system capabilities" (hw.perflevelN.*); names and values as in public
listings of `sysctl hw` on an M3 Max and an M6.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from probes import sysctl
from probes.cpu import instructions, last_resort, usable_cores
from probes.machine import Cache, Cpu

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from probes.ask import Asker

NATIVE_NAME = ("arch", "-arm64", "sysctl", "-n", "machdep.cpu.brand_string")
"""Asked under Rosetta, where an Intel program is told that the chip is a `VirtualApple`."""

TRANSLATED = "VirtualApple"


def read_cpu(asker: Asker) -> tuple[Cpu, bool]:
    """What `sysctl` says of the processor, and whether this process is translated by Rosetta."""
    values = sysctl.read(asker)
    name = values.get("machdep.cpu.brand_string")
    translated = name is not None and name.startswith(TRANSLATED)
    if translated:
        name = (asker.command(NATIVE_NAME) or "").strip() or None
    slow = _slow_cores(values)
    physical = _number(values, "hw.physicalcpu")
    cpu = Cpu(
        name=name,
        architecture=_architecture(values),
        physical_cores=physical,
        logical_cores=_number(values, "hw.logicalcpu"),
        performance_cores=physical - slow if physical and slow else None,
        efficiency_cores=slow,
        instruction_sets=instructions.from_flags(instructions.macos_flags(values)),
        caches=tuple(_caches(values)),
        load_average=_load_average(values),
    )
    if not values:
        cpu = last_resort.fill_in(asker, cpu)
    return usable_cores.filled_in(cpu), translated


def _architecture(values: Mapping[str, str]) -> str:
    """The hardware's own: this name reads 1 on Apple silicon under Rosetta, too."""
    if values.get("hw.optional.arm64") == "1":
        return "aarch64"
    return "x86_64" if values else "unknown"


def _levels(values: Mapping[str, str]) -> int:
    """Kinds of cores that differ in speed, the fastest first."""
    return sum(1 for name in values if re.fullmatch(r"hw\.perflevel\d+\.physicalcpu", name))


def _slow_cores(values: Mapping[str, str]) -> int | None:
    """Cores of the levels called `Efficiency`; ``None`` where there are none of them."""
    slow = 0
    for level in range(_levels(values)):
        name = values.get(f"hw.perflevel{level}.name")
        if name == "Efficiency" or (name is None and level > 0):
            slow += _number(values, f"hw.perflevel{level}.physicalcpu") or 0
    return slow or None


def _caches(values: Mapping[str, str]) -> Iterator[Cache]:
    """Per level of cores where there are levels, else per machine (Intel, virtual)."""
    levels = _levels(values)
    if levels < 2:
        yield from _caches_of_equal_cores(values)
        return
    for level in range(levels):
        prefix = f"hw.perflevel{level}."
        cores = _number(values, f"{prefix}physicalcpu")
        sharing = {1: 1, 2: _number(values, f"{prefix}cpusperl2")}
        for depth, name in ((1, "l1dcachesize"), (2, "l2cachesize")):
            size, share = _number(values, f"{prefix}{name}"), sharing[depth]
            if size and cores and share:
                yield Cache(level=depth, size_bytes=size, instances=-(-cores // share))


def _caches_of_equal_cores(values: Mapping[str, str]) -> Iterator[Cache]:
    """`hw.cacheconfig` says how many logical processors share the memory, L1, L2 and L3."""
    sharing = [int(word) for word in values.get("hw.cacheconfig", "").split() if word.isdecimal()]
    logical = _number(values, "hw.logicalcpu")
    for depth, name in ((1, "l1dcachesize"), (2, "l2cachesize"), (3, "l3cachesize")):
        size = _number(values, f"hw.{name}")
        if size and logical and len(sharing) > depth and sharing[depth]:
            yield Cache(level=depth, size_bytes=size, instances=-(-logical // sharing[depth]))


def _load_average(values: Mapping[str, str]) -> float | None:
    """`{ 1.93 2.16 2.17 }`: over one, five and fifteen minutes."""
    found = re.match(r"\{ (\d+[.,]\d+)", values.get("vm.loadavg", ""))
    return float(found[1].replace(",", ".")) if found else None


def _number(values: Mapping[str, str], name: str) -> int | None:
    text = values.get(name, "")
    return int(text) if text.isdecimal() else None
