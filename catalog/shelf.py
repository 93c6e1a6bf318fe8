"""The models on the shelf: every row of `models/*.json` as a `Model`.

Holds how a row becomes a checked noun, and nothing about what a person typed (`names.py`) or what
tensors a model has (`layouts/`). Benchmarks are rows of `benchmarks.csv`, joined by repository.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from catalog.errors import RowError
from catalog.load import FOLDER, csv_rows, json_rows
from catalog.model import Benchmark, Hyperparameters, Model

_BENCHMARKS = "benchmarks.csv"
_OPTIONAL = (
    "params_lookup_tables",
    "params_unused_in_file",
    "params_vision",
    "params_mtp",
    "params_hub_total",
    "gguf_extra_elements",
    "check",
)
"""Fields of `Model` that a row leaves out when nobody knows them."""

_LISTS = ("gguf_repositories", "gguf_repositories_recalled", "notes", "sources")

_UNSTATED: dict[str, Any] = dict.fromkeys(_OPTIONAL)


@cache
def load_models() -> tuple[Model, ...]:
    """Every model, those that people run most first, then as their publishers' files list them.

    Raises:
        RowError: A file is unreadable, a row lacks a field, its source or its date, states a
            field that the noun does not have, or two rows have one name.
    """
    return read_models(FOLDER)


def read_models(folder: Path) -> tuple[Model, ...]:
    """The models of one folder of data, unread so far; see `load_models`."""
    benchmarks = _benchmarks(folder)
    models = [
        _model(row, f"models/{path.name}", benchmarks)
        for path in sorted((folder / "models").glob("*.json"))
        for row in json_rows(f"models/{path.name}", folder=folder)
    ]
    _refuse_twins(models)
    models.sort(key=lambda model: model.tier)
    return tuple(models)


def _model(
    row: dict[str, Any], file: str, benchmarks: Mapping[str, tuple[Benchmark, ...]]
) -> Model:
    repository = row.get("repository", "a row")
    try:
        values = _UNSTATED | row
        for field in _LISTS:
            values[field] = tuple(row[field])
        values["hyperparameters"] = _hyperparameters(row["hyperparameters"])
        return Model(
            name=repository.rpartition("/")[2].lower(),
            benchmarks=benchmarks.get(repository, ()),
            **values,
        )
    except (KeyError, TypeError) as error:
        msg = f"`{repository}` in `catalog/{file}`: {error}"
        raise RowError(msg) from error


def _hyperparameters(row: dict[str, Any]) -> Hyperparameters:
    """Lists become tuples: a shape is never changed, and is looked up as a key."""
    values: dict[str, Any] = {
        key: tuple(value) if type(value) is list else value for key, value in row.items()
    }
    return Hyperparameters(**values)


def _refuse_twins(models: list[Model]) -> None:
    seen: dict[str, str] = {}
    for model in models:
        if model.name in seen:
            msg = f"`{model.repository}` and `{seen[model.name]}` have the same name"
            raise RowError(msg)
        seen[model.name] = model.repository


def _benchmarks(folder: Path) -> Mapping[str, tuple[Benchmark, ...]]:
    """Published scores by repository; none where the file is not there."""
    if not (folder / _BENCHMARKS).exists():
        return {}
    found: defaultdict[str, list[Benchmark]] = defaultdict(list)
    for row in csv_rows(_BENCHMARKS, folder=folder):
        found[row["repository"]].append(
            Benchmark(
                name=row["name"],
                score=float(row["score"]),
                date=row["date"],
                source=row["source"],
            )
        )
    return {repository: tuple(scores) for repository, scores in found.items()}
