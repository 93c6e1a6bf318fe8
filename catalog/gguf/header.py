"""What the header of one GGUF file says, as it says it.

Holds values, places and lengths; what a key or a tensor's name *means* is said in `model` and
`table`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

Scalar = bool | int | float | str
"""One value of a header. Strings that are not UTF-8 have their stray bytes replaced."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SkippedArray:
    """An array that was passed over: strings (a vocabulary), or more numbers than layers."""

    element_type: int
    """GGUF's number of its type: 8 for strings, 9 for arrays."""

    count: int


Value = Scalar | tuple[Scalar, ...] | SkippedArray
"""What a key may hold: arrays of few numbers are kept, others are passed over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorInfo:
    """One line of a header's list of tensors."""

    name: str
    shape: tuple[int, ...]
    """Elements, row length first."""

    type_id: int
    """ggml's number of its storage type (`catalog/ggml_types.csv`)."""

    offset: int
    """Of its first byte, from the beginning of the file's data. [bytes]"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """Everything before the data of one file; of a split file's part, that part's."""

    version: int
    metadata: Mapping[str, Value]
    tensors: tuple[TensorInfo, ...]
    alignment: int
    """Tensors begin at multiples of it. [bytes]"""

    tensors_offset: int
    """Where the list of tensors begins. [bytes from the beginning of the file]"""

    data_offset: int
    """Where the data begins: the header's length, rounded up to the alignment. [bytes]"""

    @property
    def architecture(self) -> str | None:
        """llama.cpp's name of it; ``None`` where the key is missing."""
        value = self.metadata.get("general.architecture")
        return value if isinstance(value, str) else None
