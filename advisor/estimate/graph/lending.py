"""What the first GPU copies of the host's weights, to compute large batches of them itself.

Holds which tensors of a graph it computes so, and how large the weights are that each reads; never
where they lie in its buffer. A product's matrix is found among the layer's by its shape; of those
that have the same shape, the largest stands for all.

Source: llama.cpp `ggml/src/ggml-backend.cpp` (`ggml_backend_sched_backend_id_from_cur`) and
`ggml/src/ggml-cuda/ggml-cuda.cu` (`get_op_batch_size`), October 2026.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

from advisor.estimate.graph.draft import F32_BYTES
from advisor.estimate.graph.sketch import INPUT
from catalog.tensors import Role

if TYPE_CHECKING:
    from advisor.estimate.graph.draft import Draft
    from catalog.tensors import TensorTable

LEAST_ROWS = 32
"""Rows of a batch that a GPU takes over; smaller ones are left to the host."""

QUERY_NORM = "attn_q_norm.weight"

TABLE = "token_embd.weight"
"""The token table, which some models multiply by where it lies."""

Shape = tuple[int, int, bool]
"""Columns and rows of a matrix, and whether it is one of a stack."""


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
        is_stack = matrix.used > 0 if matrix else _is_of_experts(draft, tensor)
        if not is_on_host(home, is_stack):
            continue
        if (draft.rows_of(tensor) if matrix is None else matrix.rows) >= LEAST_ROWS:
            yield tensor


class Extras(NamedTuple):
    """What a graph reads of weights that it is drawn without, since that changes nothing else."""

    has_factors: bool = False
    """Rope factors."""

    has_head_norms: bool = False
    """Norms of each query's and each key's head, before their positions turn them."""


def extras_of(table: TensorTable, head_length: int) -> Extras:
    """What a model's tensors say.

    Args:
        table: The tensors.
        head_length: Of a key.
    """
    norms = (group.shape for group in table.groups if group.name == QUERY_NORM)
    return Extras(
        has_factors=any(group.role is Role.ROPE_FACTORS for group in table.groups),
        has_head_norms=any(shape[0] == head_length for shape in norms),
    )


def norm_heads(draft: Draft, lent: Collection[int]) -> set[int]:
    """Have queries and keys of the host's layers normed, and say what weighs them.

    Args:
        draft: The graph, of a model that has such norms.
        lent: The tensors that are taken over.
    """
    sketch, order = draft.sketch, []
    for tensor in sketch.order:
        turned, *others = sketch.reads[tensor]
        product = sketch.root[turned]
        is_bare = product in sketch.matrices and product in lent
        if draft.positions in others and is_bare:
            normed = sketch.node(sketch.size[tensor], (turned,))
            weighed = sketch.node(sketch.size[tensor], (normed,), sketch.home[product], reuses=True)
            sketch.reads[tensor] = (weighed, *others)
            draft.head_norms.add(weighed)
            order += [normed, weighed]
        order.append(tensor)
    sketch.order = order
    return draft.head_norms


def read_factors(draft: Draft, lent: Collection[int]) -> None:
    """Have what the positions turn read rope factors too, which are copied once for all.

    Args:
        draft: The graph, of a model that has such factors. Behind the last tensor that weights are
            lent for, the GPU has factors of its own.
        lent: The tensors that are taken over.
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


def weights_bytes(draft: Draft, tensor: int, matrices: Mapping[Shape, int]) -> int:
    """Bytes of the weights that such a tensor reads; zero of a matrix that is not known.

    Of a norm or a bias that is one row in F32, and of the experts' biases one row for each expert.
    Where every expert has a row of its own, the columns of what is multiplied are those of all that
    are used.

    Args:
        draft: The graph.
        tensor: One that is taken over.
        matrices: Those of its home; see `matrices_of`.
    """
    matrix = draft.sketch.matrices.get(tensor)
    if tensor in draft.head_norms:
        return F32_BYTES * draft.hyper.key_length
    if matrix is None:
        row = draft.sketch.size[tensor] // draft.rows_of(tensor)
        if not _is_of_experts(draft, tensor):
            return row
        return row // (draft.hyper.expert_used_count or 1) * (draft.hyper.expert_count or 1)
    if not matrix.used:
        return matrices.get((matrix.columns, matrix.width, False), 0)
    columns = (matrix.columns, matrix.columns // matrix.used)
    return max(matrices.get((one, matrix.width, True), 0) for one in columns)


def _is_of_experts(draft: Draft, tensor: int) -> bool:
    """True for what a bias of the experts is added to: it reads which of them are used."""
    return bool(draft.hyper.expert_count) and len(draft.sketch.reads[tensor]) > 1


def matrices_of(table: TensorTable, home: int) -> dict[Shape, int]:
    """Bytes of a layer's matrices, or of the token table, by their shapes."""
    found: dict[Shape, int] = {}
    for group in table.groups:
        layers = group.layers
        is_here = group.name == TABLE if layers is None else home in layers
        if is_here and len(group.shape) > 1:
            shape = (group.shape[0], group.shape[1], len(group.shape) > 2)
            found[shape] = max(found.get(shape, 0), group.bytes_each)
    return found
