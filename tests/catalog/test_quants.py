"""Storage types and file types, and the names people give them."""

from __future__ import annotations

import pytest

from catalog.errors import RowError, UnknownNameError
from catalog.layouts import layout
from catalog.names import find_model
from catalog.quants import find_quant, ggml_type, load_quants, load_types
from catalog.recipes import Recipe


@pytest.mark.parametrize(
    ("name", "weights", "parts_bytes"),
    [
        pytest.param("q4_0", 32, [2, 16], id="q4_0: a half, 32 nibbles"),
        pytest.param("q4_1", 32, [2, 2, 16], id="q4_1: two halves, 32 nibbles"),
        pytest.param("q5_0", 32, [2, 4, 16], id="q5_0: a half, 32 bits, 32 nibbles"),
        pytest.param("q8_0", 32, [2, 32], id="q8_0: a half, 32 bytes"),
        pytest.param("q2_K", 256, [2, 2, 16, 64], id="q2_K: two halves, 16 scales, 256 pairs"),
        pytest.param("q3_K", 256, [2, 64, 32, 12], id="q3_K: a half, pairs, bits, 12 of scales"),
        pytest.param("q4_K", 256, [2, 2, 12, 128], id="q4_K: two halves, scales, nibbles"),
        pytest.param("q5_K", 256, [2, 2, 12, 128, 32], id="q5_K: as q4_K, and 256 bits"),
        pytest.param("q6_K", 256, [2, 16, 128, 64], id="q6_K: a half, 16 scales, nibbles, pairs"),
        pytest.param("iq4_xs", 256, [2, 2, 4, 128], id="iq4_xs"),
        pytest.param("mxfp4", 32, [1, 16], id="mxfp4: an exponent, 32 nibbles"),
        pytest.param("bf16", 1, [2], id="bf16"),
    ],
)
def test_a_block_has_the_bytes_of_its_parts(name, weights, parts_bytes):
    found = ggml_type(name)
    assert (found.block_weights, found.block_bytes) == (weights, sum(parts_bytes))


def test_a_type_is_found_by_name_in_any_case_and_by_number():
    assert ggml_type("Q4_K") is ggml_type("q4_k") is ggml_type(12)


@pytest.mark.parametrize("key", ["q4_2", 4, 31, -1])
def test_a_type_that_ggml_removed_is_unknown(key):
    with pytest.raises(UnknownNameError, match=f"`{key}` is not a storage type of ggml"):
        ggml_type(key)


def test_every_number_that_ggml_has_is_there_but_the_removed_ones():
    assert {type_.number for type_ in load_types()} == set(range(43)) - {
        4,
        5,
        31,
        32,
        33,
        36,
        37,
        38,
    }


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Q4_K_M", "Q4_K_M"),
        ("q4_k_m", "Q4_K_M"),
        ("q4km", "Q4_K_M"),
        ("q4-k-m", "Q4_K_M"),
        ("Q4_K", "Q4_K_M"),
        ("fp16", "F16"),
        ("iq4-xs", "IQ4_XS"),
        ("MXFP4", "MXFP4_MOE"),
        ("Q4_0_4_4", "Q4_0"),
    ],
)
def test_a_file_type_is_found_however_it_is_spelt(text, name):
    assert find_quant(text).name == name


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        pytest.param(
            "Q3",
            "did you mean `Q3_K_L` or `Q3_K_M` or `Q3_K_S`?",
            id="several begin so",
        ),
        pytest.param("UD-Q4_K_XL", "name the plain type, such as `Q4_K_M`", id="of Unsloth's own"),
        pytest.param(
            "best",
            "the usual ones are BF16, Q8_0, Q6_K, Q5_K_M, Q5_K_S, Q4_K_M, Q4_K_S, IQ4_XS, Q3_K_L, "
            "Q3_K_M, IQ3_M, Q3_K_S, IQ3_XS, IQ3_XXS, Q2_K, IQ2_M",
            id="nothing is near",
        ),
    ],
)
def test_an_unknown_file_type_is_refused_with_the_nearest(text, hint):
    with pytest.raises(UnknownNameError) as refused:
        find_quant(text)
    assert refused.value.hint == hint


def test_file_types_come_from_the_most_bits_to_the_fewest():
    bits = [quant.nominal_bits for quant in load_quants()]
    assert bits == sorted(bits, reverse=True)


def recipe_of_8b():
    model = find_model("llama-3.1-8b-instruct")
    return Recipe(
        layout(model), architecture=model.architecture, hyperparameters=model.hyperparameters
    )


@pytest.mark.parametrize("quant", load_quants(), ids=lambda quant: quant.name)
def test_nominal_bits_are_those_of_llama_3_1_8b(quant):
    """The README's figures are of files made with an importance matrix; the others without."""
    if quant.name == "MXFP4_MOE":
        assert quant.nominal_bits == 17 * 8 / 32  # what a block of MXFP4 takes
        return
    table = recipe_of_8b().table(quant, has_imatrix=quant.needs_imatrix)
    assert quant.nominal_bits == round(table.bytes * 8 / table.elements, 4)


def test_a_file_type_needs_an_importance_matrix_when_its_tensors_do():
    """llama-quantize asks for one for these types, and for q2_K in a Q2_K_S file.

    Source: `tensor_requires_imatrix` in llama.cpp's src/llama-quant.cpp, October 2026.
    """
    asking = {"iq3_xxs", "iq2_xxs", "iq2_xs", "iq2_s", "iq1_m", "iq1_s"}
    recipe = recipe_of_8b()
    for quant in load_quants():
        types = {group.type.name for group in recipe.table(quant).groups}
        needs = bool(types & asking) or quant.name == "Q2_K_S"
        assert (quant.name, quant.needs_imatrix) == (quant.name, needs)


def test_a_flag_that_is_neither_yes_nor_no_is_refused():
    from catalog.quants import _yes

    with pytest.raises(RowError, match="is_common of `Q4_K_M` is `maybe`"):
        _yes({"name": "Q4_K_M", "is_common": "maybe"}, "is_common")
