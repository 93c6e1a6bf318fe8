"""How large a file is that a publisher made in its own way: `Q4_K_L`, `UD-Q4_K_XL`, `i1-IQ3_XXS`.

Holds the way from a model, a label and a repository to a size, which joins what the label means
(`catalog.labels`: exact), the traits of the repository's files (`catalog.file_traits`: exact), and
its publisher's mixes (`catalog.mixes`: an estimate). Asking the Hub for the real size is nobody's
business here.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from catalog.container import ByteEstimate, file_bytes, header_around, with_tensors
from catalog.errors import UnknownArchitectureError
from catalog.file_traits import STOCK, FileTraits, file_table, retyped, traits_of
from catalog.labels import (
    OWN_LABEL,
    WHOSE,
    LabelRecipe,
    maker_of,
    names_matrix,
    own_labels,
    plain_label,
    recipe_of,
)
from catalog.mixes import SPREAD_OF_OWN_LABELS, Mix, mix_of, mixed_labels
from catalog.published import spread_of_own_mixes, uses_imatrix
from catalog.quants import known_quant
from catalog.tensor_list import padding_bytes, tensor_list_bytes

if TYPE_CHECKING:
    from collections.abc import Collection

    from catalog.model import Model
    from catalog.quant import Quant

_REPACKED = "Q4_0_"
"""Retired kinds of Q4_0, which everybody made without an importance matrix."""


def variant_labels(model: Model, repository: str | None = None) -> tuple[str, ...]:
    """The labels of publishers' own that can be sized for a model.

    Args:
        model: A model of the catalog.
        repository: Only what its publisher makes; ``None`` for what anybody does.
    """
    publisher = None if repository is None else repository.partition("/")[0]
    labels = set(own_labels(publisher))
    for owner in [publisher] if publisher else WHOSE.values():
        labels.update(mixed_labels(owner))
    return tuple(
        label
        for label in sorted(labels)
        if known_quant(label) is None and variant_size(model, label, repository) is not None
    )


def variant_size(
    model: Model, label: str, repository: str | None = None, *, without: str | None = None
) -> ByteEstimate | None:
    """What a file of this label measures.

    Args:
        model: A model of the catalog.
        label: As in file names, any case: `UD-Q4_K_XL`, `Q4_K_L`, `i1-Q4_K_M`, also `Q4_K_M`.
        repository: Where the file is, `owner/name`; ``None`` for the usual meaning of the label.
        without: A model whose published files are left out, to judge the rest by it.

    Returns:
        Exact tensors where the label's recipe is known; an estimate by the sizes of the
        publisher's other files where it is a mix of its own; ``None`` where nothing is known.

    Raises:
        UnknownArchitectureError: The architecture's tensors are not known here.
        CatalogError: llama-quantize refuses this model in this file type.
    """
    by_recipe = recipe_size(model, label, repository)
    label = plain_label(label)
    spread = _spread(model, label, repository)
    if by_recipe is None or spread is None:
        return by_recipe
    publisher = _publisher(label, repository)
    mix = mix_of(publisher, label, model, spread=spread, without=without)
    if mix is None:
        return None if label.startswith(OWN_LABEL) else by_recipe
    return _mixed(by_recipe, mix, publisher, label)


def recipe_size(model: Model, label: str, repository: str | None = None) -> ByteEstimate | None:
    """The size by the recipe that a label is built on, no publisher's mix considered.

    For arguments and errors see `variant_size`.
    """
    is_named = names_matrix(label)
    label = plain_label(label)
    recipe = recipe_of(_publisher(label, repository), label, model)
    if recipe is None:
        return None
    has_imatrix = True if is_named else _has_imatrix(label, recipe.quant, repository)
    traits = STOCK if repository is None else traits_of(model, repository)
    return _by_recipe(model, recipe, traits, has_imatrix=has_imatrix)


def size_in(repository: str, model: Model, quant: Quant) -> ByteEstimate:
    """What a repository's file of a file type measures; see `variant_size`."""
    return variant_size(model, quant.name, repository) or file_bytes(model, quant)


def _publisher(label: str, repository: str | None) -> str:
    if repository is not None:
        return repository.partition("/")[0]
    return "" if known_quant(label) else maker_of(label)


def _spread(model: Model, label: str, repository: str | None) -> float | None:
    """How far the publisher's mixes are apart; ``None`` for a label that is no mix."""
    if label.startswith(OWN_LABEL):
        return SPREAD_OF_OWN_LABELS
    return None if repository is None else spread_of_own_mixes(model, repository)


def _has_imatrix(label: str, quant: Quant, repository: str | None) -> bool | None:
    """Whether the file is made with an importance matrix; ``None`` where nobody knows."""
    if label.startswith(_REPACKED):
        return False
    if label.startswith(OWN_LABEL):
        return True
    known = None if repository is None else uses_imatrix(repository)
    if known is None and quant.needs_imatrix:
        return True
    return False if repository is None else known


def _by_recipe(
    model: Model, recipe: LabelRecipe, traits: FileTraits, *, has_imatrix: bool | None
) -> ByteEstimate:
    """The size by the label's recipe; where the matrix decides and is not known, both bound it."""
    without = _sized(model, recipe, traits, has_imatrix=bool(has_imatrix))
    if has_imatrix is not None:
        return without
    given = _sized(model, recipe, traits, has_imatrix=True)
    return replace(without, low=min(without.low, given.low), high=max(without.high, given.high))


def _sized(
    model: Model, recipe: LabelRecipe, traits: FileTraits, *, has_imatrix: bool
) -> ByteEstimate:
    if traits == STOCK and not recipe.types:
        return file_bytes(model, recipe.quant, has_imatrix=has_imatrix)
    try:
        table = file_table(model, recipe.quant, traits, has_imatrix=has_imatrix)
    except UnknownArchitectureError:
        if not traits.holds_prediction_block:
            raise
        rest = replace(traits, holds_prediction_block=False)
        return _one_block_more(model, recipe, _sized(model, recipe, rest, has_imatrix=has_imatrix))
    table = retyped(table, recipe.types)
    header = header_around(model, tensor_list_bytes(table) + padding_bytes(table))
    names = {group.name for group in table.groups}
    return with_tensors(header, table.bytes, _basis(recipe, traits, names))


def _one_block_more(model: Model, recipe: LabelRecipe, known: ByteEstimate) -> ByteEstimate:
    """The size with a prediction block nobody described: as large as the blocks are on average."""
    from catalog.sums import weight_sums

    block = weight_sums(model, recipe.quant).blocks_bytes // model.hyperparameters.block_count
    return replace(
        known,
        bytes=known.bytes + block,
        high=known.high + 2 * block,
        basis=f"{known.basis}; the prediction block taken for an average block",
    )


def _basis(recipe: LabelRecipe, traits: FileTraits, names: Collection[str]) -> str:
    said = [
        f"{name.removesuffix('.weight')} in {type_name}"
        for name, type_name in recipe.types.items()
        if name in names
    ]
    if traits.head_is_repeated:
        said.append("the tied head a second time")
    if traits.holds_prediction_block:
        said.append("the prediction block")
    if traits.fused_qkv_is_plain or traits.tied_head_is_plain:
        said.append("the rules of the year it was made in")
    return f"tensors by llama-quantize's recipe, with {', '.join(said)}"


def _mixed(by_recipe: ByteEstimate, mix: Mix, publisher: str, label: str) -> ByteEstimate:
    kind = "" if mix.is_same_kind else " of other kinds of model"
    files = "1 file" if mix.files == 1 else f"{mix.files} files"
    return ByteEstimate(
        bytes=round(by_recipe.bytes * mix.ratio),
        low=round(by_recipe.low * mix.low),
        high=round(by_recipe.high * mix.high),
        basis=f"{publisher}'s own mix, {mix.ratio:.2f} of the recipe's size by the published sizes"
        f" of {files} in {label}{kind}",
        source="published.csv, compared in mixes.csv",
    )
