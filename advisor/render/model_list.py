"""The catalog's models as text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from advisor.render.paper import Column, Paper, Row
from advisor.render.units import params

if TYPE_CHECKING:
    from catalog.evidence import Evidence
    from catalog.model import Model


def model_list_text(rows: Sequence[tuple[Model, Evidence]], paper: Paper) -> str:
    """The whole list."""
    if not rows:
        paper.say("No model of the catalog passes these filters.")
        return paper.text()
    noun = "model" if len(rows) == 1 else "models"
    paper.heading(f"{len(rows)} {noun}")
    columns = [
        Column(title="Model", folds=True),
        Column(title="Weights", right=True),
        Column(title="Active", right=True),
        Column(title="Context", right=True),
        Column(title="Released"),
        Column(title="Evidence"),
    ]
    paper.table(columns, [_row(model, known) for model, known in rows])
    return paper.text()


def _row(model: Model, known: Evidence) -> Row:
    active = "" if model.params_active == model.params_total else params(model.params_active)
    cells = (
        model.name,
        params(model.params_total),
        active,
        f"{model.context_tokens:,}",
        model.release_date,
        known.label,
    )
    return Row(cells=cells)
