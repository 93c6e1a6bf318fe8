"""Where a model is to run: this machine, a recorded one, or devices of the catalog.

Holds how `--machine` and `--device` stand in for the probes; never an estimate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from advisor.errors import UsageError
from advisor.target import target_of_devices, target_of_machine

if TYPE_CHECKING:
    from advisor.target import Target
    from probes.bandwidth.store import Measure
    from probes.machine import Machine

CPU = "cpu"
"""As a device: the machine's processor, without its GPUs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """A target, and the machine it was made from."""

    target: Target
    machine: Machine | None
    """``None`` when catalog rows stand in for the probes."""

    backend: str | None = None
    """What was asked for; `cpu` also where the processor was."""


def situation(
    *,
    devices: Sequence[str] = (),
    machine: str | None = None,
    backend: str | None = None,
    measure: Measure | None = None,
) -> Situation:
    """What `--device`, `--machine` and `--backend` mean together.

    Args:
        devices: Names of catalog devices, or `cpu`; none for the machine's own.
        machine: A recording's path; ``None`` for this machine.
        backend: The backend of every GPU; ``None`` for the usual one of its maker.
        measure: Whether this machine's memory may be timed; ``None`` for when it is needed.

    Raises:
        UsageError: `cpu` beside other devices.
        CatalogError: A device is not known, or ambiguous.
        RecordError: The recording cannot be read.
        ProbeError: The memory of this machine cannot be known.
    """
    use_gpus = backend != CPU
    names = [name for name in devices if name.casefold() != CPU]
    if len(names) != len(devices):
        if names:
            msg = "`cpu` means no GPU, so it cannot stand beside another device"
            raise UsageError(msg, "leave `cpu` out, or name it alone")
        use_gpus = False
    if names:
        from catalog.lookup import find_devices

        target = target_of_devices([find_devices(name) for name in names])
        return Situation(target=with_backend(target, backend), machine=None, backend=backend)
    seen = machine_of(machine, measure)
    target = target_of_machine(seen, use_gpus=use_gpus)
    if machine is None:
        target = with_measurements(target, seen)
    asked = backend if use_gpus else CPU
    return Situation(target=with_backend(target, backend), machine=seen, backend=asked)


def with_measurements(target: Target, machine: Machine) -> Target:
    """The same target with what `advisor bench` timed on this machine; often nothing.

    What is kept and cannot be read is said in a note, and the answer goes without it.
    """
    from advisor.measure.store import StoreError, load, store_path
    from probes.ask import Asker

    path = store_path(Asker())
    if path is None or not path.exists():
        return target
    from advisor.measure.identity import machine_identity

    try:
        return replace(target, measured=load(path, machine_identity(machine)))
    except StoreError as error:
        return replace(target, notes=(*target.notes, str(error)))


def machine_of(path: str | None, measure: Measure | None) -> Machine:
    """A recorded machine, or this one where there is no path."""
    if path is not None:
        from probes.record import read

        return read(Path(path))
    from probes.ask import Asker
    from probes.detect import Measure as When
    from probes.detect import detect

    return detect(Asker(), measure=measure or When.IF_NEEDED, progress=_say_measuring)


def _say_measuring() -> None:
    """Say so on a terminal: the timing is the one thing that takes a moment."""
    import sys

    from advisor.output import is_terminal, talk

    if is_terminal(sys.stderr):
        talk("timing how fast this machine reads its memory …")


def with_backend(target: Target, backend: str | None) -> Target:
    """The same target under another backend; without its GPUs under `cpu`."""
    if backend is None:
        return target
    if backend == CPU:
        return replace(target, gpus=())
    gpus = tuple(replace(gpu, backend=backend) for gpu in target.gpus)
    return replace(target, gpus=gpus)
