"""Where the layers go: the output layer first, then the last blocks, split over the GPUs."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from advisor.estimate.placement import place


def spans(placement):
    """Each GPU's blocks as first and one past the last, and whether it has the output layer."""
    return [(share.first, share.last, share.has_output) for share in placement.gpus]


@pytest.mark.parametrize(
    ("gpu_layers", "gpu", "host"),
    [
        pytest.param(0, (32, 32, False), (0, 32, True), id="none: all on the host"),
        pytest.param(1, (32, 32, True), (0, 32, False), id="one is the output layer"),
        pytest.param(15, (18, 32, True), (0, 18, False), id="15 are the output and 14 last blocks"),
        pytest.param(32, (1, 32, True), (0, 1, False), id="32 leave the first block behind"),
        pytest.param(33, (0, 32, True), (0, 0, False), id="33 are all of them"),
        pytest.param(999, (0, 32, True), (0, 0, False), id="more than there are means all"),
    ],
)
def test_of_32_blocks_on_one_gpu(gpu_layers, gpu, host):
    placement = place(block_count=32, gpu_layers=gpu_layers, weights=[1.0])
    assert spans(placement) == [gpu]
    found = placement.host
    assert (found.first, found.last, found.has_output) == host
    assert placement.layers == 33
    assert placement.is_whole is (gpu_layers >= 33)


@pytest.mark.parametrize(
    ("gpu_layers", "gpu", "host"),
    [
        pytest.param(1, (32, 32, True), (0, 32, False), id="one is the output layer"),
        pytest.param(2, (32, 32, True), (0, 32, False), id="the second is not loaded at all"),
        pytest.param(15, (19, 32, True), (0, 19, False), id="15 are one block fewer than without"),
        pytest.param(33, (1, 32, True), (0, 1, False), id="33 leave the first block behind"),
        pytest.param(34, (0, 32, True), (0, 0, False), id="34 are all of them"),
    ],
)
def test_of_32_blocks_and_a_prediction_block_behind_them(gpu_layers, gpu, host):
    """llama.cpp counts it: `offloaded 34/34 layers`."""
    placement = place(block_count=32, unused_blocks=1, gpu_layers=gpu_layers, weights=[1.0])
    assert spans(placement) == [gpu]
    found = placement.host
    assert (found.first, found.last, found.has_output) == host
    assert placement.layers == 34
    assert placement.is_whole is (gpu_layers >= 34)


def test_a_prediction_block_takes_a_place_in_the_split():
    """34 layers, 17 each: 17 blocks, then 15 blocks, the prediction block and the output layer."""
    placement = place(block_count=32, unused_blocks=1, gpu_layers=34, weights=[1.0, 1.0])
    assert spans(placement) == [(0, 17, False), (17, 32, True)]


def test_without_a_gpu_nothing_is_offloaded():
    placement = place(block_count=32, gpu_layers=99, weights=[])
    assert (placement.gpu_layers, placement.gpus) == (0, ())
    assert (placement.host.blocks, placement.host.has_output) == (32, True)


@pytest.mark.parametrize(
    ("gpu_layers", "weights", "expected"),
    [
        pytest.param(
            33,
            [1.0, 1.0],
            [(0, 17, False), (17, 32, True)],
            id="two equal cards: 33 layers are 17 and 16, of which one is the output",
        ),
        pytest.param(
            33,
            [24.0, 8.0],
            [(0, 25, False), (25, 32, True)],
            id="three quarters of the memory, three quarters of the layers",
        ),
        pytest.param(
            17,
            [1.0, 1.0],
            [(16, 25, False), (25, 32, True)],
            id="half of the layers are split the same way",
        ),
        pytest.param(
            2,
            [1.0, 1.0, 1.0],
            [(31, 32, False), (32, 32, True), (32, 32, False)],
            id="a layer each, and nothing for the third card",
        ),
    ],
)
def test_several_gpus_share_in_proportion(gpu_layers, weights, expected):
    placement = place(block_count=32, gpu_layers=gpu_layers, weights=weights)
    assert spans(placement) == expected


def test_only_all_layers_on_several_gpus_are_a_pipeline():
    def is_pipeline(gpu_layers, gpus):
        return place(block_count=32, gpu_layers=gpu_layers, weights=[1.0] * gpus).is_pipeline

    assert is_pipeline(33, 2)
    assert not is_pipeline(32, 2)
    assert not is_pipeline(33, 1)


@pytest.mark.parametrize(
    ("split", "expected"),
    [
        pytest.param([3, 1], [25, 8], id="3 to 1: 33 layers are 25 and 8"),
        pytest.param([1, 3], [9, 24], id="1 to 3"),
        pytest.param([0, 1], [0, 33], id="nothing for the first"),
        pytest.param([1], [33, 0], id="a card that is not named gets nothing"),
        pytest.param([1, 1, 9], [17, 16], id="a card that is not there takes nothing"),
        pytest.param([20, 13], [20, 13], id="counts of layers are kept to the letter"),
        pytest.param([0, 0, 1], [25, 8], id="nothing for all there are: by free memory after all"),
    ],
)
def test_a_split_that_was_asked_for_beats_free_memory(split, expected):
    placement = place(block_count=32, gpu_layers=33, weights=[24.0, 8.0], split=split)
    assert [share.blocks + share.has_output for share in placement.gpus] == expected


def test_one_gpu_is_never_split():
    placement = place(block_count=32, gpu_layers=33, weights=[1.0], split=[3, 1])
    assert placement.split is None
    assert spans(placement) == [(0, 32, True)]


def test_shares_are_cut_in_single_precision_as_llama_cpp_cuts_them():
    """0.1 of 30 layers: in double precision its bound lies below 3 / 30, in single on it."""
    placement = place(block_count=29, gpu_layers=30, weights=[1, 1], split=[0.1, 0.9])
    assert [share.blocks + share.has_output for share in placement.gpus] == [3, 27]


@pytest.mark.parametrize(
    ("n_cpu_moe", "gpu_layers", "weights", "bare", "guests"),
    [
        pytest.param(0, 33, [1], [(0, 0)], (), id="none"),
        pytest.param(5, 33, [1], [(0, 5)], ((0, 5),), id="the first five"),
        pytest.param(99, 33, [1], [(0, 32)], ((0, 32),), id="more than there are mean all"),
        pytest.param(20, 15, [1], [(18, 20)], ((18, 20),), id="eighteen are on the host anyway"),
        pytest.param(5, 15, [1], [(18, 18)], (), id="and five of them change nothing"),
        pytest.param(
            20, 33, [1, 1], [(0, 17), (17, 20)], ((0, 17), (17, 20)), id="all of one, some of two"
        ),
    ],
)
def test_experts_of_the_first_blocks_stay_on_the_host(n_cpu_moe, gpu_layers, weights, bare, guests):
    placement = place(block_count=32, gpu_layers=gpu_layers, weights=weights, n_cpu_moe=n_cpu_moe)
    assert [share.bare for share in placement.gpus] == bare
    assert placement.host.experts == guests
    assert placement.bare_blocks == sum(last - first for first, last in guests)


def test_a_model_without_some_experts_is_on_the_gpus_but_not_whole():
    placement = place(block_count=32, gpu_layers=33, weights=[1, 1], n_cpu_moe=1)
    assert placement.has_all_layers
    assert not placement.is_whole
    assert not placement.is_pipeline


@settings(deadline=None)
@given(
    block_count=st.integers(1, 200),
    gpu_layers=st.integers(0, 250),
    weights=st.lists(st.floats(1e-3, 1e12), max_size=8),
)
def test_every_layer_is_in_exactly_one_place(block_count, gpu_layers, weights):
    placement = place(block_count=block_count, gpu_layers=gpu_layers, weights=weights)
    shares = [placement.host, *placement.gpus]
    blocks = [block for share in shares for block in range(share.first, share.last)]
    assert blocks == list(range(block_count))
    assert sum(share.has_output for share in shares) == 1
    offloaded = sum(share.blocks + share.has_output for share in placement.gpus)
    assert offloaded == placement.gpu_layers == min(gpu_layers, block_count + 1) * bool(weights)
