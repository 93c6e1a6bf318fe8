"""Layouts of encoders that turn text into vectors: BERT and its descendants. They have no head."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from catalog.layouts.layers import stated
from catalog.layouts.parts import (
    Groups,
    attention,
    biased_norms,
    fused_attention,
    gated_feed_forward,
    outside,
    plain_feed_forward,
)
from catalog.tensors import Role

if TYPE_CHECKING:
    from catalog.model import Hyperparameters


def _tables(hp: Hyperparameters) -> Groups:
    width = hp.embedding_length
    yield outside("token_embd.weight", Role.TOKEN_EMBEDDING, width, hp.vocab_size)
    yield outside("token_types.weight", Role.TOKEN_EMBEDDING, width, stated(hp, "token_type_count"))
    yield outside("token_embd_norm.weight", Role.NORM, width)
    yield outside("token_embd_norm.bias", Role.NORM, width)


def _bert(hp: Hyperparameters) -> Groups:
    """A learned table of positions, biases everywhere, norms after each part."""
    yield from _tables(hp)
    positions = stated(hp, "position_count")
    yield outside("position_embd.weight", Role.TOKEN_EMBEDDING, hp.embedding_length, positions)
    yield from biased_norms(hp, "attn_output_norm", "layer_output_norm")
    yield from attention(hp, bias=True, output_bias=True)
    yield from plain_feed_forward(hp, bias=True)


def _nomic_bert(hp: Hyperparameters) -> Groups:
    """Rotary positions, one matrix for query, key and value, gated feed-forward."""
    yield from _tables(hp)
    yield from biased_norms(hp, "attn_output_norm", "layer_output_norm")
    yield from fused_attention(hp)
    yield from gated_feed_forward(hp)


LAYOUTS: Mapping[str, Callable[[Hyperparameters], Groups]] = {
    "bert": _bert,
    "nomic-bert": _nomic_bert,
}
