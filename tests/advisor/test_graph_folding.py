"""Which layers stand for all, and that they do."""

from __future__ import annotations

import pytest

from advisor.estimate.graph.draft import Draft
from advisor.estimate.graph.folding import folded, layer_kinds, of_layer
from advisor.estimate.graph.model_graph import FILE_OF
from advisor.estimate.graph.schedule import buffers
from advisor.estimate.graph.scratch import drawing
from advisor.estimate.graph.sketch import INPUT, OUTPUT
from advisor.estimate.subject import caches_of
from advisor.workload import Runtime
from catalog.names import find_model
from catalog.shelf import load_models


def test_equal_layers_are_kept_in_pairs():
    """Where a layer's result lies alternates: an odd one out is kept."""
    assert folded([0] * 32, [0] * 32) == (0, 1, 2, 3)
    assert folded([0] * 33, [0] * 33) == (0, 1, 2, 3, 32)


def test_layers_of_one_device_do_not_stand_for_anothers():
    assert folded([0] * 16, [1] * 8 + [0] * 8) == (0, 1, 2, 3, 8, 9, 10, 11)


def test_a_first_layer_of_its_own_kind_is_kept():
    assert folded([1] + [0] * 8, [0] * 9) == (0, 1, 2, 3, 4)


def test_two_periods_stand_for_all():
    """Five layers with a window and one without, ten times."""
    kinds = [0, 0, 0, 0, 0, 1] * 10
    kept = folded(kinds, [0] * 60)
    assert [kinds[layer] for layer in kept].count(1) == 2


def test_layers_without_a_pattern_are_all_kept():
    assert folded(range(40), [0] * 40) == tuple(range(40))


def test_layers_with_a_window_are_of_another_kind():
    gemma = find_model("gemma-3-4b-it")
    kinds = layer_kinds("gemma3", gemma.hyperparameters, caches_of(gemma)[0])
    assert kinds[:6] == (0, 0, 0, 0, 0, 1)


def test_a_key_may_be_kept_for_each_layer():
    assert (of_layer(None, 3), of_layer(7, 3), of_layer((1, 2, 3, 4), 3)) == (0, 7, 4)


FOLDED = [
    model
    for model in load_models()
    if model.architecture in FILE_OF
    and not any(kept.indexer_width for kept in caches_of(model)[0] or ())
    and not (model.hyperparameters.shared_kv_layers or model.hyperparameters.layer_pattern)
]


@pytest.mark.parametrize("model", FOLDED[::9], ids=lambda model: model.name)
@pytest.mark.parametrize("host_share", [0.0, 0.4, 1.0])
def test_the_kept_layers_need_as_much_as_all(model, host_share, resolved):
    setup = resolved(context_tokens=4096, sequences=1, runtime=Runtime.LLAMA_BENCH)
    caches, hyper = caches_of(model)[0], model.hyperparameters
    first = round(host_share * hyper.block_count)
    owners = [1] * first + [0] * (hyper.block_count - first)
    homes = {INPUT: 1, OUTPUT: 1 if host_share == 1 else 0}

    def needed(layers):
        draft = Draft(model.architecture, hyper, caches, setup)
        drawing(model.architecture)(draft, layers)
        return buffers(draft.sketch, lambda home: homes[home] if home < 0 else owners[home], 2)

    kinds = layer_kinds(model.architecture, hyper, caches)
    assert needed(folded(kinds, owners)) == needed(range(hyper.block_count))
