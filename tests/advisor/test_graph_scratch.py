"""The scratch of drawn graphs; how near it is to llama.cpp's, `test_memory_accuracy.py` says."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from advisor.estimate.graph.scratch import Scratch
from advisor.estimate.graph_shape import ENCODERS
from advisor.estimate.placement import place
from advisor.estimate.subject import caches_of, shape_of
from advisor.workload import Era, FlashAttention, Runtime
from catalog.names import find_model
from catalog.shelf import load_models

MIB = 1 << 20
LLAMA = "llama-3.1-8b-instruct"
"""Width 4,096, feed-forward 14,336, 32 heads of 128, 128,256 words."""


@pytest.fixture(scope="session")
def scratch(resolved):
    """MiB of every GPU and of the host; all layers on one GPU unless said."""

    def find(name, *, gpu_layers=999, gpus=(1.0,), **asked):
        model = find_model(name)
        setup = resolved(**{"context_tokens": 4096, "sequences": 1, **asked})
        own = Scratch(graph=shape_of(model).graph, caches=caches_of(model)[0], setup=setup)
        blocks = model.hyperparameters.block_count
        found = own.bytes_of(place(block_count=blocks, gpu_layers=gpu_layers, weights=gpus))
        return tuple(round(size / MIB, 2) for size in found)

    return find


def test_every_architecture_of_the_catalog_is_drawn():
    assert {m.architecture for m in load_models() if not shape_of(m).graph.is_drawn} == set()


def test_a_block_of_llama_3_1_8b(scratch):
    """512 tokens: (3 x 14,336 + 2 x 4,096 + 4,096) x 4 bytes are 108 MiB, and the mask is 4.

    The host keeps the embeddings twice, 8 MiB each, and the mask.
    """
    assert scratch(LLAMA) == (112.01, 20.01)


def test_a_device_that_has_half_of_the_blocks_has_no_gap(scratch):
    """Its first residual row is made in place of a copy, 8 MiB where a gap would be else."""
    assert scratch(LLAMA, gpu_layers=17) == (104.01, 120.01)


def test_the_host_alone_keeps_the_inputs_besides(scratch):
    assert scratch(LLAMA, gpu_layers=0) == (0.0, 120.01)


def test_logits_of_a_whole_micro_batch_are_the_peak(scratch):
    """4 bytes x 512 x (128,256 + 4,096) = 258.5 MiB, whatever the context."""
    for context_tokens in (512, 131_072):
        asked = {"context_tokens": context_tokens, "runtime": Runtime.LLAMA_BENCH}
        assert scratch(LLAMA, **asked)[0] == 258.5


def test_a_device_with_the_output_alone_computes_no_block(scratch):
    """The one row that has logits, and those: (4,096 + 128,256) x 4 bytes."""
    gpu, host = scratch(LLAMA, gpu_layers=1)
    assert gpu < 1
    assert host == 120.01


def test_micro_batches_are_whole_for_every_sequence(scratch):
    """Three sequences of 171 tokens make 513."""
    three = scratch(LLAMA, sequences=3, ubatch_tokens=512)[1]
    assert three > scratch(LLAMA, sequences=4, ubatch_tokens=512)[1]


def test_scores_of_all_heads_come_in_without_flash_attention(scratch):
    """4 x 512 x 32 x 8,192 bytes are 512 MiB, and the F32 mask is 16."""
    flash, scores = (
        scratch(LLAMA, context_tokens=8192, flash_attention=one)[0]
        for one in (FlashAttention.ON, FlashAttention.OFF)
    )
    assert flash < 120
    assert 512 + 16 < scores < 570


def test_every_gpu_of_a_pipeline_keeps_its_inputs_four_times(scratch):
    """Masks of 4 MiB and rows of 8: the first GPU has three more of each, and a row to hand on."""
    one = scratch(LLAMA)[0]
    first, second, host = scratch(LLAMA, gpus=(1.0, 1.0))
    assert first > one + 3 * (4 + 8)
    assert second > one + 3 * 4
    assert host == pytest.approx(20.02 + 3 * (8 + 4), abs=0.1)


def test_layers_that_borrow_a_cache_from_the_host_copy_it(scratch):
    """Gemma 3n E2B with 14 of 30 layers on the GPU, whose last ten look at the host's caches."""
    whole = scratch("gemma-3n-e2b-it", context_tokens=32_768)[0]
    half = scratch("gemma-3n-e2b-it", context_tokens=32_768, gpu_layers=8)[0]
    assert half > whole


def test_states_that_a_cut_copies_are_those_of_every_layer(scratch):
    """Qwen3.6 27B with 47 of 65 layers, as llama.cpp reserves it: 134.82 and 36.57 MiB."""
    found = scratch(
        "qwen3.6-27b",
        gpu_layers=47,
        context_tokens=14_397,
        ubatch_tokens=128,
        kv_type_k="bf16",
        kv_type_v="bf16",
        runtime="llama-bench",
        flash_attention=FlashAttention.ON,
        kv_unified=False,
    )
    assert found == pytest.approx((134.82, 36.57), abs=0.02)


def test_older_builds_hand_no_rows_over_and_cast_their_masks(scratch):
    old = {"era": Era.BEFORE_JUNE_2026, "runtime": Runtime.LLAMA_BENCH}
    now, before = (
        scratch("qwen3.5-9b", **{"runtime": Runtime.LLAMA_BENCH, **era})[0] for era in ({}, old)
    )
    assert before == 493
    assert now == 493 + 8 + 4.02, "the last row of every token, and the mask before it"
    assert scratch(LLAMA, **old)[1] == 16.01, "the host's embeddings once, and an F32 mask"


DRAWN = sorted({m.architecture for m in load_models()})
SMALLEST = {
    architecture: min(
        (m for m in load_models() if m.architecture == architecture),
        key=lambda model: model.hyperparameters.block_count,
    ).name
    for architecture in DRAWN
}


@settings(max_examples=4, deadline=None)
@given(contexts=st.lists(st.integers(min_value=512, max_value=65_536), min_size=2, max_size=2))
@pytest.mark.parametrize("architecture", DRAWN)
def test_more_context_never_needs_much_less(scratch, architecture, contexts):
    """What is larger may find another place, and leave a smaller gap behind: a tenth at most.

    Of MiniMax M3 a quarter, as the library says too: 160.8 MiB at 1,280 cells, 142.9 at 1,792.
    """
    less, more = (
        scratch(SMALLEST[architecture], context_tokens=context) for context in sorted(contexts)
    )
    most = 1.25 if architecture == "minimax-m3" else 1.1
    assert all(one <= most * other + 0.1 for one, other in zip(less, more, strict=True))


@pytest.mark.parametrize("architecture", DRAWN)
@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_twice_the_micro_batch_needs_about_twice_as_much(scratch, architecture, share):
    """All but a rotation and states are per token; an encoder's mask has a row for each as well."""
    name = SMALLEST[architecture]
    layers = round(share * (find_model(name).hyperparameters.block_count + 1))
    small, large = (scratch(name, gpu_layers=layers, ubatch_tokens=tokens) for tokens in (256, 512))
    for one, other in zip(small, large, strict=True):
        assert 1.2 * one <= other <= (4 if architecture in ENCODERS else 2.1) * one + 0.1
