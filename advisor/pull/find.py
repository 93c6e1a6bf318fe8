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
from advisor.report.candidates import Question, judged, preferred
from advisor.report.download import download_of
from catalog.errors import CatalogError, UnknownNameError
from catalog.evidence import evidence
from catalog.hub.address import is_address, parse_address
from catalog.hub.errors import HubError, MissingRepositoryError, NoGgufError
from catalog.names import find_model

if TYPE_CHECKING:
    from advisor.offer.offer import Offer
    from advisor.rank import Candidate
    from catalog.hub.address import Address
    from catalog.hub.client import Hub
    from catalog.hub.listing import Listing

MAIN = "main"
"""The branch that is meant where nobody names one."""


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
    asked = question()
    found = _candidates(offer, asked)
    if quant is not None:
        return Found(choice=named(_listings(offer, found, hub, quant), quant, found), revision=MAIN)
    listings = _listings(offer, found, hub, None)
    return Found(choice=best(listings, found, asked.target.name), revision=MAIN)


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
    offer = _known(address.repository, listing.repository)
    if offer is None:
        if address.path:
            return named_file(listing, address.path)
        if label:
            return named([listing], label)
        return best_by_headers(listing, hub, question())
    asked = question()
    found = _candidates(offer, asked)
    if address.path:
        return named_file(listing, address.path, found)
    if label:
        return named([listing], label, found)
    return best([listing], found, asked.target.name)


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


def _known(*repositories: str) -> Offer | None:
    """The catalog's model whose files are in one of these; ``None`` for a model not in it."""
    for name in repositories:
        try:
            return shelf_offer(find_model(name))
        except CatalogError:
            continue
    return None


def _candidates(offer: Offer, question: Question) -> list[Candidate]:
    """The model in every quant, as `advisor show` lists them."""
    return judged(offer.subjects(offer.considered()), question, evidence(offer.model))


def _listings(
    offer: Offer, found: Sequence[Candidate], hub: Hub, quant: str | None
) -> Iterator[Listing]:
    """The model's repositories, the one that `advisor show` names first; read when asked for.

    Raises:
        UsageError: None is known.
        HubError: None can be read; or the network does not answer.
    """
    model = offer.model
    wanted = [one for one in found if one.estimate.subject.quant.name == (quant or "").upper()]
    first = download_of((wanted or [preferred(found)])[0].estimate.subject).repository
    names = [name for name in (first, *model.gguf_repositories) if name is not None]
    if not names:
        msg = f"no repository with GGUF files of `{model.name}` is known"
        raise UsageError(msg, "name one: `advisor pull hf:owner/repo`")
    refused: list[HubError] = []
    for name in (one for place, one in enumerate(names) if one not in names[:place]):
        try:
            yield hub.listing(name, max_age_s=0)
        except (MissingRepositoryError, NoGgufError) as error:
            refused.append(error)
    if len(refused) == len(set(names)):
        raise refused[0]
