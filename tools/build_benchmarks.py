"""Links published tests through the models they share: writes `catalog/evidence.csv`.

Input: `catalog/benchmarks.csv`, one published score a row. A score of one test says nothing beside
a score of another; but many models were scored by several. Every test is put on one scale, that
of LMArena's text leaderboard (points of its Elo-like rating, because it spans the models of three
years and its units are the same at both ends):

    points = a + b x f(score)

with f as `LINKED` says (a logarithm where a test's steps grow with its scores), and a and b such
that the test's models have the mean and the spread that the other tests give them (a linear link
by mean and sigma, repeated until nothing moves). Where the line crosses `LEVELS` are the test's
thresholds. A threshold that lies outside what the test was seen to give is left out.

`python tools/build_benchmarks.py` writes the file and prints the linking table, how well the votes
foretell each other, and how well a model's relatives foretell its band.
"""

from __future__ import annotations

import csv
import io
import math
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import correlation, fmean, pstdev
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from catalog.model import Model

CATALOG = Path(__file__).parents[1] / "catalog"
CHECKED = "2026-11-23"

LEVELS = (1435, 1400, 1360, 1320, 1280, 1230, 1160)
"""The least points of bands 0 to 6: 35 to 70 points apart, more than one test errs by."""

SCALE = "LMArena text"
ROUNDS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Linked:
    """A test whose thresholds are derived here."""

    name: str
    house: str
    order: int
    f: Callable[[float], float]
    back: Callable[[float], float]
    floor: float | None = None
    reason: str


def _straight(value: float) -> float:
    return value


def _logit(percent: float) -> float:
    return math.log(percent / (100 - percent))


def _percent(logit: float) -> float:
    return 100 / (1 + math.exp(-logit))


def _livebench(order: int, day: str) -> Linked:
    return Linked(
        name=f"LiveBench {day}",
        house="LiveBench",
        order=order,
        f=_straight,
        back=_straight,
        reason="each question set is a test of its own: later ones are harder",
    )


LINKED = (
    Linked(
        name="MMLU-Pro, run by AA",
        house="AA 2025",
        order=1,
        f=_logit,
        back=_percent,
        reason="one harness for all; the logit straightens both ends of a percentage",
    ),
    Linked(
        name="GPQA Diamond, run by AA",
        house="AA 2025",
        order=2,
        f=_logit,
        back=_percent,
        reason="links makers' GPQA figures; every model here has MMLU-Pro, which votes",
    ),
    Linked(
        name="AA Intelligence Index, October 2026",
        house="AA 2026",
        order=1,
        f=math.log,
        back=math.exp,
        floor=8.5,
        reason="agents' work counts most in it, so that small models crowd at 5: below 6 its "
        "order has nothing to do with other tests' (rank correlation 0.1), below 8.5 a point "
        "is a band",
    ),
    Linked(
        name="AA Coding Index, October 2026",
        house="AA 2026",
        order=2,
        f=lambda score: math.log(score + 3),
        back=lambda value: math.exp(value) - 3,
        reason="spreads the small models that the Intelligence Index crowds; votes only for "
        "them, and never above the bound the Intelligence Index gives",
    ),
    Linked(
        name=SCALE,
        house="LMArena",
        order=1,
        f=_straight,
        back=_straight,
        reason="the scale itself: people's blind preference, style controlled",
    ),
    _livebench(1, "2026-06-25"),
    _livebench(2, "2026-01-08"),
    _livebench(3, "2025-05-30"),
    _livebench(4, "2024-11-25"),
    _livebench(5, "2024-08-31"),
    _livebench(6, "2024-07-26"),
    Linked(
        name="MMLU-Pro, Open LLM Leaderboard v2",
        house="Open LLM Leaderboard",
        order=1,
        f=lambda score: math.log((score - 9) / (100 - score)),
        back=lambda value: (9 + 100 * math.exp(value)) / (1 + math.exp(value)),
        reason="ten answers to choose from, so that 10 is chance; its average is not used: the "
        "copy at hand is from before the mathematics scores of Qwen2.5 were repaired",
    ),
)

BORROWED = (
    ("MMLU-Pro, maker-reported", 1, "MMLU-Pro, run by AA"),
    ("GPQA Diamond, maker-reported", 2, "GPQA Diamond, run by AA"),
)
"""Makers' figures, with the thresholds of the same test run by others."""

EMBEDDING = (
    (
        "MTEB Multilingual v2, mean of tasks",
        1,
        (69.0, 64.0, 61.0, 59.0),
        "a scale of its own: bands of embedding models compare with each other only",
    ),
    (
        "MTEB English v1, 56 tasks",
        2,
        (75.0, 70.0, 65.0, 64.0, 62.0, 58.0, 54.0),
        "an older and easier test, kept below the multilingual one",
    ),
)

Scores = Mapping[str, Mapping[str, float]]
"""Test, then repository."""


def read_scores() -> Scores:
    """Every score of `benchmarks.csv`."""
    scores: defaultdict[str, dict[str, float]] = defaultdict(dict)
    with (CATALOG / "benchmarks.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            scores[row["name"]][row["repository"]] = float(row["score"])
    return scores


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """How one test's scores become points, and how well."""

    start: float
    slope: float
    shared: int
    correlation: float
    error_points: float

    def points(self, value: float) -> float:
        """Points of a transformed score."""
        return self.start + self.slope * value


def link(scores: Scores) -> dict[str, Link]:
    """Lines that put every test on the scale of `SCALE`."""
    values = {
        test.name: {
            model: test.f(score)
            for model, score in scores[test.name].items()
            if test.floor is None or score >= test.floor
        }
        for test in LINKED
    }
    links = {SCALE: Link(start=0, slope=1, shared=0, correlation=1, error_points=0)}
    for _ in range(ROUNDS):
        for test in LINKED:
            pairs = list(_pairs(test.name, values, links))
            if len(pairs) > 3:
                links[test.name] = _fit(pairs, links[SCALE] if test.name == SCALE else None)
    return links


def _pairs(name: str, values: Scores, links: Mapping[str, Link]) -> Iterator[tuple[float, float]]:
    """A test's value of a model, and the mean points that the other tests give it."""
    for model, value in values[name].items():
        others = [
            links[other].points(values[other][model])
            for other in links
            if other != name and model in values[other]
        ]
        if others:
            yield value, fmean(others)


def _fit(pairs: list[tuple[float, float]], line: Link | None = None) -> Link:
    own, others = [value for value, _ in pairs], [points for _, points in pairs]
    slope = line.slope if line else pstdev(others) / pstdev(own)
    start = line.start if line else fmean(others) - slope * fmean(own)
    return Link(
        start=start,
        slope=slope,
        shared=len(pairs),
        correlation=correlation(own, others),
        error_points=math.sqrt(fmean((start + slope * a - b) ** 2 for a, b in pairs)),
    )


def thresholds(test: Linked, line: Link, seen: list[float]) -> list[str]:
    """The least score of each band; empty from the first that no telling score lies below."""
    lowest = max(min(seen), test.floor or -math.inf)
    levels = ((level - line.start) / line.slope for level in LEVELS)
    least = [round(test.back(value), 1) for value in levels]
    return [f"{score:g}" if score > lowest else "" for score in least]


HEADING = (
    *("name", "house", "order", "kind", "floor"),
    *(f"band_{band}" for band in range(len(LEVELS))),
    *("shared_models", "correlation", "error_points", "reason", "source", "checked"),
)


def rows(scores: Scores, links: Mapping[str, Link]) -> Iterator[list[str]]:
    """The rows of `evidence.csv`, sorted by house and order."""
    source = "linked by tools/build_benchmarks.py from catalog/benchmarks.csv"
    cells: dict[str, list[str]] = {}
    for test in LINKED:
        line = links[test.name]
        cells[test.name] = thresholds(test, line, list(scores[test.name].values()))
        floor = "" if test.floor is None else f"{test.floor:g}"
        told = [str(line.shared), f"{line.correlation:.2f}", f"{line.error_points:.0f}"]
        head = [test.name, test.house, str(test.order), "independent", floor]
        yield [*head, *cells[test.name], *told, test.reason, source, CHECKED]
    for name, order, least, reason in EMBEDDING:
        filled = [f"{score:g}" for score in least] + [""] * (len(LEVELS) - len(least))
        head = [name, "MTEB", str(order), "independent", ""]
        yield [*head, *filled, "", "", "", reason, "set by hand from the eight models", CHECKED]
    for name, order, lender in BORROWED:
        reason = f"thresholds of {lender}; makers choose harness and mode"
        head = [name, "makers", str(order), "maker", ""]
        yield [*head, *cells[lender], "", "", "", reason, source, CHECKED]


def text(scores: Scores, links: Mapping[str, Link]) -> str:
    """The whole file."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(HEADING)
    writer.writerows(sorted(rows(scores, links), key=lambda row: (row[1], int(row[2]))))
    return out.getvalue()


def main() -> None:
    """Write the file and say how good it is."""
    scores = read_scores()
    links = link(scores)
    (CATALOG / "evidence.csv").write_text(text(scores, links), encoding="utf-8")
    print("test | models | shared | correlation | error in points")
    for test in LINKED:
        line = links[test.name]
        told = f"{line.shared} | {line.correlation:.2f} | {line.error_points:.0f}"
        print(f"{test.name} | {len(scores[test.name])} | {told}")
    print_validation()


def print_validation() -> None:
    """How far one house's vote is from the others', and a relative's band from the model's own."""
    sys.path.insert(0, str(CATALOG.parent))
    from catalog.shelf import load_models

    models = load_models()
    found = {"a house's vote, by the other houses'": list(_votes_foretold(models))}
    for rule, errors in _relatives_foretold(models).items():
        found[f"a model's band, by its relative of the same {rule}"] = errors
    for name, errors in found.items():
        exact, near = (fmean(abs(error) <= limit for error in errors) for limit in (0, 1))
        print(
            f"{name}: {len(errors)} cases, mean error {fmean(map(abs, errors)):.2f} bands, "
            f"exact {exact:.0%}, within one {near:.0%}, "
            f"too good {fmean(error < 0 for error in errors):.0%}"
        )


def _votes_foretold(models: Sequence[Model]) -> Iterator[int]:
    from catalog.evidence import direct_evidence
    from catalog.yardsticks import votes

    for model in models:
        independent = [vote for vote in votes(model.benchmarks) if vote.yardstick.is_independent]
        for vote in independent:
            others = direct_evidence(other.benchmark for other in independent if other is not vote)
            if others and others.band is not None:
                yield others.band - vote.band


def _relatives_foretold(models: Sequence[Model]) -> dict[str, list[int]]:
    """Each tested model as if it had no scores, beside all others."""
    from catalog.evidence import evidence

    errors: dict[str, list[int]] = {"family": [], "shape": []}
    for model in models:
        own = evidence(model)
        others = [other for other in models if other is not model]
        bare = replace(model, benchmarks=())
        alone = replace(bare, family="")
        for rule, stripped in (("family", bare), ("shape", alone)):
            guess = evidence(stripped, others)
            if own.band is None or guess.band is None:
                continue
            if rule == "shape" or "of its family" in guess.basis:
                errors[rule].append(guess.band - own.band)
    return errors


if __name__ == "__main__":
    main()
