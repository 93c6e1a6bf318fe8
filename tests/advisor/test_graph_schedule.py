"""A graph's buffers on one device and on several, worked out by hand."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.estimate.graph.schedule import buffers
from advisor.estimate.graph.sketch import ANYWHERE, INPUT, OUTPUT, Sketch

ROW = 1024


def on_one(sketch):
    """Bytes of the only buffer."""
    return buffers(sketch, lambda _: 0, 1)[0]


def chain(*, reuses):
    """An input, and two tensors of which each reads the one before."""
    sketch = Sketch()
    first = sketch.leaf(ROW)
    second = sketch.node(ROW, (first,), 0, reuses=reuses)
    sketch.draw(sketch.node(ROW, (second,), 0, reuses=reuses))
    return sketch


def test_what_is_computed_in_place_takes_no_room():
    assert on_one(chain(reuses=True)) == ROW


def test_what_is_not_needs_room_beside_what_it_reads():
    assert on_one(chain(reuses=False)) == 2 * ROW


def test_a_tensor_that_something_else_reads_does_not_make_way():
    sketch = Sketch()
    x = sketch.leaf(ROW)
    y = sketch.node(ROW, (x,), 0, reuses=True)
    sketch.draw(sketch.node(ROW, (y, x), 0, reuses=True))
    assert on_one(sketch) == 2 * ROW


def test_a_view_does_not_make_way_but_keeps_its_tensor():
    sketch = Sketch()
    x = sketch.view(sketch.leaf(ROW))
    sketch.draw(sketch.node(ROW, (x,), 0, reuses=True))
    assert on_one(sketch) == 2 * ROW


def test_what_is_handed_over_stays_to_the_end():
    sketch = chain(reuses=True)
    sketch.keep(sketch.order[0])
    assert on_one(sketch) == 2 * ROW


def test_a_tensor_enters_behind_what_it_reads_from_left_to_right():
    sketch = Sketch()
    x = sketch.leaf(ROW)
    left, right = (sketch.node(ROW, (x,), 0) for _ in range(2))
    both = sketch.node(ROW, (right, left), 0)
    sketch.draw(both)
    sketch.draw(left)
    assert sketch.order == [right, left, both]


def test_what_only_writes_into_a_cache_takes_no_room():
    sketch = Sketch()
    x = sketch.leaf(ROW)
    sketch.draw(sketch.node(0, (x, sketch.cached(0, 64 * ROW)), 0))
    assert on_one(sketch) == ROW


def test_what_is_written_into_is_still_the_same_tensor():
    sketch = Sketch()
    mask = sketch.node(4 * ROW, (sketch.leaf(ROW),), 0)
    written = sketch.written(mask, sketch.leaf(ROW))
    sketch.draw(sketch.node(4 * ROW, (sketch.view(written),), 0, reuses=True))
    assert on_one(sketch) == (1 + 1 + 4 + 4) * ROW


def two_layers():
    """An embedding on the host, a layer of weights on each device, and the head on the GPU."""
    sketch = Sketch()
    x = sketch.node(ROW, (sketch.leaf(32),), INPUT)
    for layer in range(2):
        x = sketch.node(ROW, (sketch.node(2 * ROW, (x,), layer),), layer)
    sketch.keep(sketch.node(8 * ROW, (x,), OUTPUT))
    sketch.draw(len(sketch.size) - 1)
    return sketch


def test_a_device_copies_what_another_one_made():
    """GPU: its row goes where the copy was, when two rows behind are done; then come the logits."""
    homes = {INPUT: 1, OUTPUT: 0, 0: 1, 1: 0}
    gpu, host = buffers(two_layers(), homes.__getitem__, 2)
    assert host == 32 + (1 + 2) * ROW, "the last row finds room where the first was"
    assert gpu == (1 + 8) * ROW


def test_a_device_that_has_every_layer_leaves_the_host_its_inputs():
    homes = {INPUT: 1, OUTPUT: 0, 0: 0, 1: 0}
    assert buffers(two_layers(), homes.__getitem__, 2)[1] == 32 + ROW


def test_a_pipeline_keeps_inputs_and_copies_four_times():
    homes = {INPUT: 2, OUTPUT: 1, 0: 0, 1: 1}
    once = buffers(two_layers(), homes.__getitem__, 3)
    often = buffers(two_layers(), homes.__getitem__, 3, copies=4)
    assert often[2] - once[2] == 3 * 32, "the host's tokens"
    assert often[0] == 4 * ROW + 2 * ROW + ROW
    assert often[1] > once[1] + 3 * ROW - 1


def test_what_a_pipeline_keeps_lies_before_what_is_there_from_the_start_only():
    """Four copies and four rows of something empty; where those were, the logits begin a row on."""
    sketch = Sketch()
    x = sketch.node(ROW, (sketch.leaf(32),), INPUT)
    y = sketch.node(ROW, (x,), 0)
    both = sketch.node(ROW, (y, sketch.leaf(4 * ROW, ANYWHERE)), 1)
    sketch.keep(sketch.node(8 * ROW, (sketch.node(ROW, (both,), 1),), 1))
    sketch.draw(len(sketch.size) - 1)
    homes = {INPUT: 2, 0: 0, 1: 1}
    assert buffers(sketch, homes.__getitem__, 3, copies=4)[1] == (4 + 1 + 8) * ROW


def test_what_reads_no_weights_is_computed_on_a_gpu_beside_it():
    """The sum between a host's layer and a GPU's is made in place of a copy of its first part."""
    sketch = Sketch()
    x = sketch.node(ROW, (sketch.leaf(32),), INPUT)
    y = sketch.node(ROW, (x,), 0)
    total = sketch.node(ROW, (y, x), reuses=True)
    sketch.draw(sketch.node(4 * ROW, (total,), 1))
    gpu, _ = buffers(sketch, {INPUT: 1, 0: 1, 1: 0}.__getitem__, 2)
    assert gpu == (1 + 4) * ROW


@pytest.mark.parametrize("reuses", [True, False])
@given(widths=st.lists(st.integers(min_value=1, max_value=9), min_size=1, max_size=12))
def test_a_buffer_holds_the_largest_two_neighbours_and_no_more_than_all(widths, reuses):
    sketch = Sketch()
    x = sketch.leaf(ROW)
    for width in widths:
        x = sketch.node(width * ROW, (x,), 0, reuses=reuses)
    sketch.draw(x)
    sizes = [1, *widths]
    least = max(one if reuses and one == other else one + other for one, other in pairwise(sizes))
    assert least * ROW <= on_one(sketch) <= sum(sizes) * ROW
