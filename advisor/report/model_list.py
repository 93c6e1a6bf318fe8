"""The catalog's models, those people run most first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from advisor.report.scan import POPULAR_TIER, is_of
from catalog.evidence import evidence_by_name
from catalog.purposes import purposes
from catalog.shelf import load_models

if TYPE_CHECKING:
    from catalog.evidence import Evidence
    from catalog.model import Model


def model_list(
    words: Sequence[str],
    *,
    family: str | None = None,
    purpose: str | None = None,
    max_params: int | None = None,
    popular: bool = False,
) -> list[tuple[Model, Evidence]]:
    """The models that pass every filter, each with its evidence, in the catalog's order."""
    models = load_models()
    known = evidence_by_name(models)
    return [
        (model, known[model.name])
        for model in models
        if all(word.casefold() in model.repository.casefold() for word in words)
        and (family is None or is_of(model, family))
        and (purpose is None or purpose in purposes(model))
        and (max_params is None or model.params_total <= max_params)
        and (not popular or model.tier <= POPULAR_TIER)
    ]
