"""Where a graph's tensors find room: the smallest hole, the last of equal ones, else the end."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from advisor.estimate.graph.allocator import ALIGNMENT_BYTES, Arena, aligned

SIZES = st.integers(min_value=1, max_value=20).map(lambda lines: lines * ALIGNMENT_BYTES)


def filled(*sizes):
    """An arena with tensors of these sizes one after another, and their offsets."""
    arena = Arena()
    return arena, [arena.take(size) for size in sizes]


def test_a_size_is_rounded_up_to_whole_lines_of_32_bytes():
    assert aligned([0, 1, 32, 33]) == [0, 32, 32, 64]


def test_tensors_lie_one_after_another():
    arena, offsets = filled(64, 32, 96)
    assert offsets == [0, 64, 96]
    assert arena.peak_bytes == 192


def test_the_smallest_hole_that_is_large_enough_is_taken():
    """Holes of 96 at 0 and of 64 at 128: 64 bytes go into the second."""
    arena, _ = filled(96, 32, 64, 32)
    arena.give(0, 96)
    arena.give(128, 64)
    assert arena.take(64) == 128
    assert arena.take(64) == 0
    assert arena.take(32) == 64
    assert arena.peak_bytes == 224


def test_of_equal_holes_the_last_is_taken():
    arena, _ = filled(64, 32, 64, 32)
    arena.give(0, 64)
    arena.give(96, 64)
    assert arena.take(64) == 96


def test_a_hole_that_is_too_small_leaves_the_end_to_grow():
    """The gap that attention leaves behind, which a wider feed-forward part cannot use."""
    arena, _ = filled(64, 32)
    arena.give(0, 64)
    assert arena.take(96) == 96
    assert arena.peak_bytes == 192


def test_holes_that_touch_become_one():
    arena, _ = filled(32, 32, 32, 32)
    for offset in (0, 64, 32):
        arena.give(offset, 32)
    assert arena.take(96) == 0


def test_what_is_given_back_at_the_end_shortens_what_is_in_use():
    arena, _ = filled(64, 64)
    arena.give(64, 64)
    assert arena.take(128) == 64
    assert arena.peak_bytes == 192


def test_a_tensor_without_elements_lies_in_the_smallest_hole_and_takes_nothing():
    arena, _ = filled(32, 32, 64, 32)
    arena.give(0, 32)
    arena.give(64, 64)
    assert arena.take(0) == 0
    assert [arena.take(32), arena.take(64)] == [0, 64]


def test_what_had_no_elements_leaves_a_hole_that_the_next_one_takes():
    """Its place is between two tensors by then."""
    arena, _ = filled(32, 32)
    arena.give(32, 0)
    assert arena.take(32) == 64
    assert arena.take(0) == 32


@given(st.lists(SIZES, min_size=1, max_size=30), st.randoms(use_true_random=False))
def test_tensors_never_overlap_and_all_room_comes_back(sizes, chance):
    arena, held = Arena(), {}
    for size in sizes:
        offset = arena.take(size)
        assert all(offset + size <= at or at + held[at] <= offset for at in held)
        held[offset] = size
        if chance.random() < 0.4:
            gone = chance.choice(sorted(held))
            arena.give(gone, held.pop(gone))
    peak = arena.peak_bytes
    assert max(offset + size for offset, size in held.items()) <= peak if held else True
    assert peak <= sum(sizes)
    for offset, size in held.items():
        arena.give(offset, size)
    assert arena.take(peak) == 0, "one hole is left, from the beginning on"
    assert arena.peak_bytes == peak


def test_an_empty_hole_behind_the_end_leaves_the_end_in_use():
    """Something empty was at the end, which is further down when it is given back."""
    arena = Arena()
    first = arena.take(64)
    empty = arena.take(0)
    arena.give(first, 64)
    arena.give(empty, 0)
    assert arena.take(128) == 0
    assert arena.peak_bytes == 128
