"""Parameters by name, the trees of factors that classes share, and a fit of them.

A quantity is a product: what holds for all, what a backend adds, what a vendor under that backend
adds, what a family of chips adds. A factor's prior is one (it changes nothing), so a family with
little data stays where its vendor is. A family that only one device stands for has no factors of
its own: nothing here is fitted to a single device. What takes which time is `decode`'s and
`prefill`'s.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from math import exp, log
from typing import TYPE_CHECKING, Any

from advisor.estimate.classes import fallbacks
from speedfit.solver import Cell, Factor, Prior, fit

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

MIN_DEVICES = 2
"""Devices a class needs for factors of its own."""

NEAR_STEPS = 12
NEAR_TOLERANCE = 3e-3
"""When to stop that begins from the fit of nearly the same cells: a third of a per cent."""


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


def fitted_classes(samples: Iterable[Any]) -> frozenset[str]:
    """The classes that enough devices stand for to have factors of their own.

    Args:
        samples: Anything with a `speed_class` and a `device.name`.
    """
    devices: dict[str, set[str]] = defaultdict(set)
    for sample in samples:
        devices[sample.speed_class].add(sample.device.name)
    return frozenset(name for name, seen in devices.items() if len(seen) >= MIN_DEVICES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantity:
    """What a tree of factors makes."""

    name: str
    value: float
    """Before any run is seen."""

    sign: int
    """+1 where it multiplies a time, -1 where it divides it."""

    spreads: tuple[float, float, float, float]
    """Of the priors: for all, by backend, by vendor under it, by family under it."""


def tree(registry: Registry, what: Quantity, names: Sequence[str]) -> list[Factor]:
    """The factors of a quantity from the most general to the most special that is fitted."""
    whole = registry.get(what.name, value=what.value, spread=what.spreads[0])
    factors = [(whole, what.sign)]
    for name in names:
        depth = 1 if name.startswith("any/") else 3 if "-" in name else 2
        spread = what.spreads[depth]
        factors.append((registry.get(f"{what.name} {name}", spread=spread), what.sign))
    return factors


def class_names(name: str, fitted: frozenset[str]) -> list[str]:
    """The nodes of the tree above a class, most general first, `any` left out."""
    chain = [one for one in fallbacks(name) if one != "any"]
    return [one for one in reversed(chain) if "-" not in one or one in fitted]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """Fitted parameters."""

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
