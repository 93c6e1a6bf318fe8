"""How much of a machine's memory its GPU may use, where the two share it.

Holds the shares that operating systems and drivers grant, by memory size and version. What a
driver says of the machine at hand is a better answer, and comes from `probes`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from catalog.load import csv_rows


@dataclass(frozen=True, slots=True, kw_only=True)
class UnifiedShare:
    """A share of the system's memory."""

    fraction: float
    """0 to 1, of the memory that the machine has."""

    source: str
    """Who said so, or why it is assumed."""

    is_assumed: bool
    """True when nobody has published a share for this vendor and system."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rule:
    os_version_min: tuple[int, ...]
    memory_min_bytes: int
    share: UnifiedShare


def gpu_share(*, vendor: str, os: str, os_version: str | None, memory_bytes: int) -> UnifiedShare:
    """The share of memory that a unified GPU may use.

    Args:
        vendor: `apple`, `amd`, `intel`, `nvidia`, `qualcomm`, in any case.
        os: `macos`, `linux` or `windows`.
        os_version: `15.6`, `26.1`; where it is not known, the oldest rule holds, whose shares are
            the smallest.
        memory_bytes: Memory of the machine. [bytes]

    Returns:
        The share of the newest rule that the version reaches, for the largest size that the memory
        reaches. Half, as an assumption, where no rule names the vendor and system.
    """
    rules = _rules().get((vendor.lower(), os), _rules()["any", "any"])
    version = _version(os_version or "")
    fitting = [
        rule
        for rule in rules
        if rule.os_version_min <= version and rule.memory_min_bytes <= memory_bytes
    ]
    return max(fitting, key=lambda rule: (rule.os_version_min, rule.memory_min_bytes)).share


def _version(text: str) -> tuple[int, ...]:
    """The leading numbers of a version: ``(15, 6)`` of `15.6`, ``()`` of what has none."""
    numbers: list[int] = []
    for part in text.split("."):
        if not part.isdecimal():
            break
        numbers.append(int(part))
    return tuple(numbers)


@cache
def _rules() -> dict[tuple[str, str], tuple[_Rule, ...]]:
    rules: dict[tuple[str, str], tuple[_Rule, ...]] = {}
    for row in csv_rows("devices/unified_share.csv"):
        key = (row["vendor"], row["os"])
        rule = _Rule(
            os_version_min=_version(row["os_version_min"]),
            memory_min_bytes=int(row["memory_min_bytes"]),
            share=UnifiedShare(
                fraction=float(row["fraction"]),
                source=row["source"],
                is_assumed=row["vendor"] == "any",
            ),
        )
        rules[key] = (*rules.get(key, ()), rule)
    return rules
