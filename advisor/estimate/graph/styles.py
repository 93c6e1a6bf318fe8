"""What each architecture's layers have, of those that attend and then feed forward in every layer.

Holds the differences from the usual only, one row an architecture; `transformer` draws the layers.

Source: llama.cpp `src/models/*.cpp` (October 2026), a file for each architecture.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from advisor.estimate.graph.sketch import INPUT, OUTPUT

if TYPE_CHECKING:
    from advisor.estimate.graph.draft import Draft


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """What one architecture's layers have and others do not."""

    feeding: str = "gated"
    """`gated`, `fused` (gate and up in one matrix) or `plain`."""

    has_mean_norm: bool = False
    """True for norms around the mean, which are not made in place."""

    has_first_norms: bool = True
    """False where only results are normed (OLMo 2)."""

    is_fused: bool = False
    """True where queries, keys and values are parts of one product."""

    is_parallel: bool = False
    """True where the feed-forward part reads what attention reads."""

    is_unturned: Callable[[Draft, int], bool] | None = None
    """Layers whose queries are neither normed nor rotated."""

    has_last_norm: bool = False
    """True where what a layer adds is normed before, which pins experts to their device."""

    adds_to_residual: bool = False
    """True where the sum after the feed-forward part is made in place of the residual row."""

    gate: str = ""
    """A gate on what attention puts out: `each` element or one for a `head`."""

    has_inner_norm: bool = False
    """True for norms before the output projections (BitNet)."""

    is_scaled: bool = False
    """True where queries that are not rotated are scaled by their positions."""

    head_home: int = OUTPUT
    """`INPUT` where the head is the token table itself."""

    scales_input: bool = False
    tail: str = "cropped"
    """What becomes of the rows without logits: `cropped` before the last layer feeds forward, or
    `kept` to be handed over, or `normed` first."""

    gating: str = "softmax"
    is_biased: bool = False
    """True where a bias decides which experts are picked."""

    has_expert_bias: bool = False
    is_normed: bool = True
    weighs_first: bool = False


PLAIN = Style()


def _every_fourth(_d: Draft, layer: int) -> bool:
    return (layer + 1) % 4 == 0


def _full(d: Draft, layer: int) -> bool:
    is_sparse = layer >= (d.hyper.leading_dense_block_count or 0)
    return d.cache_of[layer].window_tokens is None and is_sparse


_SIGMOID = Style(gating="sigmoid", is_biased=True)

STYLES = {
    "afmoe": Style(gating="sigmoid", is_biased=True, gate="each", has_last_norm=True),
    "apertus": Style(feeding="plain"),
    "arcee": Style(feeding="plain"),
    "bailingmoe2": Style(gating="sigmoid", is_biased=True, is_fused=True),
    "bitnet": Style(has_inner_norm=True, head_home=INPUT),
    "cohere2": Style(has_mean_norm=True, is_parallel=True, is_unturned=_full),
    "cohere2moe": Style(
        has_mean_norm=False,
        is_parallel=True,
        is_unturned=_full,
        gating="sigmoid",
        tail="normed",
    ),
    "command-r": Style(has_mean_norm=True, is_parallel=True),
    "deci": PLAIN,
    "ernie4_5": PLAIN,
    "ernie4_5-moe": Style(is_biased=True),
    "exaone": PLAIN,
    "exaone4": Style(has_first_norms=False),
    "gemma2": Style(scales_input=True),
    "gemma3": Style(scales_input=True),
    "glm4": Style(feeding="fused"),
    "glm4moe": _SIGMOID,
    "gpt-oss": Style(gating="softmax-weight", has_expert_bias=True, is_normed=False, tail="kept"),
    "granite": Style(scales_input=True),
    "granitemoe": Style(scales_input=True),
    "hunyuan-dense": PLAIN,
    "hunyuan-moe": PLAIN,
    "hy_v3": Style(gating="sigmoid", is_biased=True, tail="normed"),
    "internlm2": PLAIN,
    "laguna": Style(gating="sigmoid", is_biased=True, gate="head"),
    "llama": PLAIN,
    "llama4": Style(
        gating="sigmoid",
        is_normed=False,
        weighs_first=True,
        is_scaled=True,
        is_unturned=_every_fourth,
    ),
    "mellum": PLAIN,
    "mimo2": Style(gating="sigmoid", is_biased=True),
    "minicpm": Style(scales_input=True),
    "minimax-m2": _SIGMOID,
    "mistral3": PLAIN,
    "muse-glimmer": Style(scales_input=True, gate="each"),
    "olmo2": Style(has_first_norms=False),
    "olmoe": Style(is_normed=False),
    "phi3": Style(feeding="fused", is_fused=True, adds_to_residual=True),
    "phimoe": Style(adds_to_residual=True),
    "qwen2": PLAIN,
    "qwen2vl": PLAIN,
    "qwen3": PLAIN,
    "qwen3moe": PLAIN,
    "qwen3vl": PLAIN,
    "qwen3vlmoe": PLAIN,
    "seed_oss": PLAIN,
    "smollm3": Style(is_unturned=_every_fourth),
    "starcoder2": Style(feeding="plain", has_mean_norm=True),
    "step35": Style(gating="sigmoid", is_biased=True, gate="head", tail="kept"),
}
"""Architectures drawn here."""
