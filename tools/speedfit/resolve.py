"""Turns fitted trees of factors into the flat table that the program reads.

Every family of every vendor gets a row under each backend its vendor's runs name, made from the
factors above it, whether or not it has factors of its own; and so do the vendors and `any`, which
stand in for what nobody has met.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from math import exp, hypot, log
from typing import TYPE_CHECKING, Any

from advisor.estimate.classes import ANY, CPU_CLASS, CPU_SHEET_CLASS, FAMILIES, KERNELS, fallbacks
from speedfit import cpu
from speedfit.decode import (
    NO_GRAPHS,
    REFERENCE_KERNEL,
    TYPICAL_FLOPS_PER_BYTE,
    has_slow_alus,
    interval_class,
)
from speedfit.leave_out import Error, interval
from speedfit.model import class_names
from speedfit.prefill import READ_EFFICIENCY

if TYPE_CHECKING:
    from speedfit.cpu import CpuFit
    from speedfit.model import Fit

DIGITS = 4
"""Significant digits of a constant: no fit is surer than that, and machines differ after it."""

DECODE_COLUMNS = (
    "efficiency",
    "layer_overhead_s",
    "moe_factor",
    "recurrent_factor",
    "cache_efficiency",
    "attention_flops_per_s",
    "plain_cache_efficiency",
    "state_efficiency",
    "arithmetic_per_weight",
    "alu_flops_per_byte",
    "float_experts_factor",
    "low",
    "high",
    "devices",
)
PREFILL_COLUMNS = ("efficiency", "low", "high", "devices")


def rounded(value: float) -> float:
    """A constant as the file holds it."""
    return float(f"{value:.{DIGITS}g}")


def class_table(seen: Iterable[str]) -> list[str]:
    """Every class that gets a row, from the classes that runs were met with."""
    backends: dict[str, set[str]] = defaultdict(set)
    for name in seen:
        family, _, backend = name.partition("/")
        backends[family.partition("-")[0]].add(backend)
    names = {ANY}
    for vendor, used in backends.items():
        families = dict.fromkeys(family for _, family in FAMILIES.get(vendor, ()))
        for backend in used:
            names |= {f"{vendor}-{family}/{backend}" for family in families}
            names |= {f"{vendor}/{backend}", f"{ANY}/{backend}"}
    return sorted(names)


def decode_row(name: str, fit: Fit) -> list[float]:
    """The constants of a class, without its interval and its devices."""
    nodes = class_names(name, fit.fitted)
    backend = name.partition("/")[2]
    by_backend = f"{ANY}/{backend}"
    is_slow = has_slow_alus(name)
    overhead = _product(fit, "overhead", nodes)
    if name.startswith(tuple(f"nvidia-{family}/cuda" for family in NO_GRAPHS)):
        overhead *= fit.value("overhead without graphs")
    values = (
        min(_product(fit, "efficiency", nodes), 1.0),
        overhead,
        fit.value("moe") * fit.value(f"moe {by_backend}"),
        fit.value("recurrent") * fit.value(f"recurrent {by_backend}"),
        min(fit.value("cache flash") * fit.value(f"cache flash {by_backend}"), 1.0),
        fit.value("attention") * fit.value(f"attention {by_backend}"),
        min(fit.value("cache plain") * fit.value(f"cache plain {by_backend}"), 1.0),
        fit.value("state"),
        fit.value("arithmetic") if is_slow else 0.0,
        TYPICAL_FLOPS_PER_BYTE if is_slow else 0.0,
        fit.value(f"float experts {by_backend}"),
    )
    return [rounded(value) for value in values]


def _product(fit: Fit, what: str, nodes: Sequence[str]) -> float:
    value = fit.value(what)
    for node in nodes:
        value *= fit.value(f"{what} {node}")
    return value


def interval_of(
    name: str, errors: Sequence[Error], outside: Sequence[Error]
) -> tuple[float, float]:
    """A class's interval from its own errors and the others', or that of vendors never met."""
    if fallbacks(name)[0].startswith(ANY):
        low, high = interval((), outside)
    else:
        group = interval_class(name)
        low, high = interval(
            (one for one in errors if one.group == group),
            (one for one in errors if one.group != group),
        )
    return rounded(low), rounded(high)


def device_counts(pairs: Iterable[tuple[str, str]]) -> dict[str, int]:
    """Class → devices it was met with, from (class, device)."""
    seen: dict[str, set[str]] = defaultdict(set)
    for name, device in pairs:
        seen[name].add(device)
    return {name: len(devices) for name, devices in seen.items()}


def runtimes(fit: Fit, prefill: Fit, intervals: dict[str, tuple[float, float]]) -> dict[str, Any]:
    """How Ollama and llamafile differ, by backend."""
    llamafile: dict[str, Any] = {}
    for backend in sorted(intervals):
        by_backend = f"{ANY}/{backend}"
        llamafile[backend] = {
            "overhead": rounded(
                fit.value("llamafile overhead") * fit.value(f"llamafile overhead {by_backend}")
            ),
            "efficiency": rounded(fit.value(f"llamafile efficiency {by_backend}")),
            "cache_efficiency": rounded(fit.value(f"llamafile cache {by_backend}")),
            "prefill_efficiency": rounded(prefill.value(f"prefill llamafile {by_backend}")),
            "prefill_overhead": rounded(prefill.value("prefill overhead llamafile")),
            "interval": [rounded(end) for end in intervals[backend]],
        }
    return {
        "llamafile": llamafile,
        "ollama": {ANY: {"overhead": rounded(fit.value("ollama overhead"))}},
    }


def cpu_rows(model: CpuFit, errors: Sequence[Error]) -> dict[str, list[float | None]]:
    """The host's two classes: with a measured read rate, and with a data sheet's."""
    low, high = interval(errors, ())
    shares = sorted(cpu.sheet_shares(model).values())
    sheet = shares[len(shares) // 2]
    common: list[float | None] = [
        rounded(model.value("overhead")),
        1.0,
        1.0,
        rounded(min(model.value("cache"), 1.0)),
        None,
        rounded(min(model.value("cache"), 1.0)),
        rounded(min(model.value("cache"), 1.0)),
        0.0,
        0.0,
        1.0,
    ]
    read_low, read_high = cpu.READ_INTERVAL
    devices = len({one.device for one in errors})
    return {
        CPU_CLASS: [
            cpu.READ_EFFICIENCY,
            *common,
            rounded(_both(low, read_low)),
            rounded(_both(high, read_high)),
            devices,
        ],
        CPU_SHEET_CLASS: [
            rounded(sheet),
            *common,
            rounded(_both(low, shares[0] / sheet)),
            rounded(_both(high, shares[-1] / sheet)),
            len(shares),
        ],
    }


def _both(one: float, other: float) -> float:
    """The end of an interval that two independent errors make, as a factor."""
    apart = hypot(log(one), log(other))
    return exp(apart if one > 1 else -apart)


def cpu_constants(model: CpuFit) -> dict[str, Any]:
    """What bounds decoding on a CPU besides its memory."""
    families = sorted(set(KERNELS.values()) - {REFERENCE_KERNEL})
    return {
        "kernels": {one: rounded(model.value(f"kernel {one}")) for one in families},
        "core_bytes_per_s": cpu.CORE_BYTES_PER_S,
        "instruction_sets": cpu.INSTRUCTION_SETS,
        "without_any": cpu.WITHOUT_ANY,
    }


def kernels(fit: Fit) -> dict[str, float]:
    """Kernel family → efficiency against that of k-quants."""
    families = sorted(set(KERNELS.values()) - {REFERENCE_KERNEL})
    return {
        REFERENCE_KERNEL: 1.0,
        **{one: rounded(fit.value(f"kernel {one}")) for one in families},
    }


def prefill_row(name: str, fit: Fit) -> list[float]:
    """The prefill efficiency of a class."""
    return [rounded(_product(fit, "prefill", class_names(name, fit.fitted)))]


def prefill_constants(fit: Fit) -> dict[str, float]:
    """What is common to all classes of prefill."""
    return {
        "moe_factor": rounded(fit.value("prefill moe")),
        "half_rate_factor": rounded(fit.value("prefill half rate")),
        "float_factor": rounded(fit.value("prefill float")),
        "plain_attention_factor": rounded(fit.value("prefill attention plain")),
        "layer_overhead_s": rounded(fit.value("prefill overhead")),
        "read_efficiency": READ_EFFICIENCY,
    }
