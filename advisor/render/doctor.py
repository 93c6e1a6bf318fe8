"""A diagnosis as text: to be pasted into a bug report as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from advisor.render.machine import gpu_line, memory_line, write_findings
from advisor.render.units import gb, gib, rate

if TYPE_CHECKING:
    from advisor.figure import Figure
    from advisor.render.paper import Paper
    from advisor.report.doctor import Diagnosis
    from probes.accelerator import Accelerator
    from probes.machine import Cpu, Machine, ReadBandwidth


def doctor_text(found: Diagnosis, paper: Paper) -> str:
    """The whole diagnosis."""
    paper.heading("advisor")
    paper.pairs(
        [
            ("Version", f"{found.version}, catalog of {found.catalog_checked}"),
            ("Python", found.python),
            ("Packages", ", ".join(f"{name} {one or 'missing'}" for name, one in found.packages)),
            ("Downloads go to", _cache_line(found)),
        ]
    )
    paper.heading("What the probes saw")
    paper.pairs(_machine_rows(found.machine))
    for number, one in enumerate(found.machine.accelerators):
        paper.heading(f"Accelerator {number}: {one.name}")
        paper.pairs(_accelerator_rows(one))
    paper.heading("What a model can have")
    paper.pairs(
        [
            ("Host now", _figure_line(found.target.host.available_bytes)),
            ("Host at most", _figure_line(found.target.host.capacity_bytes)),
            *(("GPU", gpu_line(gpu)) for gpu in found.target.gpus),
        ]
    )
    for note in found.target.notes:
        paper.say(f"Note: {note}", indent=2)
    paper.heading("Findings")
    if found.machine.findings:
        write_findings(paper, found.machine.findings)
    else:
        paper.say("none", indent=2)
    return paper.text()


def _cache_line(found: Diagnosis) -> str:
    free = found.hub_cache_free_bytes
    return f"{found.hub_cache}, {gb(free)} free" if free is not None else found.hub_cache


def _figure_line(figure: Figure | None) -> str:
    if figure is None:
        return "not known"
    return f"{gib(figure.value)} ({figure.origin}: {figure.source})"


def _machine_rows(machine: Machine) -> list[tuple[str, str]]:
    system = machine.system
    inside = [text for text in (system.container, system.virtual_machine) if text]
    words = [system.os, system.os_version, system.kernel, system.model]
    return [
        ("System", ", ".join(word for word in words if word)),
        ("Inside of", ", ".join(inside) or "nothing that shows"),
        ("CPU", machine.cpu.name or "not known"),
        ("Cores", _cores(machine.cpu)),
        ("Instructions", " ".join(machine.cpu.instruction_sets) or "none known"),
        ("Caches", _caches(machine.cpu)),
        ("Memory", memory_line(machine.memory)),
        ("Read rate", _bandwidth_line(machine.read_bandwidth)),
    ]


def _cores(cpu: Cpu) -> str:
    known = {
        "physical": cpu.physical_cores,
        "logical": cpu.logical_cores,
        "performance": cpu.performance_cores,
        "efficiency": cpu.efficiency_cores,
        "allowed": cpu.allowed_cores,
        "quota": cpu.quota_cores,
        "usable": cpu.usable_cores,
    }
    return ", ".join(f"{count:g} {name}" for name, count in known.items() if count is not None)


def _caches(cpu: Cpu) -> str:
    said = [
        f"L{one.level} {one.instances} × {one.size_bytes / 1024:,.0f} KiB" for one in cpu.caches
    ]
    return ", ".join(said) or "not known"


def _bandwidth_line(seen: ReadBandwidth | None) -> str:
    if seen is None:
        return "not measured"
    text = (
        f"{rate(seen.lower_bytes_per_s)} by wall time, {rate(seen.upper_bytes_per_s)} by CPU"
        f" time; {seen.threads} {'thread' if seen.threads == 1 else 'threads'} over"
        f" {gib(seen.buffer_bytes)},"
        f" {seen.cpu_share:.0%} of the CPU"
    )
    return f"{text}; {seen.caveat}" if seen.caveat else text


def _accelerator_rows(one: Accelerator) -> list[tuple[str, str]]:
    rows: list[tuple[str, str | None]] = [
        ("Kind", f"{one.kind}, {one.state}"),
        ("Vendor", one.vendor),
        ("Architecture", one.architecture),
        ("PCI", _pci(one)),
        ("Memory", _memory(one)),
        ("Bandwidth", _rate(one.memory_bandwidth_bytes_per_s)),
        ("Link", _link(one)),
        ("Driver", one.driver),
        ("ECC", None if one.ecc is None else ("on" if one.ecc else "off")),
        ("Power limit", f"{one.power_limit_watts:g} W" if one.power_limit_watts else None),
        ("Condition", _condition(one)),
        ("Held by", ", ".join(holder.name or "unknown" for holder in one.holders) or None),
    ]
    return [(name, text if text is not None else "not known") for name, text in rows]


def _condition(one: Accelerator) -> str | None:
    """What the driver says of heat, clocks and bad memory, where it says anything."""
    state = one.condition
    if state is None:
        return None
    parts = []
    if state.temperature_celsius is not None:
        parts.append(f"{state.temperature_celsius:g} °C")
    if state.slowdowns is not None:
        parts.append(f"clocks lowered: {', '.join(state.slowdowns) or 'no'}")
    if state.uncorrected_errors is not None:
        parts.append(f"{state.uncorrected_errors} uncorrected memory errors")
    if state.compute_mode is not None:
        parts.append(f"compute mode {state.compute_mode}")
    return ", ".join(parts) or None


def _rate(bytes_per_s: float | None) -> str | None:
    return None if bytes_per_s is None else rate(bytes_per_s)


def _pci(one: Accelerator) -> str | None:
    if one.pci is None:
        return None
    text = f"{one.pci.vendor:04x}:{one.pci.device:04x}"
    if one.pci.subsystem_vendor is not None and one.pci.subsystem_device is not None:
        text += f", board {one.pci.subsystem_vendor:04x}:{one.pci.subsystem_device:04x}"
    return text


def _memory(one: Accelerator) -> str | None:
    if one.memory_total_bytes is None:
        return None
    parts = [f"{gib(one.memory_total_bytes)} in total"]
    if one.memory_reserved_bytes is not None:
        parts.append(f"{gib(one.memory_reserved_bytes)} kept by the driver")
    if one.memory_free_bytes is not None:
        parts.append(f"{gib(one.memory_free_bytes)} free")
    return ", ".join(parts)


def _link(one: Accelerator) -> str | None:
    if one.link is None:
        return None
    return (
        f"PCIe generation {one.link.generation or '?'} of {one.link.generation_max or '?'},"
        f" {one.link.width or '?'} lanes of {one.link.width_max or '?'}"
    )
