"""The machine that is checked: this one, a recorded one, or a runner that a CI service rents out.

Holds where the facts come from; nothing is judged here.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from advisor.check.case import Disk
from advisor.errors import UsageError

if TYPE_CHECKING:
    from advisor.target import Target
    from probes.bandwidth.store import Measure
    from probes.machine import Machine

RUNNERS = Path(__file__).parent / "runners"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One machine with what a check needs besides."""

    machine: Machine
    target: Target
    disk: Disk | None
    """``None`` for a recording, which says nothing of disks."""

    simulated: str | None = None
    """What stands in for this machine; ``None`` for nothing."""

    is_stateless: bool = False
    """True for a machine that is only described."""

    notes: tuple[str, ...] = ()


def runner_names() -> list[str]:
    """The hosted runners that are described here."""
    return sorted(path.stem for path in RUNNERS.glob("*.json"))


def stage_named(name: str | None, measure: Measure) -> Stage:
    """The machine of this name.

    Args:
        name: A hosted runner, or the path of a recording; ``None`` for this machine.
        measure: Whether this machine's memory may be timed.

    Raises:
        UsageError: There is no such runner.
        RecordError: The recording cannot be read.
        ProbeError: The memory of this machine cannot be known.
    """
    if name is None:
        return _here(measure)
    if name in runner_names():
        return _runner(name)
    if name.endswith(".json"):
        return _recorded(name)
    msg = f"`{name}` is no hosted runner, and no recorded machine (`….json`)"
    hint = f"the runners are {', '.join(runner_names())}; `advisor scan --save` records a machine"
    raise UsageError(msg, hint)


def _here(measure: Measure) -> Stage:
    from advisor.pull.store import free_bytes, hub_cache
    from advisor.situation import situation

    here = situation(measure=measure)
    assert here.machine is not None
    cache = hub_cache()
    disk = Disk(folder=_without_home(cache), free_bytes=free_bytes(cache))
    return Stage(machine=here.machine, target=here.target, disk=disk)


def _without_home(path: Path) -> str:
    try:
        return str(Path("~") / path.relative_to(Path.home()))
    except (ValueError, RuntimeError):
        return str(path)


def _recorded(name: str) -> Stage:
    from advisor.situation import situation

    there = situation(machine=name)
    assert there.machine is not None
    return Stage(machine=there.machine, target=there.target, disk=None, simulated=name)


def _runner(name: str) -> Stage:
    from advisor.target import target_of_machine
    from probes.record import from_json

    described: dict[str, Any] = json.loads((RUNNERS / f"{name}.json").read_text(encoding="utf-8"))
    machine = from_json(json.dumps(described["machine"]), name=name)
    return Stage(
        machine=machine,
        target=target_of_machine(machine),
        disk=Disk(folder="~", free_bytes=None, total_bytes=described["disk_total_bytes"]),
        simulated=f"{name}: {described['description']}",
        is_stateless=True,
        notes=(*described["notes"], f"described as of {described['checked']}"),
    )
