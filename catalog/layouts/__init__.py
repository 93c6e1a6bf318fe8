"""Which tensors a model has: hyperparameters become groups of equal tensors, per architecture.

The names, shapes and layers are those that llama.cpp creates when it loads a model of the
architecture, so that the size of any quant of any known model follows by arithmetic. Types are
left open; a recipe or a header fills them in.

Tables of rope factors (`rope_freqs.weight` and its kin) are in the files, and llama.cpp counts
them as parameters; the makers' counts leave them out. They have a role of their own, so that
either sum can be had. A tied head is no tensor: the token table is in the file once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

from catalog.errors import UnknownArchitectureError
from catalog.layouts import connected, dense, encoders, gemma, hybrids, latent, sparse
from catalog.layouts.parts import Groups, outside
from catalog.layouts.prediction import prediction_block
from catalog.tensors import Role, TensorGroup

if TYPE_CHECKING:
    from catalog.model import Hyperparameters, Model

LAYOUTS: Mapping[str, Callable[[Hyperparameters], Groups]] = {
    **connected.LAYOUTS,
    **dense.LAYOUTS,
    **encoders.LAYOUTS,
    **gemma.LAYOUTS,
    **hybrids.LAYOUTS,
    **latent.LAYOUTS,
    **sparse.LAYOUTS,
}
"""By llama.cpp's name of the architecture."""

_TWO_ROPE_TABLES = frozenset({"minicpm", "phi3", "phimoe"})
"""Architectures whose rope factors are two tables: for contexts beyond the first, and within."""


@cache
def layout(model: Model, *, with_mtp: bool = False) -> tuple[TensorGroup, ...]:
    """The tensors of a model, without their types.

    Args:
        model: A model of the catalog.
        with_mtp: True to add the next-token-prediction block, which some files carry.

    Raises:
        UnknownArchitectureError: Nothing is known of the architecture, or its prediction block
            was asked for and no published count confirms one.
    """
    build = LAYOUTS.get(model.architecture)
    if build is None:
        msg = f"the tensors of architecture `{model.architecture}` are not known here"
        raise UnknownArchitectureError(msg)
    block = _prediction_block(model) if with_mtp else ()
    return _joined((*build(model.hyperparameters), *_rope_factors(model), *block))


def _prediction_block(model: Model) -> tuple[TensorGroup, ...]:
    block = tuple(prediction_block(model.architecture, model.hyperparameters))
    if model.params_mtp is None or not block:
        msg = f"the prediction block of `{model.name}` is not known here"
        raise UnknownArchitectureError(msg)
    return block


def _joined(groups: Iterable[TensorGroup]) -> tuple[TensorGroup, ...]:
    """Equal tensors in one group, wherever their layers were named."""
    found: dict[tuple[str, Role, tuple[int, ...]], TensorGroup] = {}
    for group in groups:
        key = (group.name, group.role, group.shape)
        known = found.get(key)
        if known is not None:
            layers = (*(known.layers or ()), *(group.layers or ()))
            group = replace(known, layers=tuple(sorted(layers)))  # noqa: PLW2901
        found[key] = group
    return tuple(found.values())


def _rope_factors(model: Model) -> Groups:
    elements = model.gguf_extra_elements
    if not elements:
        return
    if model.architecture in _TWO_ROPE_TABLES:
        yield outside("rope_factors_long.weight", Role.ROPE_FACTORS, elements // 2)
        yield outside("rope_factors_short.weight", Role.ROPE_FACTORS, elements // 2)
    else:
        yield outside("rope_freqs.weight", Role.ROPE_FACTORS, elements)
