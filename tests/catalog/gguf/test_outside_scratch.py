"""How far the scratch of architectures outside the catalog is from what llama.cpp reserves."""

from __future__ import annotations

import csv

import pytest

from advisor.estimate.compute import OUTSIDE_ERROR, host_alone_bytes, relative_error
from advisor.estimate.graph_shape import graph_shape
from advisor.estimate.setup import Setup
from advisor.workload import Runtime
from catalog.caches import CACHES, layer_caches
from catalog.gguf.model import model_of_header
from catalog.names import find_model
from catalog.shelf import load_models
from tests.catalog.gguf.written import HERE, sample_headers

SHAPES = sample_headers("outside_shapes.json")
WORST = 0.2
"""No buffer is further off."""


def rows():
    lines = (HERE / "outside_scratch.csv").read_text(encoding="utf-8").splitlines()
    return list(csv.DictReader(line for line in lines if not line.startswith("#")))


def setup(row):
    """One sequence, rows of logits for the whole micro-batch, as the library's own default is."""
    return Setup(
        context_tokens=int(row["n_ctx"]),
        stream_cells=int(row["n_ctx"]),
        streams=1,
        sequences=1,
        unified=False,
        ubatch_tokens=int(row["n_ubatch"]),
        output_rows=int(row["n_ubatch"]),
        kv_type_k="f16",
        kv_type_v="f16",
        flash_attention=row["flash_attn"] == "on",
        depth_tokens=0,
        runtime=Runtime.LLAMA_BENCH,
    )


def deviation(row):
    """Ours over llama.cpp's, less one."""
    model = model_of_header(SHAPES[row["model"]], name=row["model"]).model
    shape = graph_shape(model.architecture, model.hyperparameters)
    ours = host_alone_bytes(shape, layer_caches(model), setup(row), with_output=True)
    return ours / int(row["scratch_bytes"]) - 1


def test_four_of_five_are_within_the_interval_that_is_stated_for_them():
    off = sorted(abs(deviation(row)) for row in rows())
    assert off[len(off) * 4 // 5] <= OUTSIDE_ERROR
    assert off[-1] <= WORST


def test_the_interval_of_other_architectures_is_never_narrower_than_theirs():
    for name, sample in SHAPES.items():
        model = model_of_header(sample, name=name).model
        shape = graph_shape(model.architecture, model.hyperparameters)
        is_known = model.architecture in CACHES
        assert shape.is_compared == is_known
        assert is_known or relative_error(shape) >= OUTSIDE_ERROR


@pytest.mark.parametrize("architecture", sorted(CACHES))
def test_the_catalogs_own_architectures_keep_the_intervals_that_were_measured(architecture):
    model = next(model for model in load_models() if model.architecture == architecture)
    assert graph_shape(architecture, model.hyperparameters).is_compared


def test_the_scratch_of_a_known_model_is_found_the_same_way():
    """Llama 3.1 8B: its logits decide, 512 rows of 128256 values and 4096 besides."""
    model = find_model("llama-3.1-8b-instruct")
    shape = graph_shape("llama", model.hyperparameters)
    row = {"n_ctx": "8192", "n_ubatch": "512", "flash_attn": "on"}
    ours = host_alone_bytes(shape, layer_caches(model), setup(row), with_output=True)
    assert ours >= 512 * 128_256 * 4
