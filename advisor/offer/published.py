"""A model of the catalog with the files that the Hub lists today, in place of predicted ones.

Holds which repository is asked and how its files stand beside the catalog's answer; where they
differ by more than a prediction may, both are said.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from advisor.offer.remote import Repository
from catalog.errors import CatalogError
from catalog.hub.errors import MissingRepositoryError, NoGgufError, UnreachableError
from catalog.hub.listing import quants
from catalog.published import preference

if TYPE_CHECKING:
    from advisor.estimate.subject import Subject
    from advisor.offer.offer import Offer
    from catalog.hub.client import Hub
    from catalog.model import Model
    from catalog.quant import Quant

MOST_DIFFERENCES = 3
"""Of which a page says how large they were predicted."""


def with_published(offer: Offer, hub: Hub) -> Offer:
    """The same offer, with real files where the model's first repository has them.

    Where the Hub cannot be asked, it is the catalog's offer with a note that says why.
    """
    try:
        repository = repository_of(offer.model, hub)
    except UnreachableError as error:
        return replace(offer, notes=(*offer.notes, f"{error}; this is the catalog's answer"))
    if repository is None:
        return replace(offer, notes=(*offer.notes, "no repository of its files is on the Hub"))

    def make(quant: Quant) -> Subject:
        if repository.has(quant.name):
            return repository.subject(repository.find(quant.name))
        return offer.make(quant)

    def find(name: str) -> Quant:
        try:
            return repository.find(name)
        except CatalogError:
            return offer.find(name)

    def listed() -> Sequence[Quant]:
        plain = offer.listed()
        known = {quant.name for quant in plain}
        return [*plain, *(one for one in repository.quants() if one.name not in known)]

    return replace(
        offer,
        make=make,
        find=find,
        listed=listed,
        notes=(*offer.notes, *repository.listing.notes, *_differences(repository)),
    )


def repository_of(model: Model, hub: Hub) -> Repository | None:
    """The first repository of a model that there is; ``None`` where none of the known ones is.

    Raises:
        HubError: The Hub cannot be asked, or refuses.
    """
    for name in sorted(model.gguf_repositories, key=preference):
        try:
            listing = hub.listing(name)
        except (MissingRepositoryError, NoGgufError):
            continue
        return Repository(hub=hub, listing=listing, files=quants(listing), known=model)
    return None


def _differences(repository: Repository) -> list[str]:
    """A sentence on the files that are not of the size that was predicted."""
    from catalog.container import file_bytes
    from catalog.quants import find_quant

    found = []
    for one in repository.files:
        if one.quant_name is None:
            continue
        try:
            predicted = file_bytes(
                repository.model,
                find_quant(one.quant_name),
                repository=repository.listing.repository,
            )
        except CatalogError:
            continue
        if not predicted.low <= one.size_bytes <= predicted.high:
            found.append(
                f"{one.quant_name} was predicted as {predicted.bytes:,} B"
                f" and is {one.size_bytes:,} B"
            )
    if not found:
        return []
    more = f", and {len(found) - MOST_DIFFERENCES} more" if len(found) > MOST_DIFFERENCES else ""
    shown = "; ".join(found[:MOST_DIFFERENCES])
    return [f"files of {repository.listing.repository} differ from the prediction: {shown}{more}"]
