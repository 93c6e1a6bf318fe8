"""The parts of layers with experts: router, stacked experts, the one that every token passes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from catalog.layouts.layers import Layers, dense_layers, sparse_layers, stated
from catalog.layouts.parts import Groups, gated_feed_forward, inside
from catalog.tensors import Role

if TYPE_CHECKING:
    from catalog.model import Hyperparameters

ROUTER_BIAS = "exp_probs_b.bias"
"""What most architectures call the correction of the router's scores."""


def router(hp: Hyperparameters, layers: Layers, *, bias: str | None = None) -> Groups:
    """The matrix that scores the experts, and the bias (of this name) that corrects the scores."""
    experts = stated(hp, "expert_count")
    yield inside("ffn_gate_inp.weight", Role.ROUTER, layers, hp.embedding_length, experts)
    if bias:
        yield inside(bias, Role.ROUTER, layers, experts)


def experts(
    hp: Hyperparameters, layers: Layers, *, gated: bool = True, width: int | None = None
) -> Groups:
    """The routed experts, stacked; `width` is what they see where that is not the residual's."""
    count, length = stated(hp, "expert_count"), stated(hp, "expert_feed_forward_length")
    seen = width or hp.embedding_length
    if gated:
        yield inside("ffn_gate_exps.weight", Role.ROUTED_EXPERT, layers, seen, length, count)
    yield inside("ffn_up_exps.weight", Role.ROUTED_EXPERT, layers, seen, length, count)
    yield inside("ffn_down_exps.weight", Role.ROUTED_EXPERT, layers, length, seen, count)


def shared_expert(hp: Hyperparameters, layers: Layers, *, gated: bool = True) -> Groups:
    """The expert that every token passes; nothing where there is none.

    Several shared experts are one matrix of their joint length. Where that length is not stated,
    each is as long as a routed one.
    """
    length = hp.expert_shared_feed_forward_length or (
        (hp.expert_shared_count or 0) * stated(hp, "expert_feed_forward_length")
    )
    if not length:
        return
    if gated:
        yield inside(
            "ffn_gate_shexp.weight", Role.SHARED_EXPERT, layers, hp.embedding_length, length
        )
    yield inside("ffn_up_shexp.weight", Role.SHARED_EXPERT, layers, hp.embedding_length, length)
    yield inside("ffn_down_shexp.weight", Role.SHARED_EXPERT, layers, length, hp.embedding_length)


def mixture(hp: Hyperparameters, layers: Layers, *, bias: str | None = None) -> Groups:
    """Router, routed experts and the shared expert."""
    yield from router(hp, layers, bias=bias)
    yield from experts(hp, layers)
    yield from shared_expert(hp, layers)


def dense_then_sparse(hp: Hyperparameters, *, bias: str | None = None) -> Groups:
    """Gated feed-forward in the leading layers, a mixture of experts in the rest."""
    if dense := dense_layers(hp):
        yield from gated_feed_forward(hp, dense)
    yield from mixture(hp, sparse_layers(hp), bias=bias)
