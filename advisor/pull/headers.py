"""The best file of a repository whose model the catalog does not know: judged by its headers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from advisor.offer.remote import Repository
from advisor.pull.choose import Choice, best, usual
from advisor.report.candidates import Question, judged
from catalog.errors import CatalogError
from catalog.evidence import evidence
from catalog.hub.errors import HubError
from catalog.hub.listing import quants

if TYPE_CHECKING:
    from advisor.estimate.subject import Subject
    from catalog.hub.client import Hub
    from catalog.hub.listing import Listing


def best_by_headers(listing: Listing, hub: Hub, question: Question) -> Choice:
    """The file that runs best on the target; the usual one where none can be judged.

    Args:
        listing: The repository.
        hub: Reads the headers, of which all but the first cost some 40 KB.
        question: What the best is judged by.

    Raises:
        HubError: The headers are refused, as the files would be.
        NothingRunsError: None of the files runs on the target.
        UsageError: None can be judged, and none is the usual one.
    """
    repository = Repository(hub=hub, listing=listing, files=quants(listing))
    try:
        subjects = _subjects(repository)
    except HubError:
        raise
    except CatalogError as error:
        return usual(listing, str(error))
    found = judged(subjects, question, evidence(repository.model))
    return best([listing], found)


def _subjects(repository: Repository) -> list[Subject]:
    """Every file that is understood.

    Raises:
        CatalogError: None is; or a header cannot be had.
    """
    found: list[Subject] = []
    refusals: list[CatalogError] = []
    for quant in repository.quants():
        try:
            subject = repository.subject(quant)
        except HubError:
            raise
        except CatalogError as error:
            refusals.append(error)
            continue
        if subject.caches is None:
            refusals.append(CatalogError(subject.refusal or "its cache is not understood"))
        else:
            found.append(subject)
    if not found:
        raise refusals[0] if refusals else CatalogError("it holds no file of a language model")
    return found
