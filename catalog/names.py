"""From what a person typed to the one model it means.

A name is exact (`llama-3.2-1b-instruct`, `meta-llama/Llama-3.2-1B-Instruct`, the repository of a
known GGUF) or a shortening. Shortenings are compared word by word, so that `llama3.2:1b`,
`Llama 3.2 1B` and `llama-3.2-1b` are the same words and `qwen3` is not the beginning of `qwen3.5`.
Each rule is tried only when the one before found nothing:

1. the exact name, or the same words;
2. the same words but for those that mean the usual variant (`instruct`, `it`, `chat`), which may
   be left out or exchanged;
3. the beginning of a name, word by word;
4. words that a name contains in this order.

One model found is the answer; several are an error that lists them. Nothing is guessed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import TYPE_CHECKING

from catalog.errors import AmbiguousNameError, UnknownNameError
from catalog.shelf import load_models
from catalog.words import Words, words

if TYPE_CHECKING:
    from catalog.model import Model

_USUAL = frozenset({"instruct", "it", "chat"})
"""Words by which makers name the variant that people mean when they name none."""

_PACKAGING = frozenset({"hf", "gguf"})
"""Words about the files, which say nothing about the model."""

_LISTED = 12
"""Candidates an error names; `candidates` holds all."""


def find_model(text: str) -> Model:
    """The model that a name, a repository or an unambiguous shortening means.

    Raises:
        UnknownNameError: No model answers to it; the hint names the nearest.
        AmbiguousNameError: Several do; `candidates` holds their names.
    """
    typed = text.strip().lower()
    exact = _exact().get(typed)
    if exact is not None:
        return exact
    found = [] if "/" in typed else _shortened(_words(typed))
    if len(found) == 1:
        return found[0]
    if found:
        raise _ambiguous(text, sorted(model.name for model in found))
    raise _unknown(text, typed)


def model_of_repository(repository: str) -> Model | None:
    """The model whose files a repository of the Hub is known to hold; ``None`` for any other."""
    return _exact().get(repository.lower())


@cache
def _exact() -> Mapping[str, Model]:
    """Models by name, by repository, and by the repositories of their GGUFs."""
    names: dict[str, Model] = {}
    for model in load_models():
        for repository in (*model.gguf_repositories, *model.gguf_repositories_recalled):
            names.setdefault(repository.lower(), model)
    for model in load_models():
        names[model.repository.lower()] = model
        names[model.name] = model
    return names


@cache
def _spelt() -> tuple[tuple[Words, Model], ...]:
    return tuple((_words(model.name), model) for model in load_models())


def _words(text: str) -> Words:
    """A name's words without those about the files."""
    return tuple(word for word in words(text) if word not in _PACKAGING)


def _shortened(typed: Words) -> list[Model]:
    """The models of the first rule that finds any."""
    if not typed:
        return []
    rules: tuple[Callable[[Words], bool], ...] = (
        lambda name: name == typed,
        lambda name: _is_usual_variant(name, typed),
        lambda name: name[: len(typed)] == typed,
        lambda name: _contains(name, typed),
    )
    for rule in rules:
        if found := [model for name, model in _spelt() if rule(name)]:
            return found
    return []


def _is_usual_variant(name: Words, typed: Words) -> bool:
    """Whether the name is what was typed but for the usual words, and has one if that has."""
    return _without_usual(name) == _without_usual(typed) and (
        _USUAL.isdisjoint(typed) or not _USUAL.isdisjoint(name)
    )


def _without_usual(words: Words) -> Words:
    return tuple(word for word in words if word not in _USUAL)


def _contains(name: Words, typed: Words) -> bool:
    """Whether the words occur in the name in this order, others between them allowed."""
    rest = iter(name)
    return all(word in rest for word in typed)


def _ambiguous(text: str, names: list[str]) -> AmbiguousNameError:
    return AmbiguousNameError(
        f"`{text}` may be any of {len(names)} models", f"write one of {_listed(names)}", names
    )


def _listed(names: list[str]) -> str:
    shown = ", ".join(f"`{name}`" for name in names[:_LISTED])
    return shown if len(names) <= _LISTED else f"{shown} or {len(names) - _LISTED} more"


def _unknown(text: str, typed: str) -> UnknownNameError:
    nearest = _nearest(typed.rpartition("/")[2], (model.name for model in load_models()))
    hint = f"the nearest are {_listed(nearest)}" if nearest else "`advisor models` lists them all"
    return UnknownNameError(f"`{text}` is not a model in the catalog", hint)


def _nearest(typed: str, names: Iterable[str]) -> list[str]:
    """Names a few letters away, whole or without the words for the usual variant."""
    import difflib

    spellings = {}
    for name in names:
        spellings[name] = name
        spellings.setdefault("-".join(_without_usual(tuple(name.split("-")))), name)
    close = difflib.get_close_matches(typed, spellings, n=5, cutoff=0.6)
    return list(dict.fromkeys(spellings[spelling] for spelling in close))[:3]
