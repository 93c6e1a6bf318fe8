"""Words that several rules share: two sizes told apart, GPUs told apart, lists.

Holds wording only; what is compared is the rules' business.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from advisor.render.units import exact, gib, speed_number

if TYPE_CHECKING:
    from advisor.check.outcome import Compared
    from probes.accelerator import Accelerator

GIB = 1 << 30


def two_sizes(one_bytes: float, other_bytes: float) -> tuple[str, str]:
    """Two sizes of memory with as many digits as it takes to tell them apart."""
    if gib(one_bytes) != gib(other_bytes) or one_bytes == other_bytes:
        return gib(one_bytes), gib(other_bytes)
    for digits in (2, 3):
        one, other = (f"{size / GIB:.{digits}f} GiB" for size in (one_bytes, other_bytes))
        if one != other:
            return one, other
    return exact(one_bytes), exact(other_bytes)


def gpu_labels(gpus: Sequence[Accelerator]) -> list[str]:
    """What each GPU is called: its name, with a number where several have the same."""
    names = [gpu.name for gpu in gpus]
    return [
        name if names.count(name) == 1 else f"{name} #{names[: place + 1].count(name)}"
        for place, name in enumerate(names)
    ]


def listed(words: Iterable[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    *most, last = list(words)
    return f"{', '.join(most)} and {last}" if most else last


def counted(count: int, noun: str) -> str:
    """`1 GPU`, `2 GPUs`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def speed_with_ends(compared: Compared) -> str:
    """`12 (10–14)`; the number alone where there is no interval."""
    value = speed_number(compared.value or 0)
    if compared.low is None or compared.high is None:
        return value
    return f"{value} ({speed_number(compared.low)}–{speed_number(compared.high)})"
