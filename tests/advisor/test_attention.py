"""What attention multiplies for one token."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.estimate.attention import attention_flops
from catalog.caches import layer_caches
from catalog.names import find_model
from catalog.shelf import load_models

sys.path.insert(0, str(Path(__file__).parents[2] / "tools"))  # the fit's own reading of its data

from speedfit.runs import load_runs


def flops(name, depth_tokens, first=0, last=1000):
    model = find_model(name)
    return attention_flops(
        layer_caches(model),
        model.hyperparameters,
        depth_tokens=depth_tokens,
        first=first,
        last=last,
    )


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        # 32 layers × 32 heads, each with keys and values of 128.
        pytest.param("llama-3.1-8b-instruct", 2 * 32 * 32 * 256 * 4096, id="grouped heads"),
        # 12 of 24 layers see 4,096 tokens, 12 the last 128: 64 heads × (64 + 64).
        pytest.param("gpt-oss-20b", 2 * 12 * 64 * 128 * (4096 + 128), id="windows"),
        # 61 layers × 128 heads, all with the one latent of 512 + 64, which is key and value.
        pytest.param("deepseek-r1-0528", 2 * 61 * 128 * 2 * 576 * 4096, id="a latent"),
    ],
)
def test_every_query_head_multiplies_with_all_that_is_kept_for_it(name, expected):
    assert flops(name, 4096) == expected


def test_an_empty_cache_leaves_nothing_to_multiply():
    assert flops("llama-3.1-8b-instruct", 0) == 0


def test_shares_of_the_layers_add_up():
    whole = flops("gemma-3-27b-it", 9000)
    assert flops("gemma-3-27b-it", 9000, last=20) + flops("gemma-3-27b-it", 9000, 20) == whole


@given(st.sampled_from(load_models()), st.integers(0, 10**6), st.integers(0, 10**6))
def test_a_longer_context_is_never_less_to_multiply(model, depth, more):
    caches, hyper = layer_caches(model), model.hyperparameters
    short, long = (
        attention_flops(caches, hyper, depth_tokens=tokens, first=0, last=1000)
        for tokens in (depth, depth + more)
    )
    assert 0 <= short <= long


def test_the_fit_counts_as_the_program_does():
    """Every model of the published runs, at a depth beyond all windows."""
    known = {model.repository.rpartition("/")[2]: model for model in load_models()}
    shapes = {one.shape.model: one.shape for one in load_runs()}
    for name, shape in shapes.items():
        model = known[name]
        found = attention_flops(
            layer_caches(model),
            model.hyperparameters,
            depth_tokens=8192,
            first=0,
            last=model.hyperparameters.block_count,
        )
        assert found == shape.attention_flops(8192), name


def test_heads_that_differ_by_layer_count_as_they_are():
    model = find_model("llama-3.1-8b-instruct")
    hyper = dataclasses.replace(
        model.hyperparameters, head_count=(16, *(32,) * 31), head_count_kv=8
    )
    found = attention_flops(layer_caches(model), hyper, depth_tokens=100, first=0, last=2)
    assert found == 2 * (16 + 32) * 256 * 100
