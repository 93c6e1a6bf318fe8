"""Gives every tensor of a model the type that llama-quantize would give it: a file type's recipe.

Holds how the rules of `catalog.recipe_rules` meet a model's tensors: where each stands in the file,
which rows are too short for a block, which tensors stay as they are. It is exact for files made by
llama-quantize (October 2026) with its default options. Publishers with recipes of their own
(Unsloth's `UD-`, bartowski's `_L`) differ, and so do older files of models with a fused QKV (Phi-3,
Phi-4), which older builds did not count as a V: they measure up to 7 % less.

A model is looked at once, by `Recipe`, so that each further file type costs some microseconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from catalog.quants import ggml_type
from catalog.recipe_rules import NAMED_ARCHITECTURES, Choice, Traits, choices
from catalog.row_types import type_for_row
from catalog.tensor_kinds import HALF, Category, category_of, is_f32_in_half_files, kept_type
from catalog.tensors import TensorGroup, TensorTable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from catalog.model import Hyperparameters
    from catalog.quant import GgmlType, Quant

    _Part = tuple[GgmlType, tuple[int, ...] | None]
    """A type, and the layers that get it; ``None`` for a tensor outside the layers."""

_CONVERTED = {"F32": "f32", "F16": "f16", "BF16": "bf16"}
"""File types that the converter writes, without llama-quantize."""

_DEPTH_OF_70B = {"llama": 80, "llama-embed": 80, "qwen2": 80, "deci": 80, "olmo": 80, "jais2": 68}
"""The layers of what llama.cpp calls a 70B model, in the architectures that can be one."""

_ARE_8_BIT_AT_LEAST = ("attn_q_a", "attn_q_b", "nextn.eh_proj")
"""Parts of names that the architecture `glm5-next` never quantizes below Q8_0."""


@dataclass(slots=True, kw_only=True)
class _Prepared:
    """One group, and what a recipe needs to know of it."""

    group: TensorGroup
    category: Category

    kept: str | None
    """The type it is left in; `HALF` for the file's own half precision; ``None`` if quantized."""

    kept_choice: Choice | None
    """The same for a quantized file."""

    is_exceptional: bool = False
    """True when its type does not depend on its category alone."""

    indices: tuple[int, ...] = ()
    """The place of each tensor among those of its category, in the order of the file."""


class Recipe:
    """One model, ready to be given any file type."""

    __slots__ = ("_architecture", "_depth", "_prepared", "_traits", "_v_count")

    def __init__(
        self,
        groups: Sequence[TensorGroup],
        *,
        architecture: str,
        hyperparameters: Hyperparameters,
    ) -> None:
        """Look at a model once.

        Args:
            groups: Its tensors. A group whose type is a quantized one already is left alone; other
                groups are taken to be what the converter writes (F16 weights, F32 norms).
            architecture: llama.cpp's name of it.
            hyperparameters: Heads, layers and experts decide some of the mixtures.
        """
        self._architecture = architecture
        self._prepared = tuple(_prepared(group, architecture) for group in groups)
        self._depth = _depth(groups, hyperparameters)
        self._traits = _traits(groups, architecture, hyperparameters)
        self._v_count = sum(
            each.group.count for each in self._prepared if each.category is Category.ATTENTION_V
        )
        _number(self._prepared)

    def table(self, quant: Quant, *, has_imatrix: bool = False) -> TensorTable:
        """The model's tensors as llama-quantize stores them in one file type.

        Args:
            quant: The file type. One that needs an importance matrix is sized without one too, as
                `llama-quantize --dry-run` does.
            has_imatrix: True to size what is made with an importance matrix: some mixtures then
                leave out bits that they otherwise add.
        """
        groups: list[TensorGroup] = []
        for each, choice in zip(
            self._prepared, self._chosen(quant, has_imatrix=has_imatrix), strict=True
        ):
            groups += (
                _retyped(each.group, type_, layers) for type_, layers in self._parted(each, choice)
            )
        return TensorTable(groups=tuple(groups))

    def _chosen(self, quant: Quant, *, has_imatrix: bool) -> list[Choice]:
        """What each group gets, in their order."""
        half = _CONVERTED.get(quant.name)
        if half is not None:
            return [Choice(self._converted(each, half)) for each in self._prepared]
        chosen = choices(
            quant.name, quant.base_type, self._traits._replace(has_imatrix=has_imatrix)
        )
        return [
            each.kept_choice
            or (each.is_exceptional and self._exception(each, quant))
            or chosen[each.category]
            for each in self._prepared
        ]

    @staticmethod
    def _converted(each: _Prepared, half: str) -> str:
        if each.kept is not None and each.kept != HALF:
            return each.kept
        return "f32" if is_f32_in_half_files(each.group.name) else half

    def _exception(self, each: _Prepared, quant: Quant) -> Choice | None:
        """What an exceptional group gets in a file type; ``None`` for what its category gets."""
        if quant.name == "MXFP4_MOE":
            return Choice("mxfp4") if self._is_stack_of_experts(each) else None
        if self._architecture == "glm5-next" and _has_part(each.group, _ARE_8_BIT_AT_LEAST):
            return Choice("q8_0")
        is_head = each.category is Category.OUTPUT or (
            each.category is Category.TOKEN_EMBEDDING and self._traits.is_tied
        )
        if is_head and each.group.shape[0] % ggml_type(quant.base_type).block_weights:
            return Choice("q8_0")
        return None

    def _is_stack_of_experts(self, each: _Prepared) -> bool:
        if not _is_stack(each.group):
            return False
        return self._architecture != "bailingmoe3" or each.category in _FEED_FORWARD

    def _parted(self, each: _Prepared, choice: Choice) -> tuple[_Part, ...]:
        """Which of the group's layers get which type."""
        group, row_weights = each.group, each.group.shape[0]
        if not choice.some:
            return ((type_for_row(choice.rest, row_weights), group.layers),)
        layers = group.layers or (0,)
        is_v = each.category is Category.ATTENTION_V
        counts_layers = self._traits.experts > 1 and not choice.counts_tensors and not is_v
        parts = _parts(
            choice,
            layers if counts_layers else each.indices,
            layers,
            self._v_count if is_v else self._depth,
            row_weights,
        )
        return parts if group.layers else ((parts[0][0], None),)


@cache
def _parts(
    choice: Choice,
    indices: tuple[int, ...],
    layers: tuple[int, ...],
    total: int,
    row_weights: int,
) -> tuple[_Part, ...]:
    """Which layers get which type; models of one depth share the answer."""
    names = dict.fromkeys([choice.rest, *(name for _, name in choice.some)])
    stored = {name: type_for_row(name, row_weights).name for name in names}
    found: dict[str, list[int]] = {}
    for index, layer in zip(indices, layers, strict=True):
        found.setdefault(stored[choice.of(index, total)], []).append(layer)
    return tuple((ggml_type(name), tuple(of_type)) for name, of_type in found.items())


def _retyped(group: TensorGroup, type_: GgmlType, layers: tuple[int, ...] | None) -> TensorGroup:
    return TensorGroup(
        name=group.name, role=group.role, shape=group.shape, layers=layers, type=type_
    )


_FEED_FORWARD = frozenset({Category.FFN_UP, Category.FFN_GATE, Category.FFN_DOWN})

_COUNTED = _FEED_FORWARD | {Category.ATTENTION_V}


def _prepared(group: TensorGroup, architecture: str) -> _Prepared:
    if group.type is not None and group.type.block_weights > 1:
        kept: str | None = group.type.name
    else:
        kept = kept_type(group.name, group.shape, architecture)
    category = category_of(group.name)
    return _Prepared(
        group=group,
        category=category,
        kept=kept,
        kept_choice=None if kept is None else Choice("f16" if kept == HALF else kept),
        is_exceptional=category in {Category.OUTPUT, Category.TOKEN_EMBEDDING}
        or _is_stack(group)
        or _has_part(group, _ARE_8_BIT_AT_LEAST),
    )


def _is_stack(group: TensorGroup) -> bool:
    return len(group.shape) > 2 and group.shape[2] > 1


def _has_part(group: TensorGroup, parts: Sequence[str]) -> bool:
    return any(part in group.name for part in parts)


def _number(prepared: Sequence[_Prepared]) -> None:
    """Count the tensors of each category through the file: by layer, then by name."""
    places = sorted(
        (layer, each.group.name, position)
        for position, each in enumerate(prepared)
        if each.category in _COUNTED and each.kept is None
        for layer in each.group.layers or (-1,)
    )
    counted = dict.fromkeys(_COUNTED, 0)
    indices: dict[int, list[int]] = {}
    for _, _, position in places:
        category = prepared[position].category
        indices.setdefault(position, []).append(counted[category])
        counted[category] += 1
    for position, found in indices.items():
        prepared[position].indices = tuple(found)


def _depth(groups: Sequence[TensorGroup], hyperparameters: Hyperparameters) -> int:
    """Layers in the file, a next-token-prediction block included."""
    last = max((group.layers[-1] for group in groups if group.layers), default=-1)
    return max(hyperparameters.block_count, last + 1)


def _traits(
    groups: Sequence[TensorGroup], architecture: str, hyperparameters: Hyperparameters
) -> Traits:
    heads = _first(hyperparameters.head_count)
    kv_heads = _first(hyperparameters.head_count_kv)
    experts = hyperparameters.expert_count or 0
    is_llama = architecture in {"llama", "llama-embed"}
    return Traits(
        architecture=architecture if architecture in NAMED_ARCHITECTURES else "",
        is_grouped=kv_heads > 0 and heads // kv_heads >= 4,
        experts=experts,
        is_70b=_DEPTH_OF_70B.get(architecture) == hyperparameters.block_count
        and not (is_llama and (heads == kv_heads or experts == 8)),
        is_tied=all(group.name != "output.weight" for group in groups),
        has_imatrix=False,
    )


def _first(per_layer: int | tuple[int, ...]) -> int:
    return per_layer if isinstance(per_layer, int) else per_layer[0]
