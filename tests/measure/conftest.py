"""Measurements, machines and programs that stand for real ones."""

from __future__ import annotations

import json
import os
import stat
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from advisor.measure.outcome import Place
from advisor.measurement import Measurement, Pace, Work
from advisor.situation import with_backend
from advisor.target import target_of_machine
from advisor.workload import Runtime
from probes.record import read
from tests.model_files import header_of

PROJECT = Path(__file__).parents[2]
RECORDED = PROJECT / "tests/advisor/desktop.json"
MODEL, QUANT = "llama-3.2-1b-instruct", "Q4_K_M"

LOG = """\
llama_model_loader: loaded meta data
load_tensors:   CPU_Mapped model buffer size =   762.81 MiB
llama_context: constructing llama_context
llama_context:        CPU  output buffer size =     0.49 MiB
llama_kv_cache:        CPU KV buffer size =    16.00 MiB
sched_reserve:        CPU compute buffer size =   254.50 MiB
"""

FAKE = """\
#!/bin/sh
'''exec' "{python}" "$0" "$@"
' '''
import json, os, signal, sys, time
sys.stderr.write({log!r})
sys.stderr.flush()
with open({called!r}, "w") as file:
    json.dump(sys.argv[1:], file)
for step in ("warmup prompt", "prompt", "warmup generation", "generation"):
    sys.stderr.write(f"llama-bench: benchmark 1/2: {{step}} run 1/2\\n")
{act}
"""

TESTS = [
    {
        "build_commit": "abc1234",
        "build_number": 7000,
        "backends": "CPU",
        "n_threads": 8,
        "n_prompt": 512,
        "n_gen": 0,
        "n_depth": 0,
        "samples_ts": [410.0, 400.0, 405.0],
    },
    {
        "build_commit": "abc1234",
        "build_number": 7000,
        "backends": "CPU",
        "n_threads": 8,
        "n_prompt": 0,
        "n_gen": 128,
        "n_depth": 0,
        "samples_ts": [49.0, 50.0, 51.0],
    },
]


def a_work(device="a card", **changes):
    """What decoding a dense model of 1 GB does on one device."""
    values = {
        "layers": 16,
        "weight_bytes": 1_000_000_000,
        "cache_bytes": 0,
        "attention_flops": 0,
        "state_bytes": 0,
        "recurrent_layers": 0,
        "is_moe": False,
        "flash_attention": True,
        "kernel": "q4_K",
        **changes,
    }
    return Work(device=device, values=tuple(values.items()))


def a_measurement(**changes):
    """100 tokens/s of some model on a card; nothing about it is special."""
    values = {
        "taken_at": "2026-11-24T03:00:00Z",
        "machine": "a machine",
        "pace": Pace.DECODE,
        "samples_tokens_per_s": (99.0, 100.0, 102.0),
        "tokens": 128,
        "depth_tokens": 0,
        "model": "maker/model-1b",
        "model_name": "model-1b",
        "quant": "Q4_K_M",
        "file_name": "model-1b-Q4_K_M.gguf",
        "file_bytes": 1_000_000_000,
        "file_mark": "0" * 64,
        "runtime": Runtime.LLAMA_BENCH,
        "program": "llama-bench",
        "program_version": "b7000 (abc1234)",
        "advisor_version": "0.1.0",
        "backend": "cuda",
        "devices": ("a card",),
        "works": (a_work(),),
        "handovers": 0,
        "flash_attention": True,
        "kv_type_k": "f16",
        "kv_type_v": "f16",
        "gpu_layers": 17,
        "n_cpu_moe": 0,
        "threads": 8,
        "predicted_tokens_per_s": 110.0,
        "predicted_low": 95.0,
        "predicted_high": 125.0,
    }
    return Measurement(**{**values, **changes})


@pytest.fixture(scope="session")
def measurement():
    """`measurement(quant="Q8_0")` is one with that quant."""
    return a_measurement


@pytest.fixture(scope="session")
def work():
    """`work(layers=32)` is what such a model does."""
    return a_work


@pytest.fixture
def recorded():
    """The recorded desktop without a GPU, as a place to measure."""
    machine = read(RECORDED)
    target = replace(target_of_machine(machine), measured=())
    return Place(
        machine=machine,
        target=target,
        under=lambda backend: with_backend(target, backend),
        has_gpus=bool(machine.accelerators),
        look_again=lambda: machine,
    )


@pytest.fixture(scope="session")
def model_file(tmp_path_factory):
    """A file of Llama 3.2 1B in Q4_K_M: a true header before data that takes no room."""
    path = tmp_path_factory.mktemp("model") / "Llama-3.2-1B-Instruct-Q4_K_M.gguf"
    header, data_bytes = header_of(MODEL, QUANT)
    with path.open("wb") as file:
        file.write(header)
        file.truncate(len(header) + data_bytes)
    return path


@pytest.fixture
def fake_llama_bench(tmp_path):
    """`fake_llama_bench(tests=…)` puts a `llama-bench` into a folder for the PATH.

    `act` is what it does instead of printing the tests, in Python.
    """
    if os.name == "nt":
        pytest.skip("a script with a shebang needs a POSIX system")
    folder = tmp_path / "bin"
    folder.mkdir()

    def make(tests=TESTS, *, log=LOG, act=None):
        path = folder / "llama-bench"
        path.write_text(
            FAKE.format(
                python=sys.executable,
                log=log,
                called=str(folder / "called.json"),
                act=act or f"print({json.dumps(tests)!r})",
            ),
            encoding="utf-8",
        )
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        return folder

    return make
