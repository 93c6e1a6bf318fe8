"""What a label in a file's name means: a file type, one with other types for some tensors, a mix.

Holds the reading of `variants.csv`, and whose labels these are. How large such a file is, is
`catalog.variants`; finding the label in a name, `catalog.file_names`.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from catalog.file_traits import is_between
from catalog.load import csv_rows
from catalog.quants import find_quant, known_quant

if TYPE_CHECKING:
    from collections.abc import Mapping

    from catalog.model import Model
    from catalog.quant import Quant

OWN_LABEL = "UD-"
"""How labels begin that one publisher fills by mixes of its own, without a plain file beside."""

WHOSE = {OWN_LABEL: "unsloth"}
"""Who makes the mixes whose labels begin so."""

_WHOSE_ELSE = "bartowski"
"""Who brought up the other labels in `variants.csv` (`Q4_K_L`)."""

WITH_MATRIX = "i1-"
"""What mradermacher puts before the label of a file made with an importance matrix."""


class LabelRecipe(NamedTuple):
    """What a label means."""

    quant: Quant
    """The file type it is, or is built on."""

    types: Mapping[str, str]
    """The tensors that get another type than in that file type."""


class _Row(NamedTuple):
    publishers: tuple[str, ...]
    labels: tuple[str, ...]
    base: str
    architectures: tuple[str, ...]
    head: str
    per_layer_table: str
    released_before: str
    types: dict[str, str]

    def fits(self, publisher: str, label: str, model: Model) -> bool:
        hyper = model.hyperparameters
        has_table = "yes" if hyper.embedding_length_per_layer_input else "no"
        return (
            label in self.labels
            and (publisher in self.publishers or "*" in self.publishers)
            and (not self.architectures or model.architecture in self.architectures)
            and self.head in {"", "tied" if hyper.tied_embeddings else "untied"}
            and self.per_layer_table in {"", has_table}
            and is_between(model.release_date, "", self.released_before)
        )


@cache
def _rows() -> tuple[_Row, ...]:
    return tuple(
        _Row(
            publishers=tuple(row["publisher"].split()),
            labels=tuple(row["labels"].split()),
            base=row["base"],
            architectures=tuple(row["architectures"].split()),
            head=row["head"],
            per_layer_table=row["per_layer_table"],
            released_before=row["released_before"],
            types=dict(pair.split("=") for pair in row["types"].split()),
        )
        for row in csv_rows("variants.csv")
    )


def recipe_of(publisher: str, label: str, model: Model) -> LabelRecipe | None:
    """What a label means in a publisher's file of a model; ``None`` where nobody knows."""
    row = next((row for row in _rows() if row.fits(publisher, label, model)), None)
    if row is not None and (row.types or not label.startswith(OWN_LABEL)):
        return LabelRecipe(find_quant(row.base or label), row.types)
    if label.startswith(OWN_LABEL):
        plain = label.removeprefix(OWN_LABEL) if row is None else row.base
        return recipe_of(publisher, plain, model)
    quant = known_quant(label)
    return None if quant is None else LabelRecipe(quant, {})


def own_labels(publisher: str | None) -> tuple[str, ...]:
    """The labels in `variants.csv` that a publisher uses, or that anybody does."""
    found = {
        label: None
        for row in _rows()
        if publisher is None or publisher in row.publishers
        for label in row.labels
    }
    return tuple(label for label in found if known_quant(label) is None)


def maker_of(label: str) -> str:
    """Whose label this is, where no repository says it."""
    return next((owner for start, owner in WHOSE.items() if label.startswith(start)), _WHOSE_ELSE)


def plain_label(label: str) -> str:
    """A label in upper case, without what says that a matrix was used."""
    return (label[len(WITH_MATRIX) :] if names_matrix(label) else label).upper()


def names_matrix(label: str) -> bool:
    """True for a label that says that an importance matrix was used."""
    return label.lower().startswith(WITH_MATRIX)
