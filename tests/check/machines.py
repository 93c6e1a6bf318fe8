"""Machines that the rules are tried on: recorded ones, what the fake NVML says, and changed copies.

Each maker returns a `Machine` as the probes would, so that a rule sees what it will see.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from probes.accelerator import Condition
from probes.ask import Asker
from probes.finding import Finding, Severity
from probes.nvidia.probe import probe_nvidia
from probes.record import read

if TYPE_CHECKING:
    from probes.machine import Cpu, Machine, Memory

TESTS = Path(__file__).parents[1]
FAKE = TESTS / "probes/fake_nvml"
GIB = 1 << 30

WELL = Condition(
    slowdowns=(),
    temperature_celsius=45.0,
    slowdown_celsius=90.0,
    uncorrected_errors=0,
    repair_pending=False,
    repair_failed=False,
)


def recorded(name: str) -> Machine:
    """A machine of `tests/machines`."""
    return read(TESTS / "machines" / name / "machine.json")


def desktop() -> Machine:
    """A desktop without a GPU, 27 GiB of its 31.1 available."""
    return read(TESTS / "advisor/desktop.json")


def gaming() -> Machine:
    """The desktop with an RTX 4090."""
    return recorded("desktop-rtx-4090")


def with_gpu(machine: Machine, **changes) -> Machine:
    """The same with its first accelerator changed."""
    first, *rest = machine.accelerators
    return replace(machine, accelerators=(replace(first, **changes), *rest))


def with_condition(machine: Machine, **changes) -> Machine:
    """The same with its first accelerator in another condition than well."""
    return with_gpu(machine, condition=replace(WELL, **changes))


def with_memory(machine: Machine, **changes) -> Machine:
    """The same with other memory."""
    memory: Memory = replace(machine.memory, **changes)
    return replace(machine, memory=memory)


def with_cpu(machine: Machine, **changes) -> Machine:
    """The same with another processor."""
    cpu: Cpu = replace(machine.cpu, **changes)
    return replace(machine, cpu=cpu)


def with_finding(machine: Machine, code: str, sentence: str, **more) -> Machine:
    """The same, of which a probe has something to say."""
    finding = Finding(
        probe=more.pop("probe", code.partition("-")[0]),
        code=code,
        severity=more.pop("severity", Severity.WARNING),
        sentence=sentence,
        hint=more.pop("hint", None),
    )
    return replace(machine, findings=(*machine.findings, finding))


class NvidiaMachines:
    """The desktop with what a case of the fake NVML says of its NVIDIA cards."""

    def __init__(self, library: Path, folder: Path):
        self._library = library
        self._folder = folder
        self._count = 0

    def __call__(
        self, case: str, *, bus=(), files=None, instead=(), environ=None, timeout_s=3.0
    ) -> Machine:
        """The machine of a case.

        Args:
            case: A file of `tests/probes/fake_nvml`; "" for a machine without the library.
            bus: PCI devices, as address and device id.
            files: Other files of the machine, by path.
            instead: Lines that count instead of the case's own.
            environ: Its environment.
            timeout_s: How long a driver that hangs may hold up the answer. [s]
        """
        self._count += 1
        root = self._folder / str(self._count)
        root.mkdir()
        for address, device in bus:
            self._write(root / "sys/bus/pci/devices" / address, device)
        for path, text in (files or {}).items():
            file = root / path.lstrip("/")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        asker = Asker(
            root=root,
            environ=environ or {},
            os="linux",
            nvml=str(self._library) if case else None,
        )
        os.environ["FAKE_NVML"] = self._script(root, case, instead) if case else ""
        accelerators, findings = probe_nvidia(asker, timeout_s=timeout_s)
        return replace(desktop(), accelerators=accelerators, findings=findings)

    @staticmethod
    def _script(root: Path, case: str, instead) -> str:
        script = root / "case.txt"
        lines = [*instead, (FAKE / f"{case}.txt").read_text()]
        script.write_text("\n".join(lines))
        return str(script)

    @staticmethod
    def _write(directory: Path, device: str) -> None:
        directory.mkdir(parents=True)
        for name, text in (("vendor", "0x10de"), ("device", device), ("class", "0x030000")):
            (directory / name).write_text(f"{text}\n")
