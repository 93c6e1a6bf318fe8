"""Tensors of a header in groups, each with its role, and none lost."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.errors import CatalogError
from catalog.gguf.errors import UnsupportedError
from catalog.gguf.roles import place_of, role_of
from catalog.gguf.table import table_of_header
from catalog.layouts.gemma import GEMMA3N_OWNING_LAYERS
from catalog.names import find_model
from catalog.quants import find_quant, load_types
from catalog.shelf import load_models
from catalog.tables import tensor_table
from catalog.tensors import Role
from tests.catalog.gguf.written import expanded, tensor

Q4_K_M = find_quant("Q4_K_M")
MODELS = load_models()


def owning_layers(model):
    """Layers with a cache of their own, where not all have one."""
    if model.architecture == "gemma3n":
        return GEMMA3N_OWNING_LAYERS
    shared = model.hyperparameters.shared_kv_layers
    return model.hyperparameters.block_count - shared if shared else None


def with_prediction_block(model):
    try:
        tensor_table(model, Q4_K_M, with_mtp=True)
    except CatalogError:
        return False
    return True


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_the_tensors_of_a_known_model_make_the_groups_that_its_layout_predicts(model):
    table = tensor_table(model, Q4_K_M)
    found = table_of_header(expanded(table), model.architecture, owning_layers=owning_layers(model))
    assert set(found.groups) == set(table.groups)
    assert found.bytes == table.bytes


@pytest.mark.parametrize(
    "model", list(filter(with_prediction_block, MODELS)), ids=lambda model: model.name
)
def test_a_prediction_block_is_known_by_its_own_tensors(model):
    table = tensor_table(model, Q4_K_M, with_mtp=True)
    found = table_of_header(expanded(table), model.architecture)
    assert set(found.groups) == set(table.groups)


def test_layers_behind_the_models_own_are_prediction_blocks_whatever_they_hold():
    tensors = [tensor(f"blk.{layer}.attn_q.weight", (64, 64)) for layer in range(3)]
    groups = table_of_header(tensors, "qwen3", block_count=2).groups
    assert [(group.role, group.layers) for group in groups] == [
        (Role.ATTENTION, (0, 1)),
        (Role.MTP, (2,)),
    ]


def test_tensors_of_equal_shape_and_another_type_are_another_group():
    tensors = [tensor("blk.0.ffn_down.weight", (256, 8), 12)]
    tensors += [tensor(f"blk.{layer}.ffn_down.weight", (256, 8), 14) for layer in (1, 2)]
    small, large = table_of_header(tensors, "llama").groups
    assert (small.type.name, small.layers, small.bytes) == ("q4_K", (0,), 8 * 144)
    assert (large.type.name, large.layers, large.bytes) == ("q6_K", (1, 2), 2 * 8 * 210)


@pytest.mark.parametrize(
    ("name", "architecture", "role"),
    [
        ("token_embd.weight", "llama", Role.TOKEN_EMBEDDING),
        ("token_embd_norm.weight", "bloom", Role.NORM),
        ("token_embd_norm.weight", "lfm2", Role.OUTPUT),
        ("per_layer_token_embd.weight", "gemma4", Role.LOOKUP_TABLE),
        ("output_res_score.weight", "kimi-k3", Role.OUTPUT),
        ("cls.output.weight", "jina-bert-v2", Role.OUTPUT),
        ("rope_factors_long.weight", "phi3", Role.ROPE_FACTORS),
        ("v.blk.0.attn_q.weight", "gemma3", Role.VISION),
        ("mm.input_projection.weight", "gemma3", Role.VISION),
        ("a.conv1d.0.weight", "qwen3", Role.VISION),
        ("blk.0.attn_q.bias", "qwen2", Role.ATTENTION),
        ("blk.0.attn_q.lora_gate", "llama", Role.ATTENTION),
        ("blk.0.attn_norm_2.weight", "falcon", Role.NORM),
        ("blk.0.ffn_up.3.weight", "llama", Role.ROUTED_EXPERT),
        ("blk.0.ffn_down_chexps.weight", "grovemoe", Role.ROUTED_EXPERT),
        ("blk.0.ffn_norm_exps.weight", "arctic", Role.NORM),
        ("blk.0.ffn_gate_inp_shexp.weight", "qwen2moe", Role.ROUTER),
        ("blk.0.ffn_gate_exps.scale", "qwen3moe", Role.ROUTER),
        ("blk.0.time_mix_w1.weight", "rwkv7", Role.RECURRENT),
        ("blk.0.channel_mix_key.weight", "rwkv7", Role.FEED_FORWARD),
        ("blk.0.vis_gate.weight", "cogvlm", Role.UNUSED),
        ("blk.0.something_new.weight", "llama", Role.FEED_FORWARD),
        ("something_new.weight", "llama", Role.OUTPUT),
        ("dec.blk.3.cross_attn_q.weight", "t5", Role.ATTENTION),
    ],
)
def test_a_name_says_what_a_tensor_is_for(name, architecture, role):
    assert role_of(place_of(name), architecture) is role


def test_the_same_name_is_a_part_of_a_state_space_only_beside_one():
    """Qwen3.5's gate belongs to its delta net, Trinity's to its attention."""
    gate = tensor("blk.0.attn_gate.weight", (64, 64))
    convolution = tensor("blk.0.ssm_conv1d.weight", (4, 64))
    alone = table_of_header([gate], "afmoe").groups
    beside = table_of_header([gate, convolution], "qwen35").groups
    assert [group.role for group in alone] == [Role.ATTENTION]
    assert [group.role for group in beside] == [Role.RECURRENT, Role.RECURRENT]


def test_encoder_and_decoder_are_kept_apart():
    tensors = [tensor("enc.blk.0.attn_q.weight", (8, 8)), tensor("dec.blk.0.attn_q.weight", (8, 8))]
    names = [group.name for group in table_of_header(tensors, "t5").groups]
    assert names == ["enc.attn_q.weight", "dec.attn_q.weight"]


NAMES = st.one_of(
    st.text(alphabet="abdefknopsw_.0123456789", min_size=1, max_size=20),
    st.builds(
        "blk.{}.{}".format,
        st.integers(0, 40),
        st.sampled_from(
            ["attn_q.weight", "ffn_up_exps.weight", "new.weight", "nextn.enorm.weight"]
        ),
    ),
)


@settings(derandomize=True, max_examples=150, deadline=None)
@given(
    tensors=st.lists(
        st.tuples(NAMES, st.integers(1, 9), st.sampled_from(load_types())),
        min_size=1,
        max_size=30,
        unique_by=lambda line: line[0],
    )
)
def test_no_byte_of_any_list_of_tensors_is_lost(tensors):
    listed = [tensor(name, (256, rows), type_.number) for name, rows, type_ in tensors]
    table = table_of_header(listed, "llama", block_count=20, owning_layers=10)
    assert table.bytes == sum(type_.bytes_for(256) * rows for _, rows, type_ in tensors)
    assert sum(group.count for group in table.groups) == len(tensors)


def test_a_storage_type_that_ggml_does_not_have_is_refused_by_number():
    with pytest.raises(UnsupportedError) as refused:
        table_of_header([tensor("blk.0.ffn_up.weight", (256, 8), 99)], "llama")
    assert str(refused.value) == ("`ffn_up.weight` is stored as type 99, which ggml does not have")


def test_elements_that_are_not_whole_blocks_are_refused():
    with pytest.raises(UnsupportedError, match="are not whole blocks of 256"):
        table_of_header([tensor("output.weight", (255, 3), 12)], "llama")


def test_a_shared_cache_leaves_keys_and_values_unused():
    """Gemma 4 E4B: of 42 layers the last 18 read the cache of another."""
    model = find_model("gemma-4-e4b-it")
    table = table_of_header(
        expanded(tensor_table(model, Q4_K_M)), "gemma4", block_count=42, owning_layers=24
    )
    unused = {group.name: group.layers for group in table.groups if group.role is Role.UNUSED}
    assert set(unused) == {"attn_k.weight", "attn_v.weight", "attn_k_norm.weight"}
    assert all(min(layers) >= 24 for layers in unused.values())
