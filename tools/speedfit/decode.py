"""The decode model as the fit sees it: which parameters multiply which term of a run's time.

One token takes::

    layers × overhead + cache / (its efficiency × bandwidth) + attention's FLOPs / its rate
        + the longer of weights / (efficiency × bandwidth) and weights × arithmetic / ALU rate
        + state / (its efficiency × bandwidth) + hand-overs

Launches and efficiencies are trees of factors (`model`).
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from math import log
from statistics import median
from typing import TYPE_CHECKING

from advisor.estimate.classes import alu_flops_per_s, speed_class
from speedfit.model import Fit, Quantity, Registry, class_names, fitted_classes, solve, tree
from speedfit.runs import VULKAN_2025
from speedfit.sizes import kernel_of, read_bytes
from speedfit.solver import Cell, Factor, Larger, Term, predict

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from speedfit.runs import Device, Run

REFERENCE_KERNEL = "k"
"""The kernels that the others' efficiency is stated against."""

KERNEL_BITS = {
    "float": 16.0,
    "q8": 8.5,
    "legacy": 4.55,
    "fp4": 4.6,
    "k": 4.85,
    "k-low": 3.6,
    "i": 3.0,
}
"""Bits per weight that a kernel family is met with, to count weights from bytes."""

SLOW_ALUS = frozenset({"nvidia-kepler", "nvidia-maxwell", "nvidia-pascal"})
"""Families that take longer to unpack and multiply weights than to read them.

A GTX 1050 Ti (2.1 TFLOP/s, 112 GB/s) and a Tesla P40 (11.8 TFLOP/s, 346 GB/s) decode the same
number of weights a second for each FLOP/s, and a third apart for each GB/s.
"""

TYPICAL_FLOPS_PER_BYTE = 24.6
"""ALU operations a second per byte of bandwidth of such a device whose rate is not known: median
of GTX 10, Tesla P40 and P4, M40, K80."""

ARITHMETIC_PER_WEIGHT = 28.0
"""Operations on each weight, before any run is seen."""

NO_GRAPHS = ("kepler", "maxwell", "pascal", "volta", "turing")
"""NVIDIA families for which llama.cpp launches kernels one by one, without CUDA graphs."""

OLD_METAL_KERNELS = frozenset({"k", "k-low"})
"""Kernels that Metal's builds before June 2024 ran much slower than the others."""

ATTENTION_FLOPS_PER_S = 2e12
"""Rate of one token's attention, which keeps few cores busy, before any run is seen."""

CROWDING = 0.5
"""A device's cells count as their number to the power of 1 - this."""

OLD_BUILD_WEIGHT = 0.6
LLAMAFILE_WEIGHT = 0.5

EFFICIENCY = Quantity(name="efficiency", value=0.82, sign=-1, spreads=(0.15, 0.05, 0.07, 0.07))
OVERHEAD = Quantity(name="overhead", value=60e-6, sign=1, spreads=(0.50, 0.40, 0.25, 0.25))


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """Runs of one device, runtime, model, quant and depth, as one cell: their median."""

    run: Run
    """The first of them."""

    device: Device
    seconds: float
    run_count: int
    speed_class: str
    kernel: str
    weight_bytes: float


def samples_of(runs: Iterable[Run]) -> list[Sample]:
    """The decode runs of GPUs, merged into cells."""
    groups: dict[tuple[object, ...], list[Run]] = defaultdict(list)
    for run in runs:
        if run.test == "decode" and run.device is not None:
            groups[_cell_key(run)].append(run)
    return [_sample(group) for group in groups.values()]


def _cell_key(run: Run) -> tuple[object, ...]:
    return (
        run.device_name,
        run.units,
        run.backend,
        run.runtime,
        run.era,
        run.shape.model,
        run.quant,
        run.file_bytes,
        run.start_depth_tokens,
        run.depth_tokens,
        run.flash_attention,
    )


def _sample(group: Sequence[Run]) -> Sample:
    run = group[0]
    device = run.device
    if device is None:
        msg = f"`{run.device_name}` is no GPU"
        raise ValueError(msg)
    return Sample(
        run=run,
        device=device,
        seconds=1 / median(one.tokens_per_s for one in group),
        run_count=len(group),
        speed_class=speed_class(
            vendor=device.vendor,
            architecture=device.architecture,
            kind=device.kind,
            backend=run.backend,
        ),
        kernel=kernel_of(run),
        weight_bytes=read_bytes(run),
    )


def weights_of(samples: Sequence[Sample]) -> list[float]:
    """What each cell counts: a device with many is not to outvote the others."""
    counts: dict[tuple[str, str], int] = defaultdict(int)
    for sample in samples:
        counts[sample.device.name, sample.run.runtime] += 1
    return [
        (OLD_BUILD_WEIGHT if sample.run.is_old else 1.0)
        * (LLAMAFILE_WEIGHT if sample.run.runtime == "llamafile" else 1.0)
        / counts[sample.device.name, sample.run.runtime] ** CROWDING
        for sample in samples
    ]


def terms_of(
    sample: Sample, registry: Registry, fitted: frozenset[str]
) -> tuple[Term | Larger, ...]:
    """The terms of one cell's time, in seconds."""
    run, device, shape = sample.run, sample.device, sample.run.shape
    names = class_names(sample.speed_class, fitted)
    bandwidth = device.bandwidth_bytes_per_s
    overhead = _overhead(sample, registry, names)
    recurrent = (registry.get("recurrent", value=1.65, spread=0.7), 1)
    by_backend = (registry.get(f"recurrent any/{run.backend}", spread=0.3), 1)
    terms: list[Term] = [
        (float(shape.layers - shape.recurrent_layers), tuple(overhead)),
        (float(shape.recurrent_layers), (*overhead, recurrent, by_backend)),
        (shape.cache_bytes(run.depth_tokens) / bandwidth, tuple(_cache(sample, registry))),
        (2 * shape.state_bytes / bandwidth, ((registry.get("state", value=0.4, spread=0.5), -1),)),
        (run.units - 1.0, ((registry.get("handover", value=2e-4, spread=0.7), 1),)),
    ]
    at_once = (_weights(sample, registry, names), *_attention(sample, registry))
    return (*at_once, *(term for term in terms if term[0] > 0))


def _overhead(sample: Sample, registry: Registry, names: Sequence[str]) -> list[Factor]:
    run, vendor = sample.run, sample.device.vendor
    factors = tree(registry, OVERHEAD, names)
    if run.backend == "cuda" and sample.speed_class.startswith(
        tuple(f"nvidia-{one}/" for one in NO_GRAPHS)
    ):
        factors.append((registry.get("overhead without graphs", value=1.65, spread=0.5), 1))
    if run.shape.is_moe:
        factors.append((registry.get("moe", value=2.0, spread=0.7), 1))
        factors.append((registry.get(f"moe any/{run.backend}", spread=0.25), 1))
    if run.era == "early":
        factors.append((registry.get("early", value=1.35, spread=0.5), 1))
        factors.append((registry.get(f"early {vendor}", spread=0.3), 1))
    elif run.era == "middle":
        factors.append((registry.get("middle", value=1.2, spread=0.5), 1))
    if run.runtime == "ollama":
        factors.append((registry.get("ollama overhead", value=1.1, spread=0.5), 1))
    elif run.runtime == "llamafile":
        factors.append((registry.get("llamafile overhead", value=1.1, spread=0.5), 1))
        name = f"llamafile overhead any/{run.backend}"
        factors.append((registry.get(name, spread=0.5), 1))
    return factors


def _weights(sample: Sample, registry: Registry, names: Sequence[str]) -> Term | Larger:
    """Reading the weights; on slow ALUs unpacking them, if that takes longer."""
    device = sample.device
    reading: Term = (
        sample.weight_bytes / device.bandwidth_bytes_per_s,
        tuple(_efficiency(sample, registry, names)),
    )
    if not has_slow_alus(sample.speed_class):
        return reading
    rate = _alu_flops_per_s(device) or TYPICAL_FLOPS_PER_BYTE * device.bandwidth_bytes_per_s
    weights = sample.weight_bytes * 8 / KERNEL_BITS[sample.kernel]
    each = registry.get("arithmetic", value=ARITHMETIC_PER_WEIGHT, spread=0.5)
    return Larger((reading, (weights / rate, ((each, 1),))))


def _efficiency(sample: Sample, registry: Registry, names: Sequence[str]) -> list[Factor]:
    run = sample.run
    factors = tree(registry, EFFICIENCY, names)
    if sample.kernel != REFERENCE_KERNEL:
        factors.append((registry.get(f"kernel {sample.kernel}", spread=0.10), -1))
    if run.backend == "vulkan" and run.shape.is_moe and sample.kernel == "float":
        factors.append((registry.get("float experts any/vulkan", value=0.6, spread=0.5), -1))
    if run.era == "early" and run.backend == "metal" and sample.kernel in OLD_METAL_KERNELS:
        factors.append((registry.get("early metal kernels", value=0.85, spread=0.2), -1))
    if run.runtime == "llamafile":
        name = f"llamafile efficiency any/{run.backend}"
        factors.append((registry.get(name, value=0.9, spread=0.1), -1))
    return factors


def _cache(sample: Sample, registry: Registry) -> list[Factor]:
    run = sample.run
    how, usual, spread = ("flash", 0.8, 0.1) if run.flash_attention else ("plain", 0.4, 0.3)
    factors = [
        (registry.get(f"cache {how}", value=usual, spread=spread), -1),
        (registry.get(f"cache {how} any/{run.backend}", spread=spread), -1),
    ]
    if run.runtime == "llamafile":
        factors.append((registry.get(f"llamafile cache any/{run.backend}", spread=0.25), -1))
    return factors


def _attention(sample: Sample, registry: Registry) -> list[Term | Larger]:
    """What attention takes besides its reads: every query head multiplies with all of them.

    It keeps few cores busy, whatever their number, but no device exceeds its own rate.
    """
    run = sample.run
    flops = run.shape.attention_flops(run.depth_tokens)
    if not run.flash_attention or not flops:
        return []
    rate = [
        (registry.get("attention", value=ATTENTION_FLOPS_PER_S, spread=1.0), -1),
        (registry.get(f"attention any/{run.backend}", spread=0.7), -1),
    ]
    if run.era == VULKAN_2025:
        rate.append((registry.get("attention vulkan-2025", value=0.4, spread=0.7), -1))
    known = _alu_flops_per_s(sample.device)
    if known is None:
        return [(flops, tuple(rate))]
    return [Larger(((flops, tuple(rate)), (flops / known, ())))]


def _alu_flops_per_s(device: Device) -> float | None:
    return alu_flops_per_s(
        architecture=device.architecture, fp16_flops_per_s=device.fp16_flops_per_s
    )


def has_slow_alus(name: str) -> bool:
    """Whether a class's devices may take longer to unpack weights than to read them."""
    return name.partition("/")[0] in SLOW_ALUS


def interval_class(name: str) -> str:
    """The class whose errors count for a class's interval: slow old cards are one."""
    return f"nvidia-old/{name.partition('/')[2]}" if has_slow_alus(name) else name


def fit_decode(samples: Sequence[Sample], near: Fit | None = None) -> Fit:
    """Fit all parameters on all cells.

    Args:
        samples: The cells.
        near: A fit to begin from, of nearly the same cells.
    """
    registry, fitted = Registry(), fitted_classes(samples)
    cells = tuple(
        Cell(terms_of(sample, registry, fitted), log(sample.seconds), weight)
        for sample, weight in zip(samples, weights_of(samples), strict=True)
    )
    return solve(registry, fitted, cells, near)


def log_speed_error(sample: Sample, model: Fit) -> float:
    """Logarithm of measured over predicted speed, for a cell the fit may not have seen."""
    extended = Registry(dict(model.registry.index), list(model.registry.priors))
    terms = terms_of(sample, extended, model.fitted)
    x = [*model.x, *(prior.value for prior in extended.priors[len(model.x) :])]
    return log(predict(terms, x)) - log(sample.seconds)
