"""Which of a model's weights each product of its drawn graph reads.

A product is drawn without a name. Its matrix is found among those of its layer by its shape, and
where several have the same by the order in which they are drawn; never by what they are for.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from advisor.estimate.graph.folding import of_layer

if TYPE_CHECKING:
    from advisor.estimate.graph.draft import Draft
    from catalog.tensors import TensorGroup, TensorTable

OF_NO_LAYER = frozenset({"per_layer_model_proj.weight", "token_embd.weight"})
"""Matrices on the host that are no layer's: the token table, which some models multiply by where it
lies, and what makes Gemma's embeddings for each layer, drawn as the first one's."""

DRAWN_ORDER = {
    f"{name}.weight": place
    for place, name in enumerate(
        (
            *("attn_q", "attn_k", "attn_v", "attn_gate", "attn_output"),
            *("ffn_up_exps", "ffn_gate_exps", "ffn_down_exps"),
            *("ffn_up", "ffn_gate", "ffn_down"),
            *("ffn_up_shexp", "ffn_gate_shexp", "ffn_down_shexp"),
        )
    )
}
"""The order in which a layer's matrices are drawn, of those that may have the same shape."""

EACH_HEADS = ("attn_k_b.weight", "attn_v_b.weight")
"""Stacks of a matrix for each head, all of which every row is multiplied by."""

Shape = tuple[int, int, bool]
"""Columns and rows of a matrix, and whether it is one of a stack."""


def names_of(draft: Draft, table: TensorTable, products: Collection[int]) -> dict[int, str]:
    """The name of what each product reads; without those that nothing fits.

    Args:
        draft: The graph.
        table: The model's tensors; the types make no difference.
        products: Those that are asked for.
    """
    homes: defaultdict[int, list[int]] = defaultdict(list)
    for product in sorted(products):
        homes[draft.sketch.home[product]].append(product)
    found: dict[int, str] = {}
    for home, made in homes.items():
        shapes = _shapes(table, home)
        alike: defaultdict[Shape, list[int]] = defaultdict(list)
        for product in made:
            shape = next((one for one in _fitting(draft, product) if one in shapes), None)
            if shape is not None:
                alike[shape].append(product)
            elif name := _of_each_head(draft, table, product):
                found[product] = name
        for shape, some in alike.items():
            found.update(zip(some, _in_order(shapes[shape], len(some)), strict=True))
    return found


def groups_at(table: TensorTable, home: int) -> dict[str, TensorGroup]:
    """A layer's tensors, and those matrices that are no layer's, by their names."""
    return {
        group.name: group
        for group in table.groups
        if (group.name in OF_NO_LAYER if group.layers is None else home in group.layers)
    }


def _shapes(table: TensorTable, home: int) -> dict[Shape, list[TensorGroup]]:
    found: defaultdict[Shape, list[TensorGroup]] = defaultdict(list)
    for group in groups_at(table, home).values():
        if len(group.shape) > 1:
            found[group.shape[0], group.shape[1], len(group.shape) > 2].append(group)
    return found


def _fitting(draft: Draft, product: int) -> list[Shape]:
    """Shapes that a product's matrix may have.

    Where every expert has a row of its own, the columns of what is multiplied are those of all that
    are used.
    """
    matrix = draft.sketch.matrices[product]
    if not matrix.used:
        return [(matrix.columns, matrix.width, False)]
    columns = (matrix.columns, matrix.columns // matrix.used)
    return [(one, matrix.width, True) for one in columns]


def _of_each_head(draft: Draft, table: TensorTable, product: int) -> str | None:
    matrix, home = draft.sketch.matrices[product], draft.sketch.home[product]
    if matrix.used or home < 0:
        return None
    heads = of_layer(draft.hyper.head_count, home)
    groups = groups_at(table, home)
    for name in EACH_HEADS:
        group = groups.get(name)
        if group is not None and group.shape[1] * heads == matrix.width:
            return name
    return None


def _in_order(groups: Sequence[TensorGroup], count: int) -> list[str]:
    """What so many products read; the largest for all where it is not known which is whose."""
    is_known = all(group.name in DRAWN_ORDER for group in groups)
    if len(groups) == count and (is_known or count == 1):
        return sorted((group.name for group in groups), key=lambda name: DRAWN_ORDER.get(name, 0))
    return [max(groups, key=lambda group: group.bytes_each).name] * count
