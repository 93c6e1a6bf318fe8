"""What Ollama decides by the memory that is free, beside its source's own rules."""

from __future__ import annotations

import pytest

from advisor.estimate.estimator import estimate, setup_for
from advisor.estimate.ollama import batch_tokens, forecast_bytes
from advisor.workload import FlashAttention, Runtime, Workload

GIB = 1 << 30
MIB = 1 << 20
LLAMA = "llama-3.1-8b-instruct"
FILE_BYTES = 4_912_898_304
"""Llama 3.1 8B in Q4_K_M, its tensors."""


@pytest.fixture(scope="session")
def setup_on(subject, target):
    """What Ollama sets up for a model on some GPUs."""

    def find(*gpus, model=LLAMA, **asked):
        workload = Workload(runtime=Runtime.OLLAMA, **asked)
        return setup_for(subject(model), workload, target(*gpus, host_gib=64))

    return find


def test_its_forecast_is_the_file_and_a_cache_of_equal_layers(subject):
    """32 layers × 8 heads of 4096 / 32 = 128, K and V in two bytes: 128 KiB a token."""
    one = subject(LLAMA)
    assert one.weights.tensor_bytes == FILE_BYTES
    assert forecast_bytes(one, context_tokens=8192) == FILE_BYTES + GIB


def test_its_forecast_takes_the_fewest_heads_and_at_least_one(subject):
    """LFM2's convolutions have none: 16 layers × 1 head of 1024 / 16 = 64, × 4 B."""
    one = subject("lfm2-350m")
    assert 0 in one.model.hyperparameters.head_count_kv
    assert forecast_bytes(one, context_tokens=4096) == one.weights.tensor_bytes + 16 * 64 * 4 * 4096


@pytest.mark.parametrize(
    ("context", "free_gib", "forecast_gib", "expected"),
    [
        pytest.param(4096, 24, 1, 512, id="a short context gets no more"),
        pytest.param(8192, 24, 1, 1024, id="a longer one twice that"),
        pytest.param(65536, 24, 1, 2048, id="a long one four times"),
        pytest.param(65536, 10, 6, 2048, id="60 % of the memory leaves room: 6 + 2 <= 8"),
        pytest.param(65536, 10, 6.01, 1024, id="more does not"),
        pytest.param(65536, 5, 3, 1024, id="60 % of 5, but 3 + 2 > 4: half the batch"),
        pytest.param(65536, 20, 15, 1024, id="75 % leaves room for half: 15 + 0.75 <= 16"),
        pytest.param(65536, 20, 15.01, 512, id="more does not"),
        pytest.param(8192, 8, 6, 512, id="6 + 0.75 > 6.4"),
        pytest.param(8192, None, 6, 1024, id="of memory nobody knows nothing is said"),
    ],
)
def test_the_batch_is_lowered_until_the_forecast_leaves_room(
    context, free_gib, forecast_gib, expected, gpu
):
    found = batch_tokens(
        context, forecast=int(forecast_gib * GIB), gpus=[gpu(free_gib)], has_flash=True
    )
    assert found == expected


@pytest.mark.parametrize(
    ("context", "gib", "backend", "expected"),
    [
        pytest.param(8192, 24, "cuda", 512, id="a large card: 512, whatever is free"),
        pytest.param(8192, 8, "cuda", 256, id="a small one: half of it"),
        pytest.param(4096, 8, "cuda", 512, id="but for a short context"),
        pytest.param(8192, 8, "rocm", 1024, id="of CUDA alone"),
    ],
)
def test_without_flash_attention_cuda_cards_get_less(context, gib, backend, expected, gpu):
    card = gpu(gib, backend=backend)
    assert batch_tokens(context, forecast=GIB, gpus=[card], has_flash=False) == expected


def test_a_setup_has_the_batch_that_the_free_memory_allows(setup_on, gpu):
    """4.6 + 4 GiB of forecast: 8.6 of 24 leave room for 1,024, 8.6 of 11 do not."""
    asked = {"context_tokens": 32_768}
    assert setup_on(gpu(24), **asked).ubatch_tokens == 1024
    assert setup_on(gpu(11), **asked).ubatch_tokens == 512
    assert setup_on(gpu(24, free_gib=11), **asked).ubatch_tokens == 512
    assert setup_on(gpu(9), gpu(9), **asked).ubatch_tokens == 1024
    assert setup_on(**asked).ubatch_tokens == 1024


def test_sequences_count_in_the_context(setup_on, gpu):
    """Two of 4,096 are 8,192 together."""
    assert setup_on(gpu(24), context_tokens=4096).ubatch_tokens == 512
    assert setup_on(gpu(24), context_tokens=4096, sequences=2).ubatch_tokens == 1024


def test_one_card_that_holds_the_forecast_is_taken_alone(setup_on, gpu):
    """80 % of 12 GiB hold 8.6: 1,024 then asks for 9.35 of the 9.6, and 8.6 are under 75 %."""
    asked = {"context_tokens": 32_768}
    assert setup_on(gpu(12), gpu(4), **asked).ubatch_tokens == 1024
    assert setup_on(gpu(11.4), gpu(40), **asked).ubatch_tokens == 1024
    assert setup_on(gpu(11), gpu(0.5), **asked).ubatch_tokens == 512


@pytest.mark.parametrize(
    ("architecture", "expected"), [("5.2", False), ("6.1", True), ("7.2", False), ("8.9", True)]
)
def test_old_cards_run_without_flash_attention(architecture, expected, setup_on, gpu):
    setup = setup_on(gpu(24, architecture=architecture), context_tokens=8192)
    assert setup.flash_attention is expected


def test_what_somebody_asks_for_is_not_changed(setup_on, gpu):
    asked = {"context_tokens": 32_768, "ubatch_tokens": 2048}
    assert setup_on(gpu(11), **asked).ubatch_tokens == 2048
    kept = setup_on(gpu(24, architecture="5.2"), flash_attention=FlashAttention.ON)
    assert kept.flash_attention


def test_the_longest_context_counts_with_the_batch_of_that_context(subject, gpu, target):
    """So that the answer fits when it is asked for."""
    one, machine = subject(LLAMA), target(gpu(14), host_gib=64)
    asked = Workload(runtime=Runtime.OLLAMA, context_tokens=4096)
    longest = estimate(one, asked, machine).fit.max_context_tokens
    again = Workload(runtime=Runtime.OLLAMA, context_tokens=longest)
    assert estimate(one, again, machine, brief=True).fit.verdict.rank <= 1
