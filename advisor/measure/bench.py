"""One measurement from plan to result: what is predicted, what a program timed, and how they agree.

Holds the order of the steps. The prediction is the model's own, without earlier measurements, so
that it is the published error that is put to the test.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from advisor.estimate.estimator import estimate
from advisor.estimate.graph_shape import ENCODERS
from advisor.estimate.result import Verdict
from advisor.measure.conditions import between, now
from advisor.measure.errors import DoesNotFitError, NotHereError
from advisor.measure.outcome import CPU, Chosen, MemoryRow, Place, Seen, measurements, memory_rows
from advisor.measure.task import Task
from advisor.workload import FlashAttention, Runtime, Workload

if TYPE_CHECKING:
    from advisor.estimate.result import Estimate
    from advisor.estimate.subject import Subject
    from advisor.measure.conditions import Conditions
    from advisor.measure.runners import Runner
    from advisor.measure.task import Show, Taken
    from advisor.measurement import Measurement
    from advisor.target import Target
    from probes.machine import Machine


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """How somebody wants to measure."""

    context_tokens: int | None = None
    """What the placement is chosen for; ``None`` for the usual."""

    prompt_tokens: int
    answer_tokens: int
    depth_tokens: int
    repetitions: int
    threads: int | None = None
    """``None`` for the cores that predictions count on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchReport:
    """What was measured, and how it agrees with what was predicted."""

    subject: Subject
    target_name: str
    taken: Taken
    measured: tuple[Measurement, ...]
    memory: tuple[MemoryRow, ...]
    conditions: Conditions
    notes: tuple[str, ...]
    """Sentences without a full stop."""

    is_kept: bool = False


def measure(chosen: Chosen, place: Place, runner: Runner, wish: Wish, show: Show) -> BenchReport:
    """Time a model.

    Args:
        chosen: The model in its quant.
        place: This machine.
        runner: The program.
        wish: How.
        show: Gets every step.

    Raises:
        DoesNotFitError: There is not enough memory.
        NotHereError: It is no model that writes texts.
        RuntimeFailedError: The program fails.
    """
    # What a server holds already fits, whatever the estimate says.
    planned = plan(chosen.subject, place.target, wish, must_fit=runner.served is None)
    task = task_of(planned, chosen.path, place, wish)
    before = now()
    taken = runner.run(task, show)
    after = now()
    used = _used(taken, planned, place)
    seen = Seen(
        chosen=chosen,
        place=place,
        runner=runner,
        task=task,
        taken=taken,
        expected=expect(chosen.subject, used.target, task, runner.runtime),
        conditions=between(before, after, taken.cpu_s, place.look_again()),
        doubt=used.doubt,
    )
    unpredicted = () if seen.expected.decode else _why_unpredicted(place.machine)
    notes = (used.doubt, used.note, *unpredicted, *taken.notes, *seen.conditions.notes)
    return BenchReport(
        subject=chosen.subject,
        target_name=used.target.name,
        taken=taken,
        measured=tuple(measurements(seen)),
        memory=() if used.doubt else memory_rows(seen.expected, taken.allocated),
        conditions=seen.conditions,
        notes=tuple(note for note in notes if note is not None),
    )


def _why_unpredicted(machine: Machine) -> tuple[str, ...]:
    """What the probes say of a read rate that they could not take."""
    return tuple(one.sentence for one in machine.findings if one.probe == "bandwidth")


def plan(subject: Subject, target: Target, wish: Wish, *, must_fit: bool = True) -> Estimate:
    """What `advisor estimate` says of the model here: the placement that is measured.

    Raises:
        DoesNotFitError: It does not fit.
        NotHereError: It is no model that writes texts.
    """
    if subject.model.architecture in ENCODERS:
        msg = f"`{subject.model.name}` makes embeddings, and no tokens that could be timed"
        raise NotHereError(msg, "name a model that writes texts")
    workload = Workload(context_tokens=wish.context_tokens)
    found = estimate(subject, workload, target, brief=True)
    if must_fit and found.fit.verdict is Verdict.NO:
        msg = f"`{subject.model.name}` in {subject.quant.name} does not fit this machine"
        raise DoesNotFitError(msg, f"`advisor estimate {subject.model.name}` says by how much")
    return found


def task_of(planned: Estimate, path: Path | None, place: Place, wish: Wish) -> Task:
    """What the program is asked to do."""
    placement = planned.placement
    return Task(
        path=path or Path(),
        prompt_tokens=wish.prompt_tokens,
        answer_tokens=wish.answer_tokens,
        depth_tokens=wish.depth_tokens,
        repetitions=wish.repetitions,
        gpu_layers=placement.gpu_layers if place.target.gpus else 0,
        n_cpu_moe=placement.n_cpu_moe,
        tensor_split=placement.split,
        threads=wish.threads or place.target.host.cores,
        flash_attention=planned.setup.flash_attention,
        without_gpus=place.has_gpus and not place.target.gpus,
        device_names=planned.devices,
    )


def expect(subject: Subject, target: Target, task: Task, runtime: Runtime) -> Estimate:
    """What is predicted for exactly that task."""
    flash = FlashAttention.ON if task.flash_attention else FlashAttention.OFF
    workload = Workload(
        context_tokens=min(task.context_tokens, subject.model.context_tokens),
        depth_tokens=task.depth_tokens,
        gpu_layers=task.gpu_layers if target.gpus else None,
        n_cpu_moe=task.n_cpu_moe if target.gpus and task.n_cpu_moe else None,
        tensor_split=task.tensor_split if target.gpus else None,
        flash_attention=flash,
        runtime=runtime,
    )
    return estimate(subject, workload, target)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Used:
    """What the program really ran on."""

    target: Target
    note: str | None = None
    """What to say where that is not what was meant."""

    doubt: str | None = None
    """Why nothing can be compared with it."""


def _used(taken: Taken, planned: Estimate, place: Place) -> _Used:
    meant = backend_of(planned, place.target)
    if taken.backend is None or taken.backend == meant:
        return _Used(target=place.target)
    used = place.under(taken.backend)
    if taken.backend != CPU and not used.gpus:
        doubt = f"`{taken.program}` used a GPU by {taken.backend} that the probes do not see"
        return _Used(target=place.target, doubt=doubt)
    note = (
        f"`{taken.program}` ran on {taken.backend}, where {meant} was expected; it is compared"
        f" with the prediction for {taken.backend}"
    )
    return _Used(target=used, note=note)


def backend_of(found: Estimate, target: Target) -> str:
    """The backend that holds layers; `cpu` for none."""
    if not target.gpus or not found.placement.gpu_layers:
        return CPU
    return target.gpus[0].backend
