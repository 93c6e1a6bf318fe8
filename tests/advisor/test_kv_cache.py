"""What a context costs: keys, values and states, worked out from a model's shape."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from advisor.estimate import kv_cache
from advisor.estimate.setup import KV_TYPES
from advisor.estimate.subject import caches_of
from advisor.workload import FlashAttention, Runtime
from catalog.cache import LayerCache, Window
from catalog.names import find_model
from catalog.quants import ggml_type
from catalog.shelf import load_models

GIB = 1 << 30
MIB = 1 << 20

ONE = {"sequences": 1}
"""llama-server shares its cache among four slots unless somebody counts them."""


def cache_of(model):
    return caches_of(find_model(model))[0]


def size(model, filled):
    return kv_cache.cache_bytes(cache_of(model), filled)


@pytest.mark.parametrize(
    ("model", "asked", "expected_bytes"),
    [
        pytest.param(
            "llama-3.1-8b-instruct",
            {"context_tokens": 8192},
            1 * GIB,
            id="Llama 3.1 8B at 8k: 32 layers x 8192 x (1024 + 1024) x 2 bytes = 1 GiB",
        ),
        pytest.param(
            "llama-2-7b-chat-hf",
            {"context_tokens": 8192},
            4 * GIB,
            id="Llama 2 7B, whose heads are not grouped, costs four times that",
        ),
        pytest.param(
            "llama-3.1-8b-instruct",
            {"context_tokens": 8192, "kv_type_k": "q8_0", "kv_type_v": "q8_0"},
            17 * GIB // 32,
            id="q8_0 is 34 bytes for 32 values: 17/32 of f16",
        ),
        pytest.param(
            "llama-3.1-8b-instruct",
            {"context_tokens": 8192, "kv_type_v": "q4_0"},
            GIB // 2 + 9 * GIB // 64,
            id="K and V have types of their own: half a GiB of f16, 18/64 of that for q4_0",
        ),
        pytest.param(
            "llama-3.1-8b-instruct",
            {"context_tokens": 8000},
            GIB,
            id="8,000 tokens take the cells of 8,192",
        ),
        pytest.param(
            "deepseek-v3-0324",
            {"context_tokens": 32768},
            61 * 32768 * (512 + 64) * 2,
            id="latent attention keeps one row of 576 and no V: 2,196 MiB for DeepSeek V3 at 32k",
        ),
        pytest.param(
            "qwen3-4b", {"context_tokens": 8192}, 1152 * MIB, id="Qwen3 4B at 8k is 1,152 MiB"
        ),
    ],
)
def test_a_full_context_takes(model, asked, expected_bytes, resolved):
    assert size(model, resolved(**asked)) == expected_bytes


@pytest.mark.parametrize(
    ("window", "asked", "expected_cells"),
    [
        pytest.param(
            1024,
            {"context_tokens": 32768, **ONE},
            1536,
            id="a window of 1,024 and a micro-batch of 512 (Gemma 3 4B)",
        ),
        pytest.param(
            128,
            {"context_tokens": 32768, **ONE},
            768,
            id="128 + 512 = 640 is rounded up to 768 (gpt-oss)",
        ),
        pytest.param(
            128,
            {"context_tokens": 32768},
            1024,
            id="four slots that share a cache need four windows: 4 x 128 + 512",
        ),
        pytest.param(
            1024,
            {"context_tokens": 32768, "ubatch_tokens": 2048},
            6144,
            id="and a larger micro-batch more: 4 x 1024 + 2048 (Gemma 4 12B)",
        ),
        pytest.param(
            1024,
            {"context_tokens": 32768, "sequences": 4, "kv_unified": False},
            1536,
            id="slots with caches of their own keep one window each",
        ),
        pytest.param(
            4096,
            {"context_tokens": 2048, **ONE},
            2048,
            id="a window never has more cells than the context",
        ),
    ],
)
def test_a_sliding_layer_keeps(window, asked, expected_cells, resolved):
    layer = LayerCache(
        layers=(0,), key_width=1, value_width=1, window=Window.SLIDING, window_tokens=window
    )
    assert kv_cache.cells(layer, resolved(**asked)) == expected_cells


@pytest.mark.parametrize(
    ("model", "expected_bytes"),
    [
        pytest.param("gemma-3-4b-it", 34 * 16_384 * 2 * 1024 * 2, id="Gemma 3 4B: 34 layers alike"),
        pytest.param("gpt-oss-20b", 24 * 16_384 * 2 * 512 * 2, id="gpt-oss 20B: 24 layers alike"),
    ],
)
def test_llama_cpp_python_keeps_whole_windows(model, expected_bytes, resolved):
    """As the library of llama-cpp-python 0.3.36 reserves with its own `swa_full`."""
    filled = resolved(context_tokens=16_384, runtime=Runtime.LLAMA_CPP_PYTHON)
    assert kv_cache.cache_bytes(caches_of(find_model(model))[0], filled) == expected_bytes


def test_a_cell_of_a_compressed_stream_stands_for_several_tokens(resolved):
    layer = LayerCache(layers=(0,), key_width=1, tokens_per_cell=4)
    assert kv_cache.cells(layer, resolved(context_tokens=8192)) == 2048


QWEN35_27B_STATE_BYTES = 48 * 4 * (3 * (6144 + 2 * 16 * 128) + 128 * 6144)
"""48 recurrent layers, F32: three rows of the convolution, and 128 states for each inner width."""


@pytest.mark.parametrize(
    ("context_tokens", "kv_type", "cache_bytes"),
    [
        pytest.param(32768, "f16", 2 * GIB, id="2,048 MiB of keys and values in f16 at 32k"),
        pytest.param(32768, "q8_0", 1088 * MIB, id="1,088 MiB in q8_0, the state as before"),
        pytest.param(256, "f16", 16 * MIB, id="a short context saves nothing of the state"),
    ],
)
def test_a_state_is_f32_and_does_not_grow(context_tokens, kv_type, cache_bytes, resolved):
    filled = resolved(
        context_tokens=context_tokens, kv_type_k=kv_type, kv_type_v=kv_type, sequences=1
    )
    assert round(QWEN35_27B_STATE_BYTES / MIB, 2) == 149.62
    assert size("qwen3.5-27b", filled) == cache_bytes + QWEN35_27B_STATE_BYTES


def test_each_sequence_has_a_state_of_its_own(resolved):
    one, four = (
        size("qwen3.5-27b", resolved(context_tokens=8192, sequences=count, kv_unified=True))
        for count in (1, 4)
    )
    assert four - one == 3 * QWEN35_27B_STATE_BYTES


@pytest.mark.parametrize(
    ("model", "with_flash_mib", "without_mib"),
    [
        pytest.param("gemma-4-12b-it", 608, 800, id="Gemma 4 12B: full layers are widened"),
        pytest.param("gemma-4-26b-a4b-it", 460, 540, id="Gemma 4 26B"),
        pytest.param("gemma-4-e4b-it", 168, 188, id="Gemma 4 E4B: sliding layers are widened"),
        pytest.param("gemma-3-12b-it", 992, 992, id="Gemma 3: all layers are as wide"),
    ],
)
def test_without_flash_attention_v_takes_the_widest_layers_width(
    model, with_flash_mib, without_mib, resolved
):
    """MiB at 8,192 tokens, as llama.cpp's `llama-fit-params` prints them (October 2026)."""
    asked = {"context_tokens": 8192, "runtime": Runtime.LLAMA_BENCH}
    found = [
        size(model, resolved(**asked, flash_attention=flash)) // MIB
        for flash in (FlashAttention.ON, FlashAttention.OFF)
    ]
    assert found == [with_flash_mib, without_mib]


def test_layers_that_use_anothers_cache_keep_none():
    """Gemma 4 E4B: 24 of its 42 layers own keys and values."""
    owning = {layer for one in cache_of("gemma-4-e4b-it") if one.key_width for layer in one.layers}
    assert owning == set(range(24))


def test_prefix_sums_place_every_layers_cache(resolved):
    """Gemma 3 4B: layers 5, 11, 17, 23 and 29 of 34 keep everything, the others 1,536 cells."""
    filled = resolved(context_tokens=8192, sequences=1)
    sums = kv_cache.prefix_bytes(cache_of("gemma-3-4b-it"), filled, 34)
    layers = [after - before for before, after in pairwise(sums)]
    row_bytes = 2 * 4 * 256 * 2
    full = {5, 11, 17, 23, 29}
    assert layers == [row_bytes * (8192 if n in full else 1536) for n in range(34)]


@pytest.mark.parametrize(
    ("model", "depth_tokens", "cache_bytes", "state_bytes", "state_layers"),
    [
        pytest.param("llama-3.1-8b-instruct", 0, 0, 0, 0, id="an empty cache is not read"),
        pytest.param("llama-3.1-8b-instruct", 1000, 131_072_000, 0, 0, id="128 KiB a token"),
        pytest.param(
            "gemma-3-4b-it",
            8192,
            4096 * (5 * 8192 + 29 * 1024),
            0,
            0,
            id="a sliding layer reads its window and no more",
        ),
        pytest.param(
            "qwen3.5-27b", 0, 0, QWEN35_27B_STATE_BYTES, 48, id="a state is read at any depth"
        ),
    ],
)
def test_one_token_reads(model, depth_tokens, cache_bytes, state_bytes, state_layers, resolved):
    caches = cache_of(model)
    blocks = find_model(model).hyperparameters.block_count
    filled = resolved(context_tokens=16384, sequences=1)
    read = kv_cache.cache_read(caches, filled, depth_tokens=depth_tokens, first=0, last=blocks)
    assert (read.cache_bytes, read.state_bytes, read.state_layers) == (
        cache_bytes,
        state_bytes,
        state_layers,
    )


def test_two_halves_of_the_layers_read_what_all_of_them_read(resolved):
    caches, filled = cache_of("gemma-3-4b-it"), resolved(context_tokens=8192)
    whole, lower, upper = (
        kv_cache.cache_read(caches, filled, depth_tokens=4000, first=first, last=last).cache_bytes
        for first, last in ((0, 34), (0, 13), (13, 34))
    )
    assert whole == lower + upper


MODELS = sorted(model.name for model in load_models())
CALM = settings(deadline=None)
CONTEXTS = st.integers(min_value=1, max_value=300_000)


@CALM
@given(model=st.sampled_from(MODELS), contexts=st.tuples(CONTEXTS, CONTEXTS), data=st.data())
def test_more_context_never_needs_less(model, contexts, data, resolved):
    asked = {
        "sequences": data.draw(st.sampled_from([None, 1, 2, 5])),
        "ubatch_tokens": data.draw(st.sampled_from([64, 512, 2048])),
        "flash_attention": data.draw(st.sampled_from(FlashAttention)),
    }
    shorter, longer = (
        size(model, resolved(context_tokens=tokens, **asked)) for tokens in sorted(contexts)
    )
    assert shorter <= longer


@CALM
@given(
    model=st.sampled_from(MODELS),
    context_tokens=CONTEXTS,
    sequences=st.tuples(st.integers(1, 16), st.integers(1, 16)),
)
def test_more_sequences_in_one_cache_never_need_less(model, context_tokens, sequences, resolved):
    fewer, more = (
        size(model, resolved(context_tokens=context_tokens, sequences=count, kv_unified=True))
        for count in sorted(sequences)
    )
    assert fewer <= more


@CALM
@given(
    model=st.sampled_from(["llama-3.1-8b-instruct", "gemma-4-12b-it", "deepseek-v3-0324"]),
    types=st.tuples(st.sampled_from(KV_TYPES), st.sampled_from(KV_TYPES)),
    context_tokens=CONTEXTS,
)
def test_a_smaller_cache_type_never_needs_more(model, types, context_tokens, resolved):
    smaller, larger = sorted(types, key=lambda name: ggml_type(name).bytes_for(32))
    found = [
        size(model, resolved(context_tokens=context_tokens, kv_type_k=name, kv_type_v=name))
        for name in (smaller, larger)
    ]
    assert found == sorted(found)
