"""The processor of a Linux machine, from `/proc/cpuinfo` and sysfs.

Holds how the kernel's text becomes a `Cpu`; how processors share cores and caches stands in
`probes.cpu.topology`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from probes.cpu import instructions, last_resort, usable_cores
from probes.cpu.topology import (
    CpuSet,
    Topology,
    count_numa_nodes,
    parse_cpu_list,
    read_caches,
    read_topology,
)
from probes.machine import Cpu
from probes.memory.cgroup import cpu_quota_cores

if TYPE_CHECKING:
    from probes.ask import Asker

NAME_KEYS = ("model name", "cpu model", "uarch")
"""Of x86 and others, of MIPS and of RISC-V. POWER has it in `cpu`, ARM only in numbers."""


_TELLING = {"flags", "features", "isa", "cpu"}
"""Keys of a block that describes a processor; some architectures put one before them."""


def read_cpu(asker: Asker) -> Cpu:
    """What the kernel says of the processor, and what it lets this process have of it."""
    processors = _processors(asker.text("/proc/cpuinfo") or "")
    first = next((each for each in processors if _TELLING & each.keys()), {})
    flags = _flags(first)
    topology, allowed = read_topology(asker), _allowed(asker)
    quota = cpu_quota_cores(asker)
    logical = len(topology.online) or sum(1 for each in processors if "processor" in each)
    fast = topology.fast
    cpu = Cpu(
        name=_name(asker, processors, topology),
        architecture=_architecture(asker, first),
        physical_cores=len(topology.cores) or _cores_by_cpuinfo(processors),
        logical_cores=logical or None,
        performance_cores=None if fast is None else topology.count_cores(fast),
        efficiency_cores=None if fast is None else topology.count_cores(topology.online - fast),
        allowed_cores=len(allowed & topology.online if topology.online else allowed) or None,
        quota_cores=quota,
        usable_cores=usable_cores.from_topology(topology, allowed, quota),
        instruction_sets=instructions.from_flags(flags),
        caches=read_caches(asker, topology),
        numa_nodes=count_numa_nodes(asker),
        load_average=_load_average(asker),
    )
    if cpu.name is None or not flags:
        cpu = last_resort.fill_in(asker, cpu)
    return cpu if cpu.usable_cores else usable_cores.filled_in(cpu)


def _processors(cpuinfo: str) -> list[dict[str, str]]:
    """The blocks of `/proc/cpuinfo`, keys in lower case."""
    blocks = []
    for block in re.split(r"\n\s*\n", cpuinfo):
        pairs = (line.partition(":") for line in block.splitlines())
        values = {key.strip().lower(): value.strip() for key, colon, value in pairs if colon}
        if values:
            blocks.append(values)
    return blocks


def _flags(processor: dict[str, str]) -> set[str]:
    """Flags of Linux, wherever the architecture puts them."""
    listed = processor.get("flags") or processor.get("features") or ""
    flags = set(listed.split())
    flags |= instructions.riscv_flags(processor.get("isa", ""))
    power = re.match(r"POWER(\d+)", processor.get("cpu", ""))
    if power and int(power[1]) >= 9:
        flags.add("vsx")  # ggml's own rule: it builds for VSX from POWER9 on
    return flags


def _architecture(asker: Asker, processor: dict[str, str]) -> str:
    """The hardware's own; the kernel's word where it gives one (since Linux 6.1)."""
    kernel = asker.text("/proc/sys/kernel/arch")
    if kernel:
        return kernel
    if "flags" in processor and "vendor_id" in processor:
        return "x86_64" if "lm" in processor["flags"].split() else "i686"
    if "cpu implementer" in processor:
        return "aarch64" if "asimd" in processor.get("features", "").split() else "arm"
    if processor.get("isa", "").startswith("rv64"):
        return "riscv64"
    return (asker.command(["uname", "-m"]) or "unknown").strip()


def _name(asker: Asker, processors: list[dict[str, str]], topology: Topology) -> str | None:
    for key in NAME_KEYS:
        for processor in processors:
            if processor.get(key):
                return " ".join(processor[key].split())
    if any("cpu part" in processor for processor in processors):
        return _arm_name(processors, topology)
    cpu = next((processor["cpu"] for processor in processors if processor.get("cpu")), None)
    return cpu.split(",")[0] if cpu else asker.text("/proc/device-tree/model")


def _arm_name(processors: list[dict[str, str]], topology: Topology) -> str:
    """The cores' names, the fast ones first: `ARM Cortex-X925 + ARM Cortex-A725`."""
    from probes.cpu.arm_cores import core_name

    names: dict[str, bool] = {}
    for processor in processors:
        try:
            name = core_name(int(processor["cpu implementer"], 0), int(processor["cpu part"], 0))
            number = int(processor.get("processor", -1))
        except (KeyError, ValueError):
            continue
        names[name] = names.get(name, False) or number in (topology.fast or ())
    return " + ".join(sorted(names, key=lambda name: not names[name]))


def _cores_by_cpuinfo(processors: list[dict[str, str]]) -> int | None:
    cores = {
        (processor.get("physical id"), processor["core id"])
        for processor in processors
        if "core id" in processor
    }
    return len(cores) or None


def _allowed(asker: Asker) -> CpuSet:
    """The processors that affinity and cpusets let this process run on."""
    status = asker.text("/proc/self/status") or ""
    found = re.search(r"^Cpus_allowed_list:\s*(\S+)$", status, re.MULTILINE)
    return parse_cpu_list(found[1]) if found else frozenset()


def _load_average(asker: Asker) -> float | None:
    found = re.match(r"\d+\.\d+", asker.text("/proc/loadavg") or "")
    return float(found[0]) if found else None
