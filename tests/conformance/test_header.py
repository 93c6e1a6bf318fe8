"""The headers that the library is given say what the catalog says, read by the program itself."""

from __future__ import annotations

from dataclasses import replace

import pytest

from advisor.estimate.graph_shape import graph_shape
from catalog.caches import layer_caches
from catalog.gguf.hyperparameters import hyperparameters, layer_counts, shapes_of
from catalog.gguf.keys import Keys
from catalog.layouts import layout
from catalog.shelf import load_models
from catalog.tensors import TensorTable
from tests.conformance.draws import architectures
from tests.conformance.header import header_keys


def read_back(model):
    """The model with the shape that its header and its tensors amount to."""
    keys = Keys(model.architecture, header_keys(model))
    shapes = shapes_of(TensorTable(groups=layout(model)))
    stored, kept = layer_counts(keys, set(shapes))
    shape = hyperparameters(keys, shapes, stored=stored, kept=kept)
    return replace(model, hyperparameters=shape)


@pytest.mark.parametrize("architecture", architectures())
def test_a_model_read_back_from_its_header_keeps_and_computes_the_same(architecture):
    for model in load_models():
        if model.architecture != architecture:
            continue
        again = read_back(model)
        assert tuple(layer_caches(again)) == tuple(layer_caches(model)), model.name
        assert graph_shape(architecture, again.hyperparameters) == graph_shape(
            architecture, model.hyperparameters
        ), model.name
