"""The words of a model's name, however it is spelt: what two names are compared by."""

from __future__ import annotations

import re

Words = tuple[str, ...]

_WORD = re.compile(r"\d+(?:\.\d+)*[a-z]*|[a-z]+")
_POINT = re.compile(r"(?<=\d)_(?=\d)")


def words(name: str) -> Words:
    """`llama3.2:1b`, `Llama-3_2-1B` and `llama 3.2 1b` are all `llama`, `3.2`, `1b`."""
    return tuple(_WORD.findall(_POINT.sub(".", name.casefold())))
