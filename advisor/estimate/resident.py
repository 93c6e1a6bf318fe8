"""What the CPU keeps of the weights besides, when it computes alone: rearranged second copies.

Holds how a processor's instruction sets choose among the catalog's sums, and what is not known of
it; never which tensors are rearranged, which is `catalog.repacks`.

Source: llama.cpp `src/llama-model.cpp`, `make_cpu_buft_list` (October 2026): a GPU's own host
buffer comes first, so that there are copies only without one.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from advisor.figure import Figure, Origin

if TYPE_CHECKING:
    from advisor.estimate.weights import Weights

SOURCE = "llama.cpp ggml/src/ggml-cpu/repack.cpp (October 2026), for the CPU's instruction sets"
UNKNOWN = "the CPU's instruction sets are not known; AVX2 is taken, which most have"
OTHER = "llama.cpp rearranges little or nothing for this CPU"
TILES = (
    "llama.cpp ggml/src/ggml-cpu/amx/amx.cpp (October 2026): a build with AMX rearranges almost all"
)


def repacked_bytes(
    weights: Weights,
    instruction_sets: tuple[str, ...],
    *,
    maps_file: bool,
    is_locked: bool = False,
) -> Figure:
    """What a CPU without a GPU holds besides weights that are pages of the file.

    Every page of the file is read once, to load it. What was rearranged is never read there again,
    so that the kernel may drop those pages: then the copies cost nothing, the interval's lower end.

    Args:
        weights: The model's.
        instruction_sets: The host's, in ggml's spelling; empty when they are not known.
        maps_file: False for a runtime that reads the file into memory, so that there is one copy.
        is_locked: True where the file's pages are locked, so that none of them is dropped.

    Returns:
        The copies; the interval holds what the processor may do otherwise. [bytes]
    """
    if not maps_file:
        return Figure(value=0, low=0, high=0, origin=Origin.PUBLISHED, source=SOURCE)
    found = _copies(weights, instruction_sets)
    return replace(found, low=found.value) if is_locked else found


def _copies(weights: Weights, instruction_sets: tuple[str, ...]) -> Figure:
    """The copies of such a CPU, where the kernel may drop the pages that were copied from."""
    avx2, avx512, arm = weights.repacked
    if not instruction_sets:
        return _figure(avx2, high=max(avx2, avx512, arm), origin=Origin.ASSUMED, source=UNKNOWN)
    if "amx_int8" in instruction_sets:
        everything = weights.blocks_bytes + weights.output_bytes
        return _figure(avx512, high=everything, origin=Origin.PUBLISHED, source=TILES)
    for name, size in (("avx512", avx512), ("avx2", avx2), ("dotprod", arm)):
        if name in instruction_sets:
            return _figure(size, high=size, origin=Origin.PUBLISHED, source=SOURCE)
    return _figure(0, high=avx2, origin=Origin.ASSUMED, source=OTHER)


def _figure(value: int, *, high: int, origin: Origin, source: str) -> Figure:
    """A figure whose lower end is 0: the kernel may drop the pages that were rearranged."""
    return Figure(value=value, low=0, high=max(value, high), origin=origin, source=source)
