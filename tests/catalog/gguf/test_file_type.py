"""Which quantization a file holds."""

from __future__ import annotations

import pytest

from catalog.errors import CatalogError
from catalog.gguf.file_type import file_type_of
from catalog.gguf.table import table_of_header
from catalog.names import find_model
from catalog.quants import ggml_type, load_quants
from catalog.shelf import load_models
from catalog.tables import tensor_table
from tests.catalog.gguf.written import tensor

NUMBER = {quant.name: quant.number for quant in load_quants()}
BY_ARCHITECTURE = {model.architecture: model for model in load_models()}
"""One model of each architecture."""


def table(**weights):
    """A layer whose matrices have so many rows of 256 of each type, and a token table."""
    tensors = [tensor("token_embd.weight", (256, 100), ggml_type("q8_0").number)]
    for number, (name, rows) in enumerate(weights.items()):
        tensors.append(tensor(f"blk.{number}.ffn_up.weight", (256, rows), ggml_type(name).number))
    return table_of_header(tensors, "llama")


@pytest.mark.parametrize("name", sorted(BY_ARCHITECTURE))
def test_what_llama_quantize_makes_goes_by_the_name_it_was_asked_for(name):
    model = BY_ARCHITECTURE[name]
    for quant in load_quants():
        try:
            made = tensor_table(model, quant)
        except CatalogError:
            continue
        if quant.name == "MXFP4_MOE" and not model.hyperparameters.expert_count:
            continue  # without experts it is Q8_0
        found = file_type_of(made, quant.number, model.architecture)
        assert (found.quant, found.is_known) == (quant, True)
        assert found.bits_per_weight == pytest.approx(made.bytes * 8 / made.elements)


@pytest.mark.parametrize("name", ["all-minilm-l6-v2", "bge-m3", "phi-3-mini-4k-instruct"])
def test_the_models_with_the_least_of_their_own_type_go_by_it_too(name):
    model = find_model(name)
    for quant in load_quants():
        if quant.name not in {"MXFP4_MOE", "Q1_0"}:
            made = tensor_table(model, quant)
            assert file_type_of(made, quant.number, model.architecture).quant is quant


def test_a_file_type_that_the_tensors_contradict_is_not_believed():
    found = file_type_of(table(q2_K=90, q4_K=10), NUMBER["Q4_K_M"], "llama")
    assert (found.quant.name, found.is_known) == ("mostly q2_K", False)
    assert found.quant.base_type == "q2_K"


def test_a_mixture_that_nobody_names_is_named_for_most_of_it():
    found = file_type_of(table(iq4_xs=60, q6_K=40), None, "llama")
    assert (found.quant.name, found.is_known) == ("mostly iq4_xs", False)
    weights = 256 * (100 + 60 + 40)
    stored = 100 * 8 * 34 + 60 * 136 + 40 * 210
    assert found.bits_per_weight == pytest.approx(8 * stored / weights)


@pytest.mark.parametrize(
    ("types", "name"),
    [
        ({"q8_0": 10}, "Q8_0"),
        ({"bf16": 10}, "BF16"),
        ({"f32": 10}, "F32"),
        ({"bf16": 10, "f32": 1}, "BF16"),
        ({"q4_K": 10}, "mostly q4_K"),
    ],
    ids=str,
)
def test_without_a_file_type_one_storage_type_alone_names_it_if_it_names_only_one(types, name):
    assert file_type_of(table(**types), None, "llama").quant.name == name


def test_a_guessed_file_type_is_the_same_type():
    assert file_type_of(table(q4_K=10), NUMBER["Q4_K_S"] + 1024, "llama").quant.name == "Q4_K_S"


def test_rows_too_short_for_the_type_count_as_it():
    """Qwen2.5 0.5B has rows of 896, no multiple of 256: its Q4_K_M is mostly q5_0."""
    model = find_model("qwen2.5-0.5b-instruct")
    quant = next(quant for quant in load_quants() if quant.name == "Q4_K_M")
    found = file_type_of(tensor_table(model, quant), quant.number, "qwen2")
    assert found.quant is quant
