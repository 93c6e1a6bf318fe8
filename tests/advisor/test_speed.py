"""Decoding: hand-worked arithmetic and limits of the speed model."""

from __future__ import annotations

import dataclasses
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.estimate.classes import CPU_CLASS, KERNELS
from advisor.estimate.parameters import parameters
from advisor.estimate.speed import DecodePart, decode_speed
from advisor.workload import Runtime

MB = 10**6
GB = 10**9


def part(**changes):
    """800 MB of weights in ten layers, on 1,000 GB/s."""
    usual = DecodePart(
        speed_class="round/cuda",
        bandwidth_bytes_per_s=1000e9,
        layers=10,
        weight_bytes=800 * MB,
        kernel="q4_K",
    )
    return dataclasses.replace(usual, **changes)


def milliseconds(parts, runtime="llama-server"):
    return 1000 / decode_speed(parts, runtime=runtime).tokens_per_s


@pytest.mark.usefixtures("round_constants")
@pytest.mark.parametrize(
    ("changes", "expected_ms"),
    [
        # 10 × 50 µs = 0.5 ms; 0.8 GB / (0.8 × 1,000 GB/s) = 1 ms.
        pytest.param({}, 1.5, id="launches and weights add up"),
        pytest.param({"is_moe": True}, 2.0, id="layers with experts launch twice as much"),
        pytest.param({"recurrent_layers": 5}, 2.0, id="five recurrent layers count as fifteen"),
        pytest.param({"weight_bytes": 0}, 0.5, id="no weights leave the launches"),
        pytest.param({"kernel": "iq2_xxs"}, 2.5, id="slow kernels halve the efficiency"),
        # 0.1 GB at 1,000 GB/s: 0.1 ms.
        pytest.param({"cache_bytes": 100 * MB}, 1.6, id="the cache is read at its own rate"),
        # 0.3 GFLOP at 1 TFLOP/s: 0.3 ms more.
        pytest.param(
            {"cache_bytes": 100 * MB, "attention_flops": 300 * MB},
            1.9,
            id="attention multiplies besides reading",
        ),
        # 0.3 GFLOP at the device's own 0.5 TFLOP/s: 0.6 ms.
        pytest.param(
            {"attention_flops": 300 * MB, "alu_flops_per_s": 0.5e12},
            2.1,
            id="attention is no faster than the device",
        ),
        # 0.1 GB at 0.25 × 1,000 GB/s: 0.4 ms.
        pytest.param(
            {"cache_bytes": 100 * MB, "attention_flops": 300 * MB, "flash_attention": False},
            1.9,
            id="without flash attention the cache is read slowly, and that is all",
        ),
        # Read and written: 2 × 0.05 GB / (0.5 × 1,000 GB/s) = 0.2 ms.
        pytest.param({"state_bytes": 50 * MB}, 1.7, id="state is read and written"),
        # 0.8 GB are 1.28e9 weights of 5 bits, 20 operations each, on 10.24 TFLOP/s: 2.5 ms.
        pytest.param(
            {"speed_class": "slow-alu", "alu_flops_per_s": 10.24e12},
            3.0,
            id="slow ALUs take longer to unpack than the memory to read",
        ),
        pytest.param(
            {"speed_class": "slow-alu", "alu_flops_per_s": 51.2e12},
            1.5,
            id="what they unpack faster hides behind the reads",
        ),
        # Without a rate 10 operations per byte: 10 TFLOP/s, 2.56 ms.
        pytest.param(
            {"speed_class": "slow-alu"}, 3.06, id="an unknown ALU rate follows the bandwidth"
        ),
        # 0.8 GB at half of 0.8 × 1,000 GB/s: 2 ms; launches twice, 1 ms.
        pytest.param(
            {"kernel": "bf16", "is_moe": True}, 3.0, id="experts in BF16 are slow on this backend"
        ),
        pytest.param({"kernel": "bf16"}, 1.5, id="other weights in BF16 are not"),
    ],
)
def test_one_device(changes, expected_ms):
    assert milliseconds([part(**changes)]) == pytest.approx(expected_ms)


@pytest.mark.usefixtures("round_constants")
def test_ollama_launches_more():
    assert milliseconds([part()], runtime="ollama") == pytest.approx(0.5 * 2 + 1)


@pytest.mark.usefixtures("round_constants")
def test_devices_take_turns_and_hand_over():
    assert milliseconds([part(), part(bandwidth_bytes_per_s=500e9)]) == pytest.approx(
        1.5 + 2.5 + 0.25
    )


@pytest.mark.usefixtures("round_constants")
def test_the_interval_is_the_class_factors_on_the_speed():
    found = decode_speed([part()], runtime="llama-server")
    assert (found.low, found.high) == pytest.approx(
        (0.8 * found.tokens_per_s, 1.25 * found.tokens_per_s)
    )


@pytest.mark.usefixtures("round_constants")
def test_an_uncertain_bandwidth_widens_the_interval():
    host = part(
        speed_class=CPU_CLASS,
        bandwidth_bytes_per_s=40e9,
        bandwidth_low_bytes_per_s=20e9,
        bandwidth_high_bytes_per_s=80e9,
    )
    # Launches 0.5 ms; weights 0.8 GB / (0.8 × 40 GB/s) = 25 ms, at the ends 50 and 12.5 ms.
    found = decode_speed([host], runtime="llama-server")
    assert found.tokens_per_s == pytest.approx(1 / 25.5e-3)
    assert found.low == pytest.approx(0.8 / 50.5e-3)
    assert found.high == pytest.approx(1.25 / 13.0e-3)


@pytest.mark.usefixtures("round_constants")
@pytest.mark.parametrize(
    ("changes", "expected_ms", "expected_bound"),
    [
        # Memory: 0.8 GB / (0.8 × 40 GB/s) = 25 ms; 4 cores × 10 GB/s would take 20 ms.
        pytest.param({"cores": 4}, 25.5, "bandwidth", id="four cores keep up with the memory"),
        pytest.param({"cores": 2}, 40.5, "compute", id="two cores do not"),
        pytest.param({"cores": None}, 25.5, "bandwidth", id="unknown cores bound nothing"),
        pytest.param(
            {"cores": 4, "kernel": "iq2_xxs"}, 40.5, "compute", id="i-quants need more cores"
        ),
        pytest.param(
            {"cores": 4, "instruction_sets": ("avx",)}, 40.5, "compute", id="AVX is half of AVX2"
        ),
        pytest.param(
            {"cores": 4, "instruction_sets": ()}, 200.5, "compute", id="no AVX is a tenth of AVX2"
        ),
    ],
)
def test_a_host_is_bound_by_memory_or_cores(changes, expected_ms, expected_bound):
    host = {
        "speed_class": CPU_CLASS,
        "bandwidth_bytes_per_s": 40e9,
        "instruction_sets": ("avx", "avx2"),
    }
    found = decode_speed([part(**{**host, **changes})], runtime="llama-server")
    assert 1000 / found.tokens_per_s == pytest.approx(expected_ms)
    assert found.bound_by == expected_bound


@pytest.mark.usefixtures("round_constants")
@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param({}, "bandwidth", id="large weights are bound by bandwidth"),
        pytest.param({"weight_bytes": 80 * MB}, "overhead", id="small ones by launches"),
        pytest.param(
            {"speed_class": "slow-alu", "alu_flops_per_s": 1e12}, "compute", id="slow ALUs"
        ),
        # 4 GFLOP at 1 TFLOP/s: 4 ms.
        pytest.param({"attention_flops": 4 * GB}, "compute", id="a long context by attention"),
    ],
)
def test_it_says_what_bounds_it(changes, expected):
    assert decode_speed([part(**changes)], runtime="llama-server").bound_by == expected


@pytest.mark.usefixtures("round_constants")
def test_many_handovers_bind_it_to_the_link():
    # 40 × 0.25 ms.
    found = decode_speed([part(), part()], runtime="llama-server", handovers=40)
    assert 1000 / found.tokens_per_s == pytest.approx(13)
    assert found.bound_by == "pcie"


@pytest.mark.usefixtures("round_constants")
@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({}, id="a dense model"),
        pytest.param(
            {"cache_bytes": 3 * GB, "state_bytes": 7 * MB, "is_moe": True}, id="a mixture"
        ),
        pytest.param({"attention_flops": 2 * GB}, id="a long context"),
        pytest.param({"speed_class": "slow-alu"}, id="slow ALUs"),
        pytest.param({"speed_class": CPU_CLASS, "cores": 1}, id="a host"),
    ],
)
def test_the_terms_add_up_to_the_time(changes):
    found = decode_speed([part(**changes), part()], runtime="llama-server")
    assert sum(term.seconds for term in found.terms) == pytest.approx(1 / found.tokens_per_s)


@pytest.mark.usefixtures("round_constants")
@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param(
            {"is_moe": True, "attention_flops": 300 * MB},
            [
                ("launches", "10 layers (as 20) × 50.0 µs"),
                ("weights", "800,000,000 B / (0.80 × 1,000 GB/s)"),
                ("attention", "0.30 GFLOP / 1.00 TFLOP/s"),
            ],
            id="a mixture deep in its context",
        ),
        pytest.param(
            {"speed_class": "slow-alu"},
            [
                ("launches", "10 layers × 50.0 µs"),
                ("weights", "1,280,000,000 weights × 20.0 operations / 10.0 TFLOP/s"),
            ],
            id="slow ALUs",
        ),
        pytest.param(
            {"speed_class": CPU_CLASS, "cores": 2, "instruction_sets": ("avx2",)},
            [
                ("launches", "10 layers × 50.0 µs"),
                ("weights", "800,000,000 B / (2 cores × 10 GB/s)"),
            ],
            id="a host of few cores",
        ),
    ],
)
def test_the_terms_show_their_arithmetic(changes, expected):
    found = decode_speed([part(**changes)], runtime="llama-server")
    assert [(term.name, term.arithmetic) for term in found.terms] == expected


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param([], id="no device"),
        pytest.param([part(bandwidth_bytes_per_s=0.0)], id="no bandwidth"),
    ],
)
def test_what_cannot_run_is_refused(parts):
    with pytest.raises(ValueError, match=r"at least one device|reads nothing"):
        decode_speed(parts, runtime=Runtime.LLAMA_SERVER)


CLASSES = sorted(parameters().decode)
any_part = st.builds(
    DecodePart,
    speed_class=st.sampled_from(CLASSES),
    bandwidth_bytes_per_s=st.floats(1e10, 1e13),
    layers=st.integers(1, 130),
    weight_bytes=st.integers(0, 10**12),
    cache_bytes=st.integers(0, 10**11),
    state_bytes=st.integers(0, 10**9),
    is_moe=st.booleans(),
    attention_flops=st.integers(0, 10**13),
    flash_attention=st.booleans(),
    kernel=st.sampled_from([*sorted(KERNELS), None]),
    cores=st.one_of(st.none(), st.integers(1, 256)),
    instruction_sets=st.sampled_from([(), ("avx2",), ("neon", "dotprod")]),
)
any_runtime = st.sampled_from(list(Runtime))


@given(any_part, any_runtime)
def test_the_interval_holds_the_speed(one, runtime):
    found = decode_speed([one], runtime=runtime)
    assert 0 < found.low <= found.tokens_per_s <= found.high < math.inf


@given(any_part, any_runtime, st.floats(1.0, 10.0))
def test_more_bandwidth_is_never_slower(one, runtime, factor):
    better = dataclasses.replace(one, bandwidth_bytes_per_s=one.bandwidth_bytes_per_s * factor)
    slow = decode_speed([one], runtime=runtime).tokens_per_s
    assert decode_speed([better], runtime=runtime).tokens_per_s >= slow * (1 - 1e-12)


@given(
    any_part,
    any_runtime,
    st.sampled_from(["weight_bytes", "cache_bytes", "attention_flops", "state_bytes", "layers"]),
    st.integers(0, 10**10),
)
def test_more_to_do_is_never_faster(one, runtime, what, more):
    worse = dataclasses.replace(one, **{what: getattr(one, what) + more})
    fast = decode_speed([one], runtime=runtime).tokens_per_s
    assert decode_speed([worse], runtime=runtime).tokens_per_s <= fast * (1 + 1e-12)


@given(any_part, any_part, any_runtime)
def test_the_order_of_devices_does_not_matter(one, other, runtime):
    forth = decode_speed([one, other], runtime=runtime).tokens_per_s
    assert decode_speed([other, one], runtime=runtime).tokens_per_s == pytest.approx(forth)
