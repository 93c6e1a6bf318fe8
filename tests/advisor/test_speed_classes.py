"""Which class a device belongs to, and what the file of fitted constants may hold."""

from __future__ import annotations

import pytest

from advisor.estimate.baseline import rule_of_thumb_tokens_per_s
from advisor.estimate.classes import (
    ANY,
    CPU_CLASS,
    CPU_SHEET_CLASS,
    FAMILIES,
    alu_flops_per_s,
    fallbacks,
    halves_fp16,
    kernel_family,
    speed_class,
)
from advisor.estimate.parameters import (
    decode_class,
    from_json,
    parameters,
    prefill_class,
    runtime_factors,
)


@pytest.mark.parametrize(
    ("vendor", "architecture", "kind", "backend", "expected"),
    [
        pytest.param("nvidia", "8.9", "desktop", "cuda", "nvidia-ada/cuda", id="RTX 4090"),
        pytest.param(
            "NVIDIA", "8.6", "laptop", "cuda", "nvidia-ampere/cuda", id="vendor in capitals"
        ),
        pytest.param("nvidia", "9.0", "datacenter", "cuda", "nvidia-hbm/cuda", id="H100"),
        pytest.param(
            "nvidia", "12.0", "desktop", "vulkan", "nvidia-blackwell/vulkan", id="RTX 5090"
        ),
        pytest.param("nvidia", "12.1", "unified", "cuda", "nvidia-gb10/cuda", id="DGX Spark"),
        pytest.param("amd", "gfx1100", "desktop", "rocm", "amd-rdna3/rocm", id="RX 7900 XTX"),
        pytest.param("amd", "gfx1151", "unified", "vulkan", "amd-apu/vulkan", id="Strix Halo"),
        pytest.param("amd", "gfx1035", "unified", "vulkan", "amd-apu/vulkan", id="680M is an APU"),
        pytest.param("amd", "gfx900", "desktop", "vulkan", "amd-gcn/vulkan", id="Vega 64"),
        pytest.param("amd", "gfx90a", "datacenter", "rocm", "amd-instinct/rocm", id="MI210"),
        pytest.param("apple", "M4 Max", "unified", "metal", "apple-m4/metal", id="M4 Max"),
        pytest.param("intel", "Xe2-HPG", "desktop", "vulkan", "intel-arc/vulkan", id="Arc B580"),
        pytest.param("nvidia", "13.0", "desktop", "cuda", "nvidia/cuda", id="a chip of tomorrow"),
        pytest.param("nvidia", None, "desktop", "cuda", "nvidia/cuda", id="an unknown chip"),
        pytest.param("moore", "S5000", "desktop", "musa", "moore/musa", id="an unknown vendor"),
        pytest.param("nvidia", "8.9", "desktop", "cpu", "cpu", id="the CPU beside a GPU"),
    ],
)
def test_speed_class(vendor, architecture, kind, backend, expected):
    found = speed_class(vendor=vendor, architecture=architecture, kind=kind, backend=backend)
    assert found == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        pytest.param(
            "nvidia-ada/cuda", ("nvidia-ada/cuda", "nvidia/cuda", "any/cuda", "any"), id="a family"
        ),
        pytest.param("moore/musa", ("moore/musa", "any/musa", "any"), id="a vendor"),
        pytest.param("cpu", ("cpu", "any"), id="the host"),
        pytest.param("any", ("any",), id="anything"),
    ],
)
def test_what_stands_in_for_a_class(name, expected):
    assert fallbacks(name) == expected


def test_every_family_has_constants_under_its_vendors_backend():
    backends = {"nvidia": "cuda", "amd": "rocm", "apple": "metal", "intel": "vulkan"}
    names = [
        f"{vendor}-{family}/{backend}"
        for vendor, backend in backends.items()
        for _, family in FAMILIES[vendor]
    ]
    assert [decode_class(name).name for name in names] == names


def test_what_nobody_has_met_gets_a_wider_interval_than_what_is_well_known():
    known, unknown = decode_class("nvidia-ada/cuda"), decode_class("moore/musa")
    assert unknown.name == ANY
    assert unknown.low < known.low < known.high < unknown.high


@pytest.mark.parametrize(
    ("ggml_type", "expected"),
    [("q4_K", "k"), ("bf16", "float"), ("mxfp4", "fp4"), ("iq2_xxs", "i"), (None, "k"), ("?", "k")],
)
def test_kernel_family(ggml_type, expected):
    assert kernel_family(ggml_type) == expected


def test_geforce_cards_halve_fp16_and_workstation_cards_do_not():
    assert halves_fp16(vendor="NVIDIA", name="NVIDIA GeForce RTX 4090")
    assert not halves_fp16(vendor="nvidia", name="NVIDIA RTX 6000 Ada Generation")
    assert not halves_fp16(vendor="amd", name="AMD Radeon RX 7900 XTX")


def test_every_constant_is_possible():
    for one in parameters().decode.values():
        shares = (
            one.efficiency,
            one.cache_efficiency,
            one.plain_cache_efficiency,
            one.float_experts_factor,
            one.state_efficiency,
        )
        assert all(0 < share <= 1 for share in shares), one.name
        assert 0 < one.layer_overhead_s < 1e-3, one.name
        assert one.moe_factor >= 1, one.name
        assert one.recurrent_factor >= 1, one.name
        assert 0 < one.low < 1 < one.high < 4, one.name


def test_only_alus_without_tensor_cores_can_be_slower_than_the_memory():
    slow = {one.name for one in parameters().decode.values() if one.arithmetic_per_weight}
    assert {name.partition("/")[0] for name in slow} == {
        "nvidia-kepler",
        "nvidia-maxwell",
        "nvidia-pascal",
    }


@pytest.mark.parametrize(
    ("architecture", "rate", "expected"),
    [
        pytest.param("6.0", 21.22e12, 10.61e12, id="a P100 works on pairs"),
        pytest.param("6.1", 11.34e12, 11.34e12, id="a GTX 1080 Ti does not"),
        pytest.param("6.0", None, None, id="unknown stays unknown"),
    ],
)
def test_the_alu_rate_is_the_catalogs_but_for_pairs(architecture, rate, expected):
    assert alu_flops_per_s(architecture=architecture, fp16_flops_per_s=rate) == expected


def test_experts_in_bf16_are_slow_under_vulkan_alone():
    factors = {one.name: one.float_experts_factor for one in parameters().decode.values()}
    slow = {name for name, factor in factors.items() if factor < 0.9}
    assert slow == {name for name in factors if name.endswith("/vulkan")}


def test_llamafile_is_slower_than_llama_cpp_everywhere():
    for backend in ("cuda", "metal"):
        factors = runtime_factors("llamafile", backend)
        assert factors.overhead > 1.3
        assert factors.efficiency < 1
        assert factors.interval is not None


def test_lm_studio_and_llama_server_run_the_same_engine():
    assert runtime_factors("lmstudio", "cuda") == runtime_factors("llama-server", "cuda")


def test_a_file_of_another_version_is_refused():
    with pytest.raises(ValueError, match=r"advisor\.speed-parameters/1"):
        from_json({"schema": "advisor.speed-parameters/1"})


def test_i_quants_are_slow_on_a_core():
    rates = parameters().cpu.core_bytes_per_s
    assert max(
        rate for name, rate in rates.items() if name.startswith(("iq1", "iq2", "iq3"))
    ) < min(rate for name, rate in rates.items() if not name.startswith(("iq1", "iq2", "iq3")))


def test_the_host_has_no_prefill():
    assert prefill_class(CPU_CLASS) is None
    assert prefill_class(CPU_SHEET_CLASS) is None


@pytest.mark.parametrize(
    ("vendor", "expected"),
    [pytest.param("nvidia", 65.0, id="NVIDIA"), pytest.param("AMD", 55.0, id="AMD")],
)
def test_the_rule_of_thumb_is_bandwidth_over_size(vendor, expected):
    assert rule_of_thumb_tokens_per_s(
        bandwidth_bytes_per_s=1000e9, file_bytes=10e9, vendor=vendor
    ) == pytest.approx(expected)


def test_an_empty_file_has_no_rule_of_thumb():
    with pytest.raises(ValueError, match="no speed"):
        rule_of_thumb_tokens_per_s(bandwidth_bytes_per_s=1e12, file_bytes=0, vendor="nvidia")
