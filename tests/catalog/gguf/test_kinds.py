"""GGUF files that hold something else than a language model."""

from __future__ import annotations

import pytest

from catalog.gguf.kinds import NotAModelError, require_model
from tests.catalog.gguf.written import tensor

WEIGHTS = (tensor("token_embd.weight", (8, 8)),)


def refusal(metadata, tensors=WEIGHTS):
    with pytest.raises(NotAModelError) as refused:
        require_model(metadata, tensors)
    return refused.value


def test_a_model_is_one_whose_header_names_an_architecture():
    assert require_model({"general.architecture": "llama"}, WEIGHTS) == "llama"
    assert "does not name an architecture" in str(refusal({"general.name": "Llama"}))


@pytest.mark.parametrize(
    ("metadata", "names", "sentence"),
    [
        pytest.param(
            {"general.architecture": "clip"},
            ["v.blk.0.attn_q.weight"],
            "it is the part of a model that sees or hears, which runs beside the model's own file",
            id="a projector by its architecture",
        ),
        pytest.param(
            {"general.architecture": "qwen2vl", "general.type": "mmproj"},
            ["token_embd.weight"],
            "it is the part of a model that sees or hears, which runs beside the model's own file",
            id="a projector by its type",
        ),
        pytest.param(
            {"general.architecture": "gemma3"},
            ["v.blk.0.attn_q.weight", "mm.input_projection.weight"],
            "it is the part of a model that sees or hears, which runs beside the model's own file",
            id="a projector by its tensors",
        ),
        pytest.param(
            {"general.architecture": "llama", "general.type": "adapter", "adapter.type": "lora"},
            ["blk.0.attn_q.weight.lora_a", "blk.0.attn_q.weight.lora_b"],
            "it is an adapter (LoRA) for a `llama` model, which changes a model and is none",
            id="an adapter",
        ),
        pytest.param(
            {"general.type": "imatrix", "imatrix.chunk_count": 100},
            ["blk.0.attn_q.weight.in_sum2", "blk.0.attn_q.weight.counts"],
            "it is an importance matrix, which helps to quantize a model",
            id="an importance matrix",
        ),
        pytest.param(
            {"general.architecture": "controlvector"},
            ["direction.1"],
            "it is a control vector, which only steers a model",
            id="a control vector",
        ),
        pytest.param(
            {"general.architecture": "llama"},
            [],
            "it holds no weights, only a header and perhaps a vocabulary",
            id="a vocabulary alone",
        ),
        pytest.param(
            {"split.no": 2, "split.count": 5},
            ["blk.20.attn_q.weight"],
            "it is part 3 of 5 of a model, without the header",
            id="a later part",
        ),
    ],
)
def test_what_is_no_model_is_refused_with_what_it_is(metadata, names, sentence):
    error = refusal(metadata, [tensor(name, (8, 8)) for name in names])
    assert str(error) == sentence
    assert error.hint.startswith("name the ")


def test_a_model_that_carries_its_tower_is_a_model():
    """Ollama's files of Gemma 4 hold both."""
    both = (*WEIGHTS, tensor("v.blk.0.attn_q.weight", (8, 8)))
    assert require_model({"general.architecture": "gemma4"}, both) == "gemma4"


def test_the_sentence_follows_the_files_name():
    error = refusal({"general.architecture": "clip"}).of_file("mmproj-F16.gguf")
    assert str(error).startswith(
        "`mmproj-F16.gguf` is no language model: it is the part of a model"
    )
