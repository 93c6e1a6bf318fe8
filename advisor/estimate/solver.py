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


def largest_within(excess: Callable[[int], float], low: int, high: int) -> int | None:
    """The largest integer between the two (included) whose excess is not above zero.

    Where the excess grows evenly, the edge is where a straight line says it is, and is found in a
    few steps; every other step halves what is left, whatever the excess looks like.

    Args:
        excess: What is needed less what there is; it never falls as the integer grows.
        low: The smallest integer that may be the answer.
        high: The largest.

    Returns:
        ``None`` when even ``low`` is too much.
    """
    above = excess(high)
    if above <= 0:
        return high
    below = excess(low) if low < high else above
    if below > 0:
        return None
    is_guess = True
    while high - low > 1:
        middle = _on_the_line(low, high, below, above) if is_guess else (low + high) // 2
        found = excess(middle)
        length = high - low
        if found <= 0:
            low, below = middle, found
        else:
            high, above = middle, found
        is_guess = high - low <= length // 2 or not is_guess
    return low


def smallest_within(excess: Callable[[int], float], low: int, high: int) -> int | None:
    """The smallest integer between the two (included) whose excess is not above zero.

    Args:
        excess: What is needed less what there is; it never grows as the integer does.
        low: The smallest integer that may be the answer.
        high: The largest.

    Returns:
        ``None`` when even ``high`` is too little.
    """
    found = largest_within(lambda value: excess(-value), -high, -low)
    return None if found is None else -found


def largest_near(
    excess: Callable[[int], float], near: Callable[[int], float], low: int, high: int
) -> int | None:
    """The same as `largest_within`, where another function says about where the edge is.

    It is trusted for nothing: each step asks the excess where the other one, moved by what it was
    off before, has its edge. So few steps are needed where the two differ by about as much
    everywhere.

    Args:
        excess: What is needed less what there is; it never falls as the integer grows.
        near: Something like it that costs little; it never falls either.
        low: The smallest integer that may be the answer.
        high: The largest.

    Returns:
        ``None`` when even ``low`` is too much.
    """
    holds, fails, off = low - 1, high + 1, 0.0
    is_guess = True
    while fails - holds > 1:
        tried = (holds + fails) // 2
        if is_guess:
            edge = _edge(near, off, holds, fails)
            tried = min(max(edge, holds + 1), fails - 1)
        found, length = excess(tried), fails - holds
        off = found - near(tried)
        if found <= 0:
            holds = tried
        else:
            fails = tried
        is_guess = fails - holds <= (length + 1) // 2 or not is_guess
    return None if holds < low else holds


def smallest_near(
    excess: Callable[[int], float], near: Callable[[int], float], low: int, high: int
) -> int | None:
    """The same as `smallest_within`, where another function says about where the edge is."""
    found = largest_near(lambda value: excess(-value), lambda value: near(-value), -high, -low)
    return None if found is None else -found


def _edge(near: Callable[[int], float], off: float, holds: int, fails: int) -> int:
    """The last place between the two where the moved function is not above zero."""
    while fails - holds > 1:
        middle = (holds + fails) // 2
        if near(middle) + off <= 0:
            holds = middle
        else:
            fails = middle
    return holds


def _on_the_line(low: int, high: int, below: float, above: float) -> int:
    """Where a straight line through the two excesses crosses zero, strictly between them."""
    share = -below / (above - below) if below > float("-inf") and above < float("inf") else 0.5
    return min(max(low + int((high - low) * share), low + 1), high - 1)
