"""The order of preference, comparison by comparison."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from advisor.estimate.result import Verdict
from advisor.rank import (
    DEFAULT_MIN_TOKENS_PER_S,
    LAST_BAND,
    Candidate,
    Demotion,
    best_of,
    demotions,
    next_larger,
    ranked,
)


@dataclass(frozen=True)
class Loss:
    """A quant's loss: the band of its interval's upper end."""

    cautious_band: int | None


def estimate(name="m", *, verdict="fits", tokens_per_s=50.0, size=1000):
    """Only what the ranking looks at."""
    decode = None
    if tokens_per_s is not None:
        decode = SimpleNamespace(speed=SimpleNamespace(tokens_per_s=tokens_per_s))
    return SimpleNamespace(
        fit=SimpleNamespace(verdict=Verdict(verdict)),
        decode=decode,
        subject=SimpleNamespace(
            model=SimpleNamespace(name=name), weights=SimpleNamespace(tensor_bytes=size)
        ),
    )


def candidate(name="m", *, evidence=3, loss=0, demoted=(), **answer):
    return Candidate(
        estimate=estimate(name, **answer),
        evidence=SimpleNamespace(band=evidence),
        loss=Loss(cautious_band=loss),
        demotions=tuple(Demotion(one) for one in demoted),
    )


def names(candidates):
    return [one.estimate.subject.model.name for one in candidates]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param(
            {"verdict": "fits", "evidence": 6, "loss": 3, "tokens_per_s": 11},
            {"verdict": "tight", "evidence": 0, "loss": 0, "tokens_per_s": 500},
            id="what fits comes before what is tight, however good that is",
        ),
        pytest.param(
            {"verdict": "tight", "evidence": 6, "loss": 3, "tokens_per_s": 11},
            {"verdict": "partial", "evidence": 0, "loss": 0, "tokens_per_s": 500},
            id="tight before partial",
        ),
        pytest.param(
            {"evidence": 2, "loss": 3, "tokens_per_s": 11},
            {"evidence": 3, "loss": 0, "tokens_per_s": 500},
            id="then the better evidence, whatever the quant loses",
        ),
        pytest.param(
            {"evidence": 7, "loss": 3, "tokens_per_s": 11},
            {"evidence": None, "loss": 0, "tokens_per_s": 500},
            id="any evidence before none",
        ),
        pytest.param(
            {"loss": 1, "tokens_per_s": 11},
            {"loss": 2, "tokens_per_s": 500},
            id="then the quant that loses less, however slow",
        ),
        pytest.param(
            {"loss": 3, "tokens_per_s": 11},
            {"loss": None, "tokens_per_s": 500},
            id="a known loss before an unknown one",
        ),
        pytest.param({"tokens_per_s": 60}, {"tokens_per_s": 50}, id="then the faster"),
        pytest.param(
            {"verdict": "partial", "evidence": None, "loss": 3, "tokens_per_s": 11},
            {"demoted": ["slow"], "evidence": 0, "tokens_per_s": 9},
            id="what is demoted comes after everything that is not",
        ),
        pytest.param(
            {"demoted": ["slow"], "tokens_per_s": 2},
            {"demoted": ["slow", "severe-loss"], "tokens_per_s": 9},
            id="of the demoted, fewer reasons first",
        ),
        pytest.param(
            {"demoted": ["slow"], "tokens_per_s": 2},
            {"demoted": ["severe-loss"], "tokens_per_s": 500},
            id="slow before a severe loss",
        ),
        pytest.param(
            {"demoted": ["slow"], "evidence": 7, "loss": 3, "tokens_per_s": 9},
            {"demoted": ["slow"], "evidence": 0, "loss": 0, "tokens_per_s": 2},
            id="of the slow, the faster, whatever the evidence",
        ),
        pytest.param(
            {"demoted": ["slow"], "verdict": "fits", "tokens_per_s": 5},
            {"demoted": ["slow"], "verdict": "partial", "tokens_per_s": 5},
            id="of the equally slow, the one that fits",
        ),
    ],
)
def test_the_order_is_lexicographic(first, second):
    better, worse = candidate("b", **first), candidate("a", **second)
    assert names(ranked([worse, better])) == ["b", "a"]
    assert best_of([worse, better]) is better


def test_equal_candidates_are_in_the_order_of_their_names():
    assert names(ranked([candidate("b"), candidate("a")])) == ["a", "b"]


def test_a_loss_counts_with_the_upper_end_of_its_interval():
    """Expected to be slight, but perhaps clear: behind one that is noticeable at worst."""
    unlucky = Candidate(
        estimate=estimate("unlucky"),
        evidence=SimpleNamespace(band=3),
        loss=Loss(cautious_band=3),
        demotions=(),
    )
    assert names(ranked([unlucky, candidate("sure", loss=2)])) == ["sure", "unlucky"]


def test_what_does_not_run_is_in_no_ranking():
    no = candidate(verdict="no")
    assert not no.runs
    assert ranked([no]) == []
    assert best_of([no]) is None


@pytest.mark.parametrize(
    ("answer", "is_so"),
    [
        pytest.param({}, True, id="it fits and nothing speaks against it"),
        pytest.param({"verdict": "tight"}, False, id="tight"),
        pytest.param({"demoted": ["slow"]}, False, id="slow"),
    ],
)
def test_a_candidate_that_fits_well_ends_the_search(answer, is_so):
    assert candidate(**answer).fits_well is is_so


@pytest.mark.parametrize(
    ("tokens_per_s", "band", "expected"),
    [
        pytest.param(10.0, 3, [], id="at the floor, a clear loss: nothing"),
        pytest.param(9.9, 3, ["slow"], id="below the floor"),
        pytest.param(50.0, 4, ["severe-loss"], id="a severe loss"),
        pytest.param(5.0, 4, ["slow", "severe-loss"], id="both"),
        pytest.param(None, 0, ["unknown-speed"], id="a speed that nobody knows"),
        pytest.param(50.0, None, [], id="a loss that nobody knows is no reason"),
    ],
)
def test_a_candidate_is_demoted_for(tokens_per_s, band, expected):
    found = demotions(
        estimate(tokens_per_s=tokens_per_s),
        Loss(cautious_band=band),
        min_tokens_per_s=DEFAULT_MIN_TOKENS_PER_S,
    )
    assert [one.value for one in found] == expected


def test_the_floor_is_what_somebody_asks_for():
    found = demotions(estimate(tokens_per_s=50.0), Loss(cautious_band=0), min_tokens_per_s=60)
    assert found == (Demotion.SLOW,)


def test_the_next_larger_quant_is_the_smallest_of_the_larger_ones():
    chosen, larger, largest, smaller, least = (
        candidate("a", size=size).estimate.subject for size in (100, 120, 200, 80, 110)
    )
    assert next_larger(chosen, [smaller, chosen, largest, larger]) is larger
    assert next_larger(chosen, [chosen, largest, least]) is least
    assert next_larger(chosen, [chosen, smaller]) is None


CANDIDATES = st.builds(
    candidate,
    st.text("abc", min_size=1, max_size=3),
    verdict=st.sampled_from(Verdict),
    evidence=st.none() | st.integers(0, 7),
    loss=st.none() | st.integers(0, 4),
    demoted=st.sets(st.sampled_from(Demotion)),
    tokens_per_s=st.none() | st.floats(0.1, 1000),
)


@settings(deadline=None)
@given(st.lists(CANDIDATES, max_size=12))
def test_a_ranking_has_every_candidate_that_runs_and_begins_with_the_best(candidates):
    order = ranked(candidates)
    assert sorted(names(order)) == sorted(names(one for one in candidates if one.runs))
    best = best_of(candidates)
    assert (best.key if best else None) == (order[0].key if order else None)
    demoted = [bool(one.demotions) for one in order]
    assert demoted == sorted(demoted)


def test_no_band_is_as_high_as_the_place_of_what_is_unknown():
    assert LAST_BAND > 7
