"""The decode model as the fit sees it: which parameters multiply which term of a run's time.

One token takes::

    layers × overhead + weights / (efficiency × bandwidth)
        + cache / (its efficiency × bandwidth) + cache / its ceiling
        + state / (its efficiency × bandwidth) + weights × arithmetic / ALU rate + hand-overs

Each of these is a tree of factors: what holds for all, what a backend adds, what a vendor under
that backend adds, what a family of chips adds. A factor's prior is one (it changes nothing), so a
family with little data stays where its vendor is. A family that only one device stands for has
no factors of its own: nothing here is fitted to a single device.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from math import exp, log
from statistics import median
from typing import TYPE_CHECKING

from advisor.estimate.classes import fallbacks, speed_class
from speedfit.sizes import kernel_of, read_bytes
from speedfit.solver import Cell, Factor, Prior, Term, fit, predict

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from speedfit.runs import Device, Run

MIN_DEVICES = 2
"""Devices a class needs for factors of its own."""

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

ARITHMETIC = {
    "apple": "apple",
    "nvidia-kepler": "nvidia-old",
    "nvidia-maxwell": "nvidia-old",
    "nvidia-pascal": "nvidia-old",
}
"""Devices whose ALUs are slow against their memory, so that unpacking weights takes time."""

TYPICAL_FLOPS_PER_BYTE = {"apple": 33.6, "nvidia-old": 24.6}
"""ALU operations a second per byte of bandwidth, where a device's rate is not known: medians of
the catalog's Apple chips (M1 to M5) and of GTX 10, Tesla P40 and P4, M40, K80."""

NO_GRAPHS = ("kepler", "maxwell", "pascal", "volta", "turing")
"""NVIDIA families for which llama.cpp launches kernels one by one, without CUDA graphs."""

OLD_METAL_KERNELS = frozenset({"k", "k-low"})
"""Kernels that Metal's builds before June 2024 ran much slower than the others."""

NEAR_STEPS = 12
NEAR_TOLERANCE = 3e-3
"""When to stop that begins from the fit of nearly the same cells: a third of a per cent."""

CEILING_BYTES_PER_S = 400e9
"""Rate of attention on a GPU with endless bandwidth, before any run is seen."""

CROWDING = 0.5
"""A device's cells count as their number to the power of 1 - this."""

OLD_BUILD_WEIGHT = 0.6
LLAMAFILE_WEIGHT = 0.5

SPREADS = {
    "efficiency": (0.15, 0.05, 0.07, 0.07),
    "overhead": (0.50, 0.40, 0.25, 0.25),
}
"""Spreads of the priors of a tree: for all, backend, vendor under it, family under it."""


@dataclass(slots=True)
class Registry:
    """Names of the parameters, in the order they were first met."""

    index: dict[str, int] = field(default_factory=dict)
    priors: list[Prior] = field(default_factory=list)

    def get(self, name: str, *, value: float = 1.0, spread: float) -> int:
        """The index of a parameter, with its prior when it is new."""
        if name not in self.index:
            self.index[name] = len(self.priors)
            self.priors.append(Prior(log(value), spread))
        return self.index[name]


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


def fitted_classes(samples: Iterable[Sample]) -> frozenset[str]:
    """The classes that enough devices stand for to have factors of their own."""
    devices: dict[str, set[str]] = defaultdict(set)
    for sample in samples:
        devices[sample.speed_class].add(sample.device.name)
    return frozenset(name for name, seen in devices.items() if len(seen) >= MIN_DEVICES)


def weights_of(samples: Sequence[Sample]) -> list[float]:
    """What each cell counts: a device with many is not to outvote the others."""
    counts: dict[tuple[str, str], int] = defaultdict(int)
    for sample in samples:
        counts[sample.device.name, sample.run.runtime] += 1
    return [
        (OLD_BUILD_WEIGHT if sample.run.era else 1.0)
        * (LLAMAFILE_WEIGHT if sample.run.runtime == "llamafile" else 1.0)
        / counts[sample.device.name, sample.run.runtime] ** CROWDING
        for sample in samples
    ]


def tree(
    registry: Registry, what: str, names: Sequence[str], *, value: float, sign: int
) -> list[Factor]:
    """The factors of a quantity from the most general to the most special that is fitted."""
    spreads = SPREADS[what]
    factors = [(registry.get(f"{what}", value=value, spread=spreads[0]), sign)]
    for name in names:
        depth = 1 if name.startswith("any/") else 3 if "-" in name else 2
        factors.append((registry.get(f"{what} {name}", spread=spreads[depth]), sign))
    return factors


def class_names(name: str, fitted: frozenset[str]) -> list[str]:
    """The nodes of the tree above a class, most general first, `any` left out."""
    chain = [one for one in fallbacks(name) if one != "any"]
    return [one for one in reversed(chain) if "-" not in one or one in fitted]


def terms_of(sample: Sample, registry: Registry, fitted: frozenset[str]) -> tuple[Term, ...]:
    """The terms of one cell's time, in seconds."""
    run, device, shape = sample.run, sample.device, sample.run.shape
    names = class_names(sample.speed_class, fitted)
    bandwidth = device.bandwidth_bytes_per_s
    overhead = _overhead(sample, registry, names)
    recurrent = (registry.get("recurrent", value=1.65, spread=0.7), 1)
    by_backend = (registry.get(f"recurrent any/{run.backend}", spread=0.3), 1)
    terms = [
        (float(shape.layers - shape.recurrent_layers), tuple(overhead)),
        (float(shape.recurrent_layers), (*overhead, recurrent, by_backend)),
        (sample.weight_bytes / bandwidth, tuple(_efficiency(sample, registry, names))),
        (shape.cache_bytes(run.depth_tokens) / bandwidth, tuple(_cache(sample, registry))),
        *_cache_ceiling(sample, registry),
        (2 * shape.state_bytes / bandwidth, ((registry.get("state", value=0.4, spread=0.5), -1),)),
        *_arithmetic(sample, registry),
        (run.units - 1.0, ((registry.get("handover", value=2e-4, spread=0.7), 1),)),
    ]
    return tuple(term for term in terms if term[0] > 0)


def _overhead(sample: Sample, registry: Registry, names: Sequence[str]) -> list[Factor]:
    run, vendor = sample.run, sample.device.vendor
    factors = tree(registry, "overhead", names, value=60e-6, sign=1)
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


def _efficiency(sample: Sample, registry: Registry, names: Sequence[str]) -> list[Factor]:
    run = sample.run
    factors = tree(registry, "efficiency", names, value=0.82, sign=-1)
    if sample.kernel != REFERENCE_KERNEL:
        factors.append((registry.get(f"kernel {sample.kernel}", spread=0.10), -1))
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
    if run.shape.has_latent_cache:
        factors.append((registry.get("cache latent", value=0.5, spread=0.7), -1))
    if run.runtime == "llamafile":
        factors.append((registry.get(f"llamafile cache any/{run.backend}", spread=0.25), -1))
    return factors


def _cache_ceiling(sample: Sample, registry: Registry) -> list[Term]:
    """What attention takes besides its reads: it keeps few of a large GPU's cores busy."""
    run = sample.run
    if not run.flash_attention:
        return []
    ceiling = [
        (registry.get("cache ceiling", value=CEILING_BYTES_PER_S, spread=0.7), -1),
        (registry.get(f"cache ceiling any/{run.backend}", spread=0.7), -1),
    ]
    if run.shape.has_latent_cache:
        ceiling.append((registry.get("cache latent", value=0.5, spread=0.7), -1))
    return [(run.shape.cache_bytes(run.depth_tokens), tuple(ceiling))]


def _arithmetic(sample: Sample, registry: Registry) -> list[Term]:
    group = arithmetic_group(sample.speed_class)
    if group is None:
        return []
    device = sample.device
    rate = device.fp16_flops_per_s or TYPICAL_FLOPS_PER_BYTE[group] * device.bandwidth_bytes_per_s
    weights = sample.weight_bytes * 8 / KERNEL_BITS[sample.kernel]
    return [(weights / rate, ((registry.get(f"arithmetic {group}", value=4.0, spread=0.7), 1),))]


def arithmetic_group(name: str) -> str | None:
    """Which devices' arithmetic a class shares; ``None`` where it hides behind the reads."""
    family = name.partition("/")[0]
    return ARITHMETIC.get(family) or ARITHMETIC.get(family.partition("-")[0])


def interval_class(name: str) -> str:
    """The class whose errors count for a class's interval: slow old cards are one."""
    group = arithmetic_group(name)
    return f"{group}/{name.partition('/')[2]}" if group == "nvidia-old" else name


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """A fitted decode model."""

    registry: Registry
    fitted: frozenset[str]
    cells: tuple[Cell, ...]
    x: tuple[float, ...]

    def value(self, name: str) -> float:
        """A fitted parameter; 1 for a factor that no cell met."""
        return exp(self.x[self.registry.index[name]]) if name in self.registry.index else 1.0

    def by_name(self) -> dict[str, float]:
        """The logarithms of all parameters."""
        return {name: self.x[index] for name, index in self.registry.index.items()}


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


def solve(
    registry: Registry, fitted: frozenset[str], cells: tuple[Cell, ...], near: Fit | None
) -> Fit:
    """Fit the parameters of prepared cells, from the priors or from a fit that is near."""
    known = near.by_name() if near else {}
    start = [
        known.get(name, prior.value)
        for name, prior in zip(registry.index, registry.priors, strict=True)
    ]
    if near:
        x = fit(cells, registry.priors, start, steps=NEAR_STEPS, tolerance=NEAR_TOLERANCE)
    else:
        x = fit(cells, registry.priors, start)
    return Fit(registry=registry, fitted=fitted, cells=cells, x=tuple(x))


def log_speed_error(sample: Sample, model: Fit) -> float:
    """Logarithm of measured over predicted speed, for a cell the fit may not have seen."""
    extended = Registry(dict(model.registry.index), list(model.registry.priors))
    terms = terms_of(sample, extended, model.fitted)
    x = [*model.x, *(prior.value for prior in extended.priors[len(model.x) :])]
    return log(predict(terms, x)) - log(sample.seconds)
