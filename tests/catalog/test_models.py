"""The models on the shelf: what every row must be, and what the loader refuses."""

from __future__ import annotations

import json

import pytest

from catalog.errors import RowError
from catalog.load import FOLDER
from catalog.shelf import load_models, read_models

MODELS = load_models()
BY_NAME = {model.name: model for model in MODELS}
ROW = json.loads((FOLDER / "models" / "tinyllama.json").read_text(encoding="utf-8"))[0]


def shelf(folder, *rows, benchmarks=None):
    """A folder of data with these rows, in one file."""
    (folder / "models").mkdir()
    (folder / "models" / "some.json").write_text(json.dumps(rows), encoding="utf-8")
    if benchmarks is not None:
        (folder / "benchmarks.csv").write_text(benchmarks, encoding="utf-8")
    return folder


def test_the_catalog_holds_the_surveyed_models_and_the_classics_of_the_field():
    assert len(MODELS) == 268 + 3
    assert sum(model.tier == 1 for model in MODELS) == 92
    assert {"llama-2-7b-hf", "llama-2-7b-chat-hf", "llama-2-70b-chat-hf"} <= BY_NAME.keys()


def test_the_models_that_people_run_most_come_first():
    assert [model.tier for model in MODELS] == sorted(model.tier for model in MODELS)


def test_no_two_models_have_one_name():
    assert len(BY_NAME) == len(MODELS)


def test_no_repository_of_files_belongs_to_two_models():
    owners = [
        repository.lower()
        for model in MODELS
        for repository in (*model.gguf_repositories, *model.gguf_repositories_recalled)
    ]
    assert sorted(owners) == sorted(set(owners))


def test_a_name_is_the_repository_without_its_owner_in_lower_case():
    model = BY_NAME["llama-3.2-1b-instruct"]
    assert model.repository == "meta-llama/Llama-3.2-1B-Instruct"


def test_what_nobody_knows_is_none():
    model = BY_NAME["tinyllama-1.1b-chat-v1.0"]
    assert model.params_vision is None
    assert model.hyperparameters.expert_count is None


def test_lists_become_tuples():
    assert BY_NAME["deepseek-v4-flash"].hyperparameters.compress_ratios[:4] == (0, 0, 4, 128)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_every_row_agrees_with_itself(model):
    shape = model.hyperparameters
    assert 0 < model.params_read_per_token <= model.params_active <= model.params_total
    assert (model.check is not None) == model.is_verified
    for value in (shape.head_count, shape.head_count_kv, shape.feed_forward_length):
        assert not isinstance(value, tuple) or len(value) == shape.block_count
    assert model.sources
    assert model.checked == "2026-11-23"


@pytest.mark.parametrize(
    "model",
    [model for model in MODELS if model.hyperparameters.full_attention_layers is not None],
    ids=lambda model: model.name,
)
def test_the_layers_said_to_slide_are_those_not_said_to_attend_in_full(model):
    shape = model.hyperparameters
    assert len(shape.full_attention_layers) + shape.swa_layer_count == shape.block_count


def test_a_row_without_a_source_is_refused(tmp_path):
    row = {key: value for key, value in ROW.items() if key != "sources"}
    with pytest.raises(RowError, match=r"^`models/some.json`, row 1: it has no source$"):
        read_models(shelf(tmp_path, row))


def test_a_row_that_lacks_a_field_is_refused(tmp_path):
    row = {key: value for key, value in ROW.items() if key != "family"}
    with pytest.raises(RowError, match=r"TinyLlama.*`catalog/models/some.json`.*family"):
        read_models(shelf(tmp_path, row))


def test_a_row_that_states_what_no_model_has_is_refused(tmp_path):
    with pytest.raises(RowError, match="params_totl"):
        read_models(shelf(tmp_path, ROW | {"params_totl": 1}))


def test_a_shape_that_states_what_no_shape_has_is_refused(tmp_path):
    row = ROW | {"hyperparameters": ROW["hyperparameters"] | {"head_cont": 1}}
    with pytest.raises(RowError, match="head_cont"):
        read_models(shelf(tmp_path, row))


def test_two_rows_of_one_name_are_refused(tmp_path):
    twin = ROW | {"repository": "somebody/TINYLLAMA-1.1B-Chat-v1.0"}
    with pytest.raises(RowError, match=r"have the same name$"):
        read_models(shelf(tmp_path, ROW, twin))


def test_an_unreadable_file_says_what_to_do(tmp_path):
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "some.json").write_text("[", encoding="utf-8")
    with pytest.raises(RowError, match="cannot be read") as refused:
        read_models(tmp_path)
    assert refused.value.hint.startswith("reinstall")


def test_scores_are_joined_by_repository(tmp_path):
    scores = (
        "repository,name,score,date,source,checked\n"
        "TinyLlama/TinyLlama-1.1B-Chat-v1.0,MMLU,25.3,2024-01-04,its card,2026-11-23\n"
        "somebody/else,MMLU,99,2024-01-04,its card,2026-11-23\n"
    )
    (model,) = read_models(shelf(tmp_path, ROW, benchmarks=scores))
    assert [(score.name, score.score) for score in model.benchmarks] == [("MMLU", 25.3)]


def test_without_a_file_of_scores_no_model_has_any(tmp_path):
    (model,) = read_models(shelf(tmp_path, ROW))
    assert model.benchmarks == ()
