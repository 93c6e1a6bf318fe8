"""The catalog's models, those people run most first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from catalog.evidence import evidence_by_name
from catalog.shelf import load_models

if TYPE_CHECKING:
    from advisor.report.filter import Filter
    from catalog.evidence import Evidence
    from catalog.model import Model


def model_list(words: Sequence[str], wanted: Filter) -> list[tuple[Model, Evidence]]:
    """The models whose names hold all the words and that pass, in the catalog's order."""
    models = load_models()
    known = evidence_by_name(models)
    return [
        (model, known[model.name])
        for model in models
        if all(word.casefold() in model.repository.casefold() for word in words)
        and wanted.lists(model)
    ]
