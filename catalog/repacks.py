"""Which tensors ggml's CPU backend keeps a second copy of, rearranged for its kernels.

Holds the rule and its sum over a tensor table; which processor a machine has, and whether the first
copy stays, is the estimator's business.

Source: llama.cpp `ggml/src/ggml-cpu/repack.cpp` (types and rows), `src/llama-model-loader.cpp` (a
tied head that is rearranged is no longer the token embedding), October 2026.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from catalog.load import csv_rows
from catalog.tensors import Role

if TYPE_CHECKING:
    from catalog.tensors import TensorGroup, TensorTable

PROCESSORS = ("avx2", "avx512", "arm")
"""The kinds of processor that `repacks.csv` tells apart."""

NEVER_MULTIPLIED = frozenset(
    {Role.TOKEN_EMBEDDING, Role.LOOKUP_TABLE, Role.NORM, Role.VISION, Role.MTP, Role.ROPE_FACTORS}
)
"""Tensors that are looked up, added, or not loaded: only matrices that multiply are rearranged."""

LOOKED_UP = frozenset(
    {
        "attn_compressor_ape.weight",
        "indexer_compressor_ape.weight",
        "markov_w1.weight",
        "selector_predecessor.weight",
        "selector_successor.weight",
    }
)
"""Tables of rows inside other parts (`src/llama-arch.cpp`, `LLM_TENSOR_INFOS`: GET_ROWS)."""

_HEAD, _FINAL_NORM = "output.weight", "output_norm.weight"


@cache
def _rows_needed() -> dict[tuple[str, str], int]:
    return {(row["processor"], row["type"]): int(row["rows"]) for row in csv_rows("repacks.csv")}


def repacked_bytes(table: TensorTable, processor: str) -> int:
    """Bytes of the second copies.

    Args:
        table: Every tensor with its type.
        processor: One of `PROCESSORS`.
    """
    needed = _rows_needed()
    names = {group.name for group in table.groups}
    is_tied = _HEAD not in names and _FINAL_NORM in names
    return sum(
        group.bytes
        for group in table.groups
        if _multiplies(group, is_tied=is_tied)
        and group.type is not None
        and (processor, group.type.name) in needed
        and len(group.shape) > 1
        and group.shape[1] % needed[processor, group.type.name] == 0
    )


def _multiplies(group: TensorGroup, *, is_tied: bool) -> bool:
    """True for a plain matrix and for stacked experts; not for the heads of latent attention."""
    if group.role is Role.TOKEN_EMBEDDING:
        return is_tied
    if group.role in NEVER_MULTIPLIED or group.name in LOOKED_UP:
        return False
    return len(group.shape) == (3 if group.role is Role.ROUTED_EXPERT else 2)
