"""The kept sums are those of the tensors themselves."""

from __future__ import annotations

import json

import pytest

from catalog.load import FOLDER
from catalog.names import find_model
from catalog.quants import find_quant, load_quants
from catalog.shelf import load_models
from catalog.sums import FILE, WITH_MATRIX, add_up, weight_sums
from catalog.tables import tensor_table

POPULAR = [model for model in load_models() if model.tier == 1]


@pytest.mark.parametrize("model", POPULAR, ids=lambda model: model.name)
def test_kept_sums_are_what_the_tensors_add_up_to(model):
    kept = json.loads((FOLDER / FILE).read_text(encoding="utf-8"))["sums"][model.name]
    assert kept
    for quant in (quant for quant in load_quants() if quant.is_common):
        for matrix in (False, True):
            assert weight_sums(model, quant, has_imatrix=matrix) == add_up(
                model, quant, has_imatrix=matrix
            )


def test_every_common_quant_of_every_popular_model_is_kept():
    kept = json.loads((FOLDER / FILE).read_text(encoding="utf-8"))["sums"]
    common = {quant.name for quant in load_quants() if quant.is_common}
    assert set(kept) == {model.name for model in POPULAR}
    for rows in kept.values():
        assert {name.removesuffix(WITH_MATRIX) for name in rows} == common


def test_sums_of_other_models_are_added_up():
    model = next(model for model in load_models() if model.tier > 1)
    quant = find_quant("Q4_K_M")
    assert weight_sums(model, quant).tensor_bytes == tensor_table(model, quant).bytes


def test_the_parts_are_the_whole():
    """Llama 3.1 8B: nothing in it is left out, unread or looked up."""
    sums = weight_sums(find_model("llama-3.1-8b-instruct"), find_quant("Q8_0"))
    assert sums.tensor_bytes == (
        sums.embedding_bytes + sums.head_bytes + sums.outside_bytes + sums.blocks_bytes
    )
    assert sums.embedding_bytes == sums.head_bytes == 128_256 * 4_096 // 32 * 34
    assert (sums.lookup_bytes, sums.expert_bytes, sums.unread_bytes) == (0, 0, 0)
