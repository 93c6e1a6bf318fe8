"""What a header says of a model, against the catalog's rows and against llama.cpp itself."""

from __future__ import annotations

import csv
import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from advisor.estimate.graph_shape import graph_shape
from catalog.cache import Window
from catalog.caches import CACHES, layer_caches
from catalog.caches.outside import architectures
from catalog.errors import CatalogError, UnknownArchitectureError
from catalog.gguf.errors import DamagedHeaderError
from catalog.gguf.header import SkippedArray
from catalog.gguf.model import model_of_header
from catalog.names import find_model
from catalog.quants import find_quant
from catalog.shelf import load_models
from catalog.sums import sums_of
from catalog.tables import tensor_table
from tests.catalog.gguf.written import HERE, expanded, header, sample_headers, tensor, written
from tests.catalog.test_caches import context_bytes
from tests.catalog.test_layouts import TENSOR_LISTS

Q4_K_M = find_quant("Q4_K_M")
MODELS = load_models()
OUTSIDE = sample_headers("outside_headers.json")
SAMPLES = sample_headers("headers.json")
COUNTS = (
    "params_total",
    "params_active",
    "params_read_per_token",
    "params_lookup_tables",
    "params_unused_in_file",
    "gguf_extra_elements",
)
LLAMA = {
    "general.architecture": "llama",
    "llama.block_count": 4,
    "llama.context_length": 8192,
    "llama.embedding_length": 512,
    "llama.attention.head_count": 8,
}
"""The least that a header says: what llama.cpp refuses to do without, and the heads."""

TABLE = tensor("token_embd.weight", (512, 1000))


def by_layers(caches):
    return sorted(caches, key=lambda kept: (kept.layers, kept.tokens_per_cell))


def read(metadata, *tensors):
    """The model of a header with these keys; its token table has 1000 rows."""
    return model_of_header(header(metadata, (TABLE, *tensors)), name="some.gguf").model


def with_keys(architecture, **keys):
    """A small header of an architecture; two underscores stand for a full stop."""
    common = {"head_count": 8, "head_count_kv": 2}
    metadata = {f"{architecture}.attention.{key}": value for key, value in common.items()}
    for key in ("block_count", "context_length", "embedding_length"):
        metadata[f"{architecture}.{key}"] = LLAMA[f"llama.{key}"]
    for key, value in keys.items():
        metadata[f"{architecture}.{key.replace('__', '.')}"] = value
    return {"general.architecture": architecture, **metadata}


# Known models.


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_the_header_of_a_known_model_says_what_its_row_says(model):
    table = tensor_table(model, Q4_K_M)
    found = model_of_header(header(written(model), expanded(table)), name="some.gguf")
    assert by_layers(layer_caches(found.model)) == by_layers(layer_caches(model))
    assert sums_of(found.table) == sums_of(table)
    assert graph_shape(model.architecture, found.model.hyperparameters) == graph_shape(
        model.architecture, model.hyperparameters
    )
    for count in COUNTS:
        assert (getattr(found.model, count) or 0) == (getattr(model, count) or 0)
    assert found.file_type.quant is Q4_K_M


@pytest.mark.parametrize(
    "name", ["glm-4.5-air", "qwen3.6-27b", "nvidia-nemotron-3-nano-4b-bf16", "deepseek-v3-0324"]
)
def test_a_prediction_block_adds_weights_of_its_own_and_no_cache(name):
    model = find_model(name)
    try:
        table = tensor_table(model, Q4_K_M, with_mtp=True)
    except CatalogError:
        table = tensor_table(model, Q4_K_M)
    found = model_of_header(header(written(model, predicting=1), expanded(table)), name="x").model
    assert by_layers(layer_caches(found)) == by_layers(layer_caches(model))
    assert found.params_total == model.params_total
    assert found.hyperparameters.block_count == model.hyperparameters.block_count


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_headers_that_llama_cpp_loaded_say_what_the_rows_say(name):
    model, sample = find_model(name), SAMPLES[name]
    tensors = [
        tensor(key if layers is None else f"blk.{layer}.{key}", shape)
        for (key, shape), layers in TENSOR_LISTS[name].items()
        for layer in layers or (None,)
    ]
    found = model_of_header(header(sample.metadata, tensors), name=name).model
    assert by_layers(layer_caches(found)) == by_layers(layer_caches(model))
    assert found.params_total == model.params_total
    assert graph_shape(model.architecture, found.hyperparameters) == graph_shape(
        model.architecture, model.hyperparameters
    )


def test_a_sample_of_every_list_of_tensors_is_compared():
    assert set(SAMPLES) == set(TENSOR_LISTS)


# Architectures that no model of the catalog has.


def contexts():
    lines = (HERE / "outside_context.csv").read_text(encoding="utf-8").splitlines()
    return list(csv.DictReader(line for line in lines if not line.startswith("#")))


@pytest.mark.parametrize("name", sorted(OUTSIDE))
def test_the_context_of_other_architectures_takes_the_bytes_that_llama_cpp_reserves(name):
    found = model_of_header(OUTSIDE[name], name=name).model
    rows = [row for row in contexts() if row["model"] == name]
    assert rows
    for row in rows:
        assert context_bytes(found, row) == int(row["context_bytes"])


def test_every_rule_is_compared_with_llama_cpp():
    compared = {OUTSIDE[row["model"]].architecture for row in contexts()}
    understood = {name for name, one in architectures().items() if one.caches is not None}
    assert understood - compared == {"plm"}  # no small file of it was found that llama.cpp runs


def test_an_architecture_is_in_the_catalog_or_in_the_file_and_never_in_both():
    assert not set(architectures()) & set(CACHES)


@pytest.mark.parametrize(
    ("architecture", "reason"),
    [
        ("t5", "it reads with an encoder and writes with a decoder that looks back at it"),
        ("llada", "it is a diffusion model, which keeps no cache and has no speed per token"),
        ("eagle3", "it drafts tokens for another model, and is of no use without that"),
        ("qwen3tts", "it makes sound, not text"),
    ],
)
def test_a_cache_that_is_not_understood_is_refused_by_name(architecture, reason):
    found = read(with_keys(architecture))
    with pytest.raises(UnknownArchitectureError) as refused:
        layer_caches(found)
    assert str(refused.value) == (
        f"the cache of architecture `{architecture}` is not understood here: {reason}"
    )
    assert found.params_total == 512_000


def test_an_architecture_that_llama_cpp_does_not_have_is_refused_by_name():
    with pytest.raises(UnknownArchitectureError, match="`flux` is not known here"):
        layer_caches(read(with_keys("flux")))


def test_layers_passed_more_than_once_are_refused():
    assert layer_caches(read(with_keys("nanbeige", num_loops=1)))
    with pytest.raises(UnknownArchitectureError, match="it passes its layers 2 times"):
        layer_caches(read(with_keys("nanbeige", num_loops=2)))


# What follows where a key is missing.


def test_heads_share_the_width_where_no_length_is_stated():
    """512 values over 8 heads are 64 each; without KV heads there are as many as heads."""
    shape = read(LLAMA).hyperparameters
    assert (shape.key_length, shape.value_length, shape.rope_dimension_count) == (64, 64, 64)
    assert shape.head_count_kv == 8


def test_the_vocabulary_is_the_token_table_then_the_list_of_tokens():
    """Gemma 3 27B is published with 262208 and with 262144 rows: the tensor says which."""
    listed = SkippedArray(element_type=8, count=32_000)
    assert read({**LLAMA, "tokenizer.ggml.tokens": listed}).hyperparameters.vocab_size == 1000
    other = header({**LLAMA, "tokenizer.ggml.tokens": listed}, [tensor("output.weight", (512, 9))])
    assert model_of_header(other, name="x").model.hyperparameters.vocab_size == 32_000


def test_a_head_is_tied_where_there_is_none():
    assert read(LLAMA).hyperparameters.tied_embeddings
    assert not read(LLAMA, tensor("output.weight", (512, 1000))).hyperparameters.tied_embeddings


def test_a_tied_head_that_is_stored_twice_is_counted_twice():
    assert read(LLAMA, tensor("output.weight", (512, 1000))).params_total == 2 * 512_000


@pytest.mark.parametrize(
    ("architecture", "keys", "window"),
    [
        ("gemma2", {}, 4096),
        ("gemma2", {"attention__sliding_window": 2048}, 2048),
        ("exaone4", {"block_count": 64}, 4096),
        ("exaone4", {"block_count": 32, "attention__sliding_window": 4096}, None),
        ("smallthinker", {"attention__sliding_window": 1024}, 4096),
        ("smallthinker", {}, None),
        ("phi3", {"attention__sliding_window": 2047}, None),
        ("lfm2moe", {"attention__sliding_window": 4096, "shortconv__l_cache": 3}, None),
    ],
)
def test_a_window_is_what_llama_cpp_makes_of_the_key(architecture, keys, window):
    found = read(with_keys(architecture, **keys))
    assert found.hyperparameters.sliding_window == window
    windows = {kept.window_tokens for kept in layer_caches(found) if kept.key_width}
    assert (windows - {None} or {None}) == {window}


def test_llama_4_slides_unless_it_says_that_it_does_not():
    silent = layer_caches(read(with_keys("llama4", expert_count=2, expert_used_count=1)))
    assert {kept.window for kept in silent} == {Window.FULL, Window.CHUNKED}
    off = layer_caches(read(with_keys("llama4", attention__sliding_window=0)))
    assert [(kept.window, kept.layers) for kept in off] == [(Window.FULL, (0, 1, 2, 3))]


def test_a_listed_pattern_beats_the_architectures_own():
    """Gemma 3's own is five of six; a list of four says two and two."""
    keys = {
        "attention__sliding_window": 512,
        "attention__sliding_window_pattern": (True, False, True, False),
    }
    slides = {kept.window: kept.layers for kept in layer_caches(read(with_keys("gemma3", **keys)))}
    assert slides == {Window.SLIDING: (0, 2), Window.FULL: (1, 3)}


def test_sliding_layers_may_have_heads_of_another_length():
    keys = {
        "attention__sliding_window": 512,
        "attention__sliding_window_pattern": 2,
        "attention__key_length_swa": 32,
        "attention__value_length_swa": 16,
    }
    caches = layer_caches(read(with_keys("gemma3", **keys)))
    widths = {kept.window: (kept.key_width, kept.value_width) for kept in caches}
    assert widths == {Window.SLIDING: (2 * 32, 2 * 16), Window.FULL: (2 * 64, 2 * 64)}


def test_latent_files_of_before_april_2025_keep_every_head():
    """They state no lengths of expanded heads: 8 heads of 192 and of 128, not one vector of 576."""
    keys = {
        "attention__kv_lora_rank": 512,
        "attention__key_length": 192,
        "attention__value_length": 128,
        "attention__head_count_kv": 8,
    }
    (old,) = layer_caches(read(with_keys("deepseek2", **keys)))
    assert (old.key_width, old.value_width) == (8 * 192, 8 * 128)
    keys |= {
        "attention__key_length": 576,
        "attention__key_length_mla": 192,
        "attention__value_length_mla": 128,
        "attention__head_count_kv": 1,
    }
    (new,) = layer_caches(read(with_keys("deepseek2", **keys)))
    assert (new.key_width, new.value_width) == (576, 0)


def test_recurrent_layers_are_those_listed_or_all_but_every_fourth():
    state = {
        "ssm__conv_kernel": 4,
        "ssm__inner_size": 512,
        "ssm__state_size": 64,
        "ssm__group_count": 2,
        "ssm__time_step_rank": 8,
    }
    attending = [
        [kept.layers for kept in layer_caches(read(with_keys("qwen35", **keys))) if kept.key_width]
        for keys in (
            state,
            state | {"full_attention_interval": 2},
            state | {"attention__recurrent_layers": (False, True, True, False)},
        )
    ]
    assert attending == [[(3,)], [(1, 3)], [(0, 3)]]


@pytest.mark.parametrize(
    ("keys", "indexed"),
    [
        ({}, (0, 1, 2, 3, 4, 5, 6)),
        ({"context_length": 1_048_576}, (0, 1, 2, 6)),
        ({"attention__indexer__types": (1, 0, 0, 1, 0, 0, 1)}, (0, 3, 6)),
    ],
)
def test_glm_5_shares_indexers_as_listed_or_from_a_million_tokens_on(keys, indexed):
    latent = {
        "attention__key_length": 576,
        "attention__key_length_mla": 256,
        "attention__indexer__key_length": 128,
        "attention__indexer__top_k": 2048,
    }
    found = layer_caches(read(with_keys("glm-dsa", block_count=7, **(latent | keys))))
    assert [kept.layers for kept in found if kept.indexer_width == 128] == [indexed]


def test_a_nemotron_layer_is_one_of_three_kinds():
    keys = {"attention__head_count_kv": (0, 0, 2, 0), "feed_forward_length": (0, 900, 0, 0)}
    assert read(with_keys("nemotron_h", **keys)).hyperparameters.layer_pattern == "M-*M"
    experts = {"expert_count": 8, "expert_used_count": 2}
    found = read(with_keys("nemotron_h_moe", **keys, **experts))
    assert found.hyperparameters.layer_pattern == "ME*M"


def test_the_length_of_experts_is_that_of_their_tensors():
    """Mixtral states only the length of feed-forward; its experts are as long."""
    keys = {**LLAMA, "llama.expert_count": 4, "llama.expert_used_count": 1}
    found = read(keys, tensor("blk.0.ffn_down_exps.weight", (256, 512, 4)))
    assert found.hyperparameters.expert_feed_forward_length == 256
    assert found.params_total - found.params_active == 3 * 256 * 512


def test_different_numbers_of_experts_are_said_and_the_most_counted():
    keys = {**LLAMA, "llama.expert_count": 4, "llama.expert_used_count": (1, 2, 2, 1)}
    found = read(keys)
    assert found.hyperparameters.expert_used_count == 2
    assert found.notes == ("its layers use different numbers of experts; 2 are counted",)


def test_what_rides_along_is_said_and_not_counted():
    tower = tensor("v.blk.0.attn_q.weight", (64, 64))
    found = read(LLAMA, tower)
    assert found.notes == ("a tower for images or sound is in the file, and not counted",)
    assert found.modality == "text+image"
    assert (found.params_total, found.params_vision) == (512_000, 64 * 64)


# Headers that are wrong.


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            {"llama.context_length": None},
            "it lacks `llama.context_length`, without which llama.cpp refuses it",
        ),
        (
            {"llama.block_count": "many"},
            "`llama.block_count` is 'many', not a count or a length",
        ),
        (
            {"llama.block_count": 513},
            "`llama.block_count` is 513, 0 of them prediction blocks; llama.cpp takes 1 to 512",
        ),
        (
            {"llama.attention.head_count_kv": (2, 2)},
            "`llama.attention.head_count_kv` has 2 figures for 4 layers",
        ),
        (
            {"llama.embedding_length": 2**40},
            f"`llama.embedding_length` is '{2**40}', not a count or a length",
        ),
        (
            {"llama.feed_forward_length": SkippedArray(element_type=8, count=4)},
            "`llama.feed_forward_length` is a list of 4 values, not of a figure per layer",
        ),
    ],
)
def test_a_key_that_llama_cpp_would_not_take_is_refused_in_a_sentence(change, sentence):
    metadata = {key: value for key, value in {**LLAMA, **change}.items() if value is not None}
    with pytest.raises(DamagedHeaderError) as refused:
        read(metadata)
    assert str(refused.value) == sentence


@pytest.mark.parametrize("architecture", ["gemma4", "mimo2", "step35", "granite_swa"])
def test_layers_that_slide_must_be_listed_where_llama_cpp_has_no_rule(architecture):
    with pytest.raises(DamagedHeaderError, match="sliding_window_pattern`, without"):
        read(with_keys(architecture, attention__sliding_window=512))


VALUES = st.one_of(
    st.none(),
    st.integers(-2, 2**41),
    st.booleans(),
    st.floats(allow_nan=False),
    st.text(max_size=4),
    st.lists(st.integers(-1, 600), max_size=12).map(tuple),
    st.lists(st.booleans(), max_size=64).map(tuple),
    st.just(SkippedArray(element_type=8, count=7)),
)
HEADERS = [OUTSIDE[name] for name in sorted(OUTSIDE)] + [SAMPLES[name] for name in sorted(SAMPLES)]


@settings(derandomize=True, max_examples=400, deadline=None)
@given(data=st.data())
def test_whatever_a_key_holds_the_answer_is_a_model_or_a_sentence(data):
    sample = data.draw(st.sampled_from(HEADERS))
    keys = sorted(set(sample.metadata) - {"general.architecture"})
    changed = data.draw(st.dictionaries(st.sampled_from(keys), VALUES, min_size=1, max_size=3))
    metadata = {k: v for k, v in {**sample.metadata, **changed}.items() if v is not None}
    answer = None
    try:
        found = model_of_header(replace(sample, metadata=metadata, tensors=(TABLE,)), name="x")
        answer = layer_caches(found.model)
        assert graph_shape(found.model.architecture, found.model.hyperparameters)
    except CatalogError as error:
        answer = str(error)
    assert isinstance(answer, tuple) or answer.isprintable()


def test_the_samples_say_where_they_are_from():
    for name in ("headers.json", "outside_headers.json"):
        sample = json.loads((HERE / name).read_text(encoding="utf-8"))
        assert "llama-cpp-python 0.3.36" in sample["source"]
        assert sample["checked"] == "2026-11-23"
