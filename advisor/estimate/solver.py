"""Searches for the edge of a condition: the exact inversion of a model, without a second formula.

Holds the searches only; what is asked, and of which numbers, is the caller's.
"""

from __future__ import annotations

from collections.abc import Callable


def largest_that(holds: Callable[[int], bool], low: int, high: int) -> int | None:
    """The largest integer between the two (included) for which a falling condition holds.

    Returns:
        ``None`` when it does not even hold for ``low``.
    """
    if holds(high):
        return high
    if low == high or not holds(low):
        return None
    while high - low > 1:
        middle = (low + high) // 2
        if holds(middle):
            low = middle
        else:
            high = middle
    return low


def smallest_that(holds: Callable[[int], bool], low: int, high: int) -> int | None:
    """The smallest integer between the two (included) for which a rising condition holds.

    Returns:
        ``None`` when it does not even hold for ``high``.
    """
    found = largest_that(lambda value: holds(-value), -high, -low)
    return None if found is None else -found
