"""The GPU of Apple's own chips, as macOS describes it.

Holds what the system says. How much of the memory the GPU may use when nobody set a limit is a
rule of Metal's that depends on memory size and macOS version, and the memory's peak rate is
published by Apple: both are looked up by `advisor.target`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from probes.accelerator import Accelerator, AcceleratorKind
from probes.finding import Finding, Severity

if TYPE_CHECKING:
    from probes.ask import Asker

MAKER = "Apple "
TRANSLATED = "VirtualApple"
"""What Rosetta calls the processor towards programs for Intel's."""

MOST_CORES = 512


def probe_apple(asker: Asker) -> tuple[tuple[Accelerator, ...], tuple[Finding, ...]]:
    """The chip's GPU on a Mac with Apple silicon; nothing elsewhere."""
    if asker.os != "macos":
        return (), ()
    chip = _chip(asker)
    if chip is None:
        return (), (_said("no-chip", Severity.WARNING, "macOS does not say which chip this is"),)
    if not chip.startswith(MAKER):
        sentence = f"the GPU of this Mac is not looked at: its processor is `{chip}`, not Apple's"
        return (), (_said("intel-mac", Severity.NOTE, sentence),)
    cores = _core_count(asker)
    version = _answer(asker, "sysctl", "-n", "kern.osproductversion")
    accelerator = Accelerator(
        name=chip,
        vendor="apple",
        kind=AcceleratorKind.UNIFIED,
        memory_total_bytes=_wired_limit_bytes(asker),
        architecture=chip.removeprefix(MAKER),
        core_count=cores,
        driver=f"Metal, macOS {version}" if version else "Metal",
    )
    return (accelerator,), () if cores is not None else (_no_cores(chip),)


def _chip(asker: Asker) -> str | None:
    """`Apple M4 Max`. A program that Rosetta translates must ask a native one."""
    question = ("sysctl", "-n", "machdep.cpu.brand_string")
    chip = _answer(asker, *question)
    if chip.startswith(TRANSLATED):
        chip = _answer(asker, "arch", "-arm64", *question)
    return chip or None


def _core_count(asker: Asker) -> int | None:
    """GPU cores, which tell chips of one name but different memory rates apart."""
    answer = _answer(asker, "ioreg", "-rc", "AGXAccelerator", "-d1")
    said = re.search(r'"gpu-core-count" = (\d+)', answer)
    cores = int(said[1]) if said else 0
    return cores if 0 < cores <= MOST_CORES else None


def _wired_limit_bytes(asker: Asker) -> int | None:
    """What the user lets the GPU have; ``None`` for Metal's own rule, which 0 stands for.

    In MiB since macOS 14, in bytes under another name before.
    """
    for name, unit_bytes in (("iogpu.wired_limit_mb", 1 << 20), ("debug.iogpu.wired_limit", 1)):
        answer = _answer(asker, "sysctl", "-n", name)
        if answer.isdecimal():
            return int(answer) * unit_bytes or None
    return None


def _answer(asker: Asker, program: str, *arguments: str) -> str:
    """What a program of macOS prints, found on the path or where it lies when the path is short."""
    for place in (program, f"/usr/sbin/{program}"):
        answer = asker.command([place, *arguments])
        if answer is not None:
            return answer.strip()
    return ""


def _no_cores(chip: str) -> Finding:
    return _said(
        "no-core-count",
        Severity.NOTE,
        f"macOS does not say how many GPU cores this `{chip}` has, which its memory's speed may"
        " depend on",
    )


def _said(code: str, severity: Severity, sentence: str) -> Finding:
    return Finding(probe="apple", code=f"apple-{code}", severity=severity, sentence=sentence)
