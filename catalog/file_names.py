"""What the name of a GGUF file says: its quant label, and which part of a split file it is.

Holds the reading of names only, by the rules of the Hub (`GGUF_QUANT_RE` of the npm package
`@huggingface/tasks` 0.21) and of llama.cpp's `llama-gguf-split`; what a publisher calls its files
is `catalog.published`.
"""

from __future__ import annotations

import re

_LABEL = re.compile(
    r"(?<![A-Z0-9])(?:UD-)?(?:"
    r"BF16|FP16|F16|FP32|F32|MXFP4(?:_MOE)?|NVFP4"
    r"|TQ[12]_0"
    r"|Q[1-8]_[01](?:_[48]_[48])?"
    r"|I?Q[1-8]_(?:K(?:_(?:XXL|XL|XXS|XS|L|M|S))?|XXS|XS|NL|M|S)(?:_XL|_L)?"
    r")(?![A-Z0-9_])"
)
_PART = re.compile(r"^(?P<stem>.*)-(?P<part>\d{5})-of-(?P<parts>\d{5})\.gguf$")
_ENDING = re.compile(r"\.gguf$", re.IGNORECASE)
_BESIDE_A_MODEL = ("mmproj", "imatrix", "mtp-", "eagle3-", "dflash-", "dspark-")
_OTHER_NAMES = {"FP16": "F16", "FP32": "F32"}


def label_span(file_name: str) -> tuple[int, int] | None:
    """Where in a name its quant label stands; the last one counts."""
    spans = [found.span() for found in _LABEL.finditer(file_name.upper())]
    return spans[-1] if spans else None


def quant_label(file_name: str) -> str | None:
    """The quant that a file is named for: `Q4_K_M`, `UD-Q4_K_XL`, `Q6_K_L`, `MXFP4`.

    In upper case, half precision always as `F16`; ``None`` for a name without a label.
    """
    span = label_span(file_name)
    if span is None:
        return None
    label = file_name[slice(*span)].upper()
    return _OTHER_NAMES.get(label, label)


def names_model(file_name: str) -> bool:
    """Whether a file holds a model, and not a projector, a draft head or statistics.

    Source: `gguf_filename_is_model` in llama.cpp's common/download.cpp, October 2026.
    """
    return not any(word in file_name for word in _BESIDE_A_MODEL)


def stem_of(file_name: str) -> str:
    """A name without its ending, and without which part it is: all parts have one stem."""
    found = _PART.match(file_name)
    return found["stem"] if found else _ENDING.sub("", file_name)


def part_of(file_name: str) -> tuple[int, int] | None:
    """Which part of how many a split file is; ``None`` for a whole one."""
    found = _PART.match(file_name)
    return (int(found["part"]), int(found["parts"])) if found else None
