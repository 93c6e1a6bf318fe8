"""Robust least squares on logarithms, for sums of products: the fit's only mathematics.

A prediction is ``sum(base * exp(sum(sign * x[index])))`` over a few terms; the parameters ``x`` are
logarithms, so that none can become negative, and each has a prior (a value and how far from it it
may lie), so that a parameter that little is known of stays where its parent is. The residual is
the logarithm of predicted over measured, with a loss that grows linearly for outliers.

Gauss-Newton, dense Cholesky, the standard library: a hundred parameters and two thousand cells
take a tenth of a second per step.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import exp, log, sqrt
from operator import mul

SPREAD = 0.07
"""Residual up to which the loss is quadratic: about what repeat runs differ by."""

MAX_STEP = 0.5

Factor = tuple[int, int]
"""A parameter's index, and +1 or -1."""

Term = tuple[float, tuple[Factor, ...]]
"""A base, and the factors it is multiplied with."""


@dataclass(frozen=True, slots=True)
class Larger:
    """Terms that run at the same time: only the largest counts."""

    terms: tuple[Term, ...]


@dataclass(frozen=True, slots=True)
class Cell:
    """One measured value, and the terms that should sum up to it."""

    terms: tuple[Term | Larger, ...]
    log_measured: float
    weight: float


@dataclass(frozen=True, slots=True)
class Prior:
    """What a parameter is believed to be before any cell is seen."""

    value: float
    spread: float


def predict(terms: Iterable[Term | Larger], x: Sequence[float]) -> float:
    """The sum of products."""
    return sum(_largest(term, x)[0] for term in terms)


def _largest(term: Term | Larger, x: Sequence[float]) -> tuple[float, tuple[Factor, ...]]:
    """The value of a term, or of the largest of several, and its factors."""
    if isinstance(term, Larger):
        return max((_largest(one, x) for one in term.terms), key=lambda found: found[0])
    base, factors = term
    return base * exp(sum(sign * x[index] for index, sign in factors)), factors


def residual(cell: Cell, x: Sequence[float]) -> float:
    """Logarithm of predicted over measured."""
    return log(predict(cell.terms, x)) - cell.log_measured


def fit(
    cells: Sequence[Cell],
    priors: Sequence[Prior],
    start: Sequence[float],
    *,
    steps: int = 60,
    tolerance: float = 1e-5,
) -> list[float]:
    """The parameters with the least robust loss.

    Args:
        cells: What was measured.
        priors: One for each parameter.
        start: Where to begin.
        steps: At most so many.
        tolerance: Stop when no parameter moves by more.
    """
    x = list(start)
    for _ in range(steps):
        matrix, gradient = _normal_equations(cells, priors, x)
        change = _solve(matrix, gradient)
        largest = max(abs(one) for one in change)
        scale = min(1.0, MAX_STEP / largest) if largest else 1.0
        x = [old - scale * one for old, one in zip(x, change, strict=True)]
        if largest < tolerance:
            break
    return x


def _normal_equations(
    cells: Sequence[Cell], priors: Sequence[Prior], x: Sequence[float]
) -> tuple[list[list[float]], list[float]]:
    """Lower triangle of J'WJ and J'Wr, with the priors added."""
    count = len(x)
    matrix = [[0.0] * (row + 1) for row in range(count)]
    gradient = [0.0] * count
    for cell in cells:
        slope, log_predicted = _slope(cell.terms, x)
        off = (log_predicted - cell.log_measured) / SPREAD
        weight = cell.weight / sqrt(1.0 + off * off) / SPREAD
        for place, (row, one) in enumerate(slope):
            scaled = weight * one
            gradient[row] += scaled * off
            line, scaled = matrix[row], scaled / SPREAD
            for column, other in slope[: place + 1]:
                line[column] += scaled * other
    for row, prior in enumerate(priors):
        tightness = 1.0 / (prior.spread * prior.spread)
        matrix[row][row] += tightness
        gradient[row] += (x[row] - prior.value) * tightness
    return matrix, gradient


def _slope(
    terms: Iterable[Term | Larger], x: Sequence[float]
) -> tuple[list[tuple[int, float]], float]:
    """How the logarithm of the sum changes with each parameter, by index; and that logarithm."""
    slope: dict[int, float] = {}
    total = 0.0
    for term in terms:
        value, factors = _largest(term, x)
        total += value
        for index, sign in factors:
            slope[index] = slope.get(index, 0.0) + sign * value
    return sorted((index, value / total) for index, value in slope.items()), log(total)


def _solve(matrix: list[list[float]], right: Sequence[float]) -> list[float]:
    """Solve a symmetric positive system given by its lower triangle (Cholesky)."""
    lower: list[list[float]] = []
    for row, line in enumerate(matrix):
        done: list[float] = []
        for column in range(row):
            above = lower[column]
            done.append((line[column] - sum(map(mul, done, above))) / above[column])
        done.append(sqrt(line[row] - sum(map(mul, done, done))))
        lower.append(done)
    forward: list[float] = []
    for row, line in enumerate(lower):
        forward.append((right[row] - sum(map(mul, line, forward))) / line[row])
    answer = [0.0] * len(right)
    for row in range(len(right) - 1, -1, -1):
        answer[row] = forward[row] / lower[row][row]
        for column in range(row):
            forward[column] -= lower[row][column] * answer[row]
    return answer
