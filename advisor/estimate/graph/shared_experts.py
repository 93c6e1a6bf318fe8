"""A layer's second half as DeepSeek has it: a mixture beside experts that every token uses.

Source: llama.cpp `src/models/{deepseek2,deepseek32,glm-dsa,minimax-m3,glm5-next}.cpp`
(October 2026).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from advisor.estimate.graph.blocks import feed_forward
from advisor.estimate.graph.experts import experts, mixture_of, shared_width
from advisor.estimate.graph.folding import of_layer

if TYPE_CHECKING:
    from advisor.estimate.graph.draft import Draft


def fed(d: Draft, layer: int, y: int) -> int:
    """The feed-forward part, which is dense in the leading layers."""
    hyper = d.hyper
    if layer < (hyper.leading_dense_block_count or 0):
        return feed_forward(d, y, of_layer(hyper.feed_forward_length, layer), layer)
    mixture = replace(mixture_of(d), gating="sigmoid", is_biased=hyper.router_has_bias)
    return d.sum(experts(d, y, layer, mixture), feed_forward(d, y, shared_width(d), layer))


def behind_attention(d: Draft, layer: int, y: int, x: int) -> int:
    """The rest of a layer.

    Args:
        d: The graph.
        layer: The layer.
        y: What attention put out.
        x: What the layer read.
    """
    y, x = d.cropped(layer, y, x)
    x = d.sum(y, x)
    return d.sum(fed(d, layer, d.norm(x, layer)), x)
