"""Everything that a rule may look at: one machine, one requirement, and what follows for a model.

Holds the facts only; nothing here decides.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from probes.accelerator import AcceleratorState

if TYPE_CHECKING:
    from advisor.check.model import ModelAnswer, ModelUnknown
    from advisor.check.requirement import Requirement
    from advisor.target import Target
    from probes.accelerator import Accelerator
    from probes.machine import Machine


@dataclass(frozen=True, slots=True, kw_only=True)
class Disk:
    """The disk where models are kept."""

    folder: str
    """With the home directory written as `~`."""

    free_bytes: int | None
    """``None`` when it is not known."""

    total_bytes: int | None = None
    """The most that could be free; ``None`` when it is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One question to the rules."""

    machine: Machine
    target: Target
    disk: Disk | None
    """``None`` for a recorded machine, which says nothing of its disks."""

    is_stateless: bool = False
    """True for a machine that is only described: its state at a moment is not known."""

    requirement: Requirement | None = None
    """``None`` for what is asked of every machine."""

    model: ModelAnswer | ModelUnknown | None = None
    """``None`` where the requirement names no model."""

    must_be_measured: bool = False
    """True where a prediction will not do for a speed."""

    unmeasured: str | None = None
    """Why a speed that was to be measured was not; ``None`` where nothing went wrong."""

    @property
    def asked(self) -> Requirement:
        """The requirement, which rules of its scope have."""
        if self.requirement is None:
            msg = "this rule is asked of a requirement only"
            raise ValueError(msg)
        return self.requirement

    @property
    def gpus(self) -> tuple[Accelerator, ...]:
        """The GPUs that one program would use, fastest first."""
        return tuple(gpu.seen for gpu in self.target.gpus if gpu.seen is not None)

    @property
    def ready(self) -> tuple[Accelerator, ...]:
        """All GPUs that programs could use, whatever this program would choose."""
        seen = self.machine.accelerators
        return tuple(one for one in seen if one.state is AcceleratorState.READY)
