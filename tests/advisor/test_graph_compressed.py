"""DeepSeek V4's graph beside llama.cpp's own buffers, and what its parts take.

Source: the real llama.cpp (`llama-cpp-python` 0.3.36), Q4_K_M without weights, 512 tokens at once
and a context of 8,192 unless said; a GPU is the processor behind its remote backend. In MiB.
"""

from __future__ import annotations

import pytest

from advisor.estimate.graph.compressed import _choices
from advisor.estimate.graph.compressor import Plan
from advisor.estimate.graph.draft import Draft
from advisor.estimate.graph.scratch import Scratch
from advisor.estimate.placement import place
from advisor.estimate.subject import caches_of, shape_of
from advisor.workload import FlashAttention, Runtime
from catalog.names import find_model

MIB = 1 << 20
FLASH, PRO = "deepseek-v4-flash", "deepseek-v4-pro"
OFF = {"flash_attention": FlashAttention.OFF}
QUANTIZED = {"kv_type_k": "q8_0", "kv_type_v": "q8_0"}
FOUR = {"sequences": 4}
MANY = {"sequences": 32}
SERVER = {"runtime": Runtime.LLAMA_SERVER, "context_tokens": 200_000}
DEFAULTS = {
    "context_tokens": 8192,
    "ubatch_tokens": 512,
    "sequences": 1,
    "kv_unified": False,
    "flash_attention": FlashAttention.ON,
    "runtime": Runtime.LLAMA_BENCH,
}


@pytest.fixture(scope="session")
def scratch(resolved):
    """MiB of every GPU and of the host; all layers on one GPU unless said."""

    def find(name, *, gpu_layers=999, gpus=(1.0,), **asked):
        model = find_model(name)
        setup = resolved(**{**DEFAULTS, **asked})
        own = Scratch(graph=shape_of(model).graph, caches=caches_of(model)[0], setup=setup)
        blocks = model.hyperparameters.block_count
        found = own.bytes_of(place(block_count=blocks, gpu_layers=gpu_layers, weights=gpus))
        return tuple(round(size / MIB, 2) for size in found)

    return find


TWO = {"gpus": (1.0, 1.0)}
HALF = {"gpu_layers": 20}


@pytest.mark.parametrize(
    ("name", "asked", "expected"),
    [
        pytest.param(FLASH, {}, (292.51, 21.09), id="flash on one GPU"),
        pytest.param(FLASH, {"gpu_layers": 0}, (0, 268.51), id="flash on the host"),
        pytest.param(FLASH, HALF, (292.50, 258.59), id="flash with 20 layers on a GPU"),
        pytest.param(FLASH, TWO, (291.36, 568.86, 60.37), id="flash on two GPUs"),
        pytest.param(FLASH, OFF, (613.09, 24.09), id="flash with all scores"),
        pytest.param(FLASH, QUANTIZED, (292.51, 24.09), id="flash with a rotated cache"),
        pytest.param(FLASH, FOUR, (292.51, 18.10), id="flash for four sequences"),
        pytest.param(
            FLASH, {**MANY, "gpu_layers": 1}, (535.78, 254.37), id="flash takes its mixing apart"
        ),
        pytest.param(FLASH, {**SERVER, **TWO}, (787.15, 1011.61, 442.36), id="flash at 200,000"),
        pytest.param(PRO, {}, (487.09, 33.09), id="pro on one GPU"),
        pytest.param(PRO, {**HALF, **OFF}, (1128.13, 1204.13), id="pro in part, with all scores"),
        pytest.param(PRO, {**QUANTIZED, **TWO}, (541.40, 891.36, 102.37), id="pro on two GPUs"),
        pytest.param(PRO, {**SERVER, **HALF}, (634.63, 586.59), id="pro at 200,000 tokens"),
    ],
)
def test_buffers_are_those_that_llama_cpp_reserves(scratch, name, asked, expected):
    assert scratch(name, **asked) == pytest.approx(expected, abs=0.011)


def test_layers_that_are_left_out_bring_their_choices_all_the_same():
    """Of twelve choosing layers four are drawn: the last has its own and the eight behind it."""
    choosing = range(2, 26, 2)
    assert _choices(range(10), choosing) == {2: 1, 4: 1, 6: 1, 8: 9}
    assert _choices([8, 9], choosing) == {8: 12}
    assert _choices([9], choosing) == {}


@pytest.fixture
def draft(resolved):
    """A graph of DeepSeek V4 Flash for 512 tokens of two sequences."""
    model = find_model(FLASH)
    setup = resolved(**{**DEFAULTS, "sequences": 2})
    return Draft("deepseek4", model.hyperparameters, caches_of(model)[0], setup)


@pytest.mark.parametrize(
    ("ratio", "is_overlapping", "cells", "read", "kept"),
    [
        pytest.param(4, True, 130, 1040, 16, id="512 / 4 + 2 cells of 2 x 4 tokens each"),
        pytest.param(128, False, 6, 768, 256, id="512 / 128 + 2 cells of 128 tokens each"),
    ],
)
def test_every_sequence_may_finish_a_cell_more(draft, ratio, is_overlapping, cells, read, kept):
    plan = Plan(draft, ratio, 512, None, is_overlapping=is_overlapping)
    assert (plan.blocks, plan.read, plan.kept) == (cells, read, kept)
