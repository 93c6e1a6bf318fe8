"""The scratch of Qwen 4's graph, beside what llama.cpp reserves.

Figures in MiB are the library's own (llama-cpp-python 0.3.36 on the processor, with a second device
behind its remote backend), unless a comment works them out.
"""

from __future__ import annotations

import pytest

from advisor.estimate.graph.cell_choice import Choices
from advisor.estimate.graph.draft import Draft
from advisor.estimate.graph.folding import folded
from advisor.estimate.graph.qwen4 import draw
from advisor.estimate.graph.scratch import Scratch
from advisor.estimate.placement import place
from advisor.estimate.subject import caches_of, shape_of
from advisor.workload import FlashAttention, Runtime
from catalog.names import find_model

MIB = 1 << 20
MODEL = "qwen3.8-flash-next"
"""Width 2,560 in four rows, 48 layers of which 12 attend, 512 experts of 640."""

LONG = {"context_tokens": 131_072, "ubatch_tokens": 2048}
FOUR = {"context_tokens": 8192, "sequences": 4, "kv_unified": False}
HALVES = (1.0, 1.0)


@pytest.fixture(scope="module")
def model():
    return find_model(MODEL)


@pytest.fixture(scope="module")
def scratch(model, resolved):
    """MiB of every GPU and of the host."""

    def find(*, gpu_layers=999, gpus=(1.0,), **asked):
        setup = resolved(**{"sequences": 1, **asked})
        own = Scratch(graph=shape_of(model).graph, caches=caches_of(model)[0], setup=setup)
        found = own.bytes_of(place(block_count=48, gpu_layers=gpu_layers, weights=gpus))
        return tuple(round(size / MIB, 2) for size in found)

    return find


@pytest.fixture(scope="module")
def drafted(model, resolved):
    def draft(**asked):
        setup = resolved(**{"sequences": 1, **asked})
        return Draft(model.architecture, model.hyperparameters, caches_of(model)[0], setup)

    return draft


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        pytest.param(LONG, (3865.86, 829.71), id="a long context on one GPU"),
        pytest.param(FOUR, (190.61, 18.15), id="four sequences on one GPU"),
        pytest.param({**LONG, "gpu_layers": 20}, (3733.73, 3820.38), id="a long one on both"),
        pytest.param({**FOUR, "gpu_layers": 20}, (157.62, 176.77), id="four sequences on both"),
        pytest.param({**LONG, "gpus": HALVES}, (6252.95, 6732.95, 3198.84), id="on two GPUs"),
        pytest.param({**FOUR, "gpus": HALVES}, (217.08, 337.08, 42.59), id="four on two GPUs"),
        pytest.param({**LONG, "gpu_layers": 0, "gpus": ()}, (3900.49,), id="on the host alone"),
    ],
)
def test_scratch_is_what_llama_cpp_reserves(scratch, asked, expected):
    assert scratch(**asked) == expected


def test_scores_of_all_heads_come_in_without_flash_attention(scratch):
    asked = {"context_tokens": 32_768, "flash_attention": FlashAttention.OFF}
    assert scratch(**asked) == (2680.46, 97.42)


def test_scores_of_blocks_are_there_twice_and_those_of_cells_too(scratch):
    """Four heads' scores of 32,768 blocks for 2,048 tokens are 1 GiB, and so are 131,072 cells'."""
    scores = 4 * 4 * 32_768 * 2048 / MIB
    assert 3 * scores < scratch(**LONG)[0] < 4 * scores


def test_logits_of_a_whole_micro_batch_are_the_peak_of_a_short_context(scratch):
    """4 bytes x 512 x (248,320 words + 2,560) are 490 MiB."""
    asked = {"context_tokens": 2048, "runtime": Runtime.LLAMA_BENCH}
    assert scratch(**asked)[0] == 4 * 512 * (248_320 + 2560) / MIB


@pytest.mark.parametrize("context_tokens", [1024, 65_536])
def test_a_token_chooses_whole_blocks_and_the_rest_of_one(drafted, context_tokens):
    """2,048 cells and three, or all of them."""
    choices = Choices(drafted(context_tokens=context_tokens))
    assert choices.chosen == min(context_tokens, 2051)
    assert choices.blocks == context_tokens // 4


def test_every_attending_layer_has_zeros_from_the_start_even_one_that_is_left_out(drafted, model):
    """12 of 48 attend, every fourth; each has 2,051 zeros for each of 512 tokens."""
    draft = drafted(context_tokens=65_536)
    kinds = shape_of(model).graph.kinds(draft.caches)
    kept = folded(kinds, [0] * 48)
    assert len(kept) < 16
    draw(draft, kept)
    sizes = [draft.sketch.size[leaf] for leaf in draft.sketch.leaves]
    assert sizes.count(4 * 2051 * 512) == 12


@pytest.mark.parametrize("flash", [FlashAttention.ON, FlashAttention.OFF])
@pytest.mark.parametrize("gpu_layers", [0, 20, 999])
def test_layers_that_are_left_out_change_less_than_a_hundredth(
    model, resolved, monkeypatch, flash, gpu_layers
):
    setup = resolved(context_tokens=16_384, sequences=1, flash_attention=flash)
    placement = place(block_count=48, gpu_layers=gpu_layers, weights=(1.0,))

    def needed():
        graph = shape_of(model).graph
        return Scratch(graph=graph, caches=caches_of(model)[0], setup=setup).bytes_of(placement)

    some = needed()
    monkeypatch.setattr(
        "advisor.estimate.graph.scratch.folded", lambda kinds, _: tuple(range(len(kinds)))
    )
    assert some == pytest.approx(needed(), rel=0.01)
