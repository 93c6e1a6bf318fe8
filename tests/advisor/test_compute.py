"""The graph's scratch memory, worked out from widths.

How near that is to what llama.cpp reserves is the business of `test_memory_accuracy.py`.
"""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from advisor.estimate import compute
from advisor.estimate.flash import is_lost
from advisor.estimate.graph_shape import GraphKind, graph_shape
from advisor.estimate.subject import caches_of, shape_of
from advisor.workload import Era, FlashAttention, Runtime
from catalog.names import find_model
from catalog.shelf import load_models

MIB = 1 << 20
SERVER = {"context_tokens": 4096}
"""llama-server's own way: a micro-batch of 512, four slots, a row of logits for each."""


def mib(size_bytes):
    return round(size_bytes / MIB, 2)


@pytest.fixture(scope="session")
def device(resolved):
    """Scratch of a device with all layers of a model, in MiB."""

    def find(model, *, is_cut=False, with_output=True, span=None, **asked):
        known = find_model(model)
        return mib(
            compute.device_bytes(
                shape_of(known),
                caches_of(known)[0],
                resolved(**{**SERVER, **asked}),
                with_output=with_output,
                is_cut=is_cut,
                span=span,
            )
        )

    return find


@pytest.fixture(scope="session")
def host(resolved):
    """Scratch of the host beside a GPU with all layers, or alone, in MiB."""

    def find(model, *, alone=False, **asked):
        known = find_model(model)
        shape, caches, filled = (
            shape_of(known),
            caches_of(known)[0],
            resolved(**{**SERVER, **asked}),
        )
        if alone:
            return mib(compute.host_alone_bytes(shape, caches, filled, with_output=True))
        return mib(compute.host_bytes(shape, caches, filled))

    return find


LLAMA = "llama-3.1-8b-instruct"
"""Width 4,096, feed-forward 14,336, 32 heads of 128, 128,256 words."""


def test_a_block_of_llama_3_1_8b(device):
    """(3 x 14,336 + 2 x 4,096 + 4,096) x 4 bytes x 512 = 108 MiB, and a mask of 4,096 x 512 x 2."""
    assert device(LLAMA) == 108 + 4 + 0.01


def test_a_context_costs_its_mask(device):
    """126,976 cells more, two bytes each for 512 tokens: 124 MiB."""
    more = device(LLAMA, context_tokens=131_072) - device(LLAMA)
    assert more == pytest.approx(124)


def test_everything_grows_with_the_micro_batch(device):
    assert device(LLAMA, ubatch_tokens=2048) == 448.04


def test_a_row_of_logits_for_each_token_is_the_largest_peak(device):
    """4 bytes x 512 x (128,256 + 4,096) = 258.5 MiB, whatever the context."""
    for context_tokens in (512, 131_072):
        asked = {"context_tokens": context_tokens, "runtime": Runtime.LLAMA_BENCH}
        assert device(LLAMA, **asked) == 258.5


def test_a_device_without_the_output_layer_has_no_logits(device):
    assert device(LLAMA, runtime=Runtime.LLAMA_BENCH, with_output=False) == 112.01


def test_without_flash_attention_the_scores_of_all_heads_come_in(device):
    """4 x 512 x (32 x 8,192 + 4 x 4,096) = 544 MiB, an F32 mask of 16, V's indices of 4."""
    asked = {"context_tokens": 8192, "flash_attention": FlashAttention.OFF, "sequences": 1}
    assert device(LLAMA, **asked) == 564.01


@pytest.mark.parametrize(
    ("flash_attention", "expected_mib"),
    [
        pytest.param(
            FlashAttention.ON, 74.0 + 8 + 1.5 + 0.02, id="masks of 8,192 and of 1,536 cells"
        ),
        pytest.param(
            FlashAttention.OFF,
            146.0 + 16 + 3 + 8.01,
            id="scores of 8 heads over 8,192 cells, twice the masks, indices for V twice",
        ),
    ],
)
def test_layers_with_a_window_have_a_mask_of_their_own(device, flash_attention, expected_mib):
    """Gemma 3 4B: a block of 3 x 10,240 + 2 x 2,560 + 2,048 values; 74,752 with the scores."""
    asked = {"context_tokens": 8192, "sequences": 1, "flash_attention": flash_attention}
    assert device("gemma-3-4b-it", **asked) == pytest.approx(expected_mib)


@pytest.mark.parametrize(
    ("model", "quantized_mib", "plain_mib"),
    [
        pytest.param(LLAMA, 104.01, 112.01, id="as wide as the residual row: the gap is filled"),
        pytest.param("qwen3-4b", 79.01, 79.01, id="wider: it stays"),
        pytest.param(
            "mistral-nemo-instruct-2407", 124.01, 116.01, id="narrower: there are two of them"
        ),
        pytest.param("phi-4", 129.01, 129.01, id="no gap, where the query is part of a product"),
    ],
)
def test_a_quantized_cache_changes_the_gap_that_attention_leaves(
    device, model, quantized_mib, plain_mib
):
    assert device(model, kv_type_k="q8_0", kv_type_v="q8_0") == quantized_mib
    assert device(model) == plain_mib


def test_a_device_with_some_of_the_blocks_has_no_gap(device):
    """Llama 3.1 8B: 8 MiB less, the 4,096 values of attention's output."""
    assert device(LLAMA, is_cut=True) == 104.01


@pytest.mark.parametrize(
    ("model", "elements"),
    [
        pytest.param("qwen3-14b", 3 * 17408 + 2 * 5120 + 5120, id="gated: up, gate and product"),
        pytest.param("afm-4.5b", 18432 + 2 * 2560 + 2560, id="ungated: one row"),
        pytest.param(
            "gpt-oss-20b",
            4 * 3 * 2880 + 2 * 2880 + 64 * 64,
            id="four experts, whose output goes where up and gate were",
        ),
        pytest.param(
            "qwen3-30b-a3b",
            8 * (3 * 768 + 2048) + 2 * 2048 + 32 * 128,
            id="eight narrow experts, whose output finds no room there",
        ),
        pytest.param(
            "moonlight-16b-a3b-instruct",
            3 * 11264 + 2 * 2048 + 16 * 128,
            id="a dense first block that is wider than six experts",
        ),
        pytest.param(
            "deepseek-v3-0324",
            128 * 192 + 2 * 128 * (512 + 64) + 3 * 7168,
            id="128 heads: a query, absorbed and turned, and both together",
        ),
        pytest.param(
            "qwen3.5-9b", 3 * 12288 + 2 * 4096, id="a delta net leaves no gap in its block"
        ),
    ],
)
def test_the_widest_block_holds(model, elements, resolved):
    filled = resolved(context_tokens=4096, sequences=1)
    assert compute.block_elements(shape_of(find_model(model)), filled, is_cut=False) == elements


def test_a_delta_net_holds_its_states_before_and_after(device):
    """Qwen3.5 9B, four sequences of 32 tokens each: 2 x 4 x 128 x 4,096 values are 16 MiB.

    Beside 2 x 8,192 + 2 x 4,096 of 128 tokens, 12 MiB, and a mask of 1; six rows of a convolution
    more would be 15 with three of its outputs.
    """
    asked = {"context_tokens": 4096, "ubatch_tokens": 128, "sequences": 4, "kv_unified": True}
    assert device("qwen3.5-9b", **asked) == pytest.approx(16 + 12 + 1, abs=0.01)


def test_the_last_block_alone_feeds_forward_the_rows_with_logits(device):
    """Solar 10.7B, 4,096 wide: two residual rows and attention's in and out, 8 MiB a row."""
    alone = device("solar-10.7b-instruct-v1.0", is_cut=True, span=(47, 48), sequences=1)
    assert alone == 4 * 8 + 4 + 0.01
    asked = {"sequences": 1, "runtime": Runtime.LLAMA_BENCH}
    assert device("solar-10.7b-instruct-v1.0", is_cut=True, span=(47, 48), **asked) > 100


def test_a_mamba_layer_copies_the_state_of_every_sequence(resolved):
    """Nemotron Nano 9B: 128 states for 10,240 values, and 6 rows of a convolution of 12,288."""
    shape = shape_of(find_model("nvidia-nemotron-nano-9b-v2"))
    one, four = (
        compute.block_elements(shape, resolved(context_tokens=4096, sequences=count), is_cut=False)
        for count in (1, 4)
    )
    assert four - one == 3 * (128 * 10240 + 6 * 12288) // 512


def test_per_layer_embeddings_are_there_on_both_sides(device, host):
    """Gemma 4 E4B: 42 layers x 256 values x 4 bytes x 512 tokens = 21 MiB, two rows of 5 MiB.

    Four slots share windows of 512: masks of 4,096 and of 4 x 512 + 512 cells, 4 and 2.5 MiB.
    """
    assert host("gemma-4-e4b-it") == 21 + 10 + 4 + 2.5 + 0.02
    without = 4 * 512 * (3 * 10240 + 2 * 2560 + 4096) / MIB + 4 + 2.5 + 0.02
    assert device("gemma-4-e4b-it") == pytest.approx(without + 21)


@pytest.mark.parametrize(
    ("asked", "expected_mib"),
    [
        pytest.param({}, 20.01, id="two rows of 8 MiB, and a mask of 4"),
        pytest.param({"sequences": 4}, 17.01, id="slots with caches of their own mask a quarter"),
        pytest.param(
            {"flash_attention": FlashAttention.OFF, "context_tokens": 8192, "sequences": 1},
            36.01,
            id="an F32 mask of 16, and 4 MiB of indices for V's 1,024 values",
        ),
    ],
)
def test_the_host_beside_a_gpu_keeps_inputs(host, asked, expected_mib):
    assert host(LLAMA, **asked) == expected_mib


def test_the_host_alone_keeps_a_row_more_than_a_device(host, device):
    assert host(LLAMA, alone=True) == device(LLAMA) + 8 == 120.01


def test_a_parallel_feed_forward_part_keeps_what_attention_put_out(device):
    """Command R: 3 x 24,576 values, two residual rows and attention's 8,192, whole or cut.

    144 + 32 + 16 MiB and a mask of 8; a quantized cache leaves 16 more.
    """
    asked = {"context_tokens": 8192, "sequences": 1}
    model = "c4ai-command-r-08-2024"
    assert device(model, **asked) == device(model, **asked, is_cut=True) == 200.01
    assert device(model, **asked, kv_type_k="q8_0", kv_type_v="q8_0") == 216.01


def test_a_table_of_positions_is_a_row_more_on_the_host(device, host):
    """BGE M3, 1,024 wide: three rows of 2 MiB and a mask of 0.5; 4,096 + 2 x 1,024 on a device."""
    assert host("bge-m3", context_tokens=512) == 6.5
    assert device("bge-m3", context_tokens=512) == 12.5


def test_an_encoder_with_windows_has_two_masks(host):
    """EmbeddingGemma: two rows of 1.5 MiB, two masks of 0.5."""
    assert host("embeddinggemma-300m", context_tokens=2048) == 4.0


def test_bitnets_logits_are_the_hosts(device, host):
    """512 rows of 128,256 + 2,560 values are 255.5 MiB, behind 5 MiB for embeddings put in."""
    asked = {"context_tokens": 4096, "sequences": 1, "runtime": Runtime.LLAMA_BENCH}
    assert host("bitnet-b1.58-2b-4t", **asked) == 260.5
    assert device("bitnet-b1.58-2b-4t", **asked) == 3 * 13.5 + 2 * 5 + 4 + 0.01


def test_logits_lie_behind_the_result_of_a_block_with_a_shared_expert(device):
    """ERNIE 4.5 21B: 202 + 5 MiB, behind two rows of 5 and six experts' rows of 5.

    A device without the dense first block has no such room before it.
    """
    asked = {"context_tokens": 8192, "runtime": Runtime.LLAMA_BENCH, "sequences": 1}
    model = "ernie-4.5-21b-a3b-pt"
    assert device(model, **asked) == 202 + 5 + 2 * 5 + 6 * 5
    assert device(model, **asked, is_cut=True) == 202 + 5 + 5


def test_a_result_kept_for_further_tokens_is_a_row_more_since_june_2026(device):
    """Qwen3.5 9B: 512 x (248,320 + 4,096) values are 493 MiB, and 8 more for the row kept."""
    asked = {"context_tokens": 8192, "runtime": Runtime.LLAMA_BENCH, "sequences": 1}
    assert device("qwen3.5-9b", **asked) == 493 + 8
    assert device("qwen3.5-9b", **asked, era=Era.BEFORE_JUNE_2026) == 493


def test_layers_on_a_gpu_that_look_at_the_hosts_cache_copy_it(resolved):
    """Gemma 4 E2B, blocks 18 to 34: 13 look at 2,560 cells of block 13, four at 8,192 of block 14.

    13 x 2,560 x 512 values and 4 x 8,192 x 1,024, of two bytes.
    """
    known = find_model("gemma-4-e2b-it")
    shape, caches = shape_of(known), caches_of(known)[0]
    filled = resolved(context_tokens=8192)
    copied = compute.borrowed_bytes(shape, caches, filled, (18, 35))
    assert copied == (13 * 2560 * 512 + 4 * 8192 * 1024) * 2
    assert compute.borrowed_bytes(shape, caches, filled, (13, 35)) == 0


def test_builds_before_june_2026_cast_their_masks(device, host):
    """Llama 3.1 8B at 131,072 tokens: a mask of 256 MiB in F32, 128 in F16, four rows of 8.

    At 4,096 its 512 rows of logits are more; the host has one row of 8 MiB and a mask of 8.
    """
    old = {"era": Era.BEFORE_JUNE_2026}
    assert device(LLAMA, context_tokens=131_072, **old) == 256 + 128 + 4 * 8 + 0.01
    assert device(LLAMA, **old) == 258.5
    assert host(LLAMA, **old) == 16.01


@pytest.mark.parametrize(
    ("model", "host_blocks", "expected"),
    [
        pytest.param("lfm2-350m", 9, True, id="LFM2: the last on the host attends (block 8)"),
        pytest.param("lfm2-350m", 10, False, id="a convolution follows it on the host"),
        pytest.param("lfm2-350m", 2, False, id="none on the host attends"),
        pytest.param(
            "nvidia-nemotron-3-nano-4b-bf16", 26, True, id="Nemotron: feed-forward follows it"
        ),
        pytest.param("nvidia-nemotron-3-nano-4b-bf16", 27, False, id="a Mamba layer follows it"),
    ],
)
def test_where_flash_attention_is_lost(model, host_blocks, expected):
    """As the library does for each number of GPU layers."""
    assert is_lost(caches_of(find_model(model))[0], host_blocks) is expected


def test_only_hybrids_without_experts_lose_flash_attention():
    found = [model for model in load_models() if shape_of(model).may_lose_flash]
    assert {model.architecture for model in found} == {"granitehybrid", "lfm2", "nemotron_h"}
    assert not any(model.hyperparameters.expert_used_count for model in found)


def test_several_gpus_keep_their_inputs_four_times(resolved):
    """Llama 3.1 8B on two: 112 + 4 x 8 + 3 x 4, then 4 x 8 more; 20 + 3 x (8 + 4) on the host."""
    known = find_model(LLAMA)
    shape, caches, filled = shape_of(known), caches_of(known)[0], resolved(**SERVER)
    first, later = (
        112.01 + mib(compute.pipeline_bytes(shape, caches, filled, copies_embeddings=copies))
        for copies in (1, 2)
    )
    assert (first, later) == pytest.approx((156.04, 188.04))
    assert 20.01 + mib(compute.host_pipeline_bytes(shape, caches, filled)) == pytest.approx(56.04)


def test_logits_are_handed_over_in_a_row_per_slot(resolved):
    shape = shape_of(find_model(LLAMA))
    assert compute.output_buffer_bytes(shape, resolved(**SERVER)) == 4 * 128_256 * 4
    assert compute.output_buffer_bytes(shape, resolved(sequences=1)) == 128_256 * 4


def test_an_encoder_hands_over_embeddings_and_masks_its_own_batch(resolved):
    """Its buffer has room for logits too, of 30,528 tokens, as llama.cpp reserves it."""
    known = find_model("nomic-embed-text-v1.5")
    shape, filled = shape_of(known), resolved(context_tokens=2048, runtime=Runtime.LLAMA_BENCH)
    assert compute.output_buffer_bytes(shape, filled) == (30_528 + 768) * 4
    assert compute.mask_bytes(shape, caches_of(known)[0], filled) == 512 * 512 * 2
    assert compute.device_bytes(shape, (), filled, with_output=True) < 32 * MIB


@pytest.mark.parametrize(
    ("model", "kind"),
    [
        pytest.param("llama-3.1-8b-instruct", GraphKind.DENSE, id="Llama is dense"),
        pytest.param("qwen3-30b-a3b", GraphKind.MIXTURE, id="Qwen3 30B A3B is a mixture"),
        pytest.param("kimi-k2-instruct-0905", GraphKind.LATENT, id="Kimi K2 has a latent cache"),
        pytest.param("qwen3.5-35b-a3b", GraphKind.RECURRENT, id="Qwen3.5 is recurrent"),
        pytest.param("lfm2-1.2b", GraphKind.RECURRENT, id="LFM2's convolutions count as that"),
        pytest.param("kimi-linear-48b-a3b-instruct", GraphKind.RECURRENT, id="so does Kimi Linear"),
        pytest.param("gemma-3n-e4b-it", GraphKind.LOOKUP, id="Gemma 3n looks embeddings up"),
        pytest.param("deepseek-v3.2", GraphKind.INDEXED, id="DeepSeek V3.2 has an indexer"),
        pytest.param("bge-m3", GraphKind.ENCODER, id="BGE is an encoder"),
    ],
)
def test_the_kind_of_a_graph_decides_its_stated_error(model, kind):
    shape = shape_of(find_model(model))
    assert shape.kind is kind
    assert compute.relative_error(shape) == compute.ERRORS[kind]


def test_every_kind_of_graph_has_a_stated_error():
    assert set(compute.ERRORS) == set(GraphKind)


MODELS = st.sampled_from(load_models())


@settings(deadline=None)
@given(model=MODELS, contexts=st.tuples(*[st.integers(1, 300_000)] * 2), data=st.data())
def test_more_context_never_needs_less(model, contexts, data, resolved):
    asked = {
        "kv_type_k": data.draw(st.sampled_from(["f16", "q8_0"])),
        "flash_attention": data.draw(st.sampled_from(FlashAttention)),
        "runtime": data.draw(st.sampled_from(Runtime)),
        "sequences": data.draw(st.sampled_from([1, 4])),
        "ubatch_tokens": data.draw(st.sampled_from([1, 128, 2048])),
    }
    shape, caches = shape_of(model), caches_of(model)[0]
    # A micro-batch is never longer than the context, and a state is shared by its tokens.
    shortest = max(asked["ubatch_tokens"], 1)
    found = [
        (
            compute.device_bytes(shape, caches, filled, with_output=True),
            compute.host_bytes(shape, caches, filled),
        )
        for filled in (
            resolved(context_tokens=tokens + shortest, **asked) for tokens in sorted(contexts)
        )
    ]
    assert found[0] <= found[1]
    assert found[0][1] <= found[1][1]


@settings(deadline=None)
@given(model=MODELS, batches=st.tuples(*[st.integers(1, 4096)] * 2))
def test_a_larger_micro_batch_never_needs_less(model, batches, resolved):
    shape, caches = shape_of(model), caches_of(model)[0]
    found = [
        compute.device_bytes(
            shape,
            caches,
            resolved(context_tokens=8192, ubatch_tokens=batch, sequences=1),
            with_output=True,
        )
        for batch in sorted(batches)
    ]
    assert found == sorted(found)


@settings(deadline=None)
@given(model=MODELS)
def test_no_width_is_negative(model):
    shape = graph_shape(model.architecture, model.hyperparameters)
    widths = (shape.feed_forward, shape.cut_feed_forward, shape.latent, shape.recurrent)
    assert min(widths) >= 0
    assert shape.embedding > 0
    assert shape.attention > 0


def test_without_flash_attention_a_device_scores_only_what_its_blocks_look_at(resolved):
    """LFM2 350M on the host: blocks 0 and 1 are convolutions; block 2 attends to 8,192 cells.

    Its 16 heads' scores are 4 x 512 x 16 x 8,192 bytes, 256 MiB.
    """
    known = find_model("lfm2-350m")
    shape, caches = shape_of(known), caches_of(known)[0]
    filled = resolved(context_tokens=8192, sequences=1, flash_attention=FlashAttention.OFF)
    two, three = (
        compute.host_alone_bytes(shape, caches, filled, with_output=False, span=(0, count))
        for count in (2, 3)
    )
    assert two < 100 * MIB < 256 * MIB < three
