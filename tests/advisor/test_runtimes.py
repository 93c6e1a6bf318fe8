"""What each program sets up when nobody says otherwise."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from advisor.estimate import fit
from advisor.estimate.estimator import estimate
from advisor.estimate.runtimes import OLLAMA_CONTEXTS, preset
from advisor.workload import Runtime, Workload

MIB = 1 << 20


@pytest.mark.parametrize("runtime", Runtime)
def test_every_runtime_has_a_row_of_its_own(runtime):
    own = preset(runtime)
    assert own.runtime is runtime
    assert own.source
    assert own.sequences >= 1


@pytest.mark.parametrize(
    ("runtime", "reserve_mib"),
    [
        pytest.param(Runtime.LLAMA_SERVER, 1024, id="llama-server: its margin of 1 GiB"),
        pytest.param(Runtime.OLLAMA, 1024, id="Ollama: its llama-server's"),
        pytest.param(Runtime.LLAMA_BENCH, None, id="llama-bench: it does not fit models"),
    ],
)
def test_what_is_left_free_of_a_gpu(runtime, reserve_mib):
    assert preset(runtime).reserve_bytes == (None if reserve_mib is None else reserve_mib * MIB)


def test_what_a_runtime_leaves_free_decides_how_many_layers_are_chosen(
    subject, gpu, target, monkeypatch
):
    """Two blocks of Llama 3.1 8B in Q4_K_M are 0.26 GiB, so that 1 GiB more or less shows."""

    def layers():
        found = estimate(subject("llama-3.1-8b-instruct"), Workload(), target(gpu(4), host_gib=64))
        return found.placement.gpu_layers

    usual, own = layers(), preset(Runtime.LLAMA_SERVER)
    monkeypatch.setattr(fit, "preset", lambda _: replace(own, reserve_bytes=0))
    assert layers() > usual


def test_what_nobody_outside_knows_of_lm_studio_is_unknown():
    own = preset(Runtime.LMSTUDIO)
    assert own.reserve_bytes is None
    assert own.prompt_cache_bytes is None
    assert "is closed" in own.note


@pytest.mark.parametrize("runtime", Runtime)
def test_a_prompt_cache_is_said_with_its_size(runtime):
    """It is no part of the need, so that the note is all that tells of it."""
    own = preset(runtime)
    said = re.search(r"up to (\d+) GiB of the system's memory", own.note or "")
    assert (int(said[1]) << 30 if said else 0) == (own.prompt_cache_bytes or 0)


def test_only_ollama_reads_the_file_into_memory_on_a_machine_without_gpu():
    assert [one for one in Runtime if not preset(one).maps_file] == [Runtime.OLLAMA]


def test_larger_memory_never_gives_less_context():
    assert list(OLLAMA_CONTEXTS) == sorted(OLLAMA_CONTEXTS, reverse=True)
    contexts = [context for _, context in OLLAMA_CONTEXTS]
    assert contexts == sorted(contexts, reverse=True)


def test_an_estimate_knows_the_gpus_that_ollama_counts(subject, gpu, target):
    """Two of 24 GiB are one tier above a single one."""
    asked = Workload(runtime=Runtime.OLLAMA)
    one, two = (
        estimate(subject("llama-3.1-8b-instruct"), asked, target(*cards))
        for cards in ([gpu(24)], [gpu(24), gpu(24)])
    )
    assert (one.setup.context_tokens, two.setup.context_tokens) == (32_768, 131_072)


def test_the_runtimes_note_is_in_the_answer(subject, gpu, target):
    found = estimate(subject("llama-3.1-8b-instruct"), Workload(), target(gpu(24)))
    assert preset(Runtime.LLAMA_SERVER).note in found.notes
