"""What is drawn, and what may differ, without the library."""

from __future__ import annotations

import pytest

from advisor.workload import FlashAttention, Runtime, Workload
from tests.conformance import draws as drawing
from tests.conformance.draws import ALONE, SEED_VARIABLE, Where, architectures, draws
from tests.conformance.parameters import context_parameters


@pytest.fixture
def seeded(monkeypatch):
    """Draws under a seed of one's own."""

    def draw(seed, architecture):
        monkeypatch.setenv(SEED_VARIABLE, seed)
        drawing.seed.cache_clear()
        return list(draws(architecture))

    yield draw
    drawing.seed.cache_clear()


def test_a_seed_draws_the_same_again_and_another_does_not(seeded):
    assert seeded("1", "llama") == seeded("1", "llama")
    assert seeded("1", "llama") != seeded("2", "llama")


@pytest.mark.parametrize("architecture", architectures())
def test_every_place_is_drawn_with_settings_that_suit_the_model(seeded, architecture):
    found = seeded("1", architecture)
    assert {one.where for one in found} >= set(Where) - {Where.EXPERTS}
    for one in found:
        assert one.model.architecture == architecture
        assert (one.gpu_layers == 0) is (one.split == ()) is (one.where in ALONE)
        is_mixture = bool(one.model.hyperparameters.expert_used_count)
        assert (one.cpu_moe_layers > 0) is (one.where is Where.EXPERTS)
        assert is_mixture or one.where is not Where.EXPERTS
        assert 0 <= one.gpu_layers <= one.model.hyperparameters.block_count + 1
        for workload in one.workloads:
            assert 1 <= workload.context_tokens <= one.model.context_tokens


def parameters(**settings):
    workload = Workload(context_tokens=4096, ubatch_tokens=512, sequences=3, **settings)
    return context_parameters(workload, "llama")


def test_each_program_hands_over_its_own_parameters():
    """`n_outputs_max` 0 stands for a row for each token; flash attention -1 for automatic."""
    names = ("n_outputs_max", "swa_full", "flash_attn_type")
    found = {
        runtime: tuple(parameters(runtime=runtime)[name] for name in names)
        for runtime in (Runtime.LLAMA_SERVER, Runtime.LLAMA_BENCH, Runtime.LLAMA_CPP_PYTHON)
    }
    assert found == {
        Runtime.LLAMA_SERVER: (3, False, -1),
        Runtime.LLAMA_BENCH: (0, False, -1),
        Runtime.LLAMA_CPP_PYTHON: (0, True, 0),
    }
    asked = parameters(runtime=Runtime.LLAMA_CPP_PYTHON, flash_attention=FlashAttention.ON)
    assert asked["flash_attn_type"] == 1


def test_an_encoder_hands_over_embeddings_of_every_token():
    workload = Workload(context_tokens=512, ubatch_tokens=512, sequences=2)
    found = context_parameters(workload, "bert")
    assert (found["embeddings"], found["n_outputs_max"]) == (True, 0)
