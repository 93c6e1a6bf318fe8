"""When `py-cpuinfo` is asked about a processor, and what is taken from its answer."""

from __future__ import annotations

import json
import sys

import pytest

from probes.ask import Asker
from probes.cpu import last_resort
from probes.cpu.probe import probe_cpu


def recorded(root, files) -> Asker:
    """A Linux machine that consists of these files."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return Asker(root=root, environ={}, os="linux")


LAST_RESORT = "commands/" + " ".join(last_resort.command()).replace("/", "_")

PY_CPUINFO = json.dumps(
    {
        "brand_raw": "AMD EPYC",
        "flags": ["avx", "avx2", "f16c", "fma", "sse4_2", "bmi2", "avx512vnni"],
        "l3_cache_size": 1048576,
    }
)


def test_the_last_resort_names_a_processor_that_nothing_else_names(tmp_path):
    cpu, _ = probe_cpu(recorded(tmp_path, {LAST_RESORT: PY_CPUINFO}))
    assert cpu.name == "AMD EPYC"
    assert cpu.instruction_sets == ("sse4_2", "avx", "f16c", "fma", "bmi2", "avx2", "avx512_vnni")
    # It takes the L2 of one core for the last level
    assert cpu.caches == ()


def test_the_last_resort_is_not_asked_where_the_kernel_answers(tmp_path):
    answer = PY_CPUINFO.replace("AMD EPYC", "wrong")
    risc_v = {"proc/cpuinfo": "processor\t: 0\nisa\t\t: rv64imafdc\nuarch\t\t: sifive,u74\n"}
    cpu, _ = probe_cpu(recorded(tmp_path, risc_v | {LAST_RESORT: answer}))
    assert (cpu.name, cpu.instruction_sets) == ("sifive,u74", ())


def test_the_last_resort_never_runs_in_a_frozen_program(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    cpu, _ = probe_cpu(recorded(tmp_path, {LAST_RESORT: PY_CPUINFO}))
    assert cpu.name is None


@pytest.mark.parametrize("answer", ["", "no JSON", "[]", '{"brand_raw": 7, "flags": "avx2"}'])
def test_a_last_resort_that_talks_nonsense_is_ignored(tmp_path, answer):
    cpu, _ = probe_cpu(recorded(tmp_path, {LAST_RESORT: answer}))
    assert (cpu.name, cpu.instruction_sets) == (None, ())
