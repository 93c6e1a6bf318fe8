"""A model's page: its specification, every quant here, and which devices run it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import log
from typing import TYPE_CHECKING

from advisor.rank import next_larger
from advisor.report.candidates import Question, has_usual_quant, judged, preferred
from advisor.report.device_list import devices_that_run
from advisor.report.scan import recommend
from catalog.evidence import evidence

if TYPE_CHECKING:
    from advisor.figure import Figure
    from advisor.offer.offer import Offer
    from advisor.rank import Candidate
    from advisor.report.device_list import DeviceRow
    from advisor.report.download import Download
    from advisor.report.scan import Recommendation
    from catalog.device import Device
    from catalog.evidence import Evidence
    from catalog.model import Model

RELATED_COUNT = 6

WIDEST_SHOWN = 0.12
"""A publisher's own mix whose size is less sure than this share of it is not listed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnMix:
    """A file whose publisher mixed types in a way of his own."""

    label: str
    """`UD-Q4_K_XL`, `Q4_K_L`."""

    download: Download


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Everything the page says."""

    offer: Offer
    evidence: Evidence
    question: Question
    rows: tuple[Candidate, ...]
    """Every quant, largest first."""

    best: Recommendation | None
    """The starred quant here; ``None`` when none runs here."""

    starred: Candidate
    """The best quant here, else the one most people would take elsewhere."""

    devices: tuple[DeviceRow, ...]
    """Catalog devices that hold the starred quant whole, fastest first."""

    related: tuple[Model, ...]

    own_mixes: tuple[OwnMix, ...] = ()
    """Publishers' own mixes of a catalog model, largest first."""

    @property
    def model(self) -> Model:
        """The model."""
        return self.offer.model


def page(
    offer: Offer, models: Sequence[Model], question: Question, devices: Sequence[Device]
) -> Page:
    """A model's page on a target.

    Args:
        offer: The model, and what it can be had in.
        models: All of the catalog, for evidence by relatives and for related models.
        question: The target, the workload and the speed floor.
        devices: The catalog's devices.
    """
    model = offer.model
    known = evidence(model, models)
    found = judged(offer.subjects(), question, known)
    starred = preferred(found)
    return Page(
        offer=offer,
        evidence=known,
        question=question,
        rows=tuple(found),
        best=recommend(starred, _next_larger(starred, found)) if starred.runs else None,
        starred=starred,
        devices=devices_that_run(starred.estimate.subject, question.workload, devices),
        related=related(model, models),
        own_mixes=own_mixes(model) if offer.is_shelved else (),
    )


def _next_larger(starred: Candidate, found: Sequence[Candidate]) -> Candidate | None:
    """The next larger one that a scan considers too."""
    usual = [one for one in found if has_usual_quant(one)]
    larger = next_larger(starred.estimate.subject, [one.estimate.subject for one in usual])
    return next((one for one in usual if one.estimate.subject is larger), None)


def own_mixes(model: Model) -> tuple[OwnMix, ...]:
    """Publishers' own mixes of a model that were seen, or whose size is known well enough."""
    from advisor.report.download import download_of_label
    from catalog.variants import variant_labels

    found = []
    for label in variant_labels(model):
        download = download_of_label(model, label)
        if download is not None and download.repository and _is_sure(download.size_bytes):
            found.append(OwnMix(label=label, download=download))
    return tuple(sorted(found, key=lambda one: -one.download.size_bytes.value))


def _is_sure(size: Figure) -> bool:
    if size.low is None or size.high is None:
        return True
    return size.high - size.low <= WIDEST_SHOWN * size.value


def related(model: Model, models: Iterable[Model]) -> tuple[Model, ...]:
    """Models of the same family, those of a similar size first."""
    family = [one for one in models if one.family == model.family and one.name != model.name]
    family.sort(key=lambda one: (abs(log(one.params_total / model.params_total)), one.name))
    return tuple(family[:RELATED_COUNT])
