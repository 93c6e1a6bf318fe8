"""Constants so round that the speed model's times can be worked out in the head."""

from __future__ import annotations

import dataclasses
from types import MappingProxyType

import pytest

from advisor.estimate import explain, prefill, speed
from advisor.estimate.classes import CPU_CLASS
from advisor.estimate.parameters import (
    Cpu,
    DecodeClass,
    Prefill,
    PrefillClass,
    RuntimeFactors,
    parameters,
)

ROUND = DecodeClass(
    name="round",
    efficiency=0.8,
    layer_overhead_s=50e-6,
    moe_factor=2.0,
    recurrent_factor=3.0,
    cache_efficiency=1.0,
    cache_ceiling_bytes_per_s=1000e9,
    plain_cache_efficiency=0.25,
    latent_cache_factor=0.5,
    state_efficiency=0.5,
    arithmetic_per_weight=0.0,
    alu_flops_per_byte=0.0,
    low=0.8,
    high=1.25,
    devices=9,
)
ROUND_SLOW_ALU = dataclasses.replace(ROUND, arithmetic_per_weight=4.0, alu_flops_per_byte=40.0)
ROUND_HOST = dataclasses.replace(ROUND, cache_ceiling_bytes_per_s=None)
ROUND_CPU = Cpu(
    kernels=MappingProxyType({"q8": 1.25}),
    core_bytes_per_s=MappingProxyType({"q4_K": 10e9, "iq2_xxs": 5e9}),
    instruction_sets=MappingProxyType({"avx2": 1.0, "avx": 0.5}),
    without_any=0.1,
)
ROUND_PREFILL = Prefill(
    moe_factor=1.5,
    half_rate_factor=2.0,
    float_factor=1.25,
    plain_attention_factor=4.0,
    read_efficiency=0.8,
)


@pytest.fixture
def round_constants(monkeypatch):
    """The formulas with the constants above instead of the fitted ones."""
    classes = {"slow-alu": ROUND_SLOW_ALU, CPU_CLASS: ROUND_HOST}
    programs = {"ollama": RuntimeFactors(overhead=2.0), "llama-server": RuntimeFactors()}
    known = dataclasses.replace(
        parameters(),
        kernels=MappingProxyType({"k": 1.0, "float": 1.0, "i": 0.5}),
        kernel_bits=MappingProxyType({"k": 5.0, "float": 16.0, "i": 2.5}),
        handover_s=0.25e-3,
        cpu=ROUND_CPU,
        prefill=ROUND_PREFILL,
    )
    a_prefill_class = PrefillClass(name="round", efficiency=0.5, low=0.5, high=2.0, devices=9)
    for module in (speed, prefill, explain):
        monkeypatch.setattr(module, "parameters", lambda: known)
        monkeypatch.setattr(module, "runtime_factors", lambda runtime, _: programs[runtime])
    for module in (speed, explain):
        monkeypatch.setattr(module, "decode_class", lambda name: classes.get(name, ROUND))
    for module in (prefill, explain):
        monkeypatch.setattr(
            module, "prefill_class", lambda name: a_prefill_class if "/" in name else None
        )
