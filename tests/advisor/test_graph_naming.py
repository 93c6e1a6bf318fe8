"""Which weights each product of a drawn graph reads."""

from __future__ import annotations

import pytest

from advisor.estimate.graph.draft import Draft
from advisor.estimate.graph.naming import groups_at, names_of
from advisor.estimate.graph.scratch import drawing
from advisor.estimate.subject import caches_of


@pytest.fixture
def named(subject, resolved):
    """The names of all products of a layer, in the order in which they are drawn."""

    def name(model_name, layer=0):
        own = subject(model_name)
        model = own.model
        setup = resolved(context_tokens=4096, sequences=1)
        draft = Draft(model.architecture, model.hyperparameters, caches_of(model)[0], setup)
        drawing(model.architecture)(draft, [layer, model.hyperparameters.block_count - 1])
        home = draft.sketch.home
        products = [one for one in draft.sketch.matrices if home[one] == layer]
        found = names_of(draft, own.table, products)
        return [found[one].removesuffix(".weight") for one in sorted(found)], len(products)

    return name


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        pytest.param(
            "llama-3.1-8b-instruct",
            ["attn_q", "attn_k", "attn_v", "attn_output", "ffn_up", "ffn_gate", "ffn_down"],
            id="of equal shapes those that are drawn first come first",
        ),
        pytest.param(
            "starcoder2-15b",
            ["attn_q", "attn_k", "attn_v", "attn_output", "ffn_up", "ffn_down"],
            id="a feed-forward part without a gate",
        ),
        pytest.param(
            "qwen3-30b-a3b",
            [
                *("attn_q", "attn_k", "attn_v", "attn_output"),
                *("ffn_gate_inp", "ffn_up_exps", "ffn_gate_exps", "ffn_down_exps"),
            ],
            id="stacks of experts",
        ),
        pytest.param(
            "deepseek-r1-0528",
            [
                *("attn_q_a", "attn_q_b", "attn_kv_a_mqa", "attn_k_b", "attn_v_b", "attn_output"),
                *("ffn_up", "ffn_gate", "ffn_down"),
            ],
            id="a matrix for each head",
        ),
    ],
)
def test_every_product_of_a_layer_finds_its_weights(named, model, expected):
    found, count = named(model)
    assert found == expected
    assert count == len(expected)


def test_a_layers_tensors_have_the_types_of_that_layer(subject):
    """Q4_K_M keeps more bits for ffn_down in the first and the last eighth of the layers.

    Of 32 layers those are 0 to 3 and 28 to 31; of the others every third has them too. 4,096 rows
    of 14,336 take 144 bytes for 256 values in Q4_K, and 210 in Q6_K.
    """
    table = subject("llama-3.1-8b-instruct", "Q4_K_M").table
    blocks = 4096 * 14_336 // 256
    found = [groups_at(table, layer)["ffn_down.weight"].bytes_each for layer in (0, 4, 31)]
    assert found == [210 * blocks, 144 * blocks, 210 * blocks]
