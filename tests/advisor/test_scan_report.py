"""What a scan answers: which models are considered, in which quant, in which order, and why."""

from __future__ import annotations

import pytest

from advisor.estimate.result import Verdict, Why
from advisor.rank import Demotion, ranked
from advisor.report.candidates import (
    Question,
    best_or_smallest,
    candidates_of,
    is_usual,
    preferred,
    usual_quants,
)
from advisor.report.filter import Filter, is_of
from advisor.report.model_list import model_list
from advisor.report.scan import scan
from advisor.workload import Workload
from catalog.evidence import evidence
from catalog.names import find_model
from catalog.purposes import purposes
from catalog.quants import find_quant, load_quants
from catalog.shelf import load_models

LLAMA = find_model("llama-3.1-8b-instruct")
EVERY_MODEL = Filter(everything=True)
FEW = tuple(
    find_model(name)
    for name in (
        "llama-3.1-8b-instruct",
        "llama-3.1-70b-instruct",
        "qwen3-30b-a3b",
        "qwen3-4b",
        "gemma-3-27b-it",
        "qwen2.5-coder-7b-instruct",
        "llama-3.2-1b-instruct",
    )
)


@pytest.fixture(scope="session")
def question(gpu, target):
    """Asked of a machine with one card of so many GiB."""

    def ask(gib=24, *, gb_per_s=1000, host_gib=64, floor=10.0, **workload):
        machine = target(gpu(gib, gb_per_s=gb_per_s), host_gib=host_gib)
        return Question(target=machine, workload=Workload(**workload), min_tokens_per_s=floor)

    return ask


@pytest.fixture(scope="session")
def report(question):
    """A scan of a few models."""

    def find(gib=24, *, wanted=None, models=FEW, **asked):
        return scan(question(gib, **asked), models, wanted or Filter(everything=True), None)

    return find


def rows(found):
    return {one.estimate.subject.model.name: one for one in found.rows}


def quant(one):
    return one.estimate.subject.quant.name


# Which models.


@pytest.mark.parametrize(
    ("wanted", "model", "is_admitted"),
    [
        pytest.param({}, "llama-3.1-8b-instruct", True, id="a model that people run most"),
        pytest.param({}, "llama-2-13b-chat-hf", False, id="not one that fewer run"),
        pytest.param({"everything": True}, "llama-2-13b-chat-hf", True, id="unless all are asked"),
        pytest.param({}, "nomic-embed-text-v1.5", False, id="no embeddings unless asked for"),
        pytest.param({"purpose": "embedding"}, "nomic-embed-text-v1.5", True, id="asked for"),
        pytest.param({"purpose": "coding"}, "qwen2.5-coder-7b-instruct", True, id="for coding"),
        pytest.param({"purpose": "coding"}, "llama-3.2-1b-instruct", False, id="not for coding"),
        pytest.param({"max_params": 8_030_261_248}, "llama-3.1-8b-instruct", True, id="as large"),
        pytest.param({"max_params": 8_030_261_247}, "llama-3.1-8b-instruct", False, id="larger"),
        pytest.param({"family": "Llama"}, "llama-3.1-8b-instruct", True, id="of a family"),
        pytest.param({"family": "meta 3.1"}, "llama-3.1-8b-instruct", True, id="all the words"),
        pytest.param({"family": "llama 3.2"}, "llama-3.1-8b-instruct", False, id="not one of them"),
    ],
)
def test_a_filter_admits(wanted, model, is_admitted):
    assert Filter(**wanted).admits(find_model(model)) is is_admitted


def test_what_only_lists_models_shows_embeddings_and_base_models_too():
    assert EVERY_MODEL.lists(find_model("nomic-embed-text-v1.5"))
    assert not EVERY_MODEL.admits(find_model("nomic-embed-text-v1.5"))


@pytest.mark.parametrize(
    ("words", "is_so"),
    [("qwen3", True), ("QWEN 30b", True), ("alibaba a3b", True), ("qwen 31b", False)],
)
def test_a_family_is_named_by_any_words_of_its_name_or_publisher(words, is_so):
    assert is_of(find_model("qwen3-30b-a3b"), words) is is_so


def test_a_list_of_models_passes_every_filter_with_its_evidence():
    found = model_list(["coder"], Filter(family="qwen", purpose="coding", max_params=10**10))
    assert found
    for model, known in found:
        assert "coder" in model.repository.casefold()
        assert model.params_total <= 10**10
        assert model.tier == 1
        assert "coding" in purposes(model)
        assert known.label
    assert len(model_list([], EVERY_MODEL)) == len(load_models())
    assert model_list(["coder", "llama-3"], EVERY_MODEL) == []


# Which quant.


def test_usual_quants_are_common_and_the_makers_own():
    """gpt-oss is published in MXFP4, and people run that; nobody runs a Llama in it."""
    mxfp4 = find_quant("MXFP4_MOE")
    assert is_usual(mxfp4, find_model("gpt-oss-20b"))
    assert not is_usual(mxfp4, LLAMA)
    assert "Q4_K_M" in [one.name for one in usual_quants(LLAMA)]
    assert "F32" not in [one.name for one in usual_quants(LLAMA)]


def test_candidates_are_largest_first_and_those_that_exist(question):
    found = candidates_of(LLAMA, usual_quants(LLAMA), question(), evidence(LLAMA))
    sizes = [one.estimate.subject.weights.tensor_bytes for one in found]
    assert sizes == sorted(sizes, reverse=True)
    assert len(found) == len(usual_quants(LLAMA))


def test_the_best_quant_loses_least_of_those_that_fit_and_are_fast_enough(question):
    """All that fit are estimated; the search through bands of loss finds the same one."""
    asked = question(8)
    found = candidates_of(LLAMA, usual_quants(LLAMA), asked, evidence(LLAMA))
    best = ranked(found)[0]
    chosen = best_or_smallest(LLAMA, usual_quants(LLAMA), asked, evidence(LLAMA))
    assert quant(chosen) == quant(best)
    assert chosen.estimate.fit.verdict is Verdict.FITS


@pytest.mark.parametrize("model", FEW, ids=lambda model: model.name)
@pytest.mark.parametrize("gib", [4, 12, 48])
@pytest.mark.parametrize("gb_per_s", [40, 1000], ids=["slow", "fast"])
def test_searching_band_by_band_finds_what_trying_everything_finds(question, model, gib, gb_per_s):
    asked, known = question(gib, gb_per_s=gb_per_s), evidence(model)
    chosen = best_or_smallest(model, usual_quants(model), asked, known)
    tried = ranked(candidates_of(model, usual_quants(model), asked, known))
    if not tried:
        assert chosen.estimate.fit.verdict is Verdict.NO
    else:
        assert chosen.key == tried[0].key


def test_where_none_runs_the_smallest_quant_says_why(question):
    asked = question(4, host_gib=4)
    model = find_model("llama-3.1-70b-instruct")
    found = best_or_smallest(model, usual_quants(model), asked, evidence(model))
    sizes = [
        one.estimate.subject.weights.tensor_bytes
        for one in candidates_of(model, usual_quants(model), asked, evidence(model))
    ]
    assert found.estimate.subject.weights.tensor_bytes == min(sizes)
    assert not found.runs


def test_a_model_that_was_not_made_for_the_context_is_no_candidate(question):
    """Gemma 2 was made for 8,192 tokens."""
    gemma = find_model("gemma-2-9b-it")
    for context, is_none in ((8192, False), (8193, True)):
        found = best_or_smallest(
            gemma, usual_quants(gemma), question(context_tokens=context), evidence(gemma)
        )
        assert (found is None) is is_none


def test_the_preferred_quant_is_the_best_else_the_usual_else_the_smallest(question):
    def chosen(quants, **asked):
        found = candidates_of(LLAMA, quants, question(**asked), evidence(LLAMA))
        return quant(preferred(found))

    assert chosen(load_quants(), gib=80) == chosen(usual_quants(LLAMA), gib=80)
    assert chosen(load_quants(), gib=1, host_gib=1) == "Q4_K_M"
    few = [find_quant("Q8_0"), find_quant("Q6_K")]
    assert chosen(few, gib=1, host_gib=1) == "Q6_K"


# The report.


def test_each_model_is_there_once_in_the_order_of_the_ranking(report):
    found = report()
    names = list(rows(found))
    assert len(names) == len(set(names))
    assert sorted(names + [one.estimate.subject.model.name for one in found.rejected]) == sorted(
        model.name for model in FEW
    )
    keys = [one.key for one in found.rows]
    assert keys == sorted(keys)


def test_the_recommendation_is_the_first_row_with_its_file_and_commands(report):
    found = report()
    best = found.recommendation
    assert best.candidate is found.rows[0]
    assert best.download.size_bytes.value > 0
    assert [command.program for command in best.commands] == ["llama.cpp", "Ollama", "LM Studio"]
    weights = [one.estimate.subject.weights.tensor_bytes for one in (best.candidate, best.larger)]
    assert weights[0] < weights[1]


def test_models_that_do_not_run_are_rejected_with_two_numbers(report):
    """A card of 8 GiB and as much memory: 70 billion weights fit nowhere."""
    found = report(8, host_gib=8)
    names = [one.estimate.subject.model.name for one in found.rejected]
    assert "llama-3.1-70b-instruct" in names
    for one in found.rejected:
        assert one.estimate.fit.why is Why.TOO_LITTLE
        assert one.estimate.fit.needed_bytes > one.estimate.fit.available_bytes > 0
    needed = [one.estimate.total_bytes for one in found.rejected]
    assert needed == sorted(needed)


def test_where_nothing_runs_nothing_is_recommended(report):
    found = report(0.25, host_gib=0.25)
    assert (found.rows, found.recommendation) == ((), None)
    assert len(found.rejected) == len(FEW)


def test_what_nobody_would_wait_for_is_demoted(report):
    """A 70B with most layers on the CPU is listed after a 1B that is fast."""
    found = report(24)
    names = list(rows(found))
    slow = rows(found)["llama-3.1-70b-instruct"]
    assert slow.demotions == (Demotion.SLOW,)
    assert names.index("llama-3.1-70b-instruct") > names.index("llama-3.2-1b-instruct")


def test_a_higher_floor_demotes_more(report):
    def slow(floor):
        return {name for name, one in rows(report(floor=floor)).items() if one.demotions}

    assert slow(1) <= slow(10) <= slow(100)
    assert slow(1) < slow(100)


def test_a_longer_context_leaves_no_room_for_as_large_a_quant(report):
    short, long = (
        rows(report(8, context_tokens=tokens, models=(LLAMA,)))[LLAMA.name]
        for tokens in (4096, 32768)
    )
    sizes = [one.estimate.subject.weights.tensor_bytes for one in (short, long)]
    assert sizes[1] < sizes[0]


def test_a_context_beyond_a_models_leaves_the_model_out(report):
    found = report(context_tokens=100_000)
    names = {one.estimate.subject.model.name for one in (*found.rows, *found.rejected)}
    assert "qwen3-4b" not in names, "made for 40,960 tokens"
    assert "llama-3.1-8b-instruct" in names


def test_filters_narrow_a_scan(report):
    found = report(wanted=Filter(everything=True, family="llama"))
    assert set(rows(found)) == {
        "llama-3.1-8b-instruct",
        "llama-3.1-70b-instruct",
        "llama-3.2-1b-instruct",
    }
