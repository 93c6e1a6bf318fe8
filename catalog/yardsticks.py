"""What the scores of published tests mean: rows of `evidence.csv`, and the votes they cast.

Holds how one score becomes a band from 0 (best) to 7, and which test of a house speaks. What the
votes say together is `evidence.py`. The thresholds are derived by `tools/build_benchmarks.py`
from models that several tests have scored, so that a band means the same whoever measured.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from catalog.errors import RowError
from catalog.load import FOLDER, csv_rows, optional_float

if TYPE_CHECKING:
    from catalog.model import Benchmark

BEST, WORST = 0, 7
"""The bands' ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Yardstick:
    """One row of `evidence.csv`: what a test's scores mean."""

    name: str
    """As `benchmarks.csv` spells it."""

    house: str
    """Who runs it; all tests of a house have one vote together."""

    order: int
    """Within the house: the first that can tell votes."""

    is_independent: bool
    """False for figures that makers report of their own models."""

    floor: float | None
    """Below this score the test no longer tells models apart; it then only bounds the vote."""

    thresholds: tuple[float, ...]
    """The least score of each band, best first; what lies below the last is the next band."""

    def band(self, score: float) -> int:
        """The band that a score of this test stands for."""
        return next(
            (band for band, least in enumerate(self.thresholds) if score >= least),
            len(self.thresholds),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Vote:
    """What one house says."""

    band: int
    yardstick: Yardstick
    benchmark: Benchmark

    @property
    def sentence(self) -> str:
        """The score, its date and its meaning."""
        score = f"{self.benchmark.score:g}"
        return f"{self.yardstick.name}: {score} ({self.benchmark.date}), band {self.band}"


def votes(benchmarks: Iterable[Benchmark]) -> list[Vote]:
    """One vote a house, in the order of `evidence.csv`."""
    scores = {benchmark.name: benchmark for benchmark in benchmarks}
    cast: dict[str, Vote] = {}
    bounds: dict[str, int] = {}
    for yardstick in load_yardsticks():
        benchmark = scores.get(yardstick.name)
        if benchmark is None or yardstick.house in cast:
            continue
        if yardstick.floor is not None and benchmark.score < yardstick.floor:
            bounds[yardstick.house] = yardstick.band(yardstick.floor)
            continue
        band = max(yardstick.band(benchmark.score), bounds.get(yardstick.house, BEST))
        cast[yardstick.house] = Vote(band=band, yardstick=yardstick, benchmark=benchmark)
    return list(cast.values())


def best_possible(benchmarks: Iterable[Benchmark]) -> int:
    """The best band that scores below a test's floor still leave open."""
    scores = {benchmark.name: benchmark.score for benchmark in benchmarks}
    return max(
        (
            yardstick.band(yardstick.floor)
            for yardstick in load_yardsticks()
            if yardstick.floor is not None
            and scores.get(yardstick.name, yardstick.floor) < yardstick.floor
        ),
        default=BEST,
    )


@cache
def load_yardsticks() -> tuple[Yardstick, ...]:
    """Every row of `evidence.csv`, by house and within it in voting order.

    Raises:
        RowError: The file is unreadable, or a row contradicts itself.
    """
    return read_yardsticks(FOLDER)


def read_yardsticks(folder: Path) -> tuple[Yardstick, ...]:
    """The tests of one folder of data, unread so far; see `load_yardsticks`."""
    rows = [_yardstick(row) for row in csv_rows("evidence.csv", folder=folder)]
    places = [(row.house, row.order) for row in rows]
    if places != sorted(set(places)):
        msg = "`evidence.csv` is not sorted by house and order, or has a place twice"
        raise RowError(msg)
    return tuple(rows)


def _yardstick(row: Mapping[str, str]) -> Yardstick:
    return Yardstick(
        name=row["name"],
        house=row["house"],
        order=int(row["order"]),
        is_independent=row["kind"] == "independent",
        floor=optional_float(row["floor"]),
        thresholds=_thresholds(row),
    )


def _thresholds(row: Mapping[str, str]) -> tuple[float, ...]:
    """The cells of a row up to the first empty one; after it there is no further band."""
    cells = [row[f"band_{band}"] for band in range(WORST)]
    filled = cells.index("") if "" in cells else WORST
    thresholds = tuple(float(cell) for cell in cells[:filled])
    if any(cells[filled:]) or any(low >= high for high, low in pairwise(thresholds)):
        msg = f"`{row['name']}` in `evidence.csv`: its thresholds do not fall from band to band"
        raise RowError(msg)
    return thresholds
