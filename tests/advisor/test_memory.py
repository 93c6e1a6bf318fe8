"""The memory of one placement, by device and part."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from advisor.estimate import compute
from advisor.estimate.estimator import costs_of
from advisor.estimate.memory import gpu_allocation, host_allocation
from advisor.estimate.overhead import driver_context_bytes
from advisor.estimate.placement import place
from advisor.workload import Runtime
from catalog.shelf import load_models
from catalog.tensors import Role

MIB = 1 << 20
LLAMA = "llama-3.1-8b-instruct"


@pytest.fixture(scope="session")
def costs(subject, resolved):
    def find(model=LLAMA, quant="Q4_K_M", **asked):
        return costs_of(subject(model, quant), resolved(**{"context_tokens": 8192, **asked}))

    return find


@pytest.fixture(scope="session")
def allocations(gpu):
    """Every GPU's allocation, then the host's."""

    def find(found, *, gpu_layers, gpus=1, card=None):
        placement = place(
            block_count=found.weights.block_count, gpu_layers=gpu_layers, weights=[1.0] * gpus
        )
        cards = [gpu_allocation(found, placement, number, card or gpu()) for number in range(gpus)]
        return [*cards, host_allocation(found, placement, available=None, capacity=None)]

    return find


def mib(size_bytes):
    return round(size_bytes / MIB, 2)


def test_a_whole_model_on_one_gpu(costs, allocations):
    """Llama 3.1 8B in Q4_K_M at 8k; a log of a run on a GPU has 4403.49, 1024, 116 and 281.81."""
    card, host = allocations(costs(), gpu_layers=33)
    assert [mib(card.weights_bytes), mib(card.kv_cache_bytes)] == [4403.49, 1024.0]
    assert [mib(card.compute_bytes), mib(card.overhead_bytes)] == [116.01, 350.0]
    assert [mib(host.weights_bytes), host.kv_cache_bytes] == [281.81, 0]
    assert mib(host.compute_bytes) == 24.01
    assert host.overhead_bytes == 4 * 128_256 * 4


def test_without_a_gpu_the_host_has_it_all(costs, allocations):
    """The same tensors, none twice: 4,403.49 + 281.81 MiB."""
    (host,) = allocations(costs(), gpu_layers=0, gpus=0)
    assert mib(host.weights_bytes) == 4685.3
    assert mib(host.kv_cache_bytes) == 1024
    assert mib(host.compute_bytes) == 116 + 8 + 0.01


def test_blocks_take_their_cache_with_them(costs, allocations):
    """15 of 33 layers: 14 blocks of 128 MiB of cache on the GPU, 18 on the host."""
    card, host = allocations(costs(context_tokens=32768, sequences=1), gpu_layers=15)
    assert mib(card.kv_cache_bytes) == 14 * 128
    assert mib(host.kv_cache_bytes) == 18 * 128


def test_a_gpu_copies_what_it_computes_for_the_host(costs, allocations):
    """Llama 3.1 8B in Q4_0 on an RTX 2060, 15 of 33 layers, 32k: its log has 248.00 MiB, not 132.

    A layer's keys and values take 64 MiB each there, and the second values find no room below the
    mask. At 4k they take 8. A matrix of 4,096 x 14,336 in 18 bytes for 32 values is 31.5: beside
    what gate and up put out, 28 each, a mask of 4, two residual rows of 8, and two holes of 16
    and 8 that none of these fits into.
    """
    at_32k, at_4k = (
        costs(quant="Q4_0", context_tokens=tokens, sequences=1) for tokens in (32768, 4096)
    )
    context = driver_context_bytes(backend="cuda", architecture=None, kind="desktop").value
    card, _ = allocations(at_32k, gpu_layers=15)
    assert mib(card.compute_bytes) == 132.01
    assert mib(card.compute_bytes + card.overhead_bytes - context) == 248.0
    card, _ = allocations(at_4k, gpu_layers=15)
    found = mib(card.compute_bytes + card.overhead_bytes - context)
    assert found == 31.5 + 2 * 28 + 4 + 2 * 8 + 16 + 8


def test_a_gpu_without_layers_holds_nothing(costs, allocations):
    unused = allocations(costs(), gpu_layers=2, gpus=3)[2]
    assert unused.total_bytes == unused.low_bytes == unused.high_bytes == 0


def test_a_pipeline_keeps_more_inputs_on_each_gpu(costs, allocations):
    """116.01 + 4 x 8 + 3 x 8 on the first of two, 32 more on the second."""
    first, second, host = allocations(costs(), gpu_layers=33, gpus=2)
    assert mib(first.compute_bytes) == pytest.approx(172.04, abs=0.01)
    assert mib(second.compute_bytes) == pytest.approx(204.04, abs=0.01)
    assert mib(host.compute_bytes) == pytest.approx(24 + 3 * (8 + 8) + 0.04, abs=0.01)


def test_a_total_is_the_sum_of_its_parts(costs, allocations):
    for one in allocations(costs(), gpu_layers=15):
        assert one.total_bytes == (
            one.weights_bytes + one.kv_cache_bytes + one.compute_bytes + one.overhead_bytes
        )


def test_an_interval_has_the_scratchs_share_and_the_drivers_own(costs, allocations, gpu):
    """Dense graphs: 2 % of the scratch; an RTX 4090's context: 452 MiB, 305 to 456 seen.

    And at the peak, pools of 298 MiB for 4,096 tokens at once: 37.25 for 512.
    """
    card, host = allocations(costs(), gpu_layers=33, card=gpu(architecture="8.9"))
    share = compute.ERRORS[compute.GraphKind.DENSE]
    scratch = share * card.compute_bytes
    assert card.low_bytes == pytest.approx(card.total_bytes - scratch - (452 - 305) * MIB, abs=1)
    assert card.high_bytes == pytest.approx(
        card.total_bytes + scratch + (456 - 452 + 37.25) * MIB, abs=1
    )
    scratch = share * host.compute_bytes
    assert host.low_bytes == pytest.approx(host.total_bytes - scratch, abs=1)
    assert host.high_bytes == pytest.approx(host.total_bytes + scratch, abs=1)


def test_an_interval_never_goes_below_weights_and_cache(costs, allocations, gpu):
    """What ROCm takes on Radeons is known so badly that zero is possible, but no less."""
    card, _ = allocations(costs(), gpu_layers=33, card=gpu(backend="rocm", architecture=None))
    assert card.low_bytes >= card.weights_bytes + card.kv_cache_bytes
    assert card.high_bytes > card.total_bytes


def test_known_memory_travels_as_whole_bytes(costs, allocations, gpu):
    card, host = allocations(costs(), gpu_layers=33, card=gpu(24, free_gib=20.5))
    assert (card.capacity_bytes, card.available_bytes) == (24 << 30, int(20.5 * (1 << 30)))
    assert (host.capacity_bytes, host.available_bytes) == (None, None)


def test_a_projection_for_the_first_block_is_where_that_block_is(costs, allocations):
    """Gemma 4 E4B: 52.5 MiB that go from the GPU to the host with the first block."""
    found = costs("gemma-4-e4b-it")
    opening = found.weights.opening_bytes()
    assert mib(opening) == 52.5
    weights = found.weights
    whole, _ = allocations(found, gpu_layers=43)
    assert whole.weights_bytes == weights.blocks_bytes + weights.output_bytes
    some, host = allocations(found, gpu_layers=21)
    sums = weights.prefix_bytes()
    assert some.weights_bytes == sums[42] - sums[22] + weights.output_bytes - opening
    assert host.weights_bytes == weights.input_bytes + sums[22] + opening
    first, last, _ = allocations(found, gpu_layers=43, gpus=2)
    assert first.weights_bytes == sums[22] + opening
    assert last.weights_bytes == sums[42] - sums[22] + weights.output_bytes - opening


MODELS = st.sampled_from([model for model in load_models() if model.tier == 1])


@settings(deadline=None, max_examples=60)
@given(model=MODELS, gpus=st.integers(0, 4), data=st.data())
def test_nothing_is_lost_and_only_a_tied_head_is_twice(
    model, gpus, data, subject, resolved, allocations
):
    """Over any split: weights and cache of all devices are those of the model."""
    found = costs_of(subject(model.name), resolved(context_tokens=8192))
    gpu_layers = data.draw(st.integers(0, found.weights.block_count + 1))
    parts = allocations(found, gpu_layers=gpu_layers, gpus=gpus)
    skipped = subject(model.name).table.bytes_of({Role.MTP, Role.VISION})
    weights = found.weights
    copied = weights.output_bytes - weights.output_host_bytes if gpus and gpu_layers else 0
    assert sum(one.weights_bytes for one in parts) == weights.tensor_bytes - skipped + copied
    assert sum(one.kv_cache_bytes for one in parts) == found.context.cache_bytes


@settings(deadline=None, max_examples=60)
@given(model=MODELS, layers=st.tuples(st.integers(1, 200), st.integers(1, 200)))
def test_more_layers_on_the_gpu_never_weigh_less_there(
    model, layers, subject, resolved, allocations
):
    found = costs_of(subject(model.name), resolved(context_tokens=8192))
    fewer, more = (allocations(found, gpu_layers=count) for count in sorted(layers))
    assert fewer[0].weights_bytes <= more[0].weights_bytes
    assert fewer[0].kv_cache_bytes <= more[0].kv_cache_bytes
    assert fewer[1].weights_bytes >= more[1].weights_bytes


def test_the_cache_is_added_up_once_for_all_quants(subject, resolved):
    """A scan asks for dozens of quants of a model; their context costs the same."""
    filled = resolved(context_tokens=8192)
    small, large = (costs_of(subject(LLAMA, quant), filled) for quant in ("Q4_K_M", "Q8_0"))
    assert small.context is large.context


def test_a_runtime_that_reserves_every_row_needs_more_scratch(costs, allocations):
    """258.5 MiB of logits instead of a block of 116."""
    card, _ = allocations(costs(runtime=Runtime.LLAMA_BENCH), gpu_layers=33)
    assert mib(card.compute_bytes) == 258.5
