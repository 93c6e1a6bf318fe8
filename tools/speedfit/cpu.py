"""The CPU's share of the decode model: its shape, with each CPU's memory left open.

No source states how fast a CPU's memory is, so each CPU has its own rate in the fit, and only what
is common to all of them (launches, the kernels' efficiencies, the cache) is kept. A cell is judged
by the rate that another model on the same CPU implies.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from math import exp, log, sqrt
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from catalog.load import csv_rows
from speedfit.runs import MEASURED
from speedfit.sizes import kernel_of, read_bytes
from speedfit.solver import Cell, Factor, Prior, Term, fit, residual

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from speedfit.runs import Run

USUAL_RATE_BYTES_PER_S = 30e9
RATE_SPREAD = 1.0
NEAR_STEPS = 6

READ_EFFICIENCY = 0.75
"""Share of a measured read rate that decoding reaches where cores are not the limit.

Between what was measured for this project with llama.cpp of October 2026 on a Zen 4 virtual machine
(AVX2), bytes of file per second over the rate at which `memchr` reads: one thread q4_0 0.64 (16.0
of 25 GB/s), one thread q8_0 0.87 (21.6 of 25), two threads q8_0 0.69 (31.0 of 45).
"""

READ_INTERVAL = (0.64 / 0.75, 0.87 / 0.75)
"""The lowest and the highest of these, as factors."""

CORE_BYTES_PER_S = {
    "f32": 22e9,
    "f16": 22e9,
    "bf16": 22e9,
    "q8_0": 22e9,
    "q4_0": 16e9,
    "q4_1": 16e9,
    "q5_0": 16e9,
    "q5_1": 16e9,
    "iq4_nl": 15e9,
    "iq4_xs": 15e9,
    "mxfp4": 15e9,
    "q4_K": 12e9,
    "q5_K": 12e9,
    "q6_K": 11e9,
    "q3_K": 9.2e9,
    "q2_K": 7.0e9,
    "iq3_s": 5.1e9,
    "iq3_xxs": 5.2e9,
    "iq2_s": 6.0e9,
    "iq2_xs": 5.6e9,
    "iq2_xxs": 4.6e9,
    "iq1_m": 4.2e9,
    "iq1_s": 3.7e9,
}
"""ggml type → bytes that one AVX2 core unpacks and multiplies per second.

q8_0 and q4_0 as measured above. k-quants against q4_0 as on an Apple M2 Max with few threads
(q4_K 0.74, q6_K 0.68; ikawrakow, ik_llama.cpp discussion 164); q3_K and q2_K as many weights a
second as q4_K. i-quants against iq4_xs as their dot products were before ggml-org/llama.cpp#27402
(weights a second: iq3_s 0.39, iq3_xxs 0.46, iq2_xxs 0.60, iq2_s and iq1 0.63, iq2_xs 0.64).
"""

INSTRUCTION_SETS = {
    "avx512_vnni": 1.0,
    "avx512": 1.0,
    "avx_vnni": 1.0,
    "avx2": 1.0,
    "i8mm": 0.8,
    "dotprod": 0.5,
    "avx": 0.3,
    "neon": 0.25,
}
"""Instruction set → rate of a core against AVX2's.

AVX alone: a Xeon E3-1245 V2 reads 14.5 GB/s of Q4_K_M with four cores; ARM cores 5 to 10 GB/s.
"""

WITHOUT_ANY = 0.12
"""A Pentium G4600, which has no AVX, reads 3.4 GB/s of Q4_K_M with two cores."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CpuSample:
    """Runs of one CPU, runtime, model and quant, as one cell: their median."""

    run: Run
    seconds: float
    cell: Cell


@dataclass(frozen=True, slots=True, kw_only=True)
class CpuFit:
    """The fitted shape, and every CPU's own rate."""

    index: dict[str, int]
    priors: tuple[Prior, ...]
    samples: tuple[CpuSample, ...]
    x: tuple[float, ...]

    def value(self, name: str) -> float:
        """A fitted parameter; 1 for one that no cell met."""
        return exp(self.x[self.index[name]]) if name in self.index else 1.0


def fit_cpus(runs: Iterable[Run]) -> CpuFit:
    """Fit the shape and the rates on all decode runs of CPUs."""
    groups: dict[tuple[object, ...], list[Run]] = defaultdict(list)
    for run in runs:
        if run.device is None and run.test == "decode":
            key = (run.device_name, run.runtime, run.shape.model, run.quant, run.file_bytes)
            groups[key].append(run)
    index: dict[str, int] = {}
    priors: list[Prior] = []

    def get(name: str, value: float, spread: float) -> int:
        if name not in index:
            index[name] = len(priors)
            priors.append(Prior(log(value), spread))
        return index[name]

    samples: list[CpuSample] = []
    counts = {key[0]: 0 for key in groups}
    for key in groups:
        counts[key[0]] += 1
    for key, group in groups.items():
        run = group[0]
        rate = get(f"rate {run.device_name}", USUAL_RATE_BYTES_PER_S, RATE_SPREAD)
        weights: list[Factor] = [(rate, -1)]
        kernel = kernel_of(run)
        if kernel != "k":
            weights.append((get(f"kernel {kernel}", 1.0, 0.2), -1))
        overhead, cache = get("overhead", 1e-4, 1.0), get("cache", 0.8, 0.3)
        cached = run.shape.cache_bytes(run.depth_tokens) + 2 * run.shape.state_bytes
        terms: tuple[Term, ...] = (
            (read_bytes(run), tuple(weights)),
            (float(run.shape.layers), ((overhead, 1),)),
            (cached, ((rate, -1), (cache, -1))),
        )
        seconds = 1 / median(one.tokens_per_s for one in group)
        cell = Cell(terms, log(seconds), 1 / sqrt(counts[key[0]]))
        samples.append(CpuSample(run=run, seconds=seconds, cell=cell))
    x = fit([one.cell for one in samples], priors, [prior.value for prior in priors])
    return CpuFit(index=index, priors=tuple(priors), samples=tuple(samples), x=tuple(x))


def implied_errors(model: CpuFit) -> list[tuple[CpuSample, float]]:
    """The error of each cell, predicted from the other cells of its CPU and the shape of others.

    For CPUs with at least two cells; the shape is fitted without the CPU that is judged.
    """
    by_cpu: dict[str, list[CpuSample]] = defaultdict(list)
    for sample in model.samples:
        by_cpu[sample.run.device_name].append(sample)
    errors: list[tuple[CpuSample, float]] = []
    for name, own in by_cpu.items():
        if len(own) < 2:
            continue
        others = [one.cell for one in model.samples if one.run.device_name != name]
        x = fit(others, model.priors, model.x, steps=NEAR_STEPS)
        for sample in own:
            rest = [one for one in own if one is not sample]
            errors.append((sample, _error(sample, rest, x, model.index[f"rate {name}"])))
    return errors


def _error(sample: CpuSample, rest: Sequence[CpuSample], x: Sequence[float], rate: int) -> float:
    """Logarithm of measured over predicted speed, with the rate that the rest imply."""
    implied = []
    for other in rest:
        low, high = log(1e8), log(1e12)
        at = list(x)
        for _ in range(50):
            at[rate] = (low + high) / 2
            if residual(other.cell, at) > 0:
                low = at[rate]
            else:
                high = at[rate]
        implied.append(at[rate])
    at = list(x)
    at[rate] = median(implied)
    return residual(sample.cell, at)


def sheet_shares(model: CpuFit, folder: Path = MEASURED) -> dict[str, float]:
    """CPU → its fitted rate over what its memory's data sheet promises, where one is fixed."""
    return {
        row["device"]: model.value(f"rate {row['device']}") / float(row["bandwidth_bytes_per_s"])
        for row in csv_rows("speed_cpus.csv", folder=folder)
    }
