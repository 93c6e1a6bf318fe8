"""What is asked of a machine: a model that must run, and figures that must be met.

Holds the noun only; where it comes from is `file`'s business or the command line's, and whether it
is met is the rules'.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from advisor.request import Request


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where something stands in a file."""

    file: str
    line: int
    """The first one is 1."""

    column: int
    """The first one is 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """One thing that must hold; what is ``None`` is not asked."""

    name: str
    """How reports call it."""

    where: str | None = None
    """The machines that it is for: `gpu`, `cpu`, or a GPU's name; ``None`` for all."""

    request: Request | None = None
    """The model that must run, with its workload."""

    allow_partial: bool = False
    """True where some of the model may be on the CPU although there is a GPU."""

    min_decode_tokens_per_s: float | None = None
    min_prefill_tokens_per_s: float | None = None
    gpu: str | None = None
    """A GPU that must be there, as people write it: `RTX 4090`, `2x RTX 3090`."""

    min_gpus: int | None = None
    min_gpu_memory_bytes: int | None = None
    """Of each of the GPUs asked for, in total."""

    min_free_gpu_memory_bytes: int | None = None
    """Of each of them, now."""

    max_gpu_in_use_bytes: int | None = None
    """What others may hold of each GPU."""

    dedicated: bool = False
    """True where the GPU must have memory of its own."""

    mig: str | None = None
    """`none`, or the profile of an instance that must be there, such as `3g.40gb`."""

    min_driver: str | None = None
    min_memory_bytes: int | None = None
    """Of the system's memory, available now within every limit."""

    min_cpus: int | None = None
    """Processors whose time this process may have."""

    min_free_disk_bytes: int | None = None
    """On the disk where models are kept."""

    ignore: tuple[str, ...] = ()
    """Rules that are not asked."""

    places: tuple[tuple[str, Place], ...] = ()
    """Where each key stands, the whole under the empty name; none on a command line."""

    def place_of(self, key: str | None) -> Place | None:
        """Where a key stands, else where the requirement begins."""
        known = dict(self.places)
        return known.get(key or "") or known.get("")
