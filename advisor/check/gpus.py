"""Which GPUs a requirement means: by the catalog's rows, as people write their names.

Holds the comparison of names; never a count or a limit.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from advisor.check.words import gpu_labels, listed
from probes.accelerator import AcceleratorKind, AcceleratorState

if TYPE_CHECKING:
    from probes.accelerator import Accelerator
    from probes.machine import Machine

ANY_GPU, NO_GPU = "gpu", "cpu"
"""What `where` says of machines with and without a GPU."""

_COUNT = re.compile(r"\s*(\d{1,2})\s*[x×*]\s*")
_SIZE = re.compile(r" \(\d+-core GPU\)| \d+GB$")
"""What tells the sizes of one chip apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedGpus:
    """What somebody wrote: so many of a device, or of one of several with nearly that name."""

    count: int
    names: tuple[str, ...]
    """Full names of catalog rows."""


def named_gpus(text: str) -> NamedGpus:
    """The devices that a text means; all of them where it may mean several (`RTX 3060`).

    Raises:
        UnknownNameError: The catalog has none.
    """
    from catalog.errors import AmbiguousNameError
    from catalog.hardware import load_devices
    from catalog.lookup import find_devices

    try:
        found = find_devices(text)
    except AmbiguousNameError as error:
        names = [row.full_name for row in load_devices() if row.name in error.candidates]
        count = _COUNT.match(text)
        return NamedGpus(count=int(count[1]) if count else 1, names=tuple(names))
    device = found.device
    if found.note is not None:  # the least of several sizes was taken, and any of them is meant
        alike = _SIZE.sub("", device.full_name)
        names = [row.full_name for row in load_devices() if _SIZE.sub("", row.full_name) == alike]
        return NamedGpus(count=found.count, names=tuple(names))
    name = device.full_name
    if device.unit_name:
        name = next(row.full_name for row in load_devices() if row.name == device.unit_name)
    return NamedGpus(count=found.count * device.unit_count, names=(name,))


def matching(
    seen: Sequence[Accelerator], wanted: NamedGpus, machine: Machine
) -> tuple[Accelerator, ...]:
    """Those that are the wanted device; a slice of a card is not that card."""
    return tuple(
        one
        for one in seen
        if one.kind is not AcceleratorKind.MIG and row_name(one, machine) in wanted.names
    )


def row_name(seen: Accelerator, machine: Machine) -> str | None:
    """The catalog's name of an accelerator in any state; ``None`` when it is not in the catalog."""
    from advisor.target import gpu_of

    return gpu_of(seen, machine).row_name


def is_for(where: str | None, machine: Machine) -> bool:
    """Whether a requirement is for this machine, broken as its GPUs may be.

    Raises:
        UnknownNameError: `where` is no name of the catalog.
    """
    if where is None:
        return True
    if where.casefold() in {ANY_GPU, NO_GPU}:
        return bool(machine.accelerators) is (where.casefold() == ANY_GPU)
    wanted = named_gpus(where)
    return any(row_name(one, machine) in wanted.names for one in machine.accelerators)


_STATES = {
    AcceleratorState.LOST: "lost",
    AcceleratorState.NO_DRIVER: "without its driver",
    AcceleratorState.HIDDEN: "hidden by the environment",
    AcceleratorState.PARTITIONED: "split into MIG instances",
}


def there_is(machine: Machine) -> str:
    """What GPUs there are, as the end of a sentence."""
    seen = machine.accelerators
    if not seen:
        return "there is none"
    said = [
        label if one.state is AcceleratorState.READY else f"{label} ({_STATES[one.state]})"
        for label, one in zip(gpu_labels(seen), seen, strict=True)
    ]
    return f"there is {listed(said)}"
