"""From what somebody typed to the files that are meant, by live listings of the Hub."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from advisor.errors import UsageError
from advisor.offer.named import offer_named
from advisor.offer.shelf import shelf_offer
from advisor.pull.choose import Choice, best, named, named_file
from advisor.pull.headers import best_by_headers
from advisor.report.candidates import Question, considered, preferred
from advisor.report.download import download_of
from catalog.errors import UnknownNameError
from catalog.hub.address import is_address, parse_address
from catalog.hub.errors import HubError, MissingRepositoryError, NoGgufError
from catalog.hub.repository import MAIN
from catalog.names import model_of_repository
from catalog.published import preference

if TYPE_CHECKING:
    from advisor.offer.offer import Offer
    from advisor.rank import Candidate
    from catalog.hub.address import Address
    from catalog.hub.client import Hub
    from catalog.hub.listing import Listing
    from catalog.model import Model


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The files that are meant."""

    choice: Choice
    revision: str
    """The branch, tag or commit that was asked for."""


def find(text: str, quant: str | None, hub: Hub, question: Callable[[], Question]) -> Found:
    """The files of a model or an address.

    Args:
        text: A model's name, or `hf:owner/repo[:QUANT|/file.gguf]`.
        quant: A quant's label, where one was named beside it.
        hub: Lists the repositories.
        question: What the best is judged by; asked only where the model is known.

    Raises:
        UsageError: No such file, or several.
        CatalogError: No such model.
        HubError: The Hub does not answer, or refuses.
    """
    if is_address(text):
        return _addressed(parse_address(text, endpoint=hub.endpoint), quant, hub, question)
    offer = _offer(text)
    found = considered(offer, question())
    listings = _listings(_repositories(offer.model, found, quant), hub)
    choice = best(listings, found) if quant is None else named(listings, quant, found)
    return Found(choice=choice, revision=MAIN)


def _addressed(
    address: Address, quant: str | None, hub: Hub, question: Callable[[], Question]
) -> Found:
    """The files of an address: those it names, else the best where the model is known."""
    if quant is not None and (address.quant_label or address.path):
        msg = "the address names a file, and so does `--quant`"
        raise UsageError(msg, "leave one of them out")
    listing = hub.listing(address.repository, address.revision, max_age_s=0)
    label = quant or address.quant_label
    choice = _chosen(listing, address, label, hub, question)
    return Found(choice=choice, revision=address.revision or MAIN)


def _chosen(
    listing: Listing,
    address: Address,
    label: str | None,
    hub: Hub,
    question: Callable[[], Question],
) -> Choice:
    """What is named is not judged by its header: it is got either way."""
    model = model_of_repository(address.repository) or model_of_repository(listing.repository)
    found = [] if model is None else considered(shelf_offer(model), question())
    if address.path:
        return named_file(listing, address.path, found)
    if label:
        return named([listing], label, found)
    if model is None:
        return best_by_headers(listing, hub, question())
    return best([listing], found)


def _offer(text: str) -> Offer:
    """The catalog's model of this name.

    Raises:
        UsageError: It is a file of this machine.
        CatalogError: There is no such model.
    """
    if text.lower().endswith(".gguf"):
        msg = f"`{text}` is a file, and `advisor pull` gets files of the Hub"
        raise UsageError(msg, "name a model of the catalog, or an address: `hf:owner/repo`")
    try:
        return offer_named(text)
    except UnknownNameError as error:
        if text.count("/") != 1:
            raise
        msg = f"{error}; it may be a repository of the Hub"
        raise UnknownNameError(msg, f"`advisor pull hf:{text}`") from error


def _repositories(model: Model, found: Sequence[Candidate], quant: str | None) -> list[str]:
    """The repositories of a model's files, the one that `advisor show` names first.

    Raises:
        UsageError: None is known.
    """
    wanted = [one for one in found if one.estimate.subject.quant.name == (quant or "").upper()]
    shown = download_of((wanted or [preferred(found)])[0].estimate.subject).repository
    others = sorted(model.gguf_repositories, key=preference)
    names = [name for name in (shown, *others) if name is not None]
    if not names:
        msg = f"no repository with GGUF files of `{model.name}` is known"
        raise UsageError(msg, "name one: `advisor pull hf:owner/repo`")
    return list(dict.fromkeys(names))


def _listings(repositories: Sequence[str], hub: Hub) -> Iterator[Listing]:
    """What each of them holds, read when asked for; those that are gone are passed over.

    Raises:
        HubError: None can be read; or the network does not answer.
    """
    refused: list[HubError] = []
    for name in repositories:
        try:
            yield hub.listing(name, max_age_s=0)
        except (MissingRepositoryError, NoGgufError) as error:
            refused.append(error)
    if len(refused) == len(repositories):
        raise refused[0]
