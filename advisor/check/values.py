"""How people write figures of a requirement: `20GiB`, `550.54`, `30`.

Every function takes the text (or what TOML made of it) and returns the value, or raises
`ValueError` with a sentence that says what was expected.
"""

from __future__ import annotations

import re

LARGEST_BYTES = 1 << 60
LARGEST_RATE = 1e9

_SIZE = re.compile(r"\s*(\d+(?:[.,_]?\d+)*)\s*([KMGT]I?B|B)?\s*", re.IGNORECASE)
_POWERS = {"K": 1, "M": 2, "G": 3, "T": 4}
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_VERSION = re.compile(r"\d{1,6}(\.\d{1,6}){0,3}")


def size_bytes(value: object) -> int:
    """A size: `20GiB` is 20 × 1024³ bytes, `30GB` is 30 × 1000³, a plain number is bytes."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= LARGEST_BYTES:
        return value
    found = _SIZE.fullmatch(value) if isinstance(value, str) else None
    if found is None or "," in found[1]:
        msg = f"{shown(value)} is not a size; write `20GiB` (binary) or `30GB` (decimal)"
        raise ValueError(msg)
    unit = (found[2] or "B").upper()
    base = 1024 if "I" in unit else 1000
    try:
        size = float(found[1].replace("_", "")) * float(base) ** _POWERS.get(unit[0], 0)
    except ValueError:
        size = -1.0
    if not 0 <= size <= LARGEST_BYTES:
        msg = f"{shown(value)} is not a size of memory or of a disk"
        raise ValueError(msg)
    return round(size)


def tokens_per_s(value: object) -> float:
    """A speed: a number above 0."""
    try:
        rate = float(value) if isinstance(value, (int, float, str)) else -1.0
    except ValueError:
        rate = -1.0
    if isinstance(value, bool) or not 0 < rate <= LARGEST_RATE:
        msg = f"{shown(value)} is not a speed in tokens per second; write `30`"
        raise ValueError(msg)
    return rate


def count(value: object) -> int:
    """A count of at least 1."""
    text = str(value).strip()
    if isinstance(value, bool) or not text.isdecimal() or not 1 <= int(text) <= 1 << 20:
        msg = f"{shown(value)} is not a count of at least 1"
        raise ValueError(msg)
    return int(text)


def driver_version(value: object) -> str:
    """A driver's version, or the beginning of one: `550`, `550.54`."""
    text = str(value).strip()
    if isinstance(value, bool) or not _VERSION.fullmatch(text):
        msg = f"{shown(value)} is not a version of a driver; write `550` or `550.54`"
        raise ValueError(msg)
    return text


def version_parts(text: str) -> tuple[int, ...]:
    """The numbers of a version, for comparing; those that begin it, of one with words in it."""
    found = _VERSION.match(text.strip())
    return tuple(int(part) for part in found[0].split(".")) if found else ()


def text(value: object) -> str:
    """A name that is not empty."""
    if not isinstance(value, str) or not value.strip():
        msg = f"{shown(value)} is not a name"
        raise ValueError(msg)
    if _UNPRINTABLE.search(value):
        msg = f"{shown(value)} holds a character that cannot be shown"
        raise ValueError(msg)
    return value.strip()


def flag(value: object) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        msg = f"{shown(value)} is neither `true` nor `false`"
        raise ValueError(msg)  # noqa: TRY004  (of the value's form, not of ours)
    return value


def mig_layout(value: object) -> str:
    """`none`, or a profile such as `1g.10gb`."""
    name = text(value).lower()
    if name != "none" and not re.fullmatch(r"\d+g\.\d+gb(\+[a-z.]+)?", name):
        msg = f"{shown(value)} is not a layout of MIG; write `none` or a profile such as `1g.10gb`"
        raise ValueError(msg)
    return name


def shown(value: object) -> str:
    """A value as a sentence names it, short and without what a terminal would obey."""
    plain = _UNPRINTABLE.sub("?", str(value))
    if isinstance(value, bool):
        plain = plain.lower()
    return f"`{plain if len(plain) <= 40 else plain[:40] + '…'}`"
