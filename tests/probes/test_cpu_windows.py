"""The processor of a Windows machine, as its registry has it."""

from __future__ import annotations

from probes.ask import Asker
from probes.cpu.probe import probe_cpu


def recorded(root, files, environ) -> Asker:
    """A Windows machine that consists of these files."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return Asker(root=root, environ=environ, os="windows")


WINDOWS_CPU = r"commands/reg query HKLM\HARDWARE\DESCRIPTION\System\CentralProcessor\0"
WINDOWS_ENVIRONMENT = (
    r"commands/reg query HKLM\SYSTEM\CurrentControlSet\Control\Session Manager\Environment"
)


def test_a_recorded_windows_machine_answers_from_its_registry(tmp_path):
    files = {
        WINDOWS_CPU: (
            "\nHKEY_LOCAL_MACHINE\\HARDWARE\\DESCRIPTION\\System\\CentralProcessor\\0\n"
            "    Identifier    REG_SZ    ARMv8 (64-bit) Family 8 Model 1 Revision 201\n"
            "    ProcessorNameString    REG_SZ    Snapdragon(R) X Elite -  X1E78100\n"
            "    ~MHz    REG_DWORD    0xd66\n\n"
        ),
        WINDOWS_ENVIRONMENT: "    PROCESSOR_ARCHITECTURE    REG_SZ    ARM64\n",
    }
    environ = {"NUMBER_OF_PROCESSORS": "12", "PROCESSOR_ARCHITECTURE": "AMD64"}
    cpu, findings = probe_cpu(recorded(tmp_path, files, environ))
    assert cpu.name == "Snapdragon(R) X Elite - X1E78100"
    # An emulated program's environment says AMD64; the machine's own word is the registry's
    assert (cpu.architecture, cpu.logical_cores) == ("aarch64", 12)
    assert (cpu.physical_cores, cpu.usable_cores) == (None, None)
    assert {finding.code for finding in findings} == {
        "cpu-cores-unknown",
        "cpu-no-instruction-sets",
    }
