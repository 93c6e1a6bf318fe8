"""Labels of publishers' own: what they mean, and how large such a file is."""

from __future__ import annotations

import pytest

from catalog.container import file_bytes
from catalog.labels import maker_of, recipe_of
from catalog.load import csv_rows
from catalog.names import find_model
from catalog.published import load_published
from catalog.quants import find_quant, known_quant, load_types
from catalog.tables import tensor_table
from catalog.variants import variant_labels, variant_size

LLAMA = find_model("llama-3.1-8b-instruct")
LLAMAS = "bartowski/Meta-Llama-3.1-8B-Instruct-GGUF"


def published(repository, label):
    return next(
        file.bytes
        for file in load_published()
        if (file.repository, file.quant_label) == (repository, label)
    )


@pytest.mark.parametrize(
    ("label", "base"),
    [
        ("Q2_K_L", "Q2_K"),
        ("Q3_K_XL", "Q3_K_L"),
        ("Q4_K_L", "Q4_K_M"),
        ("Q5_K_L", "Q5_K_M"),
        ("Q6_K_L", "Q6_K"),
    ],
)
def test_bartowskis_l_is_the_file_type_with_table_and_head_in_q8_0(label, base):
    """Llama 3.1 8B: 128,256 x 4,096 weights each; the header may differ by 10 kB."""
    size = variant_size(LLAMA, label, LLAMAS)
    assert abs(size.bytes - published(LLAMAS, label)) < 1_000
    recipe = recipe_of("bartowski", label, LLAMA)
    assert recipe.quant.name == base
    assert recipe.types == {"token_embd.weight": "q8_0", "output.weight": "q8_0"}


def test_q4_k_l_adds_half_a_byte_and_a_quarter_per_weight_of_table_and_head():
    """Q4_K has 144 bytes per 256 weights, Q6_K 210, Q8_0 272; the header stays."""
    weights = 128_256 * 4_096
    added = weights * (272 - 144) // 256 + weights * (272 - 210) // 256
    plain = variant_size(LLAMA, "Q4_K_M", LLAMAS)
    assert variant_size(LLAMA, "Q4_K_L", LLAMAS).bytes == plain.bytes + added


def test_before_july_2024_bartowskis_l_was_in_f16():
    """gemma-2-27b-it: 256,000 x 4,608 weights of 2 bytes instead of 34 / 32."""
    gemma = find_model("gemma-2-27b-it")
    early = variant_size(gemma, "Q5_K_L", "bartowski/gemma-2-27b-it-GGUF")
    file = next(
        one
        for one in load_published()
        if (one.model_name, one.quant_label) == ("gemma-2-27b-it", "Q5_K_L")
    )
    assert file.bytes_low <= early.bytes <= file.bytes_high
    later = variant_size(gemma, "Q5_K_L", "somebody/gemma-2-27b-it-GGUF")
    assert early.bytes - later.bytes == 256_000 * 4_608 * (64 - 34) // 32


def test_unsloths_q2_k_l_only_has_its_token_table_in_q4_k():
    repository, model = "unsloth/Qwen3-32B-GGUF", find_model("qwen3-32b")
    size = variant_size(model, "Q2_K_L", repository)
    assert abs(size.bytes - published(repository, "Q2_K_L")) < 1_000
    assert size.basis.startswith("tensors by llama-quantize's recipe, with token_embd in q4_K;")


def test_unsloth_stores_gemmas_tables_in_types_of_its_own():
    repository, model = "unsloth/gemma-3n-E4B-it-GGUF", find_model("gemma-3n-e4b-it")
    size = variant_size(model, "Q4_K_M", repository)
    assert abs(size.bytes - published(repository, "Q4_K_M")) < 2_000
    stock = file_bytes(model, find_quant("Q4_K_M"))
    assert stock.bytes > 1.06 * size.bytes


def test_i1_means_made_with_an_importance_matrix():
    """IQ4_XS gives up bits in ffn_down then; the label of no repository says so too."""
    model, quant = find_model("qwen3-8b"), find_quant("IQ4_XS")
    with_matrix = tensor_table(model, quant, has_imatrix=True).bytes
    without = tensor_table(model, quant).bytes
    assert with_matrix < without
    named = variant_size(model, "i1-IQ4_XS")
    assert variant_size(model, "IQ4_XS").bytes - named.bytes == without - with_matrix
    assert named == variant_size(model, "IQ4_XS", "mradermacher/Qwen3-8B-i1-GGUF")


def test_where_nobody_knows_of_a_matrix_the_bounds_hold_both():
    model = find_model("qwen3-8b")
    unknown = variant_size(model, "IQ4_XS", "mradermacher/Qwen3-8B-GGUF")
    assert unknown.low < variant_size(model, "i1-IQ4_XS").bytes < unknown.bytes < unknown.high


def test_a_mix_is_estimated_by_the_publishers_other_files_and_says_so():
    size = variant_size(find_model("qwen3-14b"), "UD-Q4_K_XL")
    assert size.low < size.bytes < size.high
    assert size.basis.startswith("unsloth's own mix, 1.0")
    assert "of the recipe's size by the published sizes of" in size.basis
    assert size.basis.endswith("files in UD-Q4_K_XL")


def test_a_mix_of_which_no_file_of_the_kind_is_known_says_so_too():
    size = variant_size(find_model("qwen3.6-27b"), "IQ1_M", "bartowski/Qwen_Qwen3.6-27B-GGUF")
    assert size.basis.endswith("2 files in IQ1_M of other kinds of model")


def test_bartowskis_files_of_2026_are_larger_than_the_recipe_under_the_same_name():
    model, quant = find_model("qwen3.6-27b"), find_quant("Q4_K_M")
    theirs = variant_size(model, "Q4_K_M", "bartowski/Qwen_Qwen3.6-27B-GGUF")
    assert theirs.bytes > 1.03 * file_bytes(model, quant).bytes
    file = next(
        one
        for one in load_published()
        if (one.repository, one.quant_label) == ("bartowski/Qwen_Qwen3.6-27B-GGUF", "Q4_K_M")
    )
    assert theirs.low < file.bytes_low < file.bytes_high < theirs.high


def test_a_prediction_block_nobody_described_is_taken_for_an_average_block():
    """unsloth/GLM-5.2-GGUF carries one beside 78 layers: 1.4 % of the file."""
    model = find_model("glm-5.2")
    size = variant_size(model, "Q8_0", "unsloth/GLM-5.2-GGUF", without="glm-5.2")
    assert (
        "the prediction block taken for an average block"
        in variant_size(model, "Q8_0", "ggml-org/GLM-5.2-GGUF").basis
    )
    assert size.bytes == pytest.approx(801_357_672_256, rel=0.002)
    assert size.low < 801_357_672_256 < size.high


@pytest.mark.parametrize("label", ["Q7_K_L", "UD-Q7_K_XL", "", "UD-", "own"])
def test_of_a_label_that_nobody_uses_nothing_is_said(label):
    assert variant_size(LLAMA, label) is None


def test_where_rows_are_no_whole_blocks_a_mix_is_not_estimated():
    assert variant_size(find_model("gemma-3-270m-it"), "UD-Q4_K_XL") is None


def test_a_plain_label_without_a_repository_is_the_recipe():
    model, quant = find_model("qwen3.6-27b"), find_quant("Q4_K_M")
    assert variant_size(model, "q4_k_m") == file_bytes(model, quant)


def test_the_labels_of_a_model_are_those_that_can_be_sized():
    labels = variant_labels(LLAMA)
    assert {"Q4_K_L", "Q3_K_XL", "UD-Q4_K_XL", "UD-IQ2_XXS"} <= set(labels)
    assert all(known_quant(label) is None for label in labels)
    assert all(variant_size(LLAMA, label) is not None for label in labels)
    assert list(labels) == sorted(labels)


def test_the_labels_of_a_repository_are_its_publishers():
    assert variant_labels(LLAMA, LLAMAS) == ("Q2_K_L", "Q3_K_XL", "Q4_K_L", "Q5_K_L", "Q6_K_L")
    unsloths = variant_labels(LLAMA, "unsloth/Llama-3.1-8B-Instruct-GGUF")
    assert {label for label in unsloths if not label.startswith("UD-")} == {"Q2_K_L"}
    assert variant_labels(LLAMA, "Qwen/Llama-GGUF") == ()


def test_each_label_has_one_maker():
    assert (maker_of("UD-Q4_K_XL"), maker_of("Q4_K_L")) == ("unsloth", "bartowski")


def test_every_row_names_types_and_file_types_that_exist():
    types = {type_.name for type_ in load_types()}
    for row in csv_rows("variants.csv"):
        assert not row["base"] or known_quant(row["base"]) is not None
        assert {pair.partition("=")[2] for pair in row["types"].split()} <= types
