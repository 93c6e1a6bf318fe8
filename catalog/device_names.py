"""How two spellings of a device's name are compared: by whole words, never by a part of one.

Holds the cutting and joining of names. Which device a name belongs to is decided elsewhere, by
`identify` for what drivers say and by `lookup` for what people type.
"""

from __future__ import annotations

import re

_TRADEMARKS = re.compile(r"\((?:r|tm|c)\)|[®™]")
_WORDS = re.compile(r"[a-z0-9]+")
_MAX_Q = re.compile(r"\bmax-q\b")

VENDORS = frozenset(
    {"nvidia", "amd", "intel", "apple", "qualcomm", "rockchip", "corporation", "inc"}
)

DRIVER_NOISE = VENDORS | {"gpu", "graphics"}
"""Words that one driver's name has and another's, or another version's, lacks."""

TYPED_NOISE = DRIVER_NOISE | {
    "geforce",
    "radeon",
    "instinct",
    "tesla",
    "generation",
    "edition",
    "with",
    "design",
    "igpu",
}
"""Words that people leave out, and that tell no two devices apart."""

_SYNONYMS = {"mobile": "laptop", "notebook": "laptop"}


def words_of(name: str) -> tuple[str, ...]:
    """The words of a name in lower case, without trademarks and punctuation.

    `max-q` is one word, and *mobile* and *notebook* are *laptop*.
    """
    text = _MAX_Q.sub("maxq", _TRADEMARKS.sub(" ", name.lower()))
    return tuple(_SYNONYMS.get(word, word) for word in _WORDS.findall(text))


def driver_key(name: str) -> str:
    """What is equal for two spellings of one driver name: `NVIDIA RTX A2000`, `RTX A2000`."""
    return " ".join(word for word in words_of(name) if word not in DRIVER_NOISE)


def typed_words(name: str) -> tuple[str, ...]:
    """The words of a name that tell it from others."""
    return tuple(word for word in words_of(name) if word not in TYPED_NOISE)


def glued(words: tuple[str, ...]) -> str:
    """The words as one, so that `RTX 4090` and `rtx4090` are equal."""
    return "".join(words)


def runs_of(words: tuple[str, ...]) -> frozenset[str]:
    """Every run of neighbouring words, glued."""
    count = len(words)
    return frozenset(
        glued(words[start:end]) for start in range(count) for end in range(start + 1, count + 1)
    )


def is_covered(words: tuple[str, ...], runs: frozenset[str]) -> bool:
    """Whether the words can be cut into pieces that are each, glued, one of the runs.

    `("rtx4090",)` is covered by the runs of `rtx 4090`, and `("mi", "300x")` by those of `mi300x`;
    `("4",)` is covered by neither, for a part of a word is not a word.
    """
    if not words:
        return True
    return any(
        glued(words[:end]) in runs and is_covered(words[end:], runs)
        for end in range(1, len(words) + 1)
    )
