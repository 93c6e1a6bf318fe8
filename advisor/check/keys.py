"""Every key of a requirement, in one table: the file, the command line, the action and the schema
are made from it.

Holds names, kinds and words only; what the keys demand is the rules' business.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from advisor.check import values
from advisor.request import BACKENDS
from advisor.workload import FlashAttention, Runtime

if TYPE_CHECKING:
    from collections.abc import Mapping


class Kind(StrEnum):
    """What a key's value is, and what the command line calls it."""

    TEXT = "NAME"
    SIZE = "SIZE"
    TOKENS = "TOKENS"
    RATE = "RATE"
    COUNT = "N"
    LAYERS = "N|auto|all"
    VERSION = "VERSION"
    MIG = "none|PROFILE"
    FLAG = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One key of a `[[require]]` table, which is an option of the command line, too."""

    name: str
    kind: Kind
    help: str
    field: str | None = None
    """The field of `Requirement` that it fills; ``None`` for the model's request."""

    choices: tuple[str, ...] = ()

    @property
    def option(self) -> str:
        """`--min-decode`."""
        return "--" + self.name.replace("_", "-")


READERS: Mapping[Kind, Callable[[object], object]] = {
    Kind.TEXT: values.text,
    Kind.SIZE: values.size_bytes,
    Kind.RATE: values.tokens_per_s,
    Kind.COUNT: values.count,
    Kind.VERSION: values.driver_version,
    Kind.MIG: values.mig_layout,
    Kind.FLAG: values.flag,
}
"""How a value is read; those of the model's request are read as a request's."""

KEYS = (
    Key(name="model", kind=Kind.TEXT, help="A model that must run: a name, a file, an address."),
    Key(name="quant", kind=Kind.TEXT, help="In this quant.  [default: the best here]"),
    Key(name="context", kind=Kind.TOKENS, help="With so much prompt and answer together."),
    Key(name="depth", kind=Kind.TOKENS, help="Tokens in the cache when decode is judged."),
    Key(name="prompt", kind=Kind.TOKENS, help="Tokens of the prompt when prefill is judged."),
    Key(name="sequences", kind=Kind.COUNT, help="Parallel sequences."),
    Key(name="kv_type_k", kind=Kind.TEXT, help="Type of the K cache."),
    Key(name="kv_type_v", kind=Kind.TEXT, help="Type of the V cache."),
    Key(
        name="flash_attention",
        kind=Kind.TEXT,
        choices=tuple(one.value for one in FlashAttention),
        help="Whether attention stores no scores.",
    ),
    Key(name="gpu_layers", kind=Kind.LAYERS, help="Layers on the GPUs."),
    Key(name="n_cpu_moe", kind=Kind.LAYERS, help="First layers whose experts stay on the CPU."),
    Key(
        name="runtime",
        kind=Kind.TEXT,
        choices=tuple(one.value for one in Runtime),
        help="The program that runs the model.",
    ),
    Key(name="backend", kind=Kind.TEXT, choices=BACKENDS, help="The backend of the GPUs."),
    Key(
        name="allow_partial",
        kind=Kind.FLAG,
        field="allow_partial",
        help="Some of the model may be on the CPU although there is a GPU.",
    ),
    Key(
        name="min_decode",
        kind=Kind.RATE,
        field="min_decode_tokens_per_s",
        help="Tokens per second that it must write.",
    ),
    Key(
        name="min_prefill",
        kind=Kind.RATE,
        field="min_prefill_tokens_per_s",
        help="Tokens per second that it must read.",
    ),
    Key(name="gpu", kind=Kind.TEXT, field="gpu", help="A GPU that must be there: `2x RTX 3090`."),
    Key(name="min_gpus", kind=Kind.COUNT, field="min_gpus", help="GPUs that must be usable."),
    Key(
        name="min_gpu_memory",
        kind=Kind.SIZE,
        field="min_gpu_memory_bytes",
        help="Memory that each of them must have.",
    ),
    Key(
        name="min_free_gpu_memory",
        kind=Kind.SIZE,
        field="min_free_gpu_memory_bytes",
        help="Memory that each of them must have free.",
    ),
    Key(
        name="max_gpu_in_use",
        kind=Kind.SIZE,
        field="max_gpu_in_use_bytes",
        help="Memory that others may hold of each GPU.",
    ),
    Key(
        name="dedicated",
        kind=Kind.FLAG,
        field="dedicated",
        help="The GPU must have memory of its own.",
    ),
    Key(
        name="mig",
        kind=Kind.MIG,
        field="mig",
        help="No MIG, or an instance of this profile (`1g.10gb`).",
    ),
    Key(
        name="min_driver",
        kind=Kind.VERSION,
        field="min_driver",
        help="The least version of the GPUs' driver.",
    ),
    Key(
        name="min_memory",
        kind=Kind.SIZE,
        field="min_memory_bytes",
        help="Memory of the system that must be available.",
    ),
    Key(
        name="min_cpus",
        kind=Kind.COUNT,
        field="min_cpus",
        help="Processors whose time this process must have.",
    ),
    Key(
        name="min_free_disk",
        kind=Kind.SIZE,
        field="min_free_disk_bytes",
        help="Free space where models are kept.",
    ),
)
"""What a requirement may ask, in the order in which people think of it."""

BY_NAME = {key.name: key for key in KEYS}
OF_REQUEST = tuple(key.name for key in KEYS if key.field is None)
"""Keys of the model's request; they mean what they mean to `advisor estimate`."""
