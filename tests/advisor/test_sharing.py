"""Layers over several GPUs: the best split, found without trying every one."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from advisor.estimate import fit
from advisor.estimate.costs import Costs
from advisor.estimate.estimator import costs_of, estimate, hoped_tokens_per_s
from advisor.estimate.fit import FIT_MARGIN_BYTES, Wanted, judge, lacks_bytes
from advisor.estimate.memory import gpu_allocation
from advisor.estimate.placement import place
from advisor.estimate.result import Verdict
from advisor.estimate.sharing import Sharing, over_idle, over_margin, over_now
from advisor.report import candidates
from advisor.report.candidates import Question, best_or_smallest, usual_quants
from advisor.workload import Workload
from catalog.evidence import evidence
from catalog.names import find_model

GIB = 1 << 30
SMALL = "llama-3.2-1b-instruct"
LLAMA = "llama-3.1-8b-instruct"
MIXTURE = "qwen3-30b-a3b"
OVER = over_margin(FIT_MARGIN_BYTES)


@pytest.fixture(scope="session")
def shared(subject, resolved):
    """`shared(model, gpus)` is a model at 8,192 tokens over these GPUs."""

    def find(model, gpus, context_tokens=8192):
        return Sharing(costs_of(subject(model), resolved(context_tokens=context_tokens)), gpus)

    return find


def counts_of(placement):
    return [share.blocks + share.has_output for share in placement.gpus]


def keeps_margin(costs, gpus, placement):
    held = (gpu_allocation(costs, placement, number, gpu) for number, gpu in enumerate(gpus))
    return all(
        not share.is_used
        or max(one.total_bytes + FIT_MARGIN_BYTES, one.high_bytes) <= one.available_bytes
        for one, share in zip(held, placement.gpus, strict=True)
    )


def every_split(costs, gpus, totals, n_cpu_moe=0):
    """All ways to give the GPUs so many layers together."""
    layers = costs.weights.layers
    for counts in product(range(layers + 1), repeat=len(gpus)):
        if sum(counts) in totals:
            yield place(
                block_count=layers - 1,
                gpu_layers=sum(counts),
                weights=[1.0] * len(gpus),
                split=[float(count) for count in counts],
                n_cpu_moe=n_cpu_moe,
            )


@pytest.mark.parametrize("sizes", [(2.2, 1.9), (1.9, 2.2), (1.5, 2.6), (1.75, 1.75)])
def test_no_split_of_all_holds_more_layers_than_the_one_found(sizes, shared, gpu):
    """Llama 3.2 1B has 17 layers: 171 ways and fewer to share them over two cards."""
    gpus = [gpu(size) for size in sizes]
    sharing = shared(SMALL, gpus)
    most = max(
        (
            one.gpu_layers
            for one in every_split(sharing.costs, gpus, range(1, 17))
            if keeps_margin(sharing.costs, gpus, one)
        ),
        default=0,
    )
    found = sharing.most_layers(0, OVER)
    assert found.gpu_layers == most
    assert keeps_margin(sharing.costs, gpus, found)


@pytest.mark.parametrize("sizes", [(11, 8), (8, 12), (10, 8.5)])
def test_no_split_of_all_keeps_fewer_experts_on_the_host(sizes, shared, gpu):
    """Qwen3 30B-A3B has 49 layers: 50 ways to share all of them over two cards."""
    gpus = [gpu(size) for size in sizes]
    sharing = shared(MIXTURE, gpus)
    found = sharing.fewest_bare(OVER)
    assert keeps_margin(sharing.costs, gpus, found)
    fewer = every_split(sharing.costs, gpus, {49}, n_cpu_moe=found.n_cpu_moe - 1)
    assert not any(keeps_margin(sharing.costs, gpus, one) for one in fewer)


def test_the_split_is_what_tensor_split_makes_of_it(shared, gpu):
    """So that the printed command places the same layers."""
    gpus = [gpu(24), gpu(12)]
    sharing = shared(MIXTURE, gpus, context_tokens=40_960)
    found = sharing.fewest_bare(over_margin(14 * GIB // 2))
    assert found.split == tuple(map(float, counts_of(found)))
    again = place(
        block_count=48,
        gpu_layers=found.gpu_layers,
        weights=[24.0, 12.0],
        split=found.split,
        n_cpu_moe=found.n_cpu_moe,
    )
    assert again == found


def test_by_free_memory_is_good_enough_where_it_holds_as_much(judge_on, gpu):
    """8 GiB over two cards of 24: nothing needs to be said."""
    found = judge_on(LLAMA, gpu(6), gpu(6), context_tokens=32_768)
    assert found.fit.verdict is Verdict.FITS
    assert found.placement.split is None


@pytest.fixture(scope="session")
def judge_on(subject, resolved, target):
    """The judgement of a model on some GPUs beside 64 GiB."""

    def find(model, *gpus, context_tokens=8192, whole_only=False, **wanted):
        costs = costs_of(subject(model), resolved(context_tokens=context_tokens))
        machine = target(*gpus, host_gib=64)
        return judge(costs, machine, Wanted(**wanted), whole_only=whole_only)

    return find


def test_a_split_that_fits_is_found_where_free_memory_would_not_do(judge_on, subject, gpu):
    """Split by memory, the card that has the head takes as many layers as one that has not.

    Gemma 3 4B's head is 0.5 GiB beside 34 blocks of 0.05: the fewer of them beside it, the better.
    """
    for size, verdict, usual in ((2.0, Verdict.TIGHT, Verdict.NO), (2.5, Verdict.FITS, "tight")):
        cards = [gpu(size), gpu(size)]
        found = judge_on("gemma-3-4b-it", *cards)
        asked = judge_on("gemma-3-4b-it", *cards, gpu_layers=35)
        assert counts_of(asked.placement) == [18, 17]
        assert (asked.fit.verdict, found.fit.verdict) == (usual, verdict)
        first, second = counts_of(found.placement)
        assert first > 18
        assert first + second == 35


def test_a_tight_split_leaves_the_fullest_card_as_much_as_may_be(judge_on, shared, gpu):
    """Of all 36 ways over two cards of 2 GiB, none leaves more on both, but for half a layer."""
    cards = [gpu(2.0), gpu(2.0)]
    found = judge_on("gemma-3-4b-it", *cards)
    costs = shared("gemma-3-4b-it", cards).costs

    def least_spare(placement):
        held = (gpu_allocation(costs, placement, number, gpu(2.0)) for number in range(2))
        return min(one.available_bytes - one.total_bytes for one in held)

    best = max(map(least_spare, every_split(costs, cards, {35})))
    assert least_spare(found.placement) == pytest.approx(best, abs=1 << 20)


def test_experts_on_the_host_are_the_first_cards_and_few(judge_on, gpu):
    """By free memory the first card of two would hold 24 layers, all of them without experts."""
    found = judge_on(MIXTURE, gpu(8), gpu(8))
    usual = judge_on(MIXTURE, gpu(8), gpu(8), tensor_split=(1.0, 1.0))
    assert found.placement.n_cpu_moe < usual.placement.n_cpu_moe
    first, second = counts_of(found.placement)
    assert first > second


def test_an_asked_for_split_is_never_changed(judge_on, gpu):
    found = judge_on(MIXTURE, gpu(12), gpu(12), tensor_split=(3.0, 1.0))
    assert found.placement.split == (3.0, 1.0)


def test_wanted_experts_are_split_over_the_cards_so_that_the_rest_fits(judge_on, gpu):
    found = judge_on(MIXTURE, gpu(8), gpu(8), n_cpu_moe=20)
    assert found.placement.has_all_layers
    assert found.placement.n_cpu_moe == 20
    assert found.fit.verdict is Verdict.PARTIAL


SIZES = st.lists(st.sampled_from([3.0, 5.5, 6.5, 8.0, 10.0, 12.0, 16.0]), min_size=2, max_size=3)


@settings(deadline=None, max_examples=12, derandomize=True)
@given(sizes=SIZES, more=st.sampled_from([0.3, 1.0, 4.0]), grown=st.integers(0, 2))
def test_more_memory_never_leaves_more_on_the_host(sizes, more, grown, judge_on, gpu):
    larger = [size + more * (place == grown % len(sizes)) for place, size in enumerate(sizes)]
    small, large = (
        judge_on(MIXTURE, *[gpu(size) for size in some]).placement for some in (sizes, larger)
    )
    assert large.gpu_layers >= small.gpu_layers
    if large.gpu_layers == small.gpu_layers:
        assert large.bare_blocks <= small.bare_blocks


@settings(deadline=None, max_examples=25, derandomize=True)
@given(sizes=SIZES, contexts=st.tuples(st.integers(1, 80), st.integers(1, 80)))
def test_more_context_never_puts_more_on_the_gpus(sizes, contexts, judge_on, gpu):
    gpus = [gpu(size) for size in sizes]
    short, long = (
        judge_on(LLAMA, *gpus, context_tokens=512 * steps).placement for steps in sorted(contexts)
    )
    assert long.gpu_layers <= short.gpu_layers


@settings(deadline=None, max_examples=25, derandomize=True)
@given(sizes=SIZES, steps=st.integers(1, 200), model=st.sampled_from([LLAMA, MIXTURE]))
def test_what_lacks_nothing_is_just_what_fits_whole(
    sizes, steps, model, subject, resolved, gpu, target
):
    """The solvers for the context ask the one, the verdict is the other."""
    costs = costs_of(subject(model), resolved(context_tokens=512 * steps))
    machine = target(*[gpu(size) for size in sizes], host_gib=64)
    found = judge(costs, machine, Wanted(), whole_only=True)
    assert (lacks_bytes(costs, machine, Wanted()) <= 0) == (found.fit.verdict is not Verdict.NO)


def test_what_others_hold_now_is_no_lack_when_they_may_go(shared, gpu):
    card = gpu(24, free_gib=2)
    sharing = shared(LLAMA, [card])
    usual = sharing.usual(33)
    need = gpu_allocation(sharing.costs, usual, 0, card)
    assert over_now(need, card) > 0
    assert over_idle(need, card) < 0


def test_weights_that_are_more_than_all_memory_need_no_search(shared, gpu, monkeypatch):
    sharing = shared(LLAMA, [gpu(2), gpu(2)])
    monkeypatch.setattr(Costs, "share_bytes", None)
    assert sharing.whole(over_now) is None


@settings(deadline=None, max_examples=25, derandomize=True)
@given(
    sizes=SIZES,
    host_gib=st.sampled_from([1.0, 4.0, 8.0, 12.0, 16.0]),
    model=st.sampled_from([LLAMA, MIXTURE]),
)
def test_what_no_memory_holds_is_not_searched_for(
    sizes, host_gib, model, subject, resolved, gpu, target
):
    """The search that it is spared finds nothing: the verdict and the placement are the same."""
    costs = costs_of(subject(model), resolved(context_tokens=8192))
    machine = target(*[gpu(size) for size in sizes], host_gib=host_gib)
    found = judge(costs, machine, Wanted())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fit, "_may_hold", lambda costs, target: True)
        assert judge(costs, machine, Wanted()) == found


def test_more_than_all_memory_is_a_no_without_a_search(subject, resolved, gpu, target, monkeypatch):
    costs = costs_of(subject(MIXTURE), resolved(context_tokens=8192))
    machine = target(gpu(4), gpu(4), host_gib=8)
    monkeypatch.setattr(Sharing, "fewest_bare", None)
    monkeypatch.setattr(Sharing, "most_layers", None)
    assert judge(costs, machine, Wanted()).fit.verdict is Verdict.NO


def test_a_mixture_is_run_in_the_faster_of_two_ways(subject, gpu, target):
    """Both ways are timed by the same model; whichever it is, the other one is no faster."""
    for model, card in ((MIXTURE, 8), ("mixtral-8x7b-instruct-v0.1", 23.5)):
        machine = target(gpu(card), host_gib=128)
        chosen = estimate(subject(model), Workload(context_tokens=8192), machine, brief=True)
        blocks = chosen.placement.layers - 1
        layers = estimate(
            subject(model), Workload(context_tokens=8192, n_cpu_moe=0), machine, brief=True
        )
        experts = [
            estimate(
                subject(model),
                Workload(context_tokens=8192, n_cpu_moe=count, gpu_layers=blocks + 1),
                machine,
                brief=True,
            )
            for count in range(1, blocks + 1)
        ]
        fitting = [one for one in experts if one.fit.verdict is Verdict.PARTIAL]
        best = max(
            one.decode.speed.tokens_per_s for one in [layers, *fitting] if keeps_margin_of(one)
        )
        assert chosen.decode.speed.tokens_per_s == pytest.approx(best, rel=1e-9)


def keeps_margin_of(answer):
    card = answer.allocations[0]
    needed = max(card.total_bytes + FIT_MARGIN_BYTES, card.high_bytes)
    return needed <= card.available_bytes


HOPES = [
    pytest.param(LLAMA, (4,), id="a dense model"),
    pytest.param(MIXTURE, (8,), id="a mixture without some experts"),
    pytest.param("gpt-oss-120b", (2.5,), id="a mixture without any, and not all layers"),
    pytest.param(MIXTURE, (6, 6), id="over two cards"),
]


@pytest.mark.parametrize(("model", "sizes"), HOPES)
def test_no_placement_is_faster_than_hoped(model, sizes, subject, gpu, target):
    machine = target(*[gpu(size) for size in sizes], host_gib=128)
    hope = hoped_tokens_per_s(subject(model), Workload(), machine)
    found = estimate(subject(model), Workload(), machine, brief=True)
    assert found.fit.verdict is Verdict.PARTIAL
    assert found.decode.speed.tokens_per_s <= hope <= 3 * found.decode.speed.tokens_per_s


def test_nothing_is_hoped_of_what_is_not_known_or_no_gain(subject, gpu, target):
    one = subject(SMALL)
    cases = (
        target(gpu(1.2), gb_per_s=None),
        target(gpu(1.2, gb_per_s=None)),
        target(gpu(1.2, gb_per_s=40)),
        target(gpu(1, gb_per_s=900), gpu(1)),
    )
    assert [hoped_tokens_per_s(one, Workload(), machine) for machine in cases] == [None] * 4


@pytest.mark.parametrize("floor", [4.0, 15.0, 60.0])
def test_what_is_not_tried_would_not_have_been_chosen(floor, gpu, target, monkeypatch):
    """Of a mixture that no quant fits whole, and of a dense model that is slow in all of them."""
    machine = target(gpu(6), host_gib=256)
    question = Question(target=machine, workload=Workload(), min_tokens_per_s=floor)

    def chosen():
        for name in (MIXTURE, "qwen3-32b"):
            model = find_model(name)
            known = evidence(model)
            best = best_or_smallest(model, usual_quants(model), question, known)
            yield best.estimate.subject.quant.name, best.tokens_per_s

    found = list(chosen())
    monkeypatch.setattr(candidates, "hoped_tokens_per_s", lambda *_: None)
    assert list(chosen()) == found
