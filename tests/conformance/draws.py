"""What the library and the program are asked: models and settings, drawn at random.

Holds the range of every setting and how one is drawn; never an answer. The same seed draws the
same for an architecture, whatever else is run.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from random import Random
from typing import TYPE_CHECKING

from advisor.estimate.graph_shape import ENCODERS
from advisor.workload import FlashAttention, Runtime, Workload
from catalog.errors import CatalogError
from catalog.quants import load_quants
from catalog.repacks import repacked_bytes
from catalog.shelf import load_models
from catalog.tables import tensor_table

if TYPE_CHECKING:
    from catalog.model import Model
    from catalog.quant import Quant

SEED_VARIABLE = "CONFORMANCE_SEED"
FILES_VARIABLE = "CONFORMANCE_FILES"

CONTEXTS = 3
"""Contexts that are started with each."""

SHORTEST_TOKENS = 512
LONGEST_TOKENS = 262_144
UBATCHES = (128, 256, 512, 512, 512, 1024, 2048)
SEQUENCES = (1, 1, 1, 2, 3, 4, 8)
EVEN_SEQUENCES = (1, 2, 4, 8)
"""For encoders: llama.cpp dies over a micro-batch that is not a multiple of the sequences."""

KV_TYPES = (*("f16",) * 8, *("q8_0",) * 4, "q4_0", "q4_0", "q5_1", "iq4_nl", "bf16", "f32")
FLASH = (FlashAttention.AUTO, FlashAttention.ON, FlashAttention.ON, FlashAttention.OFF)
RUNTIMES = (
    Runtime.LLAMA_SERVER,
    Runtime.LLAMA_SERVER,
    Runtime.LLAMA_BENCH,
    Runtime.LLAMA_CPP_PYTHON,
)
SECOND_SHARES = (0.5, 1.0, 3.0)
"""Shares of the second of two devices, beside one of the first."""


class Where(StrEnum):
    """Where the layers of a model are."""

    HOST = "on the host"
    REARRANGED = "on the host, rearranged for it"
    DEVICE = "on a device"
    PART = "partly on a device"
    TWO = "on two devices"
    EXPERTS = "on a device, some experts on the host"
    HELPED = "partly on a device that helps the host"


FILES = len(Where)
"""Files that are drawn of an architecture: one for each kind of place."""

ALONE = frozenset({Where.HOST, Where.REARRANGED})
"""Places without a device."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """One file, and where its layers are."""

    model: Model
    quant: Quant
    where: Where
    gpu_layers: int
    split: tuple[float, ...]
    """A share for each device; empty for the host alone."""

    cpu_moe_layers: int
    """Layers whose experts are left on the host."""

    workloads: tuple[Workload, ...]

    @property
    def takes_over(self) -> bool:
        """True where the device computes large batches of what the host has, as a GPU does."""
        return self.where in {Where.EXPERTS, Where.HELPED}


@cache
def seed() -> str:
    """What decides the draws: what the environment says, else the time."""
    return os.environ.get(SEED_VARIABLE) or str(int(time.time()))


def architectures() -> list[str]:
    """Those of the catalog."""
    return sorted({model.architecture for model in load_models()})


def draws(architecture: str) -> Iterator[Draw]:
    """The files of one architecture."""
    chance = Random(f"{seed()}/{architecture}")
    models = [model for model in load_models() if model.architecture == architecture]
    for count in range(int(os.environ.get(FILES_VARIABLE) or FILES)):
        model = chance.choice(models)
        yield _draw(chance, model, list(Where)[count % len(Where)])


def _draw(chance: Random, model: Model, where: Where) -> Draw:
    if where is Where.EXPERTS and not model.hyperparameters.expert_used_count:
        where = Where.DEVICE
    blocks = model.hyperparameters.block_count
    is_part = where in {Where.PART, Where.HELPED}
    gpu_layers = chance.randint(1, blocks) if is_part else blocks + 1
    gpu_layers = 0 if where in ALONE else gpu_layers
    cpu_moe_layers = chance.randint(1, blocks) if where is Where.EXPERTS else 0
    split: tuple[float, ...] = () if where in ALONE else (1.0,)
    if where is Where.TWO:
        split = (1.0, chance.choice(SECOND_SHARES))
    settings = {
        "gpu_layers": gpu_layers,
        "n_cpu_moe": cpu_moe_layers,
        "tensor_split": split if len(split) > 1 and chance.random() < 0.5 else None,
    }
    return Draw(
        model=model,
        quant=_quant(chance, model, where),
        where=where,
        gpu_layers=gpu_layers,
        split=split,
        cpu_moe_layers=cpu_moe_layers,
        workloads=tuple(_workload(chance, model, settings) for _ in range(CONTEXTS)),
    )


def _quant(chance: Random, model: Model, where: Where) -> Quant:
    """A file type that llama-quantize makes of this model, and rearranges where that is drawn."""
    for quant in chance.sample(load_quants(), k=len(load_quants())):
        try:
            table = tensor_table(model, quant)
        except CatalogError:
            continue
        if where is not Where.REARRANGED or repacked_bytes(table, "avx512"):
            return quant
    msg = f"no file type suits {model.name}"
    raise AssertionError(msg)


def _workload(chance: Random, model: Model, settings: dict[str, object]) -> Workload:
    longest = min(model.context_tokens, LONGEST_TOKENS)
    shortest = min(SHORTEST_TOKENS, longest)
    key = chance.choice(KV_TYPES)
    value = key if chance.random() < 0.8 else chance.choice(KV_TYPES)
    is_encoder = model.architecture in ENCODERS
    return Workload(
        context_tokens=round(shortest * (longest / shortest) ** chance.random()),
        ubatch_tokens=chance.choice(UBATCHES),
        sequences=chance.choice(EVEN_SEQUENCES if is_encoder else SEQUENCES),
        kv_unified=chance.random() < 0.5,
        kv_type_k=key,
        kv_type_v=value,
        flash_attention=chance.choice(FLASH),
        runtime=chance.choice(RUNTIMES),
        **settings,
    )
