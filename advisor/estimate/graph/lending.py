"""What the first GPU copies of the host's weights, to compute large batches of them itself.

Holds which tensors of a graph it computes so, and how large the weights are that each reads; never
where they lie in its buffer.

Source: llama.cpp `ggml/src/ggml-backend.cpp` (`ggml_backend_sched_backend_id_from_cur`) and
`ggml/src/ggml-cuda/ggml-cuda.cu` (`get_op_batch_size`), October 2026.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from advisor.estimate.graph.draft import F32_BYTES
from advisor.estimate.graph.sketch import INPUT
from catalog.tensors import Role

if TYPE_CHECKING:
    from advisor.estimate.graph.draft import Draft
    from catalog.tensors import TensorGroup, TensorTable

LEAST_ROWS = 32
"""Rows of a batch that a GPU takes over; smaller ones are left to the host."""


def taken_over(draft: Draft, is_on_host: Callable[[int, bool], bool]) -> Iterator[int]:
    """The tensors that the first GPU computes of the host's weights.

    Args:
        draft: The graph, drawn.
        is_on_host: Whether the weights of a home are on the host: its stacked experts, or else the
            rest of it.
    """
    sketch = draft.sketch
    for tensor in sketch.order:
        home, matrix = sketch.home[tensor], sketch.matrices.get(tensor)
        if not sketch.size[tensor] or (home < 0 and (home != INPUT or matrix is None)):
            continue  # it writes into a cache, or reads no weights
        is_stack = matrix.used > 0 if matrix else is_of_experts(draft, tensor)
        if not is_on_host(home, is_stack):
            continue
        if (draft.rows_of(tensor) if matrix is None else matrix.rows) >= LEAST_ROWS:
            yield tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class Extras:
    """What a model's weights say of its graph beside its hyperparameters: which there are."""

    names: frozenset[str]
    table: TensorTable = field(compare=False)
    """Where they are found; of any quant, for their types make no difference here."""

    @property
    def has_factors(self) -> bool:
        """True for rope factors."""
        return any(group.role is Role.ROPE_FACTORS for group in self.table.groups)

    @property
    def vectors(self) -> dict[str, TensorGroup]:
        """Biases and the weights of norms, some of which have a row for each head."""
        return {
            group.name: group
            for group in self.table.groups
            if len(group.shape) == 1 or group.role is Role.NORM
        }


def extras_of(table: TensorTable) -> Extras:
    """What a model's tensors say."""
    return Extras(names=frozenset(group.name for group in table.groups), table=table)


def read_factors(draft: Draft, lent: Collection[int]) -> None:
    """Have what the positions turn read rope factors too, which are copied once for all.

    Args:
        draft: The graph, of a model that has such factors. Behind the last tensor of a layer of the
            host's, the GPU has factors of its own.
        lent: The tensors of the host's layers that are taken over.
    """
    sketch = draft.sketch
    ends = [place for place, tensor in enumerate(sketch.order) if tensor in lent]
    turned = [
        tensor
        for tensor in sketch.order[: ends[-1] if ends else 0]
        if draft.positions in sketch.reads[tensor]
    ]
    if turned:
        factors = sketch.leaf(F32_BYTES * draft.hyper.rope_dimension_count // 2)
        sketch.draw(factors)
        sketch.apart.update(turned)
        for tensor in turned:
            sketch.reads[tensor] = (*sketch.reads[tensor], factors)


def weights_bytes(
    draft: Draft, tensor: int, name: str | None, groups: Mapping[str, TensorGroup]
) -> int:
    """Bytes of the weights that such a tensor reads; zero of a matrix that is not known.

    Of a norm or a bias without a name that is one row in F32, and of the experts' biases one row
    for each expert.

    Args:
        draft: The graph.
        tensor: One that is taken over.
        name: Of its weights, if it is known.
        groups: The tensors of its home.
    """
    if name is not None:
        return groups[name].bytes_each if name in groups else 0
    if tensor in draft.sketch.matrices:
        return 0
    row = draft.sketch.size[tensor] // draft.rows_of(tensor)
    if not is_of_experts(draft, tensor):
        return row
    return row // (draft.hyper.expert_used_count or 1) * (draft.hyper.expert_count or 1)


def is_of_experts(draft: Draft, tensor: int) -> bool:
    """True for what a bias of the experts is added to: it reads which of them are used."""
    return bool(draft.hyper.expert_count) and len(draft.sketch.reads[tensor]) > 1
