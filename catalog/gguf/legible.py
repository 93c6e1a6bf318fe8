"""Names out of files, made fit to stand in a sentence.

A file may call a key or a tensor anything: a megabyte of letters, line ends, the codes that move a
terminal's cursor. Nothing of that may reach a terminal or break a sentence in two.
"""

from __future__ import annotations

LONGEST = 80


def legible(text: str) -> str:
    """The text without what cannot be printed, and cut off where it is too long."""
    letters = "".join(letter if letter.isprintable() else "\ufffd" for letter in text[:LONGEST])
    return letters if len(text) <= LONGEST else f"{letters}…"
