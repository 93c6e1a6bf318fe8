"""One answer: the steps in order, the longest context, and what only a whole answer holds."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from advisor.errors import UsageError
from advisor.estimate.estimator import estimate, wanted_of
from advisor.estimate.overhead import desktop_note
from advisor.estimate.result import Verdict, Why
from advisor.estimate.runtimes import preset
from advisor.figure import Origin
from advisor.workload import Runtime, Workload
from catalog.shelf import load_models

LLAMA = "llama-3.1-8b-instruct"


@pytest.fixture(scope="session")
def answer(subject, target):
    """`answer(gpu(24), context_tokens=4096)` is the whole estimate of Llama 3.1 8B in Q4_K_M."""

    def find(*gpus, model=LLAMA, host_gib=64, **asked):
        return estimate(subject(model), Workload(**asked), target(*gpus, host_gib=host_gib))

    return find


def test_an_answer_holds_memory_fit_and_speeds(answer, gpu):
    found = answer(gpu(24))
    assert (found.target_name, found.fit.verdict) == ("a machine", Verdict.FITS)
    assert [one.name for one in found.allocations] == ["a card", "host"]
    assert found.total_bytes == sum(one.total_bytes for one in found.allocations)
    assert found.low_bytes == sum(one.low_bytes for one in found.allocations)
    assert found.high_bytes == sum(one.high_bytes for one in found.allocations)
    assert found.decode.origin is Origin.PUBLISHED
    empty, full = (one.speed.tokens_per_s for one in (found.decode, found.decode_full))
    assert full < empty


def test_the_first_token_comes_after_the_prompt_is_read(answer, gpu):
    found = answer(gpu(24))
    assert found.prompt_tokens == 512
    speed = found.prefill.speed
    assert found.time_to_first_token_s == 512 / speed.tokens_per_s
    assert found.time_to_first_token_low_s == 512 / speed.high
    assert found.time_to_first_token_high_s == 512 / speed.low


def test_a_long_prompt_takes_longer_for_each_of_its_tokens(answer, gpu):
    short, long = answer(gpu(24)), answer(gpu(24), prompt_tokens=8192)
    assert long.prompt_tokens == 8192
    assert long.time_to_first_token_s > 16 * short.time_to_first_token_s


def test_a_brief_answer_says_the_same_and_leaves_out_what_takes_longer(
    subject, gpu, target, answer
):
    card = gpu(24)
    brief = estimate(subject(LLAMA), Workload(), target(card, host_gib=64), brief=True)
    whole = answer(card)
    assert (brief.decode_full, brief.prefill, brief.fit.max_context_tokens) == (None, None, None)
    assert (brief.allocations, brief.decode) == (whole.allocations, whole.decode)
    unsolved = dict.fromkeys(
        ("max_context_tokens", "max_context_by_kv_type", "llama_cpp_fit"), None
    )
    assert dataclasses.replace(whole.fit, **unsolved) == brief.fit
    assert brief.time_to_first_token_s is None


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        pytest.param({}, None, id="nobody says: solve for it"),
        pytest.param({"gpu_layers": 7}, 7, id="a number"),
        pytest.param({"offload_all": True}, 33, id="all of them: 32 blocks and the output"),
    ],
)
def test_gpu_layers_that_are_wanted(subject, asked, expected):
    assert wanted_of(subject(LLAMA), Workload(**asked)).gpu_layers == expected


def test_all_layers_are_offloaded_whether_they_fit_or_not(answer, gpu):
    found = answer(gpu(4), offload_all=True)
    assert (found.fit.verdict, found.placement.gpu_layers) == (Verdict.NO, 33)


def test_a_depth_is_where_the_speed_is_stated(answer, gpu):
    at_start, deep = (
        answer(gpu(24), context_tokens=32768, depth_tokens=depth) for depth in (0, 32768)
    )
    assert deep.decode.speed.tokens_per_s < at_start.decode.speed.tokens_per_s
    assert deep.decode.speed == at_start.decode_full.speed


def test_no_speed_without_a_bandwidth(answer, gpu):
    found = answer(gpu(24, gb_per_s=None))
    assert (found.decode, found.decode_full, found.fit.verdict) == (None, None, Verdict.FITS)


def test_the_machines_notes_are_in_the_answer(subject, gpu, target):
    machine = dataclasses.replace(target(gpu(24)), notes=("a card is lost",))
    found = estimate(subject(LLAMA), Workload(), machine)
    assert found.notes == ("a card is lost", preset(Runtime.LLAMA_SERVER).note)
    bench = estimate(subject(LLAMA), Workload(runtime=Runtime.LLAMA_BENCH), machine)
    assert bench.notes == ("a card is lost",)


def test_a_card_that_may_draw_a_desktop_is_said_to(subject, gpu, target):
    """One from the catalog; a card of a machine says how much is free."""
    asked = Workload(runtime=Runtime.LLAMA_BENCH)
    card = gpu(24)
    taken = dataclasses.replace(card.available_bytes, origin=Origin.ASSUMED)
    imagined = dataclasses.replace(card, available_bytes=taken)
    assert estimate(subject(LLAMA), asked, target(imagined)).notes == (desktop_note(),)
    server = dataclasses.replace(imagined, kind="datacenter")
    assert estimate(subject(LLAMA), asked, target(server)).notes == ()


def test_a_cache_that_is_not_understood_is_bounded_and_never_guessed(subject, gpu, target):
    """Its weights alone are what it needs at least; whether it fits nobody says."""
    unknown = dataclasses.replace(
        subject(LLAMA), caches=None, refusal="the cache of `new-architecture` is not understood"
    )
    roomy = estimate(unknown, Workload(), target(gpu(24)))
    assert (roomy.fit.verdict, roomy.fit.why) == (Verdict.NO, Why.UNKNOWN_CACHE)
    assert roomy.fit.max_context_tokens is None
    assert roomy.notes[0] == "the cache of `new-architecture` is not understood"
    small = estimate(unknown, Workload(), target(gpu(2), host_gib=2))
    assert (small.fit.verdict, small.fit.why) == (Verdict.NO, Why.TOO_LITTLE)


def test_a_context_beyond_the_models_is_refused(answer, gpu):
    with pytest.raises(UsageError, match="beyond the model's own 131,072"):
        answer(gpu(24), context_tokens=131_073)


def test_a_cache_type_that_the_heads_do_not_take_is_refused(answer, gpu):
    with pytest.raises(UsageError, match="heads of 80"):
        answer(gpu(24), model="exaone-3.5-2.4b-instruct", kv_type_k="q8_0")


@pytest.mark.parametrize(
    ("gib", "longest"),
    [
        pytest.param(24, 131_072, id="24 GiB: the model's own, 16 GiB of cache"),
        pytest.param(8, None, id="8 GiB: less"),
        pytest.param(3, None, id="3 GiB: with layers on the CPU as now"),
    ],
)
def test_the_longest_context_fits_and_the_next_does_not(answer, gpu, gib, longest):
    found = answer(gpu(gib), host_gib=16)
    most = found.fit.max_context_tokens
    assert longest in {None, most}
    assert most % 256 == 0
    rank = max(found.fit.verdict.rank, Verdict.TIGHT.rank)
    assert answer(gpu(gib), host_gib=16, context_tokens=most).fit.verdict.rank <= rank
    if most < 131_072:
        longer = answer(gpu(gib), host_gib=16, context_tokens=most + 256)
        assert longer.fit.verdict.rank > rank


def test_where_nothing_fits_there_is_no_longest_context(answer, gpu):
    assert answer(gpu(2), host_gib=2).fit.max_context_tokens is None


def test_a_context_that_is_too_long_has_a_shorter_one_that_fits(answer, gpu):
    """131,072 tokens need 16 GiB of cache; a machine of 12 GiB in all takes some of them."""
    found = answer(gpu(8), host_gib=4, context_tokens=131_072)
    assert found.fit.verdict is Verdict.NO
    assert 8192 < found.fit.max_context_tokens < 131_072


MODELS = st.sampled_from([model.name for model in load_models() if model.tier == 1])


@settings(deadline=None, max_examples=25)
@given(model=MODELS, gib=st.floats(1, 100), host_gib=st.floats(1, 200))
def test_the_longest_context_is_really_the_longest(
    model, gib, host_gib, subject, gpu, target, answer
):
    card = gpu(gib)
    machine = target(card, host_gib=host_gib)
    one = subject(model)
    trained = one.model.context_tokens
    found = estimate(one, Workload(), machine)
    most = found.fit.max_context_tokens

    def verdict(context_tokens):
        workload = Workload(context_tokens=context_tokens)
        return estimate(one, workload, machine, brief=True).fit.verdict.rank

    wanted = max(found.fit.verdict.rank, Verdict.TIGHT.rank)
    if found.fit.verdict is Verdict.NO:
        wanted = Verdict.PARTIAL.rank
    if most is None:
        assert verdict(min(256, trained)) > wanted
        return
    assert verdict(most) <= wanted
    if most < trained:
        assert verdict(min(most + 256, trained)) > wanted


@settings(deadline=None, max_examples=60)
@given(
    model=MODELS,
    rates=st.tuples(st.floats(50, 4000), st.floats(50, 4000)),
    depth_tokens=st.sampled_from([0, 4096]),
)
def test_more_bandwidth_never_gives_fewer_tokens_per_second(
    model, rates, depth_tokens, subject, gpu, target
):
    speeds = [
        estimate(
            subject(model),
            Workload(depth_tokens=depth_tokens),
            target(gpu(2000, gb_per_s=rate), host_gib=2000),
            brief=True,
        ).decode.speed.tokens_per_s
        for rate in sorted(rates)
    ]
    assert speeds == sorted(speeds)


@settings(deadline=None, max_examples=15, derandomize=True)
@given(
    model=st.sampled_from(["llama-3.1-8b-instruct", "qwen3-8b", "qwen3-30b-a3b", "gemma-3-12b-it"]),
    gib=st.floats(3, 40),
)
def test_a_smaller_type_of_cache_never_shortens_the_context(model, gib, subject, gpu, target):
    """And each is really the longest: what it says fits does, and 256 tokens more do not."""
    one, machine = subject(model), target(gpu(gib), host_gib=64)
    found = estimate(one, Workload(), machine).fit
    longest = dict(found.max_context_by_kv_type)
    assert list(longest) == ["f16", "q8_0", "q4_0"]
    assert longest["f16"] == found.max_context_tokens
    assert longest["f16"] <= longest["q8_0"] <= longest["q4_0"]
    worst = max(found.verdict.rank, Verdict.TIGHT.rank)
    for name, most in longest.items():
        for tokens, fits in ((most, True), (most + 256, False)):
            if tokens <= one.model.context_tokens:
                asked = Workload(context_tokens=tokens, kv_type_k=name, kv_type_v=name)
                verdict = estimate(one, asked, machine, brief=True).fit.verdict
                assert (verdict.rank <= worst) is fits


def test_a_type_that_llama_cpp_refuses_has_no_longest_context(answer, gpu):
    """Heads of 80 are no whole blocks of 32, and without flash attention V is not quantized."""
    found = answer(gpu(24), model="exaone-3.5-2.4b-instruct").fit
    assert dict(found.max_context_by_kv_type) == {
        "f16": found.max_context_tokens,
        "q8_0": None,
        "q4_0": None,
    }
