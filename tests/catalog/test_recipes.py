"""Which type each tensor gets, against what llama-quantize says."""

from __future__ import annotations

import csv
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from catalog.errors import CatalogError
from catalog.layouts import layout
from catalog.names import find_model
from catalog.quants import find_quant, ggml_type, load_quants
from catalog.recipe_rules import Some
from catalog.recipes import Recipe
from catalog.row_types import type_for_row
from catalog.shelf import load_models
from catalog.tables import tensor_table
from catalog.tensor_kinds import Category, category_of, kept_type

MEASURED = Path(__file__).parents[1] / "measured"


def rows(name):
    lines = (MEASURED / name).read_text(encoding="utf-8").splitlines()
    return csv.DictReader(line for line in lines if not line.startswith("#"))


def by_model(name):
    found = defaultdict(list)
    for row in rows(name):
        found[row["model"]].append(row)
    return found


DRY_RUNS = by_model("quant_sizes.csv")
EVERY_SHAPE = {row.pop("model"): row for row in rows("llama_quantize.csv")}


def typed(model_name, quant_name, *, has_imatrix=False):
    """The table of a model whose source file is F16 throughout."""
    model = find_model(model_name)
    recipe = Recipe(
        layout(model),
        architecture=model.architecture,
        hyperparameters=model.hyperparameters,
    )
    return recipe.table(find_quant(quant_name), has_imatrix=has_imatrix)


def types_of(table, name):
    """The type of each layer's tensor of this name."""
    return {
        layer: group.type.name
        for group in table.groups
        if group.name == name
        for layer in group.layers or (None,)
    }


def test_the_dry_runs_cover_47_models_in_17_file_types():
    assert len(DRY_RUNS) == 47
    assert {len(of_model) for of_model in DRY_RUNS.values()} == {17}


@pytest.mark.parametrize("model", DRY_RUNS)
def test_bytes_and_types_are_those_of_the_dry_run(model):
    for row in DRY_RUNS[model]:
        table = typed(model, row["quant"])
        counts = Counter()
        for group in table.groups:
            counts[group.type.name] += group.count
        types = " ".join(f"{name}:{counts[name]}" for name in sorted(counts))
        assert (row["quant"], table.bytes, types) == (
            row["quant"],
            int(row["tensor_bytes"]),
            row["types"],
        )


@pytest.mark.parametrize("model", EVERY_SHAPE)
def test_every_shape_in_the_catalog_measures_what_llama_quantize_makes_of_it(model):
    for column, expected in EVERY_SHAPE[model].items():
        quant, plus, _ = column.partition("+imatrix")
        if not expected:
            with pytest.raises(CatalogError):
                typed(model, quant)
            continue
        assert (column, typed(model, quant, has_imatrix=bool(plus)).bytes) == (
            column,
            int(expected),
        )


@pytest.mark.parametrize(
    ("quant", "bits_per_weight"),
    [
        ("IQ1_S", 2.0042), ("IQ1_M", 2.1460), ("IQ2_XXS", 2.3824), ("IQ2_XS", 2.5882),
        ("IQ2_S", 2.7403), ("IQ2_M", 2.9294), ("IQ3_XXS", 3.2548), ("IQ3_XS", 3.4977),
        ("IQ3_S", 3.6606), ("IQ3_M", 3.7628), ("Q2_K_S", 2.9697), ("Q2_K", 3.1593),
        ("Q3_K_S", 3.6429), ("Q3_K_M", 3.9960), ("Q3_K_L", 4.2979), ("Q4_K_S", 4.6672),
        ("Q4_K_M", 4.8944), ("Q5_K_S", 5.5704), ("Q5_K_M", 5.7036), ("Q6_K", 6.5633),
        ("Q8_0", 8.5008), ("F16", 16.0005),
    ],
)  # fmt: skip
def test_llama_3_1_8b_has_the_bits_per_weight_that_llama_cpps_readme_states(quant, bits_per_weight):
    """Source: llama.cpp tools/quantize/README.md, made with an importance matrix."""
    table = typed("llama-3.1-8b-instruct", quant, has_imatrix=True)
    assert round(table.bytes * 8 / table.elements, 4) == bits_per_weight


@pytest.mark.parametrize(
    ("some", "total", "held"),
    [
        pytest.param(Some.FIRST_2, 32, [0, 1], id="two"),
        pytest.param(Some.FIRST_4, 32, [0, 1, 2, 3], id="four"),
        pytest.param(Some.FIRST_EIGHTH, 31, [0, 1, 2], id="an eighth of 31 is 3, rounded down"),
        pytest.param(Some.FIRST_SIXTEENTH, 47, [0, 1], id="a sixteenth of 47 is 2"),
        pytest.param(Some.MIDDLE, 16, list(range(2, 14)), id="an eighth of 16 off either end"),
        pytest.param(
            Some.MORE_BITS,
            32,
            [0, 1, 2, 3, 6, 9, 12, 15, 18, 21, 24, 27, 28, 29, 30, 31],
            id="the first 4, every third after them from 4+2 on, the last 4 of 32",
        ),
    ],
)
def test_which_tensors_get_another_type(some, total, held):
    assert [index for index in range(total) if some.holds(index, total)] == held


@pytest.mark.parametrize(
    ("wanted", "row_weights", "stored"),
    [
        pytest.param("q4_K", 4096, "q4_K", id="whole blocks"),
        pytest.param("q4_K", 2880, "q5_0", id="2880 is 11.25 blocks of 256, and 90 of 32"),
        pytest.param("q5_K", 2880, "q5_1", id="a k-quant falls to one with more bits"),
        pytest.param("q6_K", 896, "q8_0", id="q6_K to q8_0"),
        pytest.param("iq3_xxs", 2880, "iq4_nl", id="an i-quant to iq4_nl"),
        pytest.param("q2_K", 2880, "q4_0", id="two bits to four"),
        pytest.param("q4_K", 100, "f16", id="neither blocks of 256 nor of 32"),
        pytest.param("q8_0", 100, "f16", id="blocks of 32 have no smaller ones to fall to"),
        pytest.param("f16", 7, "f16", id="half precision fits every row"),
    ],
)
def test_a_row_that_is_not_whole_blocks_gets_another_type(wanted, row_weights, stored):
    assert type_for_row(wanted, row_weights) is ggml_type(stored)


def test_a_type_without_a_stand_in_is_refused_as_llama_quantize_refuses_it():
    with pytest.raises(CatalogError, match="llama-quantize has no q1_0 for rows of 2880 weights"):
        typed("gpt-oss-20b", "Q1_0")


@pytest.mark.parametrize(
    ("name", "category"),
    [
        ("output.weight", Category.OUTPUT),
        ("output_norm.weight", Category.OTHER),
        ("per_layer_token_embd.weight", Category.TOKEN_EMBEDDING),
        ("attn_qkv.weight", Category.ATTENTION_V),
        ("attn_v_b.weight", Category.OTHER),
        ("indexer.attn_k.weight", Category.ATTENTION_K),
        ("attn_output.weight", Category.ATTENTION_OUTPUT),
        ("ffn_gate_up_exps.weight", Category.FFN_GATE),
        ("ffn_down_shexp.weight", Category.FFN_DOWN),
        ("ssm_in.weight", Category.OTHER),
    ],
)
def test_a_name_has_the_category_that_llama_quantize_reads_in_it(name, category):
    assert category_of(name) is category


@pytest.mark.parametrize(
    ("name", "shape", "architecture", "kept"),
    [
        pytest.param("attn_q.weight", (4096, 4096), "llama", None, id="a matrix is quantized"),
        pytest.param("attn_norm.weight", (4096,), "llama", "f32", id="a vector is not"),
        pytest.param("ssm_a", (1, 64), "mamba2", "f32", id="nor what is not called weight"),
        pytest.param("attn_q_norm.weight", (128, 32), "cohere2", "f32", id="nor a norm"),
        pytest.param("ffn_gate_inp.weight", (2048, 64), "qwen3moe", "f32", id="nor a router"),
        pytest.param("ssm_d.weight", (64, 1), "mamba2", "f32", id="one column is a vector"),
        pytest.param("laurel_l.weight", (2048, 64), "gemma3n", "half", id="nor laurel"),
        pytest.param("attn_k_b.weight", (192, 512, 32), "deepseek2", None, id="MLA is"),
        pytest.param("attn_k_b.weight", (192, 512, 32), "glm5-next", "half", id="but not here"),
    ],
)
def test_some_tensors_are_left_as_they_are(name, shape, architecture, kept):
    assert kept_type(name, shape, architecture) == kept


def test_v_of_a_70b_model_never_gets_less_than_five_bits():
    model = "llama-3.3-70b-instruct"
    assert set(types_of(typed(model, "Q3_K_S"), "attn_v.weight").values()) == {"q5_K"}
    assert set(types_of(typed(model, "Q3_K_S"), "attn_k.weight").values()) == {"q3_K"}
    assert set(types_of(typed("qwen3-8b", "Q3_K_S"), "attn_v.weight").values()) == {"q3_K"}


def test_a_tied_token_table_takes_the_type_of_the_head_it_serves_as():
    assert types_of(typed("llama-3.2-1b-instruct", "Q4_K_M"), "token_embd.weight") == {None: "q6_K"}
    assert types_of(typed("llama-3.1-8b-instruct", "Q4_K_M"), "token_embd.weight") == {None: "q4_K"}


def test_mxfp4_moe_stores_stacks_of_experts_in_mxfp4_and_the_rest_in_q8_0():
    table = typed("qwen3-30b-a3b", "MXFP4_MOE")
    stacks = {group.type.name for group in table.groups if group.name.endswith("_exps.weight")}
    others = {group.type.name for group in table.groups if "exps" not in group.name}
    assert stacks == {"mxfp4"}
    assert others == {"q8_0", "f32"}


@pytest.mark.parametrize("quant", [q.name for q in load_quants() if q.name != "Q1_0"])
def test_the_experts_of_gpt_oss_stay_as_their_maker_published_them(quant):
    model = find_model("gpt-oss-20b")
    table = tensor_table(model, find_quant(quant))
    experts = [group for group in table.groups if group.name.endswith("_exps.weight")]
    assert {group.type.name for group in experts} == {"mxfp4"}
    assert len(experts) == 3


@pytest.mark.parametrize(("quant", "half"), [("BF16", "bf16"), ("F16", "f16"), ("F32", "f32")])
def test_converted_files_keep_vectors_in_single_precision(quant, half):
    table = typed("qwen3-8b", quant)
    assert {group.type.name for group in table.groups if len(group.shape) > 1} == {half}
    assert {group.type.name for group in table.groups if len(group.shape) == 1} == {"f32"}


def test_a_router_stays_in_single_precision_in_half_precision_files():
    router = types_of(typed("qwen3-30b-a3b", "BF16"), "ffn_gate_inp.weight")
    assert set(router.values()) == {"f32"}


@pytest.mark.parametrize("model", [model for model in load_models() if model.tier == 1],
                         ids=lambda model: model.name)  # fmt: skip
def test_a_recipe_types_every_tensor_once_and_drops_none(model):
    expected = Counter()
    for group in layout(model):
        expected.update((group.name, layer) for layer in group.layers or (None,))
    for quant in load_quants():
        if quant.is_common:
            found = Counter()
            for group in tensor_table(model, quant).groups:
                assert group.type is not None
                found.update((group.name, layer) for layer in group.layers or (None,))
            assert found == expected


def test_a_table_is_made_without_an_importance_matrix_unless_one_is_asked_for():
    model = find_model("llama-3.1-8b-instruct")
    quant = find_quant("IQ3_XXS")
    with_matrix = tensor_table(model, quant, has_imatrix=True).bytes
    without = tensor_table(model, quant, has_imatrix=False).bytes
    assert with_matrix < without == tensor_table(model, quant).bytes


def test_a_next_token_prediction_block_makes_the_file_larger():
    model = find_model("glm-4.5-air")
    quant = find_quant("Q8_0")
    assert tensor_table(model, quant, with_mtp=True).bytes > tensor_table(model, quant).bytes


def test_a_table_is_built_once():
    model, quant = find_model("qwen3-8b"), find_quant("Q4_K_M")
    assert tensor_table(model, quant) is tensor_table(model, quant)
