"""BitNet's head, which is the token table itself: the host's, wherever the layers are."""

from __future__ import annotations

import pytest

from advisor.estimate.estimator import estimate
from advisor.workload import Workload

BITNET = "bitnet-b1.58-2b-4t"
TABLE_BYTES = 2560 * 128_256 * 2
"""2,560 values in F16 for each of 128,256 tokens."""


@pytest.fixture
def answer(subject, gpu, target):
    """On a card with room for everything, beside a processor of so many GB/s."""

    def find(gb_per_s, model=BITNET):
        machine = target(gpu(24), host_gib=64, gb_per_s=gb_per_s)
        return estimate(subject(model, "F16"), Workload(context_tokens=4096), machine)

    return find


def test_the_gpu_has_no_copy_of_it(answer):
    """The card has 30 blocks and a norm of 2,560 values; the host has the table once."""
    found = answer(50)
    card, host = found.allocations
    assert found.placement.is_whole
    assert card.weights_bytes + host.weights_bytes == found.subject.weights.tensor_bytes
    assert host.weights_bytes == TABLE_BYTES


def test_each_token_reads_it_from_the_hosts_memory(answer):
    """A host of half the rate takes so much longer for it; the card's part is the same."""
    slow, fast = (answer(rate).decode.speed.terms for rate in (25, 50))
    read = [
        [
            term
            for term in terms
            if term.name == "weights" and f"{TABLE_BYTES:,} B" in term.arithmetic
        ]
        for terms in (slow, fast)
    ]
    (slower,), (faster,) = read
    assert slower.seconds == pytest.approx(2 * faster.seconds)


def test_its_speed_is_not_known_without_the_hosts_rate(answer):
    assert answer(None).decode is None
    assert answer(None, model="llama-3.2-1b-instruct").decode is not None
