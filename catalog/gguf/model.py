"""A model as its GGUF file states it: everything that an estimate needs, and nothing looked up.

Holds how a header becomes a `Model` beside its table of tensors. What only the catalog knows
(release, popularity, benchmarks) is left empty: `identity` finds the row of the catalog that a file
is, if it is one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from catalog.gguf.file_type import FileType, file_type_of
from catalog.gguf.hyperparameters import hyperparameters, layer_counts, shapes_of
from catalog.gguf.keys import Keys
from catalog.gguf.kinds import NotAModelError, require_model
from catalog.gguf.table import table_of_header
from catalog.layouts.gemma import GEMMA3N_OWNING_LAYERS
from catalog.model import Model
from catalog.tensors import Role

if TYPE_CHECKING:
    from catalog.gguf.header import Header, TensorInfo, Value
    from catalog.model import Hyperparameters
    from catalog.tensors import TensorTable

_NO_WEIGHTS_OF_ITS_OWN = frozenset({Role.ROPE_FACTORS, Role.VISION, Role.MTP})
"""Roles that are not counted as weights of the language model."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FileModel:
    """What one GGUF file holds."""

    model: Model
    """As the header states it; words that it does not state are empty, counts are its tensors'."""

    table: TensorTable
    """Every tensor of the file, with its type."""

    file_type: FileType
    title: str | None
    """The header's `general.name`."""


def model_of_header(
    header: Header, *, name: str, tensors: Sequence[TensorInfo] | None = None
) -> FileModel:
    """The model that a header describes.

    Args:
        header: Of the file; of a split file, of its first part.
        name: What to call the model.
        tensors: Those of all parts of a split file; the header's own where it is not given.

    Raises:
        NotAModelError: The file holds no language model (a projector, an adapter, …).
        DamagedHeaderError: A key that llama.cpp cannot do without is missing or no number.
        UnsupportedError: A tensor's storage type is not one of ggml's.
    """
    listed = header.tensors if tensors is None else tensors
    keys = Keys(require_model(header.metadata, listed), header.metadata)
    stored, kept = layer_counts(keys, {tensor.name for tensor in listed})
    table = table_of_header(
        listed, keys.architecture, block_count=kept, owning_layers=_owning_layers(keys, kept)
    )
    hyper = hyperparameters(keys, shapes_of(table), stored=stored, kept=kept)
    return FileModel(
        model=_model(keys, table, hyper, name),
        table=table,
        file_type=_file_type(table, keys),
        title=_text(header.metadata, "general.name") or None,
    )


def _model(keys: Keys, table: TensorTable, hyper: Hyperparameters, name: str) -> Model:
    """The model, with what the tensors count and what the header says about itself."""
    counts = _elements(table)
    total = sum(count for role, count in counts.items() if role not in _NO_WEIGHTS_OF_ITS_OWN)
    active = total - _unselected(counts, hyper) - counts.get(Role.LOOKUP_TABLE, 0)
    looked_up = 0 if hyper.tied_embeddings else counts.get(Role.TOKEN_EMBEDDING, 0)
    return Model(
        name=name,
        repository=_text(keys.metadata, "general.source.huggingface.repository"),
        family=_text(keys.metadata, "general.basename"),
        publisher=_text(keys.metadata, "general.organization"),
        license=_text(keys.metadata, "general.license"),
        release_date="",
        tier=2,
        modality=_modality(keys, counts),
        context_tokens=keys.required("context_length"),
        params_total=total,
        params_active=active,
        params_read_per_token=active - looked_up - counts.get(Role.UNUSED, 0),
        params_lookup_tables=counts.get(Role.LOOKUP_TABLE),
        params_unused_in_file=counts.get(Role.UNUSED),
        params_vision=counts.get(Role.VISION),
        params_mtp=counts.get(Role.MTP),
        params_hub_total=None,
        gguf_extra_elements=counts.get(Role.ROPE_FACTORS),
        is_verified=True,
        check="counted in the file's own list of tensors",
        architecture=keys.architecture,
        hyperparameters=hyper,
        gguf_repositories=(),
        gguf_repositories_recalled=(),
        benchmarks=(),
        notes=_notes(keys, table, hyper),
        sources=("the header of the file",),
        checked="",
    )


def _elements(table: TensorTable) -> dict[Role, int]:
    """Elements by role; a role that no tensor has is missing."""
    counts: dict[Role, int] = {}
    for group in table.groups:
        counts[group.role] = counts.get(group.role, 0) + group.elements
    return counts


def _unselected(counts: Mapping[Role, int], hyper: Hyperparameters) -> int:
    """Weights of the experts that one token does not use."""
    routed = counts.get(Role.ROUTED_EXPERT, 0)
    return routed - routed * (hyper.expert_used_count or 0) // (hyper.expert_count or 1)


def _modality(keys: Keys, counts: Mapping[Role, int]) -> str:
    """What it is made for, as far as the header shows: it says nothing of a tower elsewhere."""
    if keys.metadata.get(keys.name("attention.causal")) is False:
        return "embedding"
    return "text+image" if counts.get(Role.VISION) else "text"


def _owning_layers(keys: Keys, kept: int) -> int | None:
    """How many layers have a cache of their own; ``None`` where all have."""
    if keys.architecture == "gemma3n":
        return GEMMA3N_OWNING_LAYERS
    shared = keys.integer("attention.shared_kv_layers")
    return kept - shared if shared and keys.architecture == "gemma4" else None


def _file_type(table: TensorTable, keys: Keys) -> FileType:
    found = file_type_of(table, keys.metadata.get("general.file_type"), keys.architecture)
    if found is None:
        msg = "its tensors have no elements"
        raise NotAModelError(msg)
    return found


def _notes(keys: Keys, table: TensorTable, hyper: Hyperparameters) -> tuple[str, ...]:
    """What the file holds besides, or says less simply than an estimate takes it."""
    sizes = {
        role: table.bytes_of({role}) for role in (Role.MTP, Role.VISION) if table.bytes_of({role})
    }
    used = keys.metadata.get(keys.name("expert_used_count"))
    found = (
        (Role.MTP in sizes, "a block that predicts the token after next is in the file, unused"),
        (Role.VISION in sizes, "a tower for images or sound is in the file, and not counted"),
        (
            isinstance(used, tuple) and len(set(used)) > 1,
            f"its layers use different numbers of experts; {hyper.expert_used_count} are counted",
        ),
    )
    return tuple(sentence for is_so, sentence in found if is_so)


def _text(metadata: Mapping[str, Value], key: str) -> str:
    """A text of the header; empty where it has none."""
    value = metadata.get(key)
    return value if isinstance(value, str) else ""
