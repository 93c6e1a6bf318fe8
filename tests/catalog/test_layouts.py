"""The tensors of every model, against published counts and against llama.cpp's own lists."""

from __future__ import annotations

import csv
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from catalog.errors import UnknownArchitectureError
from catalog.layouts import layout
from catalog.shelf import load_models
from catalog.tensors import Role

MODELS = load_models()
BY_NAME = {model.name: model for model in MODELS}
HERE = Path(__file__).parent


def elements(groups, *roles):
    return sum(group.elements for group in groups if group.role in roles)


def layer_numbers(text):
    """`0-2 5` are layers 0, 1, 2 and 5; nothing is a tensor outside the layers."""
    if not text:
        return None
    numbers = []
    for part in text.split():
        start, _, end = part.partition("-")
        numbers.extend(range(int(start), int(end or start) + 1))
    return tuple(numbers)


def tensor_lists():
    lists = {}
    lines = (HERE / "tensor_lists.csv").read_text(encoding="utf-8").splitlines()
    for row in csv.DictReader(line for line in lines if not line.startswith("#")):
        shape = tuple(int(length) for length in row["shape"].split("x"))
        tensors = lists.setdefault(row["model"], {})
        tensors[row["tensor"], shape] = layer_numbers(row["layers"])
    return lists


TENSOR_LISTS = tensor_lists()


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_the_weights_are_as_many_as_published(model):
    groups = layout(model)
    weights = sum(group.elements for group in groups if group.role is not Role.ROPE_FACTORS)
    assert weights == model.params_total


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_a_token_reads_as_many_weights_as_the_row_says(model):
    """All but unselected experts and looked-up tables; a tied token table is read as the head."""
    groups, shape = layout(model), model.hyperparameters
    routed = elements(groups, Role.ROUTED_EXPERT)
    selected = routed * (shape.expert_used_count or 0) // (shape.expert_count or 1)
    active = model.params_total - (routed - selected) - elements(groups, Role.LOOKUP_TABLE)
    looked_up = 0 if shape.tied_embeddings else elements(groups, Role.TOKEN_EMBEDDING)
    assert active == model.params_active
    assert active - looked_up - elements(groups, Role.UNUSED) == model.params_read_per_token


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_tables_and_unused_weights_are_as_many_as_the_row_says(model):
    groups = layout(model)
    assert elements(groups, Role.LOOKUP_TABLE) == (model.params_lookup_tables or 0)
    assert elements(groups, Role.UNUSED) == (model.params_unused_in_file or 0)
    assert elements(groups, Role.ROPE_FACTORS) == (model.gguf_extra_elements or 0)


@pytest.mark.parametrize("name", sorted(TENSOR_LISTS))
def test_names_shapes_and_layers_are_those_of_the_file(name):
    ours = {}
    for group in layout(BY_NAME[name]):
        known = ours.get((group.name, group.shape), ())
        layers = None if group.layers is None else tuple(sorted((*known, *group.layers)))
        ours[group.name, group.shape] = layers
    assert ours == TENSOR_LISTS[name]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_groups_are_sound(model):
    """Equal tensors are in one group; layers exist and ascend; a tied head is no tensor."""
    groups = layout(model)
    assert max(Counter((g.name, g.role, g.shape) for g in groups).values()) == 1
    layers = range(model.hyperparameters.block_count)
    for group in groups:
        assert all(length > 0 for length in group.shape)
        assert group.type is None
        if group.layers is not None:
            assert group.layers
            assert list(group.layers) == sorted(set(group.layers) & set(layers))
    names = {group.name for group in groups}
    assert ("output.weight" in names) == (not model.hyperparameters.tied_embeddings)


def test_a_llama_is_counted_by_hand():
    """Llama 2 7B, with rows of 4096 values, 11008 in feed-forward, 32000 tokens, 32 layers."""
    groups = {group.name: group for group in layout(BY_NAME["llama-2-7b-hf"])}
    assert groups["token_embd.weight"].elements == 32_000 * 4_096
    assert groups["attn_k.weight"].shape == (4_096, 32 * 128)
    assert groups["ffn_down.weight"].shape == (11_008, 4_096)
    assert groups["ffn_down.weight"].layers == tuple(range(32))
    per_layer = 4 * 4_096 * 4_096 + 3 * 4_096 * 11_008 + 2 * 4_096
    assert sum(g.elements for g in groups.values()) == 2 * 32_000 * 4_096 + 4_096 + 32 * per_layer


@pytest.mark.parametrize(
    ("name", "tensor", "role"),
    [
        ("mixtral-8x7b-instruct-v0.1", "ffn_up_exps.weight", Role.ROUTED_EXPERT),
        ("qwen3.5-35b-a3b", "ffn_up_shexp.weight", Role.SHARED_EXPERT),
        ("deepseek-v3.1", "exp_probs_b.bias", Role.ROUTER),
        ("qwen3.5-4b", "attn_qkv.weight", Role.RECURRENT),
        ("gemma-4-e4b-it", "per_layer_token_embd.weight", Role.LOOKUP_TABLE),
        ("llama-3.2-1b-instruct", "rope_freqs.weight", Role.ROPE_FACTORS),
        ("llama-3.2-1b-instruct", "output_norm.weight", Role.OUTPUT),
        ("lfm2-1.2b", "token_embd_norm.weight", Role.OUTPUT),
    ],
)
def test_a_tensor_has_the_role_that_places_it(name, tensor, role):
    assert {g.role for g in layout(BY_NAME[name]) if g.name == tensor} == {role}


def test_experts_are_stacked_in_three_dimensions():
    (group,) = (g for g in layout(BY_NAME["qwen3-30b-a3b"]) if g.name == "ffn_down_exps.weight")
    assert group.shape == (768, 2_048, 128)


def test_layers_that_share_a_cache_never_read_their_own_keys():
    """Gemma 4 E4B: 42 layers, the last 18 read the cache of layers 22 and 23."""
    groups = layout(BY_NAME["gemma-4-e4b-it"])
    unused = {g.name: g.layers for g in groups if g.role is Role.UNUSED and 29 in g.layers}
    assert set(unused) == {"attn_k.weight", "attn_v.weight", "attn_k_norm.weight"}
    assert all(min(g.layers) == 24 for g in groups if g.role is Role.UNUSED and 24 in g.layers)


def test_two_tables_of_rope_factors_halve_the_count():
    """Phi 3.5 mini rotates 96 of a head's values: 48 factors for long contexts, 48 for short."""
    tables = [g for g in layout(BY_NAME["phi-3.5-mini-instruct"]) if g.role is Role.ROPE_FACTORS]
    assert {g.name: g.shape for g in tables} == {
        "rope_factors_long.weight": (48,),
        "rope_factors_short.weight": (48,),
    }


PREDICTING = [model for model in MODELS if model.params_mtp is not None]


@pytest.mark.parametrize("model", PREDICTING, ids=lambda model: model.name)
def test_the_prediction_block_has_as_many_weights_as_published(model):
    block = [g for g in layout(model, with_mtp=True) if g.role is Role.MTP]
    assert sum(group.elements for group in block) == model.params_mtp
    assert {layer for group in block for layer in group.layers} == {
        model.hyperparameters.block_count
    }


@pytest.mark.parametrize("model", PREDICTING, ids=lambda model: model.name)
def test_the_prediction_block_is_left_out_unless_asked_for(model):
    assert not any(group.role is Role.MTP for group in layout(model))


def test_a_prediction_block_that_nobody_counted_is_refused():
    with pytest.raises(UnknownArchitectureError, match=r"`deepseek-v3\.2`"):
        layout(BY_NAME["deepseek-v3.2"], with_mtp=True)


def test_an_unknown_architecture_is_named():
    stranger = replace(BY_NAME["qwen3-8b"], architecture="mamba9")
    with pytest.raises(UnknownArchitectureError, match="`mamba9`"):
        layout(stranger)


def test_a_shape_that_lacks_what_its_architecture_needs_is_refused():
    model = BY_NAME["qwen3.5-4b"]
    shape = replace(model.hyperparameters, ssm_state_size=None)
    with pytest.raises(UnknownArchitectureError, match="`ssm_state_size`"):
        layout(replace(model, hyperparameters=shape))
