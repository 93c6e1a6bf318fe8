"""Mixes that a publisher chose tensor by tensor: how much larger their files are than the recipe's.

Holds the ratios of published sizes to what the recipe of the nearest file type would measure
(`mixes.csv`), and what they say of a file nobody listed. Nothing here knows why a mix is as it is:
no type per kind of tensor explains the bytes of these files (tests/catalog/test_mixes.py tries).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from math import sqrt
from typing import TYPE_CHECKING, NamedTuple

from catalog.load import csv_rows
from catalog.shelf import load_models

if TYPE_CHECKING:
    from collections.abc import Sequence

    from catalog.model import Model

NEW_MIXES_FROM = "2026-02-01"
"""Models released from here on got other mixes than those before; the two are kept apart."""

SPREAD_OF_OWN_LABELS = 0.05
"""As the column `mix_spread` of `publishers.csv`, for labels of a publisher's own (`UD-`)."""

WIDER_FOR_OTHER_KINDS = 5.0
"""How much further the bounds lie where no file of the model's own kind and time is known."""


class Kind(StrEnum):
    """What a publisher's mix depends on most."""

    DENSE = "dense"
    HYBRID = "hybrid"
    """Dense, and most layers recurrent."""

    MIXTURE = "mixture"
    """Of experts."""

    LATENT = "latent"
    """Of experts, with multi-head latent attention, whose small matrices get more bits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mix:
    """How a publisher's files of one label compare with the recipe's."""

    ratio: float
    """Size in the publisher's mix over the recipe's; the median of the known files."""

    low: float
    """Of files nobody listed, four of five lie within the bounds at least."""

    high: float
    files: int
    """How many known files this is taken from."""

    is_same_kind: bool
    """False where only files of other kinds of model, or of other years, are known."""


class _Observed(NamedTuple):
    publisher: str
    label: str
    model_name: str
    kind: Kind
    is_new: bool
    ratio: float


def kind_of(model: Model) -> Kind:
    """Which mixes are comparable with this model's."""
    hyper = model.hyperparameters
    if hyper.expert_count:
        return Kind.LATENT if hyper.kv_lora_rank else Kind.MIXTURE
    is_hybrid = hyper.ssm_inner_size is not None or hyper.shortconv_l_cache is not None
    return Kind.HYBRID if is_hybrid else Kind.DENSE


def has_whole_blocks(model: Model) -> bool:
    """True when rows are whole blocks of 256, without which a mix falls back on other types."""
    return model.hyperparameters.embedding_length % 256 == 0


@cache
def _observed() -> dict[tuple[str, str], tuple[_Observed, ...]]:
    models = {model.name: model for model in load_models()}
    found: dict[tuple[str, str], list[_Observed]] = {}
    for row in csv_rows("mixes.csv"):
        model = models[row["model"]]
        one = _Observed(
            publisher=row["publisher"],
            label=row["label"],
            model_name=model.name,
            kind=kind_of(model),
            is_new=_is_new(model),
            ratio=float(row["ratio"]),
        )
        found.setdefault((one.publisher, one.label), []).append(one)
    return {key: tuple(group) for key, group in found.items()}


def _is_new(model: Model) -> bool:
    return model.release_date >= NEW_MIXES_FROM


def mixed_labels(publisher: str) -> tuple[str, ...]:
    """The labels that a publisher fills by mixes of its own."""
    return tuple(label for owner, label in _observed() if owner == publisher)


def mix_of(
    publisher: str, label: str, model: Model, *, spread: float, without: str | None = None
) -> Mix | None:
    """How a publisher's file of a label compares with the recipe's.

    The files of the model's own kind and time decide, else those of its kind, else of its time,
    else all. The bounds are the least and the largest of them, and `spread` over the square root
    of their number beyond; further where their kind or their time is another.

    Args:
        publisher: `unsloth`.
        label: As in file names: `UD-Q4_K_XL`, `Q4_K_M`.
        model: A model of the catalog.
        spread: How far files of one label are apart. [share of the size]
        without: A model whose files are left out, to judge the rest by it.

    Returns:
        ``None`` where no file tells, or where the model's rows are no whole blocks.
    """
    if not has_whole_blocks(model):
        return None
    known = [one for one in _observed().get((publisher, label), ()) if one.model_name != without]
    for near in _nearest_first(known, model):
        if near:
            return _joined(near, model, spread)
    return None


def _joined(near: Sequence[_Observed], model: Model, spread: float) -> Mix:
    ratios = [one.ratio for one in near]
    is_same = all(one.kind is kind_of(model) and one.is_new == _is_new(model) for one in near)
    beyond = spread / sqrt(len(ratios)) * (1.0 if is_same else WIDER_FOR_OTHER_KINDS)
    return Mix(
        ratio=_middle(ratios),
        low=min(ratios) - beyond,
        high=max(ratios) + beyond,
        files=len(ratios),
        is_same_kind=is_same,
    )


def _middle(values: Sequence[float]) -> float:
    """The median; the standard library's costs a scan several milliseconds to import."""
    ordered, half = sorted(values), len(values) // 2
    return ordered[half] if len(values) % 2 else (ordered[half - 1] + ordered[half]) / 2


def _nearest_first(known: Sequence[_Observed], model: Model) -> Sequence[Sequence[_Observed]]:
    kind, is_new = kind_of(model), _is_new(model)
    of_kind = [one for one in known if one.kind is kind]
    return (
        [one for one in of_kind if one.is_new == is_new],
        of_kind,
        [one for one in known if one.is_new == is_new],
        known,
    )
