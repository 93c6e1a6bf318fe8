"""The arithmetic behind the memory of a placement, line by line, for `estimate --explain`.

Takes the same numbers from the same functions as `memory`, and says which went in; holds no
formula of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from advisor.estimate import compute, kv_cache
from advisor.estimate.estimator import costs_of
from advisor.estimate.memory import HOST

if TYPE_CHECKING:
    from advisor.estimate.costs import Costs
    from advisor.estimate.memory import Allocation
    from advisor.estimate.placement import Placement, Share, Span
    from advisor.estimate.result import Estimate
    from advisor.estimate.setup import Setup
    from catalog.cache import LayerCache

_ELEMENT_BYTES = {"f32": 4, "f16": 2, "bf16": 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryTerm:
    """One line: a quantity of `docs/names.md` on a device."""

    device: str
    name: str
    arithmetic: str
    size_bytes: int


def memory_terms(estimate: Estimate) -> list[MemoryTerm]:
    """The lines behind every device's memory; what takes nothing is left out."""
    costs = costs_of(estimate.subject, estimate.setup)
    placement = estimate.placement
    shares = [*placement.gpus, placement.host]
    terms = []
    for number, (one, share) in enumerate(zip(estimate.allocations, shares, strict=True)):
        lines = (
            ("weights_bytes", " + ".join(_weights(costs, share, one)), one.weights_bytes),
            ("kv_cache_bytes", " + ".join(_cache(costs, share)), one.kv_cache_bytes),
            ("compute_bytes", _scratch(costs, placement, share, one), one.compute_bytes),
            ("overhead_bytes", _overhead(costs, placement, number, one), one.overhead_bytes),
        )
        terms += [
            MemoryTerm(device=one.name, name=name, arithmetic=text, size_bytes=size)
            for name, text, size in lines
            if size
        ]
    return terms


def _weights(costs: Costs, share: Share, one: Allocation) -> Iterator[str]:
    """Input tables, blocks, experts that are here or not, and the output layer."""
    weights = costs.weights
    bare = costs.expert_bytes(share.bare) if share.bare[1] > share.bare[0] else 0
    guests = sum(costs.expert_bytes(span) for span in share.experts)
    rest = one.weights_bytes - (weights.input_bytes if one.name == HOST else 0) - guests + bare
    if one.name == HOST:
        yield f"{weights.input_bytes:,} B of input tables"
    blocks = costs.blocks_bytes(share) + bare - guests
    if share.blocks:
        text = f"{blocks:,} B of {_span((share.first, share.last), 'block')}"
        yield text + (
            f" - {bare:,} B of the experts of {_span(share.bare, 'block')}" if bare else ""
        )
    for span in share.experts:
        yield f"{costs.expert_bytes(span):,} B of the experts of {_span(span, 'block')}"
    if rest > blocks:
        yield f"{rest - blocks:,} B of the output layer and of what belongs to no block"


def _span(span: Span, name: str) -> str:
    first, last = span
    return f"{name} {first}" if last - first == 1 else f"{name}s {first} to {last - 1}"


def _cache(costs: Costs, share: Share) -> Iterator[str]:
    """One line for each group of equal layers: layers × cells × rows."""
    setup, caches = costs.setup, costs.context.caches
    widest = max((kept.value_width for kept in caches), default=0)
    for kept in caches:
        count = sum(share.first <= layer < share.last for layer in kept.layers)
        if not count:
            continue
        row = _row(kept, setup, widest)
        if row is not None:
            cells = kv_cache.streams(kept, setup) * kv_cache.cells(kept, setup)
            kind = "compressed" if kept.tokens_per_cell > 1 else kept.window.value
            layers = f"{count:,} {kind} {'layer' if count == 1 else 'layers'}"
            yield f"{layers} × {cells:,} cells × {row}"
        if kept.state_elements:
            each = f"{setup.sequences} × {kept.state_elements:,} × {kv_cache.STATE_BYTES} B"
            yield f"{count:,} recurrent {'layer' if count == 1 else 'layers'} × {each}"


def _row(kept: LayerCache, setup: Setup, widest: int) -> str | None:
    """One cell: elements where both types are plain and alike, else bytes; ``None`` for none."""
    is_widened = kept.is_padded and not setup.flash_attention
    value_width = widest if is_widened else kept.value_width
    keys = kept.key_width + kept.indexer_width
    values = value_width + kept.indexer_value_width
    if not keys + values:
        return None
    each = _ELEMENT_BYTES.get(setup.kv_type_k)
    if each is not None and setup.kv_type_k == setup.kv_type_v:
        return f"({keys:,} + {values:,}) × {each} B"
    size = kv_cache.cell_bytes(kept, setup, value_width=value_width)
    return f"{size:,} B ({keys:,} in {setup.kv_type_k} + {values:,} in {setup.kv_type_v})"


def _scratch(costs: Costs, placement: Placement, share: Share, one: Allocation) -> str:
    """The peak that decided: the logits, the inputs alone, or what is drawn; else a block's rows.

    A drawn graph has no closed form: what lies where is the allocator's doing.
    """
    setup, context = costs.setup, costs.context
    shape, caches = context.shape, context.caches
    if not (share.blocks or share.has_output):
        return "the inputs of a micro-batch, which GPUs read from here"
    tokens = f"{setup.ubatch_tokens:,} tokens"
    if share.has_output and one.compute_bytes == compute.logits_bytes(shape, setup):
        rows = f"{setup.output_rows:,} × ({shape.vocabulary:,} + {shape.embedding:,})"
        return f"the logits: {rows} × {compute.F32_BYTES} B"
    ending = ", inputs four times for batches on their way" if placement.is_pipeline else ""
    if shape.graph.is_drawn:
        return f"the most that the graph of {tokens} holds at once, placed as ggml does it{ending}"
    inputs = compute.input_bytes(shape, caches, setup)
    batch = compute.F32_BYTES * setup.ubatch_tokens
    elements, rest = divmod(one.compute_bytes - inputs, batch)
    what = "a block's rows" if setup.flash_attention else "attention's scores and rows"
    said = f"{what}: {tokens} × {elements:,} × {compute.F32_BYTES} B + inputs {inputs + rest:,} B"
    return said + ending


def _overhead(costs: Costs, placement: Placement, number: int, one: Allocation) -> str:
    """The driver's context and copies of the host's weights; or the host's buffers."""
    if one.name != HOST:
        copies = max(0, costs.copied_bytes(placement, number))
        driver = f"{one.overhead_bytes - copies:,} B of the driver's context"
        return driver + (f" + {copies:,} B to compute for the host" if copies else "")
    buffer = f"{costs.context.output_buffer_bytes:,} B to hand logits over"
    repacked = one.overhead_bytes - costs.context.output_buffer_bytes
    if not repacked:
        return buffer
    first = (
        "whose first copies the kernel may drop" if one.repack_bytes else "beside the locked ones"
    )
    return f"{buffer} + {repacked:,} B of weights rearranged for the CPU, {first}"
