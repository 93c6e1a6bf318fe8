"""What a person may type for a model, and what happens when it means none or several."""

from __future__ import annotations

import pytest

from catalog.errors import AmbiguousNameError, UnknownNameError
from catalog.names import find_model, model_of_repository
from catalog.shelf import load_models

MODELS = load_models()


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_an_exact_name_or_repository_wins_whatever_its_case(model):
    assert find_model(model.name) is model
    assert find_model(model.name.upper()) is model
    assert find_model(model.repository) is model
    assert find_model(model.repository.lower()) is model


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_the_repository_of_a_known_file_means_its_model(model):
    for repository in model.gguf_repositories:
        assert find_model(repository) is model


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        # The usual variant may go unnamed.
        ("llama-3.2-1b", "llama-3.2-1b-instruct"),
        ("llama-3.1-8b", "llama-3.1-8b-instruct"),
        ("gemma-3-27b", "gemma-3-27b-it"),
        ("gemma-2-9b", "gemma-2-9b-it"),
        ("qwen2.5-7b", "qwen2.5-7b-instruct"),
        ("mistral-7b-v0.3", "mistral-7b-instruct-v0.3"),
        ("deepseek-v2-lite", "deepseek-v2-lite-chat"),
        ("qwen3-4b-2507", "qwen3-4b-instruct-2507"),
        # Nor need it have its maker's word for it.
        ("gemma-3-4b-instruct", "gemma-3-4b-it"),
        # A name that is also the beginning of others is exact.
        ("qwen3-8b", "qwen3-8b"),
        ("qwen3-4b", "qwen3-4b"),
        ("glm-4.5", "glm-4.5"),
        ("phi-4", "phi-4"),
        # The beginning of one name only.
        ("mistral-7b", "mistral-7b-instruct-v0.3"),
        ("mixtral-8x7b", "mixtral-8x7b-instruct-v0.1"),
        ("tinyllama", "tinyllama-1.1b-chat-v1.0"),
        ("nomic-embed-text", "nomic-embed-text-v1.5"),
        ("kimi-k2", "kimi-k2-instruct-0905"),
        # Words of one name only, in order.
        ("nemotron-3-nano-30b", "nvidia-nemotron-3-nano-30b-a3b-bf16"),
        ("llama-3-8b", "meta-llama-3-8b-instruct"),
        ("yi-34b", "yi-1.5-34b-chat"),
        # The same words spelt otherwise.
        ("llama3.2:1b", "llama-3.2-1b-instruct"),
        ("Llama 3.2 1B Instruct GGUF", "llama-3.2-1b-instruct"),
        ("gemma3:4b", "gemma-3-4b-it"),
        ("phi4", "phi-4"),
        ("llama-3.3-nemotron-super-49b-v1.5", "llama-3_3-nemotron-super-49b-v1_5"),
        # Words about the files say nothing about the model.
        ("llama-2-7b", "llama-2-7b-hf"),
        ("llama-2-7b-chat", "llama-2-7b-chat-hf"),
    ],
)
def test_an_unambiguous_shortening_means_its_model(typed, name):
    assert find_model(typed).name == name


@pytest.mark.parametrize(
    ("typed", "candidates"),
    [
        ("gpt-oss", ("gpt-oss-120b", "gpt-oss-20b")),
        ("llama-3.2", ("llama-3.2-1b-instruct", "llama-3.2-3b-instruct")),
        ("qwen3.6", ("qwen3.6-27b", "qwen3.6-35b-a3b")),
    ],
)
def test_an_ambiguous_shortening_lists_its_candidates(typed, candidates):
    with pytest.raises(AmbiguousNameError) as refused:
        find_model(typed)
    assert refused.value.candidates == candidates
    assert str(refused.value) == f"`{typed}` may be any of 2 models"
    assert refused.value.hint == f"write one of `{candidates[0]}`, `{candidates[1]}`"


def test_many_candidates_are_counted_instead_of_listed():
    with pytest.raises(AmbiguousNameError) as refused:
        find_model("qwen3")
    names = refused.value.candidates
    assert "qwen3-8b" in names
    assert not any(name.startswith("qwen3.5") for name in names)
    assert refused.value.hint.endswith(f"or {len(names) - 12} more")


def test_a_misspelt_name_suggests_the_nearest():
    with pytest.raises(UnknownNameError) as refused:
        find_model("lama-3.2-1b")
    assert str(refused.value) == "`lama-3.2-1b` is not a model in the catalog"
    assert refused.value.hint.startswith("the nearest are `llama-3.2-1b-instruct`")


@pytest.mark.parametrize("typed", ["", "  ", "--", "xyzzy", "somebody/else"])
def test_what_means_nothing_is_refused(typed):
    with pytest.raises(UnknownNameError, match=r"is not a model in the catalog$"):
        find_model(typed)


def test_a_repository_is_a_model_s_only_by_its_whole_name():
    assert model_of_repository("bartowski/LLAMA-3.2-1b-instruct-GGUF").name == (
        "llama-3.2-1b-instruct"
    )
    assert model_of_repository("somebody/Llama-3.2-1B-Instruct-GGUF") is None


def test_another_owner_does_not_stand_for_the_publisher():
    with pytest.raises(UnknownNameError):
        find_model("somebody/llama-3.2-1b-instruct")


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_the_words_of_a_name_with_other_signs_between_them_mean_it(model):
    assert find_model(model.name.replace("-", " ")) is model
