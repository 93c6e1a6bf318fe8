"""The tensor table of a catalog model in a file type: its layout, typed by the recipe.

Holds the memory of what was built already: a scan asks for some 1,500 tables, many of them twice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from catalog.layouts import layout
from catalog.native import with_native_experts
from catalog.recipes import Recipe

if TYPE_CHECKING:
    from catalog.model import Model
    from catalog.quant import Quant
    from catalog.tensors import TensorTable


class _Shelf:
    """What was built for one model."""

    __slots__ = ("model", "recipe", "tables")

    def __init__(self, model: Model, *, with_mtp: bool) -> None:
        self.model = model
        """Kept, so that no other model can get its identity while the shelf stands."""

        self.recipe = Recipe(
            with_native_experts(layout(model, with_mtp=with_mtp), model.architecture),
            architecture=model.architecture,
            hyperparameters=model.hyperparameters,
        )
        self.tables: dict[tuple[str, bool], TensorTable] = {}


_SHELVES: dict[tuple[int, bool], _Shelf] = {}
"""By the model's identity: its own hash would cost as much as a table."""


def _shelf(model: Model, *, with_mtp: bool) -> _Shelf:
    shelf = _SHELVES.get((id(model), with_mtp))
    if shelf is None:
        shelf = _SHELVES[id(model), with_mtp] = _Shelf(model, with_mtp=with_mtp)
    return shelf


def tensor_table(
    model: Model, quant: Quant, *, has_imatrix: bool = False, with_mtp: bool = False
) -> TensorTable:
    """The tensors of a model as llama-quantize stores them in a file type.

    Args:
        model: A model of the catalog.
        quant: The file type.
        has_imatrix: True for a file made with an importance matrix, which saves some mixtures
            (IQ4_XS, IQ3_XXS) bits and costs others (Q4_0, Q5_0) some.
        with_mtp: True for a file that carries the model's next-token-prediction block.

    Raises:
        UnknownArchitectureError: The architecture's tensors are not known here.
        CatalogError: llama-quantize refuses this model in this file type.
    """
    shelf = _shelf(model, with_mtp=with_mtp)
    key = (quant.name, has_imatrix)
    table = shelf.tables.get(key)
    if table is None:
        table = shelf.tables[key] = shelf.recipe.table(quant, has_imatrix=key[1])
    return table
