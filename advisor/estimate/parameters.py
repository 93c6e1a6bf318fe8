"""The fitted constants of the speed model, read from `parameters.json` when first asked for.

`make fit` writes the file from the published runs in `tests/measured/`; nobody edits it by hand.
Efficiencies are shares of a peak rate (0 to 1), factors multiply, rates and times have their units
in their names.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from advisor.estimate.classes import ANY, fallbacks

SCHEMA = "advisor.speed-parameters/2"


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodeClass:
    """What decoding costs on devices of one class."""

    name: str
    """The class that these constants were fitted for; not the asked one where it stands in."""

    efficiency: float
    """Share of the bandwidth at which weights of k-quants are read."""

    layer_overhead_s: float
    """Launching one dense layer, whatever its size."""

    moe_factor: float
    """A layer with experts launches this much more."""

    recurrent_factor: float
    """A layer with state-space or linear attention launches this much more."""

    cache_efficiency: float
    """Share of the bandwidth at which keys and values are read, with flash attention."""

    attention_flops_per_s: float | None
    """Rate at which flash attention multiplies one token's queries, besides reading: it keeps few
    cores busy. ``None`` where nothing but the memory slows it down."""

    plain_cache_efficiency: float
    """Share of the bandwidth at which they are read without flash attention, products included."""

    state_efficiency: float
    """Share of the bandwidth at which recurrent state is read and written."""

    arithmetic_per_weight: float
    """ALU operations on each weight, where they can take longer than its read; 0 elsewhere."""

    alu_flops_per_byte: float
    """ALU rate per byte of bandwidth, where the device's own rate is not known."""

    float_experts_factor: float
    """Efficiency of experts in F16 and BF16 against other weights in these types."""

    low: float
    high: float
    """The 80 % interval, as factors on the speed."""

    devices: int
    """Devices the class was fitted on; 0 where only its vendor's runs speak for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PrefillClass:
    """What processing a prompt costs on devices of one class."""

    name: str
    efficiency: float
    """Share of the FP16 rate that kernels for quantised weights reach; can exceed 1 (INT8)."""

    low: float
    high: float
    devices: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeFactors:
    """How a program differs from llama.cpp of today."""

    overhead: float = 1.0
    efficiency: float = 1.0
    cache_efficiency: float = 1.0
    prefill_efficiency: float = 1.0
    prefill_overhead: float = 1.0
    interval: tuple[float, float] | None = None
    """Its own 80 % interval of decode; ``None`` for the class's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cpu:
    """What bounds decoding on a CPU besides its memory."""

    kernels: Mapping[str, float]
    """Kernel family → efficiency against that of k-quants."""

    core_bytes_per_s: Mapping[str, float]
    """ggml type → weights that one AVX2 core unpacks and multiplies."""

    instruction_sets: Mapping[str, float]
    """Instruction set → its rate against AVX2's; the best that is present counts."""

    without_any: float
    """The rate of a CPU that has none of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prefill:
    """What is common to all classes of prefill."""

    moe_factor: float
    half_rate_factor: float
    """What cards gain whose FP16 rate with FP32 accumulation is halved."""

    float_factor: float
    """Efficiency of F16 and BF16 weights against quantised ones."""

    plain_attention_factor: float
    """Attention without flash attention takes this much longer."""

    layer_overhead_s: float
    """What a layer takes for a batch of any size, before a large GPU is busy."""

    read_efficiency: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """Everything in the file."""

    decode: Mapping[str, DecodeClass]
    kernels: Mapping[str, float]
    """Kernel family → efficiency against that of k-quants, on GPUs."""

    kernel_bits: Mapping[str, float]
    """Kernel family → bits per weight, to count weights from bytes."""

    handover_s: float
    """Handing a token's activations from one device to the next."""

    runtimes: Mapping[tuple[str, str], RuntimeFactors]
    """(runtime, backend) → how it differs; backend `any` for those not met."""

    cpu: Cpu
    prefill_classes: Mapping[str, PrefillClass]
    prefill: Prefill


USUAL_RUNTIME = RuntimeFactors()


@cache
def parameters() -> Parameters:
    """The constants that come with the program.

    Raises:
        ValueError: The file is of another version than the program.
    """
    text = Path(__file__).with_name("parameters.json").read_text(encoding="utf-8")
    return from_json(json.loads(text))


def from_json(values: Mapping[str, Any]) -> Parameters:
    """The constants in a parsed `parameters.json`.

    Raises:
        ValueError: It is of another version than the program.
    """
    if values["schema"] != SCHEMA:
        msg = f"`parameters.json` is `{values['schema']}`, this program reads `{SCHEMA}`"
        raise ValueError(msg)
    decode, prefill = values["decode"], values["prefill"]
    return Parameters(
        decode=_frozen({name: DecodeClass(name=name, **one) for name, one in _rows(decode)}),
        kernels=_frozen(decode["kernels"]),
        kernel_bits=_frozen(decode["kernel_bits"]),
        handover_s=decode["handover_s"],
        runtimes=_frozen(
            {
                (runtime, backend): _runtime(one)
                for runtime, backends in values["runtimes"].items()
                for backend, one in backends.items()
            }
        ),
        cpu=_cpu(values["cpu"]),
        prefill_classes=_frozen(
            {name: PrefillClass(name=name, **one) for name, one in _rows(prefill)}
        ),
        prefill=Prefill(**{k: v for k, v in prefill.items() if k not in {"classes", "columns"}}),
    )


def _cpu(values: Mapping[str, Any]) -> Cpu:
    return Cpu(
        kernels=_frozen(values["kernels"]),
        core_bytes_per_s=_frozen(values["core_bytes_per_s"]),
        instruction_sets=_frozen(values["instruction_sets"]),
        without_any=values["without_any"],
    )


def _rows(table: Mapping[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """The rows of a table whose column names are written once."""
    columns = table["columns"]
    return [(name, dict(zip(columns, row, strict=True))) for name, row in table["classes"].items()]


def _runtime(values: dict[str, Any]) -> RuntimeFactors:
    interval = values.pop("interval", None)
    return RuntimeFactors(interval=tuple(interval) if interval else None, **values)


def _frozen(values: dict[Any, Any]) -> Mapping[Any, Any]:
    return MappingProxyType(values)


@cache
def decode_class(name: str) -> DecodeClass:
    """The constants of a class, or of what stands in for it."""
    known = parameters().decode
    return next(known[one] for one in fallbacks(name) if one in known)


@cache
def prefill_class(name: str) -> PrefillClass | None:
    """The prefill constants of a class or its stand-in; ``None`` for the host."""
    known = parameters().prefill_classes
    if "/" not in name:
        return None
    return next((known[one] for one in fallbacks(name) if one in known), None)


@cache
def runtime_factors(runtime: str, backend: str) -> RuntimeFactors:
    """How a program differs from llama.cpp under a backend; not at all where it is not known."""
    known = parameters().runtimes
    return known.get((runtime, backend)) or known.get((runtime, ANY)) or USUAL_RUNTIME
