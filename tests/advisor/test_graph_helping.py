"""A GPU's scratch where it computes large batches of what the host has."""

from __future__ import annotations

import pytest

from advisor.estimate.estimator import costs_of
from advisor.estimate.graph.helping import Helping
from advisor.estimate.graph.lending import extras_of
from advisor.estimate.graph.scratch import Scratch
from advisor.estimate.placement import place
from advisor.workload import FlashAttention

MIB = 1 << 20
LLAMA = "llama-3.1-8b-instruct"
MIXTURE = "qwen3-30b-a3b"


@pytest.fixture
def helping(subject, resolved):
    """MiB of the first GPU, and the graph that it is of."""

    def find(name, quant="Q4_K_M", *, gpu_layers=999, gpus=(1.0,), n_cpu_moe=0, **asked):
        own = subject(name, quant)
        setup = resolved(**{"context_tokens": 8192, "sequences": 1, **asked})
        costs = costs_of(own, setup)
        placement = place(
            block_count=own.weights.block_count,
            gpu_layers=gpu_layers,
            weights=gpus,
            n_cpu_moe=n_cpu_moe,
        )
        extras = extras_of(own.table)
        found = Helping(scratch=costs.context.drawn, extras=extras).of(placement)
        return found.gpu_bytes(own.table) / MIB

    return find


def test_what_a_real_gpus_log_says(helping):
    """Hermes 3 8B (Llama 3.1) in Q4_0 on an RTX 2060 with CUDA, 15 of 33 layers: 248.00 MiB.

    Source: GitHub, an Ollama log of June 2026, `tests/measured/gpu_logs.csv`.
    """
    found = helping(LLAMA, "Q4_0", gpu_layers=15, context_tokens=32_768)
    assert found == pytest.approx(248.0, abs=0.01)


def test_experts_of_gpt_oss_find_room_behind_the_second_mask(helping):
    """As llama.cpp reserves it: 207.48 MiB, of which one stack of experts is 134.47.

    20.01 before the mask of layers without a window, which is 8; then the stack, and 22.5 each for
    what gate and up put out of four experts of 2,880 for 512 tokens.
    """
    found = helping("gpt-oss-20b", n_cpu_moe=5)
    assert found == pytest.approx(20.01 + 8 + 134.47 + 2 * 22.5, abs=0.01)


def test_two_stacks_are_there_at_once_behind_a_mask_that_comes_late(helping):
    """Qwen3.5 122B attends first in its fourth layer, whose mask lies behind a stack of 528 MiB."""
    found = helping("qwen3.5-122b-a10b", "IQ4_NL", n_cpu_moe=38, context_tokens=4096)
    assert found > 2 * 528


def test_the_first_gpu_computes_for_all(helping):
    """What it copies of the second's experts is beside what that one hands over: 269.75 MiB."""
    assert helping(MIXTURE, gpus=(1.0, 1.0), n_cpu_moe=48) == pytest.approx(269.75, abs=0.01)


def test_queries_and_keys_are_normed_with_weights_of_the_hosts(helping):
    """Qwen3 30B-A3B with 10 of 49 layers: a norm of each head moves a mask of 8 MiB up by 8.

    Source: `tests/measured/llama_cpp_placement.csv`.
    """
    assert helping(MIXTURE, gpu_layers=10) == pytest.approx(257_949_696 / MIB, abs=0.01)


def test_of_two_matrices_with_one_shape_each_is_copied_as_it_is(helping):
    """InternLM2 20B in IQ3_XS has 3.06 bits for queries and 3.44 for the output projection.

    As llama.cpp reserves it: 114.66 MiB, where the larger for both would take 155.84.
    """
    found = helping(
        "internlm2_5-20b-chat", "IQ3_XS", gpu_layers=32, context_tokens=19_985, ubatch_tokens=256
    )
    assert found == pytest.approx(114.66, abs=0.2)


def test_rope_factors_of_layers_that_the_gpu_has_are_not_copied(helping):
    """Llama 4 Scout with 37 layers' experts on the host: two stacks at once, 1,060.56 MiB.

    The masks of every fourth layer come into the split of a stack before, and lie behind it; a copy
    of rope factors would end that split sooner.
    """
    found = helping(
        "llama-4-scout-17b-16e-instruct",
        "Q5_K_M",
        n_cpu_moe=37,
        context_tokens=2623,
        ubatch_tokens=128,
        kv_type_k="q8_0",
        kv_type_v="q8_0",
        runtime="llama-bench",
    )
    assert found == pytest.approx(1060.56, abs=0.05)


def test_a_scan_of_states_stays_on_the_host(helping):
    """Granite 4.0 Tiny with 27 of 41 layers: its output is one row to ggml. 205.00 MiB."""
    found = helping(
        "granite-4.0-h-tiny",
        "Q4_K_S",
        gpu_layers=27,
        context_tokens=1204,
        kv_unified=False,
        runtime="llama-cpp-python",
        flash_attention=FlashAttention.ON,
    )
    assert found == pytest.approx(205.0, abs=0.05)


def test_layers_that_repeat_others_need_no_more(helping):
    few, more, all_ = (helping(MIXTURE, n_cpu_moe=count) for count in (8, 20, 48))
    assert few == more == all_


def test_a_longer_context_never_needs_less(helping):
    sizes = [
        helping(LLAMA, gpu_layers=15, context_tokens=tokens)
        for tokens in (1024, 4096, 16_384, 65_536)
    ]
    assert sizes == sorted(sizes)


@pytest.mark.parametrize("name", ["deepseek-v3.2", "gemma-3n-e4b-it", "minimax-m3"])
def test_one_drawing_serves_every_placement(subject, resolved, name):
    """What is asked first, and what a GPU computes for the host, changes nothing of the rest."""
    own, setup = subject(name), resolved(context_tokens=4096, sequences=1)
    context, blocks = costs_of(own, setup).context, own.weights.block_count
    placements = [
        place(block_count=blocks, gpu_layers=layers, weights=weights)
        for layers, weights in ((blocks // 2, (1.0,)), (blocks // 2, (1.0, 2.0)), (5, (1.0,)))
    ]

    def fresh():
        return Scratch(graph=context.shape.graph, caches=context.caches, setup=setup)

    used, extras = fresh(), extras_of(own.table)
    for placement in [*placements, *reversed(placements)]:
        helping = Helping(scratch=used, extras=extras)
        alone = Helping(scratch=fresh(), extras=extras)
        found = helping.of(placement).gpu_bytes(own.table)
        assert found == alone.of(placement).gpu_bytes(own.table)
        assert used.bytes_of(placement) == fresh().bytes_of(placement)


def test_graphs_that_are_kept_are_few(subject, resolved, monkeypatch):
    own, setup = subject(LLAMA), resolved(context_tokens=4096, sequences=1)
    monkeypatch.setattr("advisor.estimate.graph.helping.MOST_KEPT", 2)
    helping = Helping(scratch=costs_of(own, setup).context.drawn, extras=extras_of(own.table))
    placements = [place(block_count=32, gpu_layers=count, weights=(1.0,)) for count in (1, 2, 9, 1)]
    first, *_, again = [helping.of(placement) for placement in placements]
    assert len({id(helping.of(placement)) for placement in placements[-2:]}) == 2
    assert again is not first
    assert again.gpu_bytes(own.table) == first.gpu_bytes(own.table)
