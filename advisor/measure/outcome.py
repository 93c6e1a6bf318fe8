"""A measurement as it is written down: what a program timed, beside what was predicted for it.

Holds the join of the task, the prediction and what came out; when and how it is timed is `bench`'s.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from advisor.estimate.basis import DecodeBasis, PrefillBasis
from advisor.estimate.calibration import identity_of
from advisor.estimate.memory import HOST
from advisor.measure.conditions import disturbance
from advisor.measure.identity import file_mark, machine_identity
from advisor.measurement import Measurement, Pace

if TYPE_CHECKING:
    from advisor.estimate.result import Estimate, Timed
    from advisor.estimate.subject import Subject
    from advisor.measure.conditions import Conditions
    from advisor.measure.log import Allocated
    from advisor.measure.runners import Runner
    from advisor.measure.task import Taken, Task
    from advisor.target import Target
    from probes.machine import Machine

CPU = "cpu"
"""The backend of a program that used no GPU."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """What is measured."""

    subject: Subject
    path: Path | None
    """Its file; ``None`` for a model that a server holds without saying where."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where it is measured."""

    machine: Machine
    target: Target
    """What the probes saw, without any measurement."""

    under: Callable[[str], Target]
    """The same machine under another backend."""

    has_gpus: bool
    """Whether it has any, in the target or left out of it."""

    look_again: Callable[[], Machine]
    """Asks the probes once more, when all is done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryRow:
    """One part of the memory: predicted, and as the program's log has it."""

    place: str
    """`gpu` (all of them together) or `host`."""

    part: str
    predicted_bytes: int
    logged_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """Everything that a measurement is written from."""

    chosen: Chosen
    place: Place
    runner: Runner
    task: Task
    taken: Taken
    expected: Estimate
    conditions: Conditions
    doubt: str | None


def measurements(seen: Seen) -> list[Measurement]:
    """Decode, and prefill where it was timed."""
    found = []
    if seen.taken.decode_tokens_per_s:
        found.append(_measurement(seen, Pace.DECODE, seen.expected.decode))
    if seen.taken.prefill_tokens_per_s:
        found.append(_measurement(seen, Pace.PREFILL, _for_prompt(seen)))
    return found


def _for_prompt(seen: Seen) -> Timed | None:
    """The prediction for a prompt as long as the timed ones."""
    timed = seen.expected.prefill
    if timed is None or not isinstance(timed.basis, PrefillBasis):
        return timed
    basis = replace(timed.basis, prompt_tokens=seen.taken.prefill_tokens)
    speed = basis.speed()
    return None if speed is None else replace(timed, basis=basis, speed=speed)


def _measurement(seen: Seen, pace: Pace, timed: Timed | None) -> Measurement:
    chosen, taken, setup = seen.chosen, seen.taken, seen.expected.setup
    subject, path = chosen.subject, chosen.path
    is_decode = pace is Pace.DECODE
    samples = taken.decode_tokens_per_s if is_decode else taken.prefill_tokens_per_s
    devices = _devices(seen.expected)
    basis = None if timed is None else timed.basis
    return Measurement(
        taken_at=_utc(),
        machine=machine_identity(seen.place.machine),
        pace=pace,
        samples_tokens_per_s=samples,
        tokens=taken.decode_tokens if is_decode else taken.prefill_tokens,
        depth_tokens=seen.task.depth_tokens if is_decode else 0,
        model=identity_of(subject),
        model_name=subject.model.name,
        quant=subject.quant.name,
        file_name=None if path is None else path.name,
        file_bytes=None if path is None else path.stat().st_size,
        file_mark=None if path is None else file_mark(path),
        runtime=seen.runner.runtime,
        program=taken.program,
        program_version=taken.version,
        advisor_version=_own_version(),
        backend=_backend(seen),
        devices=devices,
        works=basis.works() if basis is not None and _is_placed(seen) else (),
        handovers=basis.handovers if isinstance(basis, DecodeBasis) else 0,
        flash_attention=setup.flash_attention,
        kv_type_k=setup.kv_type_k,
        kv_type_v=setup.kv_type_v,
        gpu_layers=seen.expected.placement.gpu_layers,
        n_cpu_moe=seen.expected.placement.n_cpu_moe,
        threads=taken.threads,
        predicted_tokens_per_s=None if timed is None else timed.speed.tokens_per_s,
        predicted_low=None if timed is None else timed.speed.low,
        predicted_high=None if timed is None else timed.speed.high,
        disturbance=seen.doubt or disturbance(seen.conditions, samples, on_host=HOST in devices),
    )


def _is_placed(seen: Seen) -> bool:
    """Whether it is known where the layers were: always so on a machine without GPUs."""
    return seen.taken.knows_placement or not seen.place.has_gpus


def _backend(seen: Seen) -> str:
    used = [one for one in seen.expected.allocations if one.kind == "gpu"]
    if not used or not seen.expected.placement.gpu_layers:
        return CPU
    return seen.taken.backend or seen.place.target.gpus[0].backend


def _devices(expected: Estimate) -> tuple[str, ...]:
    """The devices that held layers, as the prediction names them."""
    if expected.decode is not None and expected.decode.basis is not None:
        return expected.decode.basis.devices
    placement = expected.placement
    names = [one.name for one in expected.allocations if one.kind == "gpu"]
    used = [name for name, share in zip(names, placement.gpus, strict=True) if share.is_used]
    return (*used, *((HOST,) if placement.host.is_used else ()))


def _own_version() -> str | None:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("gguf-advisor")
    except PackageNotFoundError:
        return None  # a checkout that was never installed


def _utc() -> str:
    from datetime import UTC, datetime

    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def memory_rows(expected: Estimate, logged: Allocated | None) -> tuple[MemoryRow, ...]:
    """The parts of memory that both sides name; nothing without a log."""
    if logged is None:
        return ()
    rows: list[MemoryRow] = []
    for kind, buffers in (("gpu", logged.gpu), ("host", logged.host)):
        ours = [one for one in expected.allocations if one.kind == kind]
        if buffers is None or not ours:
            continue
        # Copies in the processor's own order are weights to the log, and overhead to us.
        weights = sum(one.weights_bytes + one.repack_bytes for one in ours)
        parts = (
            ("weights", weights, buffers.weights_bytes),
            ("cache", sum(one.kv_cache_bytes for one in ours), buffers.cache_bytes),
            ("scratch", sum(one.compute_bytes for one in ours), buffers.scratch_bytes),
        )
        rows += [
            MemoryRow(place=kind, part=part, predicted_bytes=predicted, logged_bytes=found)
            for part, predicted, found in parts
            if predicted or found
        ]
    return tuple(rows)
