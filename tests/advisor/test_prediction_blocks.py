"""Prediction blocks (MTP) of a file: they count among the layers, and nothing of them is loaded."""

from __future__ import annotations

from dataclasses import replace

import pytest

from advisor.estimate.estimator import estimate
from advisor.estimate.subject import subject_of_file
from advisor.report.download import download_of
from advisor.report.run_commands import server_command
from advisor.workload import Workload
from catalog.model_file import ModelFile
from catalog.names import find_model
from catalog.quants import find_quant
from catalog.tables import tensor_table

QWEN = "qwen3.5-4b"
"""32 blocks, and one more in the file that predicts the token after next."""


@pytest.fixture(scope="session")
def held():
    """The model in a file, with its prediction block or without."""

    def find(*, with_mtp):
        model, quant = find_model(QWEN), find_quant("Q4_K_M")
        table = tensor_table(model, quant, with_mtp=with_mtp)
        file = ModelFile(
            name="qwen.gguf", repository=None, size_bytes=table.bytes, parts=1, source="a test"
        )
        blocks = 1 if with_mtp else None
        hyper = replace(model.hyperparameters, nextn_predict_layers=blocks)
        return subject_of_file(replace(model, hyperparameters=hyper), quant, table, file)

    return find


def test_llama_cpp_counts_34_layers(held, gpu, target):
    """Its log says `offloaded 34/34 layers to GPU`: 32 blocks, the other one, and the output."""
    found = estimate(held(with_mtp=True), Workload(), target(gpu(24), host_gib=64))
    assert (found.placement.gpu_layers, found.placement.layers) == (34, 34)
    assert found.placement.is_whole


def test_whole_it_takes_what_it_takes_without(held, gpu, target):
    with_block, without = (
        estimate(held(with_mtp=has), Workload(), target(gpu(24), host_gib=64)) for has in (1, 0)
    )
    assert with_block.subject.weights.tensor_bytes > without.subject.weights.tensor_bytes
    assert [one.total_bytes for one in with_block.allocations] == [
        one.total_bytes for one in without.allocations
    ]


def test_of_20_asked_layers_18_are_blocks(held, gpu, target):
    """One is the output layer, and one is the prediction block."""
    machine = target(gpu(24), host_gib=64)
    with_block, without = (
        estimate(held(with_mtp=has), Workload(gpu_layers=20), machine) for has in (1, 0)
    )
    assert [one.placement.gpus[0].blocks for one in (with_block, without)] == [18, 19]
    again = estimate(held(with_mtp=False), Workload(gpu_layers=19), machine)
    assert [one.total_bytes for one in with_block.allocations] == [
        one.total_bytes for one in again.allocations
    ]


def test_as_many_blocks_are_chosen_and_the_command_counts_one_more(held, gpu, target):
    machine = target(gpu(3), host_gib=64)
    chosen = [estimate(held(with_mtp=has), Workload(), machine) for has in (1, 0)]
    with_block, without = (one.placement for one in chosen)
    assert 0 < with_block.gpus[0].blocks == without.gpus[0].blocks < 32
    assert with_block.gpu_layers == without.gpu_layers + 1
    line = server_command(chosen[0], download_of(chosen[0].subject)).lines[0]
    assert line.endswith(f" -ngl {with_block.gpu_layers}")


def test_a_catalog_model_is_taken_to_have_none(subject):
    assert subject(QWEN).weights.layers == 33


def test_fit_chooses_as_many_blocks_too(held, gpu, target):
    """Its flags count the block as a layer, since llama.cpp does."""
    machine = target(gpu(3), host_gib=64)
    with_block, without = (
        estimate(held(with_mtp=has), Workload(context_tokens=8192), machine).fit.llama_cpp_fit
        for has in (1, 0)
    )
    assert with_block.choice.layers[0].count == without.choice.layers[0].count + 1
