"""A machine and a target in a few lines: what the heading of every report shows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from advisor.render.units import gib, rate, rate_interval
from probes.accelerator import AcceleratorState

if TYPE_CHECKING:
    from advisor.figure import Figure
    from advisor.render.paper import Paper
    from advisor.target import Gpu, Target
    from probes.accelerator import Accelerator
    from probes.finding import Finding
    from probes.machine import Cpu, Machine, Memory

_STATES = {
    AcceleratorState.READY: "",
    AcceleratorState.LOST: "does not answer",
    AcceleratorState.NO_DRIVER: "no driver answers for it",
    AcceleratorState.HIDDEN: "hidden from programs",
    AcceleratorState.PARTITIONED: "split into slices",
}

SHOWN_INSTRUCTIONS = (
    "avx2",
    "avx512f",
    "avx512_vnni",
    "avx512_bf16",
    "avx_vnni",
    "amx_int8",
    "dotprod",
    "i8mm",
    "sve",
    "sme",
)
"""Of the instruction sets, those that change how fast a CPU decodes or reads a prompt."""


def write_target(paper: Paper, target: Target, machine: Machine | None) -> None:
    """The heading: the machine, or the devices that stand in for it."""
    if machine is None:
        paper.heading(f"On {target.name}")
        paper.pairs([("GPU", gpu_line(gpu)) for gpu in target.gpus] or [_host_pair(target)])
    else:
        paper.heading("The machine")
        rows = [("CPU", cpu_line(machine.cpu)), ("Memory", memory_line(machine.memory))]
        rows += [("Read rate", _read_line(target))]
        rows += [("GPU", gpu_line(gpu)) for gpu in target.gpus]
        rows += [("GPU", line) for line in _unused(machine, target)]
        if not any(name == "GPU" for name, _ in rows):
            rows.append(("GPU", "none found"))
        paper.pairs(rows)
        write_findings(paper, machine.findings)
    for note in target.notes:
        paper.say(f"Note: {note}", indent=2)


def write_findings(paper: Paper, findings: tuple[Finding, ...]) -> None:
    """What the probes have to say, one sentence each with its hint."""
    for one in findings:
        hint = f"; {one.hint}" if one.hint else ""
        paper.say(f"{one.severity.capitalize()}: {one.sentence}{hint}", indent=2)


def _host_pair(target: Target) -> tuple[str, str]:
    capacity = target.host.capacity_bytes
    size = f", {gib(capacity.value)} for models" if capacity else ""
    return ("Host", f"{target.host.name}{size}{_rate_text(target.host.read_bytes_per_s)}")


def _rate_text(figure: Figure | None) -> str:
    return "" if figure is None else f", {rate_interval(figure)} ({figure.origin})"


def _read_line(target: Target) -> str:
    figure = target.host.read_bytes_per_s
    if figure is None:
        return "not measured, so speeds on the CPU are not known"
    return f"{rate_interval(figure)} ({figure.origin}: {figure.source})"


def cpu_line(cpu: Cpu) -> str:
    """The processor with its cores and instruction sets."""
    name = cpu.name or f"a processor of kind {cpu.architecture}"
    parts = [name]
    if cpu.usable_cores is not None:
        parts.append(_cores(cpu))
    shown = [one for one in SHOWN_INSTRUCTIONS if one in cpu.instruction_sets]
    if shown:
        parts.append(" ".join(shown))
    return ", ".join(parts)


def _cores(cpu: Cpu) -> str:
    usable = cpu.usable_cores or 0
    known = cpu.physical_cores or usable
    noun = "core" if known == 1 else "cores"
    return f"{usable} {noun}" if known == usable else f"{usable} usable of {known} {noun}"


def memory_line(memory: Memory) -> str:
    """The memory, its limit and what is available."""
    text = f"{gib(memory.total_bytes)}, {gib(memory.available_bytes)} available"
    if memory.limit_bytes is not None and memory.limit_bytes < memory.total_bytes:
        text = (
            f"{gib(memory.limit_bytes)} ({memory.limit_source}) of {gib(memory.total_bytes)},"
            f" {gib(memory.available_bytes)} available"
        )
    if memory.swap_total_bytes:
        text += f"; swap {gib(memory.swap_total_bytes)}, not counted"
    return text


def gpu_line(gpu: Gpu) -> str:
    """A GPU with its memory, bandwidth and backend."""
    parts = [gpu.name]
    capacity, now = gpu.capacity_bytes, gpu.available_bytes
    if capacity is not None:
        text = gib(capacity.value)
        if now is not None and capacity.value - now.value > capacity.value / 100:
            text += f", {gib(now.value)} free"
        parts.append(text)
    else:
        parts.append("memory not known")
    figure = gpu.bandwidth_bytes_per_s
    parts.append(f"{rate(figure.value)} ({figure.origin})" if figure else "bandwidth not known")
    parts.append(gpu.backend)
    return ", ".join(parts)


def _unused(machine: Machine, target: Target) -> list[str]:
    """Accelerators that are listed, but not in use, with the reason where they have a state."""
    in_use = list(target.gpus)
    lines = []
    for one in machine.accelerators:
        if one.state is not AcceleratorState.READY:
            lines.append(f"{one.name}: {_STATES[one.state]}{_memory_text(one)}")
            continue
        found = _used_as(one, in_use, machine)
        if found is None:
            lines.append(f"{one.name}: not used")
        else:
            in_use.remove(found)
    return lines


def _used_as(one: Accelerator, in_use: Sequence[Gpu], machine: Machine) -> Gpu | None:
    """The GPU that an accelerator became, by its name, or under the catalog's better one."""
    seen = {each.name for each in machine.accelerators}
    renamed = [gpu for gpu in in_use if gpu.vendor == one.vendor and gpu.name not in seen]
    return next((gpu for gpu in in_use if gpu.name == one.name), renamed[0] if renamed else None)


def _memory_text(one: Accelerator) -> str:
    return f", {gib(one.memory_total_bytes)}" if one.memory_total_bytes else ""
