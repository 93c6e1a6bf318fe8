"""The fixed sentences: one for each reason, each with the two numbers that were compared."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from advisor.estimate.result import Fit, Verdict, Why
from advisor.rank import Candidate, Demotion
from advisor.render.sentences import demotion, device, now_and_idle, reason, why_not_larger

GIB = 1 << 30


def fit(why=Why.ENOUGH, *, verdict="fits", now=None, idle=None, device="a card", available=8):
    return Fit(
        verdict=Verdict(verdict),
        now=Verdict(now or verdict),
        idle=Verdict(idle or verdict),
        why=why,
        device=device,
        needed_bytes=int(5.5 * GIB),
        high_bytes=int(6.5 * GIB),
        available_bytes=None if available is None else available * GIB,
    )


def estimate(found, *, gpu_layers=20, name="Q4_K_M", size=4_900_000_000):
    return SimpleNamespace(
        fit=found,
        placement=SimpleNamespace(gpu_layers=gpu_layers, layers=33, blocks=32, bare_blocks=12),
        subject=SimpleNamespace(
            quant=SimpleNamespace(name=name), weights=SimpleNamespace(tensor_bytes=size)
        ),
    )


def candidate(name="Q4_K_M", *, found=None, tokens_per_s=50.0, demoted=(), band=0, label="slight"):
    answer = estimate(found or fit(), name=name, size={"Q4_K_M": 49, "Q5_K_M": 57}[name] * 10**8)
    answer.decode = None
    if tokens_per_s is not None:
        answer.decode = SimpleNamespace(speed=SimpleNamespace(tokens_per_s=tokens_per_s))
    return Candidate(
        estimate=answer,
        evidence=SimpleNamespace(band=3),
        loss=SimpleNamespace(cautious_band=band, cautious_label=label),
        demotions=tuple(Demotion(one) for one in demoted),
    )


@pytest.mark.parametrize(
    ("why", "sentence"),
    [
        (Why.ENOUGH, "it needs 5.5 GiB of the 8.0 GiB that `a card` has free"),
        (
            Why.LITTLE_SPARE,
            "it needs 5.5 GiB, which leaves under 5 % of the 8.0 GiB `a card` has",
        ),
        (
            Why.WHEN_FREED,
            (
                "it needs 5.5 GiB, and `a card` has 8.0 GiB free now; it fits when other programs"
                " free theirs"
            ),
        ),
        (
            Why.SOME_LAYERS,
            (
                "all of it would need 5.5 GiB, and `a card` has 8.0 GiB free; 20 of 33 layers go to"
                " the GPU, the rest to the CPU"
            ),
        ),
        (
            Why.MAY_NEED_MORE,
            "it needs about 5.5 GiB, perhaps 6.5 GiB, and `a card` has 8.0 GiB free",
        ),
        (
            Why.SOME_EXPERTS,
            (
                "all of it would need 5.5 GiB, and `a card` has 8.0 GiB free; the experts of the"
                " first 12 of 32 layers stay on the CPU"
            ),
        ),
        (
            Why.LAYERS_WITHOUT_EXPERTS,
            (
                "all of it would need 5.5 GiB, and `a card` has 8.0 GiB free; 20 of 33 layers go to"
                " the GPU, 12 of them without their experts, the rest to the CPU"
            ),
        ),
        (Why.TOO_LITTLE, "it needs 5.5 GiB, and `a card` has 8.0 GiB"),
        (Why.ALL_LAYERS_ASKED, "20 layers need 5.5 GiB, and `a card` has 8.0 GiB"),
        (
            Why.UNKNOWN_CACHE,
            "its weights alone need 5.5 GiB; how much its cache needs is not known",
        ),
    ],
)
def test_each_reason_has_one_sentence(why, sentence):
    assert reason(estimate(fit(why))) == sentence


def test_unknown_memory_is_a_sentence_and_no_number():
    unknown = estimate(fit(Why.UNKNOWN_MEMORY, available=None))
    assert reason(unknown) == "it needs 5.5 GiB; how much memory `a card` has is not known"


@pytest.mark.parametrize("why", Why)
def test_no_reason_is_without_a_sentence_and_none_ends_with_a_full_stop(why):
    text = reason(estimate(fit(why)))
    assert "5.5 GiB" in text
    assert not text.endswith(".")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("host", "the system's memory"),
        ("unified memory", "the unified memory"),
        ("NVIDIA GeForce RTX 4090", "`NVIDIA GeForce RTX 4090`"),
    ],
)
def test_a_device_as_a_sentence_names_it(name, text):
    assert device(name) == text


@pytest.mark.parametrize(
    ("now", "idle", "text"),
    [
        ("fits", "fits", None),
        ("no", "fits", "now: no; with nothing else running: fits"),
        ("partial", "tight", "now: partial; with nothing else running: tight"),
    ],
)
def test_now_and_idle_are_said_where_they_differ(now, idle, text):
    assert now_and_idle(fit(now=now, idle=idle)) == text


@pytest.mark.parametrize(
    ("demoted", "tokens_per_s", "text"),
    [
        ([], 50.0, None),
        (["slow"], 4.2, "4.2 tokens/s is below the floor of 10"),
        (["unknown-speed"], None, "its speed is not known"),
        (["severe-loss"], 50.0, "Q4_K_M loses severely in quality"),
        (
            ["slow", "severe-loss"],
            4.2,
            "4.2 tokens/s is below the floor of 10; Q4_K_M loses severely in quality",
        ),
    ],
)
def test_why_a_candidate_is_listed_last(demoted, tokens_per_s, text):
    assert demotion(candidate(demoted=demoted, tokens_per_s=tokens_per_s), 10.0) == text


@pytest.mark.parametrize(
    ("larger", "text"),
    [
        pytest.param(None, "there is no larger quant", id="there is none"),
        pytest.param(
            {"found": fit(Why.TOO_LITTLE, verdict="no")},
            "Q5_K_M, the next larger: it needs 5.5 GiB, and `a card` has 8.0 GiB",
            id="it does not run",
        ),
        pytest.param(
            {"demoted": ["slow"], "tokens_per_s": 9.0},
            "Q5_K_M, the next larger: 9.0 tokens/s is below the floor of 10",
            id="it is too slow",
        ),
        pytest.param(
            {"found": fit(Why.LITTLE_SPARE, verdict="tight")},
            "Q5_K_M, the next larger, is only tight: it needs 5.5 GiB, which leaves under 5 % of"
            " the 8.0 GiB `a card` has",
            id="it fits worse",
        ),
        pytest.param(
            {"band": 2, "label": "noticeable"},
            "Q5_K_M, the next larger, may lose more: noticeable at worst",
            id="it may lose more, where little was measured",
        ),
        pytest.param(
            {"tokens_per_s": 43.0},
            "Q5_K_M, the next larger, is no better (slight at worst), but 800 MB larger and"
            " slower: 43 instead of 50 tokens/s",
            id="it is no better and slower",
        ),
    ],
)
def test_why_the_next_larger_quant_was_not_chosen(larger, text):
    other = None if larger is None else candidate("Q5_K_M", **larger)
    assert why_not_larger(candidate(), other, 10.0) == text
