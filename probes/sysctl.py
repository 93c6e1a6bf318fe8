"""macOS's own words about the machine: the names and values that `sysctl` prints.

`sysctl hw` and `sysctl machdep.cpu` print whole branches of names and succeed on every Mac,
whatever names it has, where asking for one name that a Mac lacks (`hw.perflevel1.physicalcpu` on
an Intel one) ends the command with status 1. The leaves asked for by name stand outside those
branches or are left out when a branch is printed (`hw.model`); should one be missing on an old
macOS, each is asked for alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from probes.ask import Asker

NAMES = (
    "hw",
    "hw.model",
    "machdep.cpu",
    "kern.osproductversion",
    "kern.osrelease",
    "kern.hv_vmm_present",
    "vm.loadavg",
)


def read(asker: Asker) -> dict[str, str]:
    """Values by name; empty when there is no `sysctl`."""
    text = _output(asker, NAMES)
    if text is None:
        text = "\n".join(_output(asker, [name]) or "" for name in NAMES)
    pairs = (line.partition(": ") for line in text.splitlines())
    return {name.strip(): value.strip() for name, separator, value in pairs if separator}


def _output(asker: Asker, names: Sequence[str]) -> str | None:
    """As found on the path, or where macOS keeps it when the path is short (cron, launchd)."""
    answer = asker.command(["sysctl", *names])
    return asker.command(["/usr/sbin/sysctl", *names]) if answer is None else answer
