"""How weights are stored: ggml's block types, and the file types that people publish.

Sizes are integers (256 weights in 144 bytes for `Q4_K`), so that nothing is rounded twice.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class GgmlType:
    """One of ggml's storage types: so many weights in so many bytes."""

    name: str
    """In llama.cpp's spelling: `q4_K`, `iq4_xs`, `f16`."""

    number: int
    """Its number in a GGUF header."""

    block_weights: int
    block_bytes: int

    def bytes_for(self, elements: int) -> int:
        """Bytes of so many elements, which must be whole blocks."""
        blocks, rest = divmod(elements, self.block_weights)
        if rest:
            msg = f"{elements} elements are not whole blocks of {self.block_weights} ({self.name})"
            raise ValueError(msg)
        return blocks * self.block_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Quant:
    """A file type: a name people know, and the ggml type most of its weights have."""

    name: str
    """`Q4_K_M`, as in file names and on the Hub."""

    number: int
    """llama.cpp's `general.file_type`."""

    base_type: str
    """The `GgmlType` most tensors get; the recipe says which get another."""

    nominal_bits: float
    """Bits per weight it is known by, for a 7-8B model."""

    needs_imatrix: bool
    """True when `llama-quantize` refuses it without an importance matrix."""

    is_common: bool
    """True when people publish it for most models, so that a scan considers it."""

    note: str | None
    source: str
    checked: str
