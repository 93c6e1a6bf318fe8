"""Which GGUF files hold no language model, and what they are instead.

Holds the recognition only, by what their writers put into the header. What is no model is refused
with a sentence; a model whose architecture is not understood is none of this file's business.

Source: gguf-py `GGUFType` in `constants.py`; llama.cpp `tools/imatrix`, `convert_lora_to_gguf.py`,
`src/llama-adapter.cpp` and `tools/mtmd`, October 2026.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from catalog.gguf.errors import GgufError
from catalog.gguf.roles import is_of_projector

if TYPE_CHECKING:
    from catalog.gguf.header import TensorInfo, Value

_TOWER = "it is the part of a model that sees or hears, which runs beside the model's own file"
_MATRIX = "it is an importance matrix, which helps to quantize a model"
_TOWERS = frozenset({"clip", "mmproj", "clip-vision"})
_LORA = (".lora_a", ".lora_b")
_IMATRIX = (".in_sum2", ".counts")


class NotAModelError(GgufError):
    """A GGUF file that holds something else than a language model."""

    verdict = "is no language model"


def require_model(metadata: Mapping[str, Value], tensors: Sequence[TensorInfo]) -> str:
    """The architecture of a file that holds a model.

    Raises:
        NotAModelError: It holds something else; the sentence says what, the hint what to name.
    """
    architecture = metadata.get("general.architecture")
    if refusal := _refusal(metadata, tensors, architecture):
        message, hint = refusal
        raise NotAModelError(message, hint=hint)
    if not isinstance(architecture, str):
        msg = "its header does not name an architecture (`general.architecture`)"
        raise NotAModelError(msg)
    return architecture


def _refusal(
    metadata: Mapping[str, Value], tensors: Sequence[TensorInfo], architecture: Value | None
) -> tuple[str, str] | None:
    """What the file is instead of a model, and what to name instead; the first rule that holds."""
    kind, names = metadata.get("general.type"), [tensor.name for tensor in tensors]
    is_named = isinstance(architecture, str)
    base = f" for a `{architecture}` model" if is_named else ""
    is_adapter = kind == "adapter" or "adapter.type" in metadata or _all_end(names, _LORA)
    is_tower = kind in _TOWERS or architecture in _TOWERS or _is_tower(names)
    if not is_named and _number(metadata, "split.no") > 0:
        part = f"part {_number(metadata, 'split.no') + 1} of {_number(metadata, 'split.count')}"
        return f"it is {part} of a model, without the header", "name the first part"
    rules = (
        (is_adapter, f"it is an adapter (LoRA){base}, which changes a model and is none"),
        (kind == "imatrix" or _all_end(names, _IMATRIX), _MATRIX),
        (architecture == "controlvector", "it is a control vector, which only steers a model"),
        (is_tower, _TOWER),
        (not names, "it holds no weights, only a header and perhaps a vocabulary"),
    )
    found = next((sentence for holds, sentence in rules if holds), None)
    return None if found is None else (found, "name the file of the model itself")


def _all_end(names: Sequence[str], endings: tuple[str, ...]) -> bool:
    return bool(names) and all(name.endswith(endings) for name in names)


def _is_tower(names: Sequence[str]) -> bool:
    return bool(names) and all(is_of_projector(name) for name in names)


def _number(metadata: Mapping[str, Value], key: str) -> int:
    value = metadata.get(key)
    return value if isinstance(value, int) else 0
