"""In what a repository's files differ from today's recipe."""

from __future__ import annotations

import pytest

from catalog.errors import UnknownArchitectureError
from catalog.file_traits import (
    STOCK,
    FileTraits,
    checkpoint_repeats_head,
    file_table,
    is_between,
    retyped,
    traits_of,
)
from catalog.layouts import layout
from catalog.load import csv_rows
from catalog.names import find_model
from catalog.quants import find_quant
from catalog.shelf import load_models
from catalog.tables import tensor_table

REPEATED = FileTraits(head_is_repeated=True)
OLD_QKV = FileTraits(fused_qkv_is_plain=True)


def of(repository, model):
    return traits_of(find_model(model), repository)


def types_of(table, name):
    return {group.type.name for group in table.groups if group.name == name}


@pytest.mark.parametrize(
    ("repository", "model", "expected"),
    [
        pytest.param(
            "Qwen/Qwen2.5-Coder-3B-Instruct-GGUF",
            "qwen2.5-coder-3b-instruct",
            REPEATED,
            id="Qwen writes the tied head of its Qwen 2.5 again",
        ),
        pytest.param(
            "Qwen/Qwen2.5-7B-Instruct-GGUF",
            "qwen2.5-7b-instruct",
            STOCK,
            id="a head of its own is no second one",
        ),
        pytest.param("Qwen/Qwen3-0.6B-GGUF", "qwen3-0.6b", STOCK, id="Qwen writes Qwen 3's once"),
        pytest.param(
            "bartowski/Qwen_Qwen3-0.6B-GGUF",
            "qwen3-0.6b",
            REPEATED,
            id="the converter keeps the head that a checkpoint repeats",
        ),
        pytest.param("unsloth/Qwen3-0.6B-GGUF", "qwen3-0.6b", STOCK, id="Unsloth does not"),
        pytest.param(
            "bartowski/Qwen_Qwen3-4B-GGUF",
            "qwen3-4b",
            STOCK,
            id="no checkpoint of Qwen 3 4B repeats it",
        ),
        pytest.param(
            "bartowski/google_gemma-4-31B-it-GGUF",
            "gemma-4-31b-it",
            STOCK,
            id="Gemma's converter drops it",
        ),
        pytest.param("microsoft/phi-4-gguf", "phi-4", OLD_QKV, id="a fused QKV before March 2026"),
        pytest.param(
            "unsloth/Qwen3.6-27B-GGUF", "qwen3.6-27b", STOCK, id="a fused QKV after March 2026"
        ),
        pytest.param(
            "nomic-ai/nomic-embed-text-v1.5-GGUF",
            "nomic-embed-text-v1.5",
            FileTraits(fused_qkv_is_plain=True, tied_head_is_plain=True),
            id="a tied table of February 2024",
        ),
        pytest.param(
            "unsloth/Qwen3.6-27B-MTP-GGUF",
            "qwen3.6-27b",
            FileTraits(holds_prediction_block=True),
            id="a repository that is named for the prediction block",
        ),
        pytest.param(
            "unsloth/Qwen3.8-27B-GGUF",
            "qwen3.8-27b",
            FileTraits(holds_prediction_block=True),
            id="since summer 2026 every file of Qwen's carries it",
        ),
        pytest.param(
            "unsloth/GLM-4.5-Air-GGUF",
            "glm-4.5-air",
            FileTraits(holds_prediction_block=True),
            id="files of GLM 4.5 always did",
        ),
        pytest.param(
            "unsloth/Llama-3.2-1B-MTP-GGUF",
            "llama-3.2-1b-instruct",
            STOCK,
            id="a model without such a block has none",
        ),
    ],
)
def test_a_repository_has_these_traits(repository, model, expected):
    assert of(repository, model) == expected


@pytest.mark.parametrize(
    ("name", "answer"),
    [("qwen3-0.6b", True), ("qwen3-1.7b", True), ("qwen3-4b", False), ("phi-4", False)],
)
def test_a_checkpoint_repeats_its_head_where_the_hub_counts_it_twice(name, answer):
    """Qwen3 0.6B: 751,632,384 on the Hub, less 596,049,920, is 151,936 x 1,024."""
    assert checkpoint_repeats_head(find_model(name)) is answer


def test_a_repeated_head_gets_its_own_type_and_the_table_the_base():
    table = file_table(find_model("qwen2.5-3b-instruct"), find_quant("Q4_K_M"), REPEATED)
    assert types_of(table, "output.weight") == {"q6_K"}
    assert types_of(table, "token_embd.weight") == {"q4_K"}


@pytest.mark.parametrize(
    ("quant", "type_name"),
    [("Q2_K", "q2_K"), ("Q3_K_L", "q4_K"), ("Q4_K_M", "q5_K"), ("Q5_K_M", "q6_K"), ("F16", "f16")],
)
def test_a_fused_qkv_of_old_gets_one_type_in_all_layers(quant, type_name):
    table = file_table(find_model("phi-4"), find_quant(quant), OLD_QKV)
    assert types_of(table, "attn_qkv.weight") == {type_name}


def test_the_rule_for_a_fused_qkv_names_every_architecture_that_has_one():
    fused = set()
    for model in load_models():
        try:
            groups = layout(model)
        except UnknownArchitectureError:
            continue
        if any(group.name == "attn_qkv.weight" for group in groups):
            fused.add(model.architecture)
    row = next(row for row in csv_rows("file_traits.csv") if row["trait"] == "fused_qkv_is_plain")
    assert set(row["architectures"].split()) == fused


def test_the_prediction_block_is_one_layer_more():
    model, quant = find_model("qwen3.6-27b"), find_quant("Q8_0")
    with_block = file_table(model, quant, FileTraits(holds_prediction_block=True))
    assert with_block.elements - tensor_table(model, quant).elements == model.params_mtp


def test_a_type_that_no_row_is_a_multiple_of_falls_back_as_in_llama_quantize():
    """Rows of 640 weights are no blocks of 256: Q4_K becomes Q5_0."""
    table = tensor_table(find_model("gemma-3-270m-it"), find_quant("Q8_0"))
    assert types_of(retyped(table, {"token_embd.weight": "q4_K"}), "token_embd.weight") == {"q5_0"}
    assert retyped(table, {}) is table


def test_a_date_counts_from_its_first_day_and_before_its_end():
    assert is_between("2026-03-10", "2026-03-10", "")
    assert not is_between("2026-03-10", "", "2026-03-10")
    assert not is_between("2026-03", "2026-03-02", "")


def test_every_row_is_a_trait_that_somebody_reads():
    known = {"writes_head_again", "keeps_repeated_head", *FileTraits.__dataclass_fields__}
    assert {row["trait"] for row in csv_rows("file_traits.csv")} <= known
    assert {row["holds"] for row in csv_rows("file_traits.csv")} == {"yes", "no"}
