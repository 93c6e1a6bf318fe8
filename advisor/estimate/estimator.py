"""One answer: a model in a quant, a workload and a target in; memory, fit and speed out.

Holds the order of the steps and nothing else: every quantity is another file's.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache, partial
from typing import TYPE_CHECKING

from advisor.estimate.classes import CPU_CLASS
from advisor.estimate.costs import ContextCosts, Costs
from advisor.estimate.fit import Wanted, judge
from advisor.estimate.gpu_names import gpu_names, names_to_give
from advisor.estimate.hope import at_best
from advisor.estimate.overhead import desktop_note
from advisor.estimate.result import Estimate, Fit, Verdict, Why
from advisor.estimate.runtimes import preset
from advisor.estimate.setup import check_head_lengths, resolve
from advisor.estimate.sharing import may_hold_whole
from advisor.estimate.subject import caches_of, shape_of
from advisor.estimate.timing import time_decode
from advisor.figure import Origin
from advisor.measurement import Pace
from advisor.workload import Runtime

if TYPE_CHECKING:
    from advisor.estimate.fit import Judged
    from advisor.estimate.result import Timed
    from advisor.estimate.setup import Setup
    from advisor.estimate.subject import Subject
    from advisor.estimate.weights import Weights
    from advisor.target import Gpu, Target
    from advisor.workload import Workload
    from catalog.model import Model


def estimate(
    subject: Subject,
    workload: Workload,
    target: Target,
    *,
    brief: bool = False,
    whole_only: bool = False,
) -> Estimate:
    """Everything that can be said about one model on one target.

    Args:
        subject: The model in a quant.
        workload: What it is wanted for.
        target: What it would run on.
        brief: Leave out what a ranking does not need: the longest context that fits, prefill,
            and decode with a full context (together about ten times the work).
        whole_only: Call what the GPUs do not hold whole a *no*.

    Raises:
        UsageError: The workload contradicts the model or itself.
    """
    setup = setup_for(subject, workload, target)
    check_head_lengths(setup, subject.model.hyperparameters)
    costs = costs_of(subject, setup)
    wanted = wanted_of(subject, workload)
    judged = judge(costs, target, wanted, whole_only=whole_only)
    if wanted.is_open and judged.placement.bare_blocks:
        judged = _faster(judged, subject, costs, target)
    fit = judged.fit if subject.caches is not None else _bounded(judged)
    answer = Estimate(
        subject=subject,
        target_name=target.name,
        setup=setup,
        placement=judged.placement,
        allocations=judged.allocations,
        fit=fit,
        decode=_decode(subject, costs, judged, target, depth_tokens=setup.depth_tokens),
        decode_full=None,
        prefill=None,
        prompt_tokens=workload.prompt_tokens,
        notes=_notes(subject, setup, target),
        devices=_devices(workload, target, judged),
    )
    return answer if brief else _complete(answer, costs, judged, workload, target)


def setup_for(subject: Subject, workload: Workload, target: Target) -> Setup:
    """The workload with all filled in, as the runtime would on this target.

    Raises:
        UsageError: The workload contradicts the model or itself.
    """
    found = partial(
        resolve,
        trained_tokens=subject.model.context_tokens,
        architecture=subject.model.architecture,
        gpu_bytes=_gpu_bytes(target),
    )
    setup = found(workload)
    if workload.runtime is not Runtime.OLLAMA:
        return setup
    from advisor.estimate.ollama import as_ollama_asks

    return found(as_ollama_asks(workload, subject, target, setup))


def _gpu_bytes(target: Target) -> int | None:
    """Memory of all GPUs together; ``None`` where one of them does not say."""
    sizes = [gpu.capacity_bytes for gpu in target.gpus]
    return None if None in sizes else sum(int(size.value) for size in sizes if size is not None)


def _devices(workload: Workload, target: Target, judged: Judged) -> tuple[str, ...] | None:
    """What `--device` must say; see `Estimate.devices`."""
    if workload.backend == CPU_CLASS:
        return ("none",)
    names, used = gpu_names(target.gpus), len(judged.gpus)
    if workload.backend is not None and used:
        return names[:used]
    return names_to_give(names, used)


def _notes(subject: Subject, setup: Setup, target: Target) -> tuple[str, ...]:
    """What the reader must know besides: of the target, the model, and the runtime."""
    desktop = desktop_note() if any(_may_draw(gpu) for gpu in target.gpus) else None
    said = (subject.refusal, desktop, preset(setup.runtime).note)
    return (*target.notes, *(note for note in said if note is not None))


def _may_draw(gpu: Gpu) -> bool:
    """True for a card that may draw a desktop, and did not say what that leaves."""
    free = gpu.available_bytes
    return gpu.kind == "desktop" and free is not None and free.origin is Origin.ASSUMED


def _complete(
    answer: Estimate, costs: Costs, judged: Judged, workload: Workload, target: Target
) -> Estimate:
    """The same answer with what takes longer to find."""
    from advisor.estimate.fit_flags import fit_for
    from advisor.estimate.longest import longest_by_kv_type, longest_context

    subject, context = answer.subject, answer.setup.context_tokens
    fit = answer.fit
    if subject.caches is not None:
        longest = longest_context(subject, workload, target, judged)
        fit = replace(
            fit,
            max_context_tokens=longest,
            max_context_by_kv_type=longest_by_kv_type(subject, workload, target, judged, longest),
            llama_cpp_fit=fit_for(subject, workload, target, answer.setup),
        )
    return replace(
        answer,
        fit=fit,
        decode_full=_decode(subject, costs, judged, target, depth_tokens=context),
        prefill=_prefill(subject, costs, judged, target, prompt_tokens=workload.prompt_tokens),
    )


def hoped_tokens_per_s(subject: Subject, workload: Workload, target: Target) -> float | None:
    """More than a model decodes at that is partly on the CPU, at a small part of the cost.

    Returns:
        ``None`` where a speed is not known, the CPU reads as fast as a GPU, so that more on the
        GPUs is no sure gain, or one GPU is faster than another, so that a split may be.
    """
    host = target.host.read_bytes_per_s
    known = [gpu.bandwidth_bytes_per_s for gpu in target.gpus]
    rates = {None if rate is None else rate.value for rate in known}
    fastest = next(iter(rates), None)
    if host is None or fastest is None or len(rates) > 1 or fastest <= host.value:
        return None
    costs = costs_of(subject, setup_for(subject, workload, target))
    found = [at_best(costs, target, bare=False)]
    if costs.weights.expert_bytes:
        found.append(at_best(costs, target, bare=True))
    speeds = [_tokens_per_s(one, subject, costs, target) for one in found]
    return None if None in speeds else max(one for one in speeds if one is not None)


def exceeds_gpus(subject: Subject, workload: Workload, target: Target) -> bool:
    """True where weights and cache alone are more than all GPUs have: whole, it does not run.

    That takes no scratch, and so a small part of what `estimate` takes.
    """
    if not target.gpus or not wanted_of(subject, workload).is_open:
        return False
    return not may_hold_whole(costs_of(subject, setup_for(subject, workload, target)), target.gpus)


def _faster(experts: Judged, subject: Subject, costs: Costs, target: Target) -> Judged:
    """Of a mixture that is partly on the host, the faster way: its experts there, or whole layers.

    Experts leave the host fewer bytes to read, but every layer of theirs hands over twice.
    """
    best = at_best(costs, target, bare=False)
    known = _tokens_per_s(experts, subject, costs, target)
    hoped = _tokens_per_s(best, subject, costs, target)
    if known is None or hoped is None or hoped <= known:
        return experts
    layers = judge(costs, target, Wanted(n_cpu_moe=0))
    found = _tokens_per_s(layers, subject, costs, target)
    is_faster = found is not None and found > known
    return layers if is_faster and layers.fit.verdict is not Verdict.NO else experts


def _tokens_per_s(judged: Judged, subject: Subject, costs: Costs, target: Target) -> float | None:
    """Decode speed of a placement; ``None`` when it is not known."""
    depth = costs.setup.depth_tokens
    timed = time_decode(subject, costs, judged, target, depth_tokens=depth)
    return None if timed is None else timed.speed.tokens_per_s


def _decode(
    subject: Subject, costs: Costs, judged: Judged, target: Target, *, depth_tokens: int
) -> Timed | None:
    """Decode speed by the model, or by what was measured on this machine."""
    timed = time_decode(subject, costs, judged, target, depth_tokens=depth_tokens)
    if not target.measured:
        return timed
    from advisor.estimate.calibration import asked_of, calibrated

    asked = asked_of(Pace.DECODE, subject, costs.setup, judged, depth_tokens)
    return calibrated(timed, asked, target.measured)


def _prefill(
    subject: Subject, costs: Costs, judged: Judged, target: Target, *, prompt_tokens: int
) -> Timed | None:
    """Prefill speed by the model, or by what was measured on this machine."""
    from advisor.estimate.prompt_timing import time_prefill

    timed = time_prefill(subject, costs, judged, prompt_tokens=prompt_tokens)
    if not target.measured:
        return timed
    from advisor.estimate.calibration import asked_of, calibrated

    asked = asked_of(Pace.PREFILL, subject, costs.setup, judged, prompt_tokens)
    return calibrated(timed, asked, target.measured)


def costs_of(subject: Subject, setup: Setup) -> Costs:
    """What the subject costs in a setup; without its cache where that is not understood."""
    return _costs(subject.weights, _context_costs(subject.model, setup))


@lru_cache(maxsize=256)
def _costs(weights: Weights, context: ContextCosts) -> Costs:
    """One for all targets and requests: what a GPU computes for the host takes long to find."""
    return Costs(weights=weights, context=context)


@lru_cache(maxsize=1024)
def _context_costs(model: Model, setup: Setup) -> ContextCosts:
    """One for all quants of a model, so that a scan adds each cache up once."""
    caches, _ = caches_of(model)
    return ContextCosts(
        caches=caches or (),
        shape=shape_of(model),
        setup=setup,
        block_count=model.hyperparameters.block_count,
    )


def wanted_of(subject: Subject, workload: Workload) -> Wanted:
    """What the workload wants to be where."""
    blocks = subject.weights.block_count
    experts = workload.n_cpu_moe
    return Wanted(
        gpu_layers=subject.weights.layers if workload.offload_all else workload.gpu_layers,
        n_cpu_moe=blocks if workload.cpu_moe else experts and min(experts, blocks),
        tensor_split=workload.tensor_split,
    )


def _bounded(judged: Judged) -> Fit:
    """The fit of a model whose cache is not understood: its weights alone are a lower bound."""
    fit = judged.fit
    if fit.verdict is Verdict.NO:
        return fit
    return replace(fit, verdict=Verdict.NO, now=Verdict.NO, idle=Verdict.NO, why=Why.UNKNOWN_CACHE)
