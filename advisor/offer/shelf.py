"""A model of the catalog as an offer: any quant by its recipe, published or not."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from advisor.estimate.subject import subject_of
from advisor.offer.offer import Offer
from catalog.published import published_files
from catalog.quality import quality_of
from catalog.quants import find_quant, load_quants

if TYPE_CHECKING:
    from catalog.model import Model
    from catalog.quant import Quant

UNPUBLISHED = frozenset({"F32"})
"""Twice the size of what makers publish, and no better."""


def shelf_offer(model: Model) -> Offer:
    """Every quant of a catalog model whose loss is known, and those somebody published it in."""
    return Offer(
        model=model,
        address=model.name,
        listed=partial(quants_of, model),
        make=partial(subject_of, model),
        find=find_quant,
        considered=load_quants,
    )


def quants_of(model: Model) -> tuple[Quant, ...]:
    """What the page lists: quants whose loss is known, and those somebody published it in."""
    published = {one.quant_name for one in published_files(model)}
    return tuple(
        quant
        for quant in load_quants()
        if quant.name in published
        or (quant.name not in UNPUBLISHED and quality_of(model, quant).high is not None)
    )
