"""Whether a file is a model of the catalog: shape and name must both say so."""

from __future__ import annotations

import pytest

from catalog.gguf.identity import catalog_model_for
from catalog.gguf.model import model_of_header
from catalog.names import find_model
from catalog.quants import find_quant
from catalog.shelf import load_models
from catalog.tables import tensor_table
from tests.catalog.gguf.written import expanded, header, tensor, written

Q4_K_M = find_quant("Q4_K_M")
LLAMA = find_model("llama-3.1-8b-instruct")
MODELS = load_models()
NAMES = ("general.name", "general.basename", "general.finetune", "general.size_label")


def file_of(model, *, table=None, **keys):
    """A file of a model; keys of `general.` may be added, and the name is left out."""
    metadata = {key: value for key, value in written(model).items() if key not in NAMES}
    metadata |= {f"general.{key.replace('__', '.')}": value for key, value in keys.items()}
    tensors = table or expanded(tensor_table(model, Q4_K_M))
    return model_of_header(header(metadata, tensors), name="x"), metadata


def found(model, file_name=None, **keys):
    return catalog_model_for(*file_of(model, **keys), file_name)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_every_model_is_found_by_its_own_name_and_by_no_other(model):
    own = model.repository.partition("/")[2]
    held, metadata = file_of(model)
    assert catalog_model_for(held, {**metadata, "general.name": own}) is model
    assert catalog_model_for(held, metadata, f"/models/{own}-Q4_K_M.gguf") is model
    assert catalog_model_for(held, {**metadata, "general.name": f"{own} Tuned"}) is None


@pytest.mark.parametrize(
    "name",
    ["Meta Llama 3.1 8B Instruct", "Llama-3.1-8B-Instruct-HF", "Instruct Llama 3.1 8b"],
)
def test_order_case_and_the_makers_name_do_not_matter(name):
    assert found(LLAMA, name=name) is LLAMA


@pytest.mark.parametrize(
    "name",
    [
        "Llama 3.1 8B",
        "Llama 3.1 8B Instruct Abliterated",
        "Llama 3.2 1B Instruct",
        "Llama Guard 8B",
    ],
)
def test_a_model_of_the_same_shape_and_another_name_is_another_model(name):
    assert found(LLAMA, name=name) is None


def test_the_base_model_that_a_header_names_is_not_the_model():
    keys = {
        "name": "My Own",
        "base_model__0__name": "Llama 3.1 8B Instruct",
        "base_model__0__repo_url": "https://huggingface.co/meta-llama/Llama-3.1-8B-Instruct",
    }
    assert found(LLAMA, **keys) is None


def test_a_name_in_parts_is_a_name():
    parts = {"basename": "Llama-3.1", "finetune": "Instruct", "size_label": "8B"}
    assert found(LLAMA, **parts) is LLAMA
    assert found(LLAMA, name="Something Else", **parts) is None


def test_the_repository_that_a_file_was_made_from_is_the_surest_name():
    keys = {"source__huggingface__repository": "meta-llama/Llama-3.1-8B-Instruct", "name": "model"}
    assert found(LLAMA, **keys) is LLAMA
    url = "https://huggingface.co/meta-llama/Llama-3.1-8B-Instruct/"
    assert found(LLAMA, repo_url=url) is LLAMA


@pytest.mark.parametrize("name", ["model", "5f0b02c75b57c5855da9ae460ce51323ea669d8a", "."])
def test_the_files_name_is_asked_only_where_the_header_has_none(name):
    file_name = "Llama-3.1-8B-Instruct-Q4_K_M-00001-of-00002.gguf"
    assert found(LLAMA, file_name, name=name) is LLAMA
    assert found(LLAMA, file_name, name="Somebody's Llama 3.1 8B") is None


def test_a_name_alone_proves_nothing():
    """Llama 3.1 8B's name on a file of Qwen3 8B."""
    assert found(find_model("qwen3-8b"), name="Llama 3.1 8B Instruct") is None


def test_one_weight_more_is_another_model():
    tensors = (*expanded(tensor_table(LLAMA, Q4_K_M)), tensor("blk.0.new.weight", (1,)))
    assert found(LLAMA, table=tensors, name="Llama 3.1 8B Instruct") is None


def test_padded_vocabularies_and_heads_stored_twice_are_the_same_model():
    """Gemma 3 27B is published with 262208 rows and with 262144; Qwen stores small heads twice."""
    gemma, qwen = find_model("gemma-3-27b-it"), find_model("qwen2.5-0.5b-instruct")
    rows = {262_208: 262_144, 262_144: 262_208}[gemma.hyperparameters.vocab_size]
    tensors = expanded(tensor_table(gemma, Q4_K_M))[1:]
    padded = (tensor("token_embd.weight", (gemma.hyperparameters.embedding_length, rows)), *tensors)
    assert found(gemma, table=padded, name="Gemma 3 27b It") is gemma
    head = tensor("output.weight", (896, qwen.hyperparameters.vocab_size), 8)
    twice = (*expanded(tensor_table(qwen, Q4_K_M)), head)
    assert found(qwen, table=twice, name="qwen2.5-0.5b-instruct") is qwen
