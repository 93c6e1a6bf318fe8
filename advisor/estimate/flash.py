"""When llama.cpp switches flash attention off for a model whose layers lie on several devices.

Holds that one rule. With flash attention left to `auto`, llama.cpp looks where its scheduler put
each layer's attention, and gives flash attention up for the whole model if one is elsewhere.

Source: llama.cpp `src/llama-context.cpp`, `resolve_fused_ops` (October 2026), asked for every
number of GPU layers of every architecture with both attention and recurrent layers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from catalog.cache import LayerCache

AFFECTED = frozenset({"granitehybrid", "lfm2", "nemotron_h"})
"""Architectures whose scheduler moves an attention where they have no experts.

Others with recurrent layers, and mixtures of these, keep theirs.
"""


def is_lost(caches: Sequence[LayerCache], host_blocks: int) -> bool:
    """True when an affected model loses flash attention.

    It does when the last attention on the host has no recurrent layer after it there, while a GPU
    has one: the scheduler then counts that attention among the GPU's.

    Args:
        caches: What each layer keeps.
        host_blocks: How many of the first blocks are on the host, not all of them.
    """
    attends = {layer for cache in caches if cache.key_width for layer in cache.layers}
    recurs = {layer for cache in caches if cache.state_elements for layer in cache.layers}
    last = max((layer for layer in attends if layer < host_blocks), default=None)
    if last is None or not any(layer >= host_blocks for layer in recurs):
        return False
    return not any(last < layer < host_blocks for layer in recurs)
