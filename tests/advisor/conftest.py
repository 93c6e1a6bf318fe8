"""Machines and constants so round that an answer can be worked out in the head."""

from __future__ import annotations

import dataclasses
import functools
from types import MappingProxyType

import pytest

from advisor.estimate import decode_times, explain, prefill, speed
from advisor.estimate.classes import CPU_CLASS
from advisor.estimate.parameters import (
    Cpu,
    DecodeClass,
    Prefill,
    PrefillClass,
    RuntimeFactors,
    parameters,
)
from advisor.estimate.setup import resolve
from advisor.estimate.subject import subject_of
from advisor.figure import Figure, Origin
from advisor.target import Gpu, Host, Target
from advisor.workload import Workload
from catalog.names import find_model
from catalog.quants import find_quant

GIB = 1 << 30


def figure(value, origin=Origin.PUBLISHED):
    """A figure without an interval; ``None`` stays unknown."""
    return None if value is None else Figure(value=value, origin=origin, source="a test")


def a_gpu(gib=24, *, free_gib=None, gb_per_s=1000, **changes):
    """A desktop card of an architecture in no table; its memory in GiB, its rate in GB/s."""
    values = {
        "name": "a card",
        "vendor": "nvidia",
        "architecture": None,
        "backend": "cuda",
        "kind": "desktop",
        "capacity_bytes": figure(None if gib is None else int(gib * GIB)),
        "available_bytes": figure(
            None if gib is None else int((gib if free_gib is None else free_gib) * GIB)
        ),
        "bandwidth_bytes_per_s": figure(None if gb_per_s is None else gb_per_s * 1e9),
        "fp16_flops_per_s": figure(100e12),
        "shares_host_memory": False,
        "row_name": None,
    }
    return Gpu(**{**values, **changes})


def a_target(*gpus, host_gib=None, host_free_gib=None, gb_per_s=50):
    """These GPUs, and a host with so much memory; without a figure its memory is no limit."""
    free = host_gib if host_free_gib is None else host_free_gib
    return Target(
        name="a machine",
        gpus=gpus,
        host=Host(
            name="a processor",
            capacity_bytes=figure(None if host_gib is None else int(host_gib * GIB)),
            available_bytes=figure(None if free is None else int(free * GIB)),
            read_bytes_per_s=figure(None if gb_per_s is None else gb_per_s * 1e9),
            cores=8,
            instruction_sets=("avx2",),
        ),
        is_imagined=False,
    )


@pytest.fixture(scope="session")
def gpu():
    """`gpu(24)` is a card of 24 GiB."""
    return a_gpu


@pytest.fixture(scope="session")
def target():
    """`target(gpu(24), host_gib=64)` is a machine with that card."""
    return a_target


@pytest.fixture(scope="session")
def subject():
    """`subject("llama-3.1-8b-instruct", "Q4_K_M")` is a model of the catalog in a quant."""

    @functools.cache
    def find(model, quant="Q4_K_M"):
        return subject_of(find_model(model), find_quant(quant))

    return find


@pytest.fixture(scope="session")
def resolved():
    """`resolved(context_tokens=8192)` is a workload with all filled in; any context goes."""

    def fill(**asked):
        return resolve(Workload(**asked), trained_tokens=1 << 40)

    return fill


ROUND = DecodeClass(
    name="round",
    efficiency=0.8,
    layer_overhead_s=50e-6,
    moe_factor=2.0,
    recurrent_factor=3.0,
    cache_efficiency=1.0,
    attention_flops_per_s=1e12,
    plain_cache_efficiency=0.25,
    state_efficiency=0.5,
    arithmetic_per_weight=0.0,
    alu_flops_per_byte=0.0,
    float_experts_factor=0.5,
    low=0.8,
    high=1.25,
    devices=9,
)
ROUND_SLOW_ALU = dataclasses.replace(ROUND, arithmetic_per_weight=20.0, alu_flops_per_byte=10.0)
ROUND_HOST = dataclasses.replace(ROUND, attention_flops_per_s=None)
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
    layer_overhead_s=0.1e-3,
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
    for module in (speed, decode_times, prefill, explain):
        monkeypatch.setattr(module, "parameters", lambda: known)
    for module in (speed, prefill, explain):
        monkeypatch.setattr(module, "runtime_factors", lambda runtime, _: programs[runtime])
    for module in (speed, explain):
        monkeypatch.setattr(module, "decode_class", lambda name: classes.get(name, ROUND))
    for module in (prefill, explain):
        monkeypatch.setattr(
            module, "prefill_class", lambda name: a_prefill_class if "/" in name else None
        )
