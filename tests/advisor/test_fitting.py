"""Whether a model fits a machine, on which GPUs, and with how many layers."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from advisor.estimate.estimator import costs_of, estimate
from advisor.estimate.fit import FIT_MARGIN_BYTES, Wanted, judge
from advisor.estimate.result import Verdict, Why
from advisor.estimate.solver import (
    largest_near,
    largest_that,
    largest_within,
    smallest_near,
    smallest_that,
    smallest_within,
)
from advisor.workload import Workload
from catalog.quants import load_quants
from catalog.shelf import load_models

GIB = 1 << 30
LLAMA = "llama-3.1-8b-instruct"


@pytest.fixture(scope="session")
def judged(subject, resolved, target):
    """The judgement of Llama 3.1 8B in Q4_K_M at 8k on some GPUs: 5.89 GiB on one."""

    def find(*gpus, gpu_layers=None, host_gib=64, host_free_gib=None, **asked):
        costs = costs_of(subject(LLAMA), resolved(**{"context_tokens": 8192, **asked}))
        machine = target(*gpus, host_gib=host_gib, host_free_gib=host_free_gib)
        return judge(costs, machine, Wanted(gpu_layers=gpu_layers))

    return find


NEEDED_GIB = (4403.49 + 1024 + 116.01 + 350) / 1024
"""Weights, cache, scratch and the driver's context; see `test_memory.py`."""


def test_a_fit_says_which_two_numbers_were_compared(judged, gpu):
    fit = judged(gpu(8)).fit
    assert (fit.verdict, fit.why, fit.device) == (Verdict.FITS, Why.ENOUGH, "a card")
    assert fit.needed_bytes / GIB == pytest.approx(NEEDED_GIB, abs=1e-4)
    assert fit.available_bytes == 8 * GIB


@pytest.mark.parametrize(
    ("free_gib", "capacity_gib", "now", "idle", "verdict", "why"),
    [
        pytest.param(8, 8, "fits", "fits", "fits", Why.ENOUGH, id="there is room"),
        pytest.param(
            6.2, 6.2, "fits", "fits", "fits", Why.ENOUGH, id="5.76 of 6.2: just over 5 % to spare"
        ),
        pytest.param(
            6, 6, "tight", "tight", "tight", Why.LITTLE_SPARE, id="5.76 of 6: under 5 % to spare"
        ),
        pytest.param(
            6, 24, "tight", "fits", "tight", Why.LITTLE_SPARE, id="tight now, roomy when freed"
        ),
        pytest.param(
            4, 24, "no", "fits", "tight", Why.WHEN_FREED, id="only when other programs free theirs"
        ),
        pytest.param(
            4, 6, "no", "tight", "tight", Why.WHEN_FREED, id="and then with under 5 % to spare"
        ),
    ],
)
def test_a_verdict_is_about_now_and_about_an_idle_machine(
    judged, gpu, free_gib, capacity_gib, now, idle, verdict, why
):
    fit = judged(gpu(capacity_gib, free_gib=free_gib)).fit
    assert (fit.now, fit.idle, fit.verdict, fit.why) == (now, idle, verdict, why)


def test_what_no_gpu_holds_is_shared_with_the_host(judged, gpu):
    found = judged(gpu(5))
    assert (found.fit.verdict, found.fit.why) == (Verdict.PARTIAL, Why.SOME_LAYERS)
    assert 0 < found.placement.gpu_layers < 33
    # The two numbers say why it is not whole.
    assert found.fit.needed_bytes / GIB == pytest.approx(NEEDED_GIB, abs=1e-4)
    assert found.fit.available_bytes == 5 * GIB


def test_a_host_that_cannot_hold_the_rest_makes_it_a_no(judged, gpu):
    found = judged(gpu(5), host_gib=1)
    assert (found.fit.verdict, found.fit.why) == (Verdict.NO, Why.TOO_LITTLE)
    assert found.fit.needed_bytes > found.fit.available_bytes


def test_without_a_gpu_the_host_decides(judged):
    assert judged(host_gib=8).fit.verdict is Verdict.FITS
    no = judged(host_gib=4).fit
    assert (no.verdict, no.why, no.device) == (Verdict.NO, Why.TOO_LITTLE, "host")


def test_the_device_with_the_least_to_spare_is_named(judged, gpu):
    """A roomy card, and a host that has little besides: 0.3 of 0.31 GiB."""
    fit = judged(gpu(24), host_gib=0.31).fit
    assert (fit.verdict, fit.device) == (Verdict.TIGHT, "host")


@pytest.mark.parametrize("host_gib", [None, 64])
def test_a_card_whose_memory_nobody_knows_is_never_said_to_fit(judged, gpu, host_gib):
    fit = judged(gpu(None), host_gib=host_gib).fit
    assert (fit.verdict, fit.now, fit.why) == (Verdict.TIGHT, Verdict.TIGHT, Why.UNKNOWN_MEMORY)
    assert (fit.device, fit.available_bytes) == ("a card", None)


def test_a_host_whose_memory_nobody_knows_is_no_limit_and_is_said(judged):
    fit = judged(host_gib=None).fit
    assert (fit.verdict, fit.why) == (Verdict.FITS, Why.UNKNOWN_MEMORY)
    assert fit.available_bytes is None


def test_unified_memory_counts_once(judged, gpu):
    """The GPU may have 6.5 of 7 GiB, but its 5.76 and the host's 0.3 together are the machine's."""
    shared = {"shares_host_memory": True, "backend": "metal", "kind": "unified"}
    assert judged(gpu(6.5, **shared), host_gib=7).fit.verdict is Verdict.FITS
    pool = judged(gpu(6.5, **shared), host_gib=5.8).fit
    assert (pool.verdict, pool.device) == (Verdict.TIGHT, "unified memory")
    assert pool.needed_bytes / GIB == pytest.approx(NEEDED_GIB - 350 / 1024 + 0.302, abs=0.01)
    own = judged(gpu(6.5), host_gib=5.8).fit
    assert own.verdict is Verdict.FITS


def test_one_gpu_is_enough_where_one_holds_it_all(judged, gpu):
    found = judged(gpu(24, name="fast", gb_per_s=1000), gpu(24, name="slow", gb_per_s=500))
    assert [one.name for one in found.gpus] == ["fast"]


def test_a_second_gpu_helps_where_one_is_too_small(judged, gpu):
    found = judged(gpu(5), gpu(5))
    assert found.fit.verdict is Verdict.FITS
    assert len(found.gpus) == 2
    assert found.placement.is_whole


def test_a_second_gpu_is_taken_rather_than_a_tight_fit(judged, gpu):
    found = judged(gpu(6), gpu(6))
    assert found.fit.verdict is Verdict.FITS
    assert len(found.gpus) == 2


@pytest.mark.parametrize(
    ("gpu_layers", "verdict"),
    [
        pytest.param(0, Verdict.FITS, id="none: the host alone"),
        pytest.param(10, Verdict.PARTIAL, id="some"),
        pytest.param(33, Verdict.FITS, id="all"),
    ],
)
def test_layers_are_placed_as_asked(judged, gpu, gpu_layers, verdict):
    found = judged(gpu(8), gpu_layers=gpu_layers)
    assert (found.placement.gpu_layers, found.fit.verdict) == (gpu_layers, verdict)


def test_layers_that_were_asked_for_and_do_not_fit_are_a_no(judged, gpu):
    found = judged(gpu(4), gpu_layers=33)
    assert (found.fit.verdict, found.placement.gpu_layers) == (Verdict.NO, 33)
    assert found.fit.why is Why.ALL_LAYERS_ASKED
    short_host = judged(gpu(24), gpu_layers=10, host_gib=1)
    assert (short_host.fit.why, short_host.fit.device) == (Why.TOO_LITTLE, "host")


@pytest.mark.parametrize("gib", [2.5, 3.5, 4.5, 5.5])
def test_as_many_layers_go_to_the_gpu_as_leave_its_margin(judged, gpu, gib):
    """One layer more would leave less than the 1 GiB that llama.cpp's own `--fit` leaves."""
    card = gpu(gib)
    found = judged(card)
    most = found.placement.gpu_layers
    used = found.allocations[0].total_bytes
    one_more = judged(card, gpu_layers=most + 1).allocations[0].total_bytes
    assert used + FIT_MARGIN_BYTES <= gib * GIB < one_more + FIT_MARGIN_BYTES


def test_llama_cpp_chose_as_many_layers(subject, resolved, gpu, target):
    """An RTX 2060 with 5,141 MiB free: llama.cpp put 15 of 33 layers of an 8B in Q4_0 on it.

    The driver's context is in what llama.cpp saw as used, so that it is given back here.
    """
    costs = costs_of(subject(LLAMA, "Q4_0"), resolved(context_tokens=32768, sequences=1))
    card = gpu((5141 + 350) / 1024)
    found = judge(costs, target(card, host_gib=60), Wanted())
    assert found.fit.verdict is Verdict.PARTIAL
    assert found.placement.gpu_layers in {14, 15}


@settings(deadline=None)
@given(low=st.integers(-100, 100), length=st.integers(0, 300), edge=st.integers(-500, 500))
def test_the_largest_number_for_which_a_condition_holds(low, length, edge):
    """For any condition that holds up to an edge and not beyond it."""
    high = low + length
    expected = min(edge, high) if edge >= low else None
    assert largest_that(lambda value: value <= edge, low, high) == expected


MODELS = st.sampled_from([model for model in load_models() if model.tier == 1])
SIZES = st.floats(0.5, 200)


@settings(deadline=None, max_examples=60)
@given(model=MODELS, sizes=st.tuples(SIZES, SIZES), data=st.data())
def test_more_gpu_memory_never_worsens_the_verdict(model, sizes, data, subject, gpu, target):
    host_gib = data.draw(st.sampled_from([4, 32, 256]))
    context = min(data.draw(st.sampled_from([2048, 32768])), model.context_tokens)
    found = [
        estimate(
            subject(model.name),
            Workload(context_tokens=context),
            target(gpu(gib), host_gib=host_gib),
            brief=True,
        ).fit
        for gib in sorted(sizes)
    ]
    assert found[1].verdict.rank <= found[0].verdict.rank
    assert found[1].now.rank <= found[0].now.rank
    assert found[1].idle.rank <= found[0].idle.rank


PLAIN_QUANTS = [quant for quant in load_quants() if quant.is_common]


@settings(deadline=None, max_examples=80)
@given(
    model=st.sampled_from(["llama-3.1-8b-instruct", "qwen3-14b", "mistral-7b-instruct-v0.3"]),
    quants=st.tuples(*[st.sampled_from(PLAIN_QUANTS)] * 2),
    gib=SIZES,
)
def test_a_smaller_quant_never_fits_worse(model, quants, gib, subject, gpu, target):
    """Of models whose layers are alike, so that a smaller file has smaller layers."""
    small, large = sorted(
        (subject(model, quant.name) for quant in quants), key=lambda one: one.weights.tensor_bytes
    )
    machine = target(gpu(gib), host_gib=32)
    verdicts = [
        estimate(one, Workload(), machine, brief=True).fit.verdict.rank for one in (small, large)
    ]
    assert verdicts == sorted(verdicts)


MIXTURE = "qwen3-30b-a3b"


@pytest.fixture(scope="session")
def mixture(subject, resolved, target):
    """The judgement of Qwen3 30B-A3B in Q4_K_M at 8k, 17.3 GiB, 16.3 of them experts."""

    def find(*gpus, host_gib=64, **wanted):
        costs = costs_of(subject(MIXTURE), resolved(context_tokens=8192))
        return judge(costs, target(*gpus, host_gib=host_gib), Wanted(**wanted))

    return find


def leaves_margin(judged, gib):
    return judged.allocations[0].total_bytes + FIT_MARGIN_BYTES <= gib * GIB


@pytest.mark.parametrize("gib", [4, 6, 8, 12, 16, 18])
def test_of_a_mixture_the_experts_of_as_few_layers_as_need_be_stay_on_the_host(mixture, gpu, gib):
    found = mixture(gpu(gib))
    count = found.placement.n_cpu_moe
    assert (found.fit.verdict, found.fit.why) == (Verdict.PARTIAL, Why.SOME_EXPERTS)
    assert found.placement.has_all_layers
    assert leaves_margin(found, gib)
    one_less = mixture(gpu(gib), gpu_layers=49, n_cpu_moe=count - 1)
    assert not leaves_margin(one_less, gib)


def test_only_where_that_is_not_enough_do_layers_follow(mixture, gpu):
    """Without any experts 1.5 GiB of weights and cache remain, beside 0.5 of scratch and driver."""
    found = mixture(gpu(2.5))
    assert (found.fit.verdict, found.fit.why) == (Verdict.PARTIAL, Why.LAYERS_WITHOUT_EXPERTS)
    assert 0 < found.placement.gpu_layers < 49
    assert leaves_margin(found, 2.5)


def test_a_host_that_cannot_hold_the_experts_makes_it_a_no(mixture, gpu):
    assert mixture(gpu(8), host_gib=4).fit.verdict is Verdict.NO


def test_experts_that_are_wanted_on_the_host_are_there_whether_need_be_or_not(mixture, gpu):
    found = mixture(gpu(24), n_cpu_moe=7)
    assert (found.fit.verdict, found.placement.n_cpu_moe) == (Verdict.PARTIAL, 7)
    assert mixture(gpu(24), n_cpu_moe=0).fit.verdict is Verdict.FITS


def test_with_none_wanted_there_whole_layers_are(mixture, gpu):
    found = mixture(gpu(12), n_cpu_moe=0)
    assert (found.fit.why, found.placement.n_cpu_moe) == (Why.SOME_LAYERS, 0)


def test_a_dense_model_has_no_experts_to_keep(subject, resolved, gpu, target):
    costs = costs_of(subject(LLAMA), resolved(context_tokens=8192))
    found = judge(costs, target(gpu(24), host_gib=64), Wanted(n_cpu_moe=7))
    assert (found.fit.verdict, found.placement.n_cpu_moe) == (Verdict.FITS, 0)


def test_a_wanted_split_takes_all_gpus(judged, subject, resolved, gpu, target):
    costs = costs_of(subject(LLAMA), resolved(context_tokens=8192))
    machine = target(gpu(24), gpu(24), host_gib=64)
    found = judge(costs, machine, Wanted(tensor_split=(3.0, 1.0)))
    assert [share.blocks + share.has_output for share in found.placement.gpus] == [25, 8]


def test_what_may_need_more_than_there_is_does_not_fit_for_sure(judged, gpu):
    """An unknown Radeon's driver takes 0.3 GiB, or far more: 5 % to spare are then not enough."""
    card = gpu(24, backend="rocm", architecture=None)
    need = judged(card).allocations[0]
    assert need.high_bytes > need.total_bytes / 0.95
    between = (need.total_bytes / 0.95 + need.high_bytes) / 2 / GIB
    found = judged(gpu(between, backend="rocm", architecture=None)).fit
    assert (found.verdict, found.why) == (Verdict.TIGHT, Why.MAY_NEED_MORE)
    assert found.needed_bytes < found.available_bytes < found.high_bytes
    roomy = judged(gpu(need.high_bytes / GIB + 0.01, backend="rocm", architecture=None)).fit
    assert roomy.verdict is Verdict.FITS


@settings(deadline=None, max_examples=25, derandomize=True)
@given(sizes=st.tuples(st.floats(2.2, 30), st.floats(2.2, 30)))
def test_more_gpu_memory_never_leaves_more_on_the_host(sizes, mixture, gpu):
    small, large = (mixture(gpu(gib)).placement for gib in sorted(sizes))
    assert large.gpu_layers >= small.gpu_layers
    assert large.n_cpu_moe <= small.n_cpu_moe


@settings(deadline=None)
@given(low=st.integers(-100, 100), length=st.integers(0, 300), edge=st.integers(-500, 500))
def test_the_smallest_number_for_which_a_condition_holds(low, length, edge):
    high = low + length
    expected = max(edge, low) if edge <= high else None
    assert smallest_that(lambda value: value >= edge, low, high) == expected


@settings(deadline=None)
@given(steps=st.lists(st.integers(0, 9), min_size=1, max_size=80), low=st.integers(-20, 20))
def test_the_edge_of_any_excess_that_never_falls_is_found(steps, low):
    """However uneven it is: sums of steps, from below zero or above it."""
    values = [sum(steps[: place + 1]) - 30 for place in range(len(steps))]
    high = low + len(values) - 1

    def excess(number):
        return values[number - low]

    within = [number for number in range(low, high + 1) if excess(number) <= 0]
    assert largest_within(excess, low, high) == (within[-1] if within else None)
    assert smallest_within(lambda number: excess(-number), -high, -low) == (
        -within[-1] if within else None
    )


def test_an_even_excess_is_found_in_few_steps():
    """Both ends, the place where a line crosses zero, and the one behind it; halving takes 17."""
    asked = []

    def excess(number):
        asked.append(number)
        return 3 * number - 100_000

    assert largest_within(excess, 0, 65_536) == 33_333
    assert len(asked) <= 6


def test_an_excess_without_bounds_is_searched_by_halves():
    def excess(number):
        return float("inf") if number > 70 else float("-inf")

    assert largest_within(excess, 0, 100) == 70


@settings(deadline=None)
@given(
    steps=st.lists(st.integers(0, 9), min_size=1, max_size=80),
    others=st.lists(st.integers(0, 9), min_size=80, max_size=80),
    low=st.integers(-20, 20),
)
def test_a_guess_changes_no_answer_however_wrong(steps, others, low):
    values = [sum(steps[: place + 1]) - 30 for place in range(len(steps))]
    wrong = [sum(others[: place + 1]) - 200 for place in range(len(others))]
    high = low + len(values) - 1

    def excess(number):
        return values[number - low]

    def near(number):
        return wrong[number - low]

    within = [number for number in range(low, high + 1) if excess(number) <= 0]
    expected = within[-1] if within else None
    assert largest_near(excess, near, low, high) == expected
    found = smallest_near(lambda number: excess(-number), lambda number: near(-number), -high, -low)
    assert found == (None if expected is None else -expected)


def test_a_guess_that_is_off_by_a_constant_costs_two_steps_or_three():
    asked = []

    def excess(number):
        asked.append(number)
        return number * number - 5_000

    assert largest_near(excess, lambda number: number * number - 6_000, 0, 1_000) == 70
    assert len(asked) <= 3
