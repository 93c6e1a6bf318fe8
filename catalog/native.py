"""Models whose makers publish quantized experts, which files of every type then hold unchanged.

Holds which architectures these are, and marks their tensors; `catalog.recipes` leaves alone what
is quantized already.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from catalog.quants import ggml_type

if TYPE_CHECKING:
    from collections.abc import Sequence

    from catalog.tensors import TensorGroup

_NATIVE_EXPERTS = {"gpt-oss": "mxfp4"}
"""Architectures whose makers publish quantized experts, which every file then keeps as they are.

Source: README of bartowski/openai_gpt-oss-20b-GGUF ("All quants keep the feed forward networks at
mxfp4"); llama-quantize refuses to quantize them again. DeepSeek V4's are published in MXFP4 too,
but its lower file types in circulation were made from F16.
"""


def has_native_experts(architecture: str) -> bool:
    """True when a model's experts have one storage type in every file, its maker's."""
    return architecture in _NATIVE_EXPERTS


def with_native_experts(
    groups: Sequence[TensorGroup], architecture: str
) -> tuple[TensorGroup, ...]:
    """The groups, the experts in the type that their maker published them in, if in one."""
    native = _NATIVE_EXPERTS.get(architecture)
    if native is None:
        return tuple(groups)
    return tuple(
        replace(group, type=ggml_type(native)) if group.name.endswith("_exps.weight") else group
        for group in groups
    )
