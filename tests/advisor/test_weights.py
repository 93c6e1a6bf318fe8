"""What a model weighs, where, and how much of it one token reads."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from advisor.estimate.subject import subject_of
from catalog.names import find_model
from catalog.quants import find_quant, load_quants
from catalog.shelf import load_models
from catalog.tensors import Role

MIB = 1 << 20

SAMPLE = ("F16", "Q8_0", "Q4_K_M", "IQ3_M")


@pytest.fixture(scope="session")
def weights(subject):
    return lambda model, quant="Q4_K_M": subject(model, quant).weights


@pytest.mark.parametrize(
    ("model", "quant", "host_mib", "device_mib"),
    [
        pytest.param("llama-3.1-8b-instruct", "Q4_K_M", 281.81, 4403.49, id="Llama 3.1 8B"),
        pytest.param("qwen2.5-14b-instruct", "Q4_K_M", 417.66, 8148.38, id="Qwen 2.5 14B"),
        pytest.param(
            "llama-3.2-1b-instruct", "Q8_0", 266.16, 1252.41, id="tied: the head is twice"
        ),
        pytest.param("mixtral-8x7b-instruct-v0.1", "Q4_0", 70.31, 25147.55, id="a mixture"),
    ],
)
def test_all_layers_on_a_gpu_leave_the_input_table_on_the_host(
    weights, model, quant, host_mib, device_mib
):
    """MiB as logs of real GPUs print them; see `tests/measured/gpu_logs.csv`."""
    found = weights(model, quant)
    assert found.input_bytes / MIB == pytest.approx(host_mib, abs=0.01)
    assert (found.blocks_bytes + found.output_bytes) / MIB == pytest.approx(device_mib, abs=0.01)


def test_a_tied_head_costs_the_host_nothing_more(weights):
    """Llama 3.2 1B has its final norm besides: 2,048 values of four bytes, and 32 rope factors."""
    tied = weights("llama-3.2-1b-instruct")
    assert tied.output_host_bytes == 2048 * 4 + 32 * 4
    assert tied.output_bytes == tied.output_host_bytes + tied.input_bytes


def test_an_encoder_has_no_head(weights):
    """No device gets a copy of what would be a tied one: its blocks are all that BERT has."""
    found = weights("bge-m3", "F16")
    assert found.output_bytes == found.output_host_bytes


def test_a_head_that_the_host_multiplies_by_is_on_no_device(weights):
    """BitNet's graph reads the token table itself: 2,560 values for each of 128,256 tokens.

    A device has the final norm, 2,560 values of four bytes.
    """
    found = weights("bitnet-b1.58-2b-4t", "F16")
    assert found.host_head_bytes == found.input_bytes == 2560 * 128_256 * 2
    assert found.output_bytes == found.output_host_bytes == 2560 * 4
    assert weights("llama-3.2-1b-instruct").host_head_bytes == 0


def test_one_token_reads_the_experts_it_selects(weights):
    """Qwen3 30B A3B: 8 of 128 experts."""
    mixture = weights("qwen3-30b-a3b")
    assert mixture.expert_read_share == 1 / 16
    unread = mixture.blocks_bytes - mixture.blocks_read_bytes
    assert unread == pytest.approx(mixture.expert_bytes * 15 / 16, abs=1)


def test_one_token_reads_all_of_a_dense_model(weights):
    dense = weights("llama-3.1-8b-instruct")
    assert dense.blocks_read_bytes == dense.blocks_bytes
    assert dense.expert_bytes == 0


def test_weights_that_are_loaded_and_never_read_are_not_read(weights):
    """Gemma 4 E4B: 18 layers use the keys and values of others, and have weights for their own."""
    shared = weights("gemma-4-e4b-it")
    assert 0 < shared.blocks_read_bytes < shared.blocks_bytes


@pytest.mark.parametrize("model", ["llama-3.1-8b-instruct", "qwen3-30b-a3b", "gemma-4-e4b-it"])
def test_running_sums_end_with_all_blocks(weights, model):
    found = weights(model)
    sums, read = found.prefix_bytes(), found.prefix_read_bytes()
    assert len(sums) == len(read) == found.block_count + 1
    assert sums[0] == read[0] == 0
    assert sums[-1] == found.blocks_bytes
    assert read[-1] == pytest.approx(found.blocks_read_bytes, abs=found.block_count)
    assert list(sums) == sorted(sums)


def test_the_largest_tensor_is_one_of_a_block(weights):
    """Llama 3.1 8B in Q8_0: a feed-forward matrix of 4,096 x 14,336, 34 bytes for 32 of them."""
    assert weights("llama-3.1-8b-instruct", "Q8_0").largest_tensor_bytes() == (
        4096 * 14336 * 34 // 32
    )


def test_a_projection_of_per_layer_embeddings_is_loaded_with_the_first_block(weights):
    """Gemma 4 E4B: 42 layers x 256 rows of 2,560 in F16, and a norm of 256 in F32."""
    assert weights("gemma-4-e4b-it").opening_bytes() == 42 * 256 * 2560 * 2 + 256 * 4
    assert weights("llama-3.1-8b-instruct").opening_bytes() == 0


@settings(deadline=None, max_examples=40)
@given(
    model=st.sampled_from([model for model in load_models() if model.tier == 1]),
    quant=st.sampled_from(SAMPLE),
)
def test_input_blocks_and_output_are_all_that_is_loaded(model, quant):
    found = subject_of(model, find_quant(quant))
    skipped = found.table.bytes_of({Role.MTP, Role.VISION})
    parts = found.weights
    assert parts.input_bytes + parts.blocks_bytes + parts.output_host_bytes == (
        parts.tensor_bytes - skipped
    )
    assert parts.blocks_read_bytes <= parts.blocks_bytes


@settings(deadline=None, max_examples=40)
@given(
    model=st.sampled_from(["llama-3.1-8b-instruct", "qwen3-4b", "mistral-7b-instruct-v0.3"]),
    quants=st.tuples(*[st.sampled_from([quant for quant in load_quants() if quant.is_common])] * 2),
)
def test_a_smaller_file_has_no_part_that_weighs_more(model, quants):
    """Of plain models: blocks of fewer bytes never come with a larger sum on a GPU."""
    found = [subject_of(find_model(model), quant).weights for quant in quants]
    smaller, larger = sorted(found, key=lambda one: one.tensor_bytes)
    assert smaller.blocks_bytes <= larger.blocks_bytes
