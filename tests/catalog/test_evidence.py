"""Bands of quality: what scores mean, how votes become a band, what a relative lends."""

from __future__ import annotations

import csv
import importlib.util
import re
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from statistics import fmean

import pytest

from catalog.errors import RowError
from catalog.evidence import direct_evidence, doublings, evidence, evidence_by_name
from catalog.model import Benchmark
from catalog.purposes import is_base, load_purposes, purposes, read_purposes
from catalog.shelf import load_models
from catalog.yardsticks import load_yardsticks, read_yardsticks, votes

ROOT = Path(__file__).parents[2]

INDEX = "AA Intelligence Index, October 2026"
CODING = "AA Coding Index, October 2026"
ARENA = "LMArena text"
OLD_LIVEBENCH = "LiveBench 2024-11-25"
NEW_LIVEBENCH = "LiveBench 2026-06-25"
MAKER = "MMLU-Pro, maker-reported"

SHOWN_ONLY = {
    "AIME 25",
    "AIME 2026",
    "AIME 2026 no tools",
    "LiveCodeBench v6",
    "SWE-bench Pro",
    "SWE-bench Verified",
    "Terminal-Bench 2.0",
    "tau2-Bench",
}
"""Tests too few models share to be linked: a model's page shows them, no band rests on them."""

NOTHING_IS_KNOWN_OF = {"laguna-xs-2.1"}
"""Models that many people run and of which no published score was found."""


def scored(**scores: float) -> tuple[Benchmark, ...]:
    names = {
        "index": INDEX,
        "coding": CODING,
        "arena": ARENA,
        "old_livebench": OLD_LIVEBENCH,
        "new_livebench": NEW_LIVEBENCH,
        "maker": MAKER,
    }
    return tuple(
        Benchmark(name=names[key], score=score, date="2026-10-03", source="a test")
        for key, score in scores.items()
    )


def a_model(name, *, family="Family", billions=8.0, scores=(), **changes):
    weights = round(billions * 1e9)
    return replace(
        load_models()[0],
        repository=f"maker/{name}",
        name=name,
        family=family,
        modality="text",
        params_total=weights,
        params_active=changes.pop("active", weights),
        benchmarks=scores,
        **changes,
    )


@pytest.fixture(scope="module")
def known():
    return evidence_by_name(load_models())


# What a score means: LMArena's own points are the scale, cut at 1435, 1400, 1360, 1320, 1280,
# 1230 and 1160.
@pytest.mark.parametrize(
    ("points", "band"),
    [
        pytest.param(1473, 0, id="GLM-5.3-Flash's points are the best band"),
        pytest.param(1435, 0, id="the least of a band belongs to it"),
        pytest.param(1434, 1, id="a point less is the next band"),
        pytest.param(1318, 4, id="Llama 3.3 70B's points"),
        pytest.param(1111, 7, id="Llama 3.2 1B's points are the last band"),
    ],
)
def test_a_score_stands_for_a_band(points, band):
    found = direct_evidence(scored(arena=points))
    assert (found.band, found.is_direct) == (band, True)


def test_a_house_has_one_vote_by_its_newest_test():
    found = votes(scored(old_livebench=20.0, new_livebench=70.0))
    assert [(vote.yardstick.house, vote.band) for vote in found] == [("LiveBench", 0)]


def test_a_score_below_the_floor_only_bounds_the_vote_of_its_house():
    below, above = scored(index=7.5, coding=29.3), scored(index=9.0, coding=29.3)
    assert [vote.benchmark.name for vote in votes(below)] == [CODING]
    assert [vote.band for vote in votes(scored(coding=29.3))] == [2]
    assert [vote.band for vote in votes(below)] == [3]
    assert [vote.benchmark.name for vote in votes(above)] == [INDEX]


@pytest.mark.parametrize(
    ("scores", "band"),
    [
        pytest.param({"arena": 1450, "index": 14.7, "old_livebench": 62.4}, 2, id="0, 2, 2: 2"),
        pytest.param({"arena": 1450, "index": 14.7}, 1, id="0 and 2: their mean, 1"),
        pytest.param({"arena": 1450, "index": 20.0}, 1, id="0 and 1: rounded to the worse, 1"),
    ],
)
def test_the_middle_vote_is_the_band(scores, band):
    assert direct_evidence(scored(**scores)).band == band


def test_a_makers_own_figure_counts_only_where_no_independent_test_votes():
    assert direct_evidence(scored(maker=90.8)).band == 0
    assert direct_evidence(scored(maker=90.8, arena=1300)).band == 4


def test_a_basis_names_each_test_its_score_and_its_day():
    assert direct_evidence(scored(index=33.7, arena=1438)).basis == (
        "AA Intelligence Index, October 2026: 33.7 (2026-10-03), band 0; "
        "LMArena text: 1438 (2026-10-03), band 0"
    )


def test_without_a_vote_nothing_is_told():
    assert direct_evidence(()) is None
    assert direct_evidence(scored(index=5.2)) is None


# Relatives.
EIGHT_B = a_model("family-8b", billions=8, scores=scored(arena=1300))  # band 4


@pytest.mark.parametrize(
    ("changes", "band"),
    [
        pytest.param({"billions": 3}, 5, id="a smaller one of the family is one band worse"),
        pytest.param({"billions": 8}, 4, id="one as large is in the same band"),
        pytest.param({"billions": 30}, 4, id="a larger one is not placed above it"),
        pytest.param({"billions": 30, "active": 3e9}, 4, id="30B-A3B counts as 9.5 B"),
        pytest.param({"billions": 0.9}, None, id="a ninth of its size says nothing"),
        pytest.param({"billions": 80}, None, id="ten times its size says nothing"),
        pytest.param({"billions": 8, "family": "Else"}, 4, id="as many weights: the same band"),
        pytest.param({"billions": 7.9, "family": "Else"}, None, id="a stranger lends nothing"),
        pytest.param({"billions": 8, "modality": "embedding"}, None, id="chat lends no vectors"),
    ],
)
def test_a_relative_lends_its_band(changes, band):
    if "active" in changes:
        changes = changes | {"active": int(changes["active"])}
    modality = changes.pop("modality", "text") if "modality" in changes else "text"
    model = replace(a_model("untested", **changes), modality=modality)
    found = evidence(model, [EIGHT_B])
    assert (found.band, found.is_direct) == (band, False)


def test_a_lent_band_names_the_relative_and_the_rule():
    assert evidence(a_model("untested", billions=3), [EIGHT_B]).basis == (
        "no test of its own that tells; `family-8b` of its family is in band 4 "
        "and this one is smaller: one band worse"
    )


def test_of_two_relatives_as_near_the_worse_lends():
    better = a_model("family-8b-new", billions=8.1, scores=scored(arena=1450))
    assert evidence(a_model("untested", billions=8), [better, EIGHT_B]).band == 4


def test_a_lent_band_is_never_better_than_a_score_below_the_floor_allows():
    best = a_model("family-8b", billions=8, scores=scored(arena=1450))
    assert evidence(a_model("untested"), [best]).band == 0
    assert evidence(a_model("untested", scores=scored(index=5.0)), [best]).band == 3


def test_a_base_model_borrows_nothing_from_instruct_models(known):
    assert known["llama-2-7b-chat-hf"].band is not None
    assert known["llama-2-7b-hf"].band is None


def test_what_nothing_is_known_of_sorts_last():
    nothing = evidence(a_model("untested"))
    assert (nothing.band, nothing.label) == (None, "no evidence")
    assert nothing.rank > direct_evidence(scored(arena=900)).rank


def test_experts_count_between_their_dense_relatives():
    experts = a_model("30b-a3b", billions=30, active=3_000_000_000)  # as sqrt(30 x 3) = 9.49 B
    assert doublings(a_model("8b", billions=8), experts) > 0
    assert doublings(experts, a_model("14b", billions=14)) > 0


# The real catalog.
@pytest.mark.parametrize(
    ("better", "worse"),
    [
        ("qwen3.8-27b", "qwen3-8b"),
        ("qwen3.8-27b", "qwen3.5-9b"),
        ("qwen3.5-9b", "qwen3-8b"),
        ("qwen3-8b", "qwen3-0.6b"),
        ("llama-3.3-70b-instruct", "llama-3.1-8b-instruct"),
        ("llama-3.3-70b-instruct", "llama-3.2-1b-instruct"),
        ("llama-3.1-8b-instruct", "llama-2-7b-chat-hf"),
        ("gemma-4-31b-it", "gemma-3-27b-it"),
        ("gemma-3-27b-it", "gemma-3-1b-it"),
        ("gpt-oss-120b", "gpt-oss-20b"),
        ("mistral-small-3.2-24b-instruct-2506", "mistral-7b-instruct-v0.3"),
        ("qwen2.5-7b-instruct", "qwen2.5-0.5b-instruct"),
        ("deepseek-r1-distill-qwen-14b", "deepseek-r1-distill-qwen-1.5b"),
        ("qwen3-embedding-8b", "all-minilm-l6-v2"),
    ],
)
def test_bands_repeat_what_nobody_contests(known, better, worse):
    assert known[better].rank < known[worse].rank


def test_tinyllama_is_at_the_bottom(known):
    assert known["tinyllama-1.1b-chat-v1.0"].band == 7


def test_what_many_people_run_has_evidence(known):
    without = {model.name for model in load_models() if model.tier == 1} - {
        name for name, found in known.items() if found.band is not None
    }
    assert without == NOTHING_IS_KNOWN_OF


def test_evidence_of_one_model_is_that_of_all(known):
    models = load_models()
    for model in models[::17]:
        assert evidence(model, models) == known[model.name]


def test_a_relative_is_seldom_more_than_a_band_off_and_seldom_flatters():
    """Each tested model as if it had no scores; the README states these errors."""
    models = load_models()
    errors = []
    for model in models:
        own, others = evidence(model), [other for other in models if other is not model]
        lent = evidence(replace(model, benchmarks=()), others)
        if own.band is not None and "of its family" in lent.basis:
            errors.append(lent.band - own.band)
    assert len(errors) > 100
    assert fmean(abs(error) for error in errors) < 0.6
    assert fmean(abs(error) <= 1 for error in errors) > 0.92
    assert fmean(error < 0 for error in errors) < 0.08


def test_the_thresholds_are_what_the_tool_derives_from_the_scores(monkeypatch):
    path = ROOT / "tools" / "build_benchmarks.py"
    spec = importlib.util.spec_from_file_location("build_benchmarks", path)
    tool = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, tool)
    spec.loader.exec_module(tool)
    scores = tool.read_scores()
    committed = (ROOT / "catalog" / "evidence.csv").read_text(encoding="utf-8")
    assert tool.text(scores, tool.link(scores)) == committed


# The data files.
def rows(name):
    with (ROOT / "catalog" / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_every_score_is_of_a_model_in_the_catalog_and_stated_once():
    repositories = {model.repository for model in load_models()}
    scores = rows("benchmarks.csv")
    assert {row["repository"] for row in scores} <= repositories
    assert max(Counter((row["repository"], row["name"]) for row in scores).values()) == 1


def test_every_score_is_of_a_test_that_is_weighed_or_shown_only():
    weighed = {yardstick.name: yardstick.is_independent for yardstick in load_yardsticks()}
    scores = rows("benchmarks.csv")
    assert {row["name"] for row in scores} - set(weighed) == {
        f"{name}, maker-reported" for name in SHOWN_ONLY
    }
    assert set(weighed) <= {row["name"] for row in scores}
    assert {row["kind"] for row in scores} == {"independent", "maker"}
    makers = {row["name"] for row in scores if row["name"].endswith("maker-reported")}
    assert not [row for row in scores if row["name"] in makers and row["kind"] != "maker"]


def test_readings_of_one_index_are_of_one_day():
    """In 2026 the index was reworked between readings: gpt-oss-120b had 23.8, then 11.6."""
    for name in (INDEX, CODING, ARENA):
        assert len({row["date"] for row in rows("benchmarks.csv") if row["name"] == name}) == 1


def test_every_model_has_purposes_and_every_row_a_model():
    assert set(load_purposes()) == {model.repository for model in load_models()}


def test_purposes_agree_with_what_a_model_is():
    for model in load_models():
        found = purposes(model)
        assert ("embedding" in found) == (model.modality == "embedding"), model.name
        assert not ({"chat", "base"} <= found), model.name
        assert not ("embedding" in found and len(found) > 1), model.name


@pytest.mark.parametrize(
    ("part", "purpose"),
    [
        ("coder", "coding"),
        ("devstral", "coding"),
        ("codestral", "coding"),
        ("starcoder", "coding"),
        ("laguna", "coding"),
        ("thinking", "reasoning"),
        ("-r1-", "reasoning"),
        ("reasoning", "reasoning"),
        ("qwq", "reasoning"),
        ("magistral", "reasoning"),
        ("gpt-oss", "reasoning"),
        ("embed", "embedding"),
    ],
)
def test_a_name_that_says_what_a_model_is_for_is_believed(part, purpose):
    named = [model for model in load_models() if part in model.name]
    assert named
    assert [model.name for model in named if purpose not in purposes(model)] == []


def test_a_base_model_is_never_for_chat():
    bases = {model.name for model in load_models() if is_base(model)}
    assert bases == {"llama-2-7b-hf", "starcoder2-3b", "starcoder2-7b", "starcoder2-15b"}


HEAD = (
    "name,house,order,kind,floor,band_0,band_1,band_2,band_3,band_4,band_5,band_6,source,checked\n"
)


@pytest.mark.parametrize(
    ("lines", "complaint"),
    [
        pytest.param(
            "A,Ours,1,independent,,5,6,,,,,,x,2026-11-23\n",
            "`A` in `evidence.csv`: its thresholds do not fall from band to band",
            id="thresholds that rise",
        ),
        pytest.param(
            "A,Ours,1,independent,,6,,5,,,,,x,2026-11-23\n",
            "`A` in `evidence.csv`: its thresholds do not fall from band to band",
            id="a gap between thresholds",
        ),
        pytest.param(
            "A,Ours,2,independent,,6,,,,,,,x,2026-11-23\nB,Ours,1,maker,,6,,,,,,,x,2026-11-23\n",
            "`evidence.csv` is not sorted by house and order, or has a place twice",
            id="an order that is none",
        ),
    ],
)
def test_a_yardstick_that_contradicts_itself_is_refused(tmp_path, lines, complaint):
    (tmp_path / "evidence.csv").write_text(HEAD + lines, encoding="utf-8")
    with pytest.raises(RowError) as refusal:
        read_yardsticks(tmp_path)
    assert str(refusal.value) == complaint


def test_a_word_that_is_no_purpose_is_refused(tmp_path):
    (tmp_path / "purposes.csv").write_text(
        "repository,purposes,source,checked\na/b,chatting,x,2026-11-23\n", encoding="utf-8"
    )
    complaint = "`a/b` in `purposes.csv`: `chatting` is no purpose"
    with pytest.raises(RowError, match=re.escape(complaint)):
        read_purposes(tmp_path)
