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
