"""A mixture of experts: who is picked, what they make of a row, and how that is added up.

Source: llama.cpp `src/llama-graph.cpp` (`build_moe_ffn`, October 2026). Groups of experts, whose
scores are compared before the experts' own, are left out: they take less than a hundredth of a row.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from advisor.estimate.graph.draft import Draft


@dataclass(frozen=True, slots=True, kw_only=True)
class Mixture:
    """One layer's experts."""

    width: int
    """Of what they read and write."""

    inner: int
    count: int
    used: int
    """How many each token uses."""

    gating: str = "softmax"
    """`softmax`, `sigmoid`, or `softmax-weight` over those that are used only."""

    is_biased: bool = False
    """True where a bias decides which experts are picked."""

    has_expert_bias: bool = False
    is_normed: bool = True
    """True where the weights of those used are made to sum up to one."""

    is_fused: bool = False
    """True where gate and up are one matrix."""

    is_gated: bool = True
    chosen: int | None = None
    """Which are used, where that does not follow from their scores; a tensor of the graph."""

    weighs_first: bool = False
    """True where what experts read is weighted, not what they put out (Llama 4)."""


def mixture_of(d: Draft) -> Mixture:
    """A model's experts, where they do not differ from the usual."""
    hyper = d.hyper
    return Mixture(
        width=d.embedding,
        inner=hyper.expert_feed_forward_length or 0,
        count=hyper.expert_count or 0,
        used=hyper.expert_used_count or 0,
    )


def shared_width(d: Draft) -> int:
    """Inner width of the experts that every token uses; zero without any."""
    hyper = d.hyper
    if hyper.expert_shared_feed_forward_length:
        return hyper.expert_shared_feed_forward_length
    return (hyper.expert_shared_count or 0) * (hyper.expert_feed_forward_length or 0)


def experts(d: Draft, x: int, home: int, mixture: Mixture, logits: int | None = None) -> int:
    """What a mixture makes of each row.

    Args:
        d: The graph.
        x: What they read.
        home: Whose weights they are.
        mixture: The experts.
        logits: Their scores, where they are not made of what the experts read.
    """
    sketch = d.sketch
    if logits is None:
        logits = d.product(x, mixture.count, home)
    chosen, weights = _picked(d, home, mixture, logits)
    x = sketch.view(x)
    if mixture.weighs_first:
        x = d.same(d.made(mixture.used * mixture.width, x), weights)
    hidden = _hidden(d, x, home, mixture, chosen)
    results = d.products(hidden, mixture.width, home, chosen=chosen, used=mixture.used)
    if mixture.has_expert_bias:
        results = d.same(results, chosen, home=home)
    if not mixture.weighs_first:
        results = d.same(results, weights)
    sketch.draw(results)
    return _added(d, results, mixture)


def _picked(d: Draft, home: int, mixture: Mixture, logits: int) -> tuple[int, int]:
    """Which experts each token uses, and their weights."""
    view = d.sketch.view
    is_late = mixture.gating == "softmax-weight"
    scores = logits if is_late else d.same(logits)
    picked_by = d.same(scores, home=home) if mixture.is_biased else scores
    if mixture.weighs_first:
        picked_by = logits
    chosen = mixture.chosen
    if chosen is None:
        chosen = view(d.made(mixture.count, picked_by))
    weights = d.made(mixture.used, view(scores), chosen)
    if is_late:
        weights = view(d.same(view(weights)))
    if mixture.is_normed:
        apart = view(weights)
        weights = view(d.same(apart, d.same(d.made(1, apart))))
    d.sketch.draw(weights)
    return chosen, weights


def _hidden(d: Draft, x: int, home: int, mixture: Mixture, chosen: int) -> int:
    """What the experts that are used have inside."""
    used, inner, view = mixture.used, mixture.inner, d.sketch.view
    if mixture.is_fused:
        both = d.products(x, 2 * inner, home, chosen=chosen, used=used)
        return d.made(used * inner, view(both), view(both))
    up = d.products(x, inner, home, chosen=chosen, used=used)
    if not mixture.is_gated:
        return d.same(up)
    gate = d.products(x, inner, home, chosen=chosen, used=used)
    if mixture.has_expert_bias:
        up, gate = d.same(up, chosen, home=home), d.same(gate, chosen, home=home)
    return d.made(used * inner, gate, up)


def _added(d: Draft, results: int, mixture: Mixture) -> int:
    """The results of those used, added up one after another."""
    sketch = d.sketch
    slices = [sketch.view(results) for _ in range(mixture.used)]
    found = d.made(mixture.width, *slices[:2])
    if mixture.used > 1:
        sketch.draw(found)
    for one in slices[2:]:
        found = d.same(found, one)
        sketch.draw(found)
    return found
