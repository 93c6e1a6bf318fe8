"""The prefill model as the fit sees it: the compute roofline, and reading the weights once a batch.

A prompt takes::

    FLOPs / (efficiency × rate) + attention FLOPs / (its efficiency × rate) + weights / bandwidth
        + layers × overhead, once for each batch

where the rate is FP16 with FP32 accumulation, doubled (a fitted factor) for cards that halve it,
because llama.cpp's kernels for quantised weights use INT8, which is not halved.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from math import log
from statistics import median
from typing import TYPE_CHECKING

from advisor.estimate.classes import speed_class
from advisor.estimate.prefill import UBATCH_TOKENS, touched_share
from speedfit.decode import CROWDING, LLAMAFILE_WEIGHT
from speedfit.model import Fit, Quantity, Registry, class_names, fitted_classes, solve, tree
from speedfit.sizes import file_bytes, kernel_of
from speedfit.solver import Cell, Factor, Term, predict

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from speedfit.runs import Device, Run

READ_EFFICIENCY = 0.82
"""Of the bandwidth, while a batch's weights are read: decode's own, for all devices."""

EFFICIENCY = Quantity(name="prefill", value=0.3, sign=-1, spreads=(0.7, 0.5, 0.4, 0.3))


@dataclass(frozen=True, slots=True, kw_only=True)
class PrefillSample:
    """Runs of one device, runtime, model, quant and prompt length, as one cell: their median."""

    run: Run
    device: Device
    rate: float
    seconds: float
    run_count: int
    speed_class: str
    kernel: str


def samples_of(runs: Iterable[Run]) -> list[PrefillSample]:
    """The prefill runs of single GPUs whose FP16 rate is known, merged into cells."""
    groups: dict[tuple[object, ...], list[Run]] = defaultdict(list)
    for run in runs:
        if run.test == "prefill" and run.units == 1 and run.device and run.device.fp16_flops_per_s:
            key = (run.device_name, run.backend, run.runtime, run.era, run.shape.model, run.quant)
            groups[(*key, run.prompt_tokens, run.depth_tokens, run.flash_attention)].append(run)
    return [_sample(group) for group in groups.values()]


def _sample(group: Sequence[Run]) -> PrefillSample:
    run = group[0]
    device = run.device
    if device is None or device.fp16_flops_per_s is None:
        msg = f"`{run.device_name}` has no known rate"
        raise ValueError(msg)
    return PrefillSample(
        run=run,
        device=device,
        rate=device.fp16_flops_per_s,
        seconds=run.prompt_tokens / median(one.tokens_per_s for one in group),
        run_count=len(group),
        speed_class=speed_class(
            vendor=device.vendor,
            architecture=device.architecture,
            kind=device.kind,
            backend=run.backend,
        ),
        kernel="float" if kernel_of(run) == "float" else "quantised",
    )


def active_weights(run: Run) -> float:
    """Weights that multiply one token of a prompt: no input table, and not the head."""
    shape = run.shape
    return shape.rest + shape.routed_experts * shape.experts_used_share


def _terms(sample: PrefillSample, registry: Registry, fitted: frozenset[str]) -> tuple[Term, ...]:
    run, device, shape = sample.run, sample.device, sample.run.shape
    tokens = run.prompt_tokens
    efficiency = _efficiency(sample, registry, fitted)
    compute = [*efficiency]
    if shape.is_moe:
        compute.append((registry.get("prefill moe", value=1.5, spread=0.4), 1))
    attention = [*efficiency]
    if not run.flash_attention:
        attention.append((registry.get("prefill attention plain", value=2.0, spread=0.7), 1))
    read = file_bytes(run) * touched_share(
        expert_share=_expert_bytes_share(run),
        used_share=shape.experts_used_share,
        tokens=min(tokens, UBATCH_TOKENS),
    )
    batches = -(-tokens // UBATCH_TOKENS)
    pairs = tokens * (run.depth_tokens + tokens / 2)
    return (
        (2 * active_weights(run) * tokens / sample.rate, tuple(compute)),
        (4 * shape.attention_width * pairs / sample.rate, tuple(attention)),
        (batches * read / (READ_EFFICIENCY * device.bandwidth_bytes_per_s), ()),
        (float(batches * shape.layers), tuple(_overhead(run, registry))),
    )


def _overhead(run: Run, registry: Registry) -> list[Factor]:
    """What a layer takes for a batch of any size, before a large GPU is busy."""
    factors = [(registry.get("prefill overhead", value=2e-4, spread=1.0), 1)]
    if run.runtime == "llamafile":
        factors.append((registry.get("prefill overhead llamafile", value=1.5, spread=0.5), 1))
    return factors


def _expert_bytes_share(run: Run) -> float:
    shape = run.shape
    return shape.routed_experts / (shape.rest + shape.routed_experts)


def _efficiency(sample: PrefillSample, registry: Registry, fitted: frozenset[str]) -> list[Factor]:
    run = sample.run
    factors = tree(registry, EFFICIENCY, class_names(sample.speed_class, fitted))
    if sample.device.is_half_rate:
        factors.append((registry.get("prefill half rate", value=2.0, spread=0.3), -1))
    if sample.kernel == "float":
        factors.append((registry.get("prefill float", spread=0.3), -1))
    if run.is_old:
        factors.append((registry.get(f"prefill {run.era}", value=0.8, spread=0.3), -1))
    if run.runtime == "llamafile":
        name = f"prefill llamafile any/{run.backend}"
        factors.append((registry.get(name, value=0.6, spread=0.5), -1))
    return factors


def fit_prefill(samples: Sequence[PrefillSample], near: Fit | None = None) -> Fit:
    """Fit all prefill parameters on all cells, from a fit that is near if there is one."""
    registry, fitted = Registry(), fitted_classes(samples)
    counts: dict[tuple[str, str], int] = defaultdict(int)
    for sample in samples:
        counts[sample.device.name, sample.run.runtime] += 1
    cells = tuple(
        Cell(
            _terms(sample, registry, fitted),
            log(sample.seconds),
            (LLAMAFILE_WEIGHT if sample.run.runtime == "llamafile" else 1.0)
            / counts[sample.device.name, sample.run.runtime] ** CROWDING,
        )
        for sample in samples
    )
    return solve(registry, fitted, cells, near)


def log_speed_error(sample: PrefillSample, model: Fit) -> float:
    """Logarithm of measured over predicted speed, for a cell the fit may not have seen."""
    extended = Registry(dict(model.registry.index), list(model.registry.priors))
    terms = _terms(sample, extended, model.fitted)
    x = [*model.x, *(prior.value for prior in extended.priors[len(model.x) :])]
    return log(predict(terms, x)) - log(sample.seconds)
