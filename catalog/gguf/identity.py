"""Whether the model in a file is one of the catalog's, so that what is known of that holds for it.

Holds the comparison of names and shapes. A name alone proves nothing (a fine-tune is often called
like its base), a shape alone neither (a fine-tune has its base's): both must agree, and for one
model of the catalog only. What a header names as its *base* model is no name of its own.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from catalog.file_names import label_span, stem_of
from catalog.shelf import load_models
from catalog.tensors import Role
from catalog.words import words

if TYPE_CHECKING:
    from catalog.gguf.header import Value
    from catalog.gguf.model import FileModel
    from catalog.model import Model

PADDING_TOKENS = 256
"""Rows that converters add to, or leave out of, a vocabulary: Gemma 3 comes with 262208 and 262144,
Gemma 3n with 262400 and 262144."""

_PACKAGING = frozenset({"hf", "gguf", "bf16", "fp8", "fp16", "f16", "unquantized"})
"""Words about the files, which say nothing about the model."""

_NAMELESS = re.compile(r"[0-9a-f]{7,40}|\.*|models?|hf|tmp|snapshots?|checkpoint[-_ ]?\d*|output")
"""What converters write when they are not told a name: the folder's."""

_REPOSITORY_KEYS = (
    "general.source.huggingface.repository",
    "general.source.repo_url",
    "general.repo_url",
)
_NAME_PARTS = ("general.basename", "general.finetune", "general.version", "general.size_label")


def catalog_model_for(
    found: FileModel, metadata: Mapping[str, Value], file_name: str | None = None
) -> Model | None:
    """The model of the catalog that a file holds.

    Args:
        found: What its header says.
        metadata: The header's, for its names.
        file_name: Asked only where the header names neither a model nor a repository.

    Returns:
        ``None`` where it is none of them, or where that is not sure.
    """
    alike = [model for model in load_models() if has_shape_of(found, model)]
    if not alike:
        return None
    for repository in _repositories(metadata):
        if named := [model for model in alike if model.repository.casefold() == repository]:
            return named[0]
    name = _stated_name(metadata) or _name_of_file(file_name)
    matching = [model for model in alike if name and is_name_of(name, model)]
    return matching[0] if len(matching) == 1 else None


def has_shape_of(found: FileModel, model: Model) -> bool:
    """Whether a file has a model's architecture, its layers, and to the last one its weights.

    The tables of tokens are left out: converters pad them, and some store a tied head twice.
    """
    ours, theirs = found.model.hyperparameters, model.hyperparameters
    padding = abs(ours.vocab_size - theirs.vocab_size)
    return (
        found.model.architecture == model.architecture
        and ours.block_count == theirs.block_count
        and ours.embedding_length == theirs.embedding_length
        and ours.head_count == theirs.head_count
        and ours.head_count_kv == theirs.head_count_kv
        and ours.expert_count == theirs.expert_count
        and padding <= PADDING_TOKENS
        and _weights_of_file(found) == _weights_of_row(model)
    )


def _weights_of_file(found: FileModel) -> int:
    tables = {"token_embd.weight", "output.weight"}
    named = sum(
        group.elements
        for group in found.table.groups
        if group.layers is None and group.name in tables
    )
    looked_up = sum(
        group.elements for group in found.table.groups if group.role is Role.LOOKUP_TABLE
    )
    return found.model.params_total - named - looked_up


def _weights_of_row(model: Model) -> int:
    shape = model.hyperparameters
    tables = shape.vocab_size * shape.embedding_length * (1 if shape.tied_embeddings else 2)
    return model.params_total - tables - (model.params_lookup_tables or 0)


def is_name_of(name: str, model: Model) -> bool:
    """Whether a name has a model's words, in any order, whoever made it.

    The maker's own words (`meta`, `google`) may be there or not, as may words about the files.
    """
    owner, _, own = model.repository.partition("/")
    free = _PACKAGING | {*words(owner), *words(model.publisher)}
    typed, known = Counter(words(name)), Counter(words(own))
    return bool(typed) and set((typed - known) + (known - typed)) <= free


def _repositories(metadata: Mapping[str, Value]) -> Iterator[str]:
    """`owner/repo` of where the header says that the model is from."""
    for key in _REPOSITORY_KEYS:
        value = metadata.get(key)
        if isinstance(value, str):
            parts = [part for part in value.casefold().rstrip("/").split("/") if part]
            yield "/".join(parts[-2:])


def _stated_name(metadata: Mapping[str, Value]) -> str | None:
    """What the header calls the model, in one piece or else in parts.

    Where it has a name, the parts are not asked: a converter guesses them from the base model's.
    """
    whole = metadata.get("general.name")
    if isinstance(whole, str) and not _NAMELESS.fullmatch(whole.strip().casefold()):
        return whole
    base = metadata.get(_NAME_PARTS[0])
    if not isinstance(base, str) or _NAMELESS.fullmatch(base.strip().casefold()):
        return None
    parts = [metadata.get(key) for key in _NAME_PARTS]
    return " ".join(part for part in parts if isinstance(part, str))


def _name_of_file(file_name: str | None) -> str | None:
    """A file's name without its quant label and what follows it."""
    if file_name is None:
        return None
    name = re.split(r"[/\\]", file_name)[-1]
    span = label_span(name)
    return stem_of(name) if span is None else name[: span[0]]
