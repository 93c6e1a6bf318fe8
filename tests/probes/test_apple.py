"""The GPU of Apple's chips, from what `sysctl` and `ioreg` print."""

from __future__ import annotations

import pytest

from probes.accelerator import AcceleratorKind
from probes.apple import probe_apple
from probes.ask import Asker

CHIP = "sysctl -n machdep.cpu.brand_string"
CORES = "ioreg -rc AGXAccelerator -d1"
LIMIT = "sysctl -n iogpu.wired_limit_mb"
OLD_LIMIT = "sysctl -n debug.iogpu.wired_limit"
VERSION = "sysctl -n kern.osproductversion"

IOREG_M4_MAX = """\
+-o AGXAcceleratorG16X  <class AGXAcceleratorG16X, id 0x1000004b5, registered, matched, active>
    {
      "IOClass" = "AGXAcceleratorG16X"
      "MetalPluginName" = "AGXMetalG16X"
      "GPUConfigurationVariable" = {"num_cores"=40,"num_gps"=10,"usc_gen"=3}
      "model" = "Apple M4 Max"
      "gpu-core-count" = 40
      "IOMatchCategory" = "IOAccelerator"
    }
"""


def mac(root, answers, os="macos"):
    """A Mac that answers these commands; `ioreg` and `sysctl` without an answer have failed."""
    (root / "commands").mkdir()
    for command, text in answers.items():
        (root / "commands" / command.replace("/", "_")).write_text(text)
    return Asker(root=root, environ={}, os=os)


M4_MAX = {CHIP: "Apple M4 Max\n", CORES: IOREG_M4_MAX, LIMIT: "0\n", VERSION: "15.5\n"}
M1 = {
    CHIP: "Apple M1\n",
    CORES: '    {\n      "gpu-core-count" = 8\n    }\n',
    OLD_LIMIT: "0\n",
    VERSION: "13.6\n",
}


def test_an_m4_max_is_known_by_chip_and_cores(tmp_path):
    """The chip has 32 cores at 410 GB/s or 40 at 546: the name alone does not tell."""
    (gpu,), findings = probe_apple(mac(tmp_path, M4_MAX))
    assert (gpu.name, gpu.architecture, gpu.core_count) == ("Apple M4 Max", "M4 Max", 40)
    assert (gpu.vendor, gpu.kind) == ("apple", AcceleratorKind.UNIFIED)
    assert gpu.driver == "Metal, macOS 15.5"
    assert findings == ()


def test_an_m1_on_an_older_macos_is_known_too(tmp_path):
    (gpu,), findings = probe_apple(mac(tmp_path, M1))
    assert (gpu.name, gpu.architecture, gpu.core_count) == ("Apple M1", "M1", 8)
    assert (gpu.memory_total_bytes, findings) == (None, ())


@pytest.mark.parametrize(
    ("answers", "expected_bytes"),
    [
        pytest.param({LIMIT: "0\n"}, None, id="0 is Metal's own rule"),
        pytest.param({LIMIT: "120000\n"}, 120000 << 20, id="in MiB since macOS 14"),
        pytest.param({LIMIT: None, OLD_LIMIT: "8589934592\n"}, 8 << 30, id="in bytes before"),
        pytest.param({LIMIT: None}, None, id="no answer is no limit known"),
        pytest.param({LIMIT: "lots\n"}, None, id="nonsense is no limit"),
    ],
)
def test_the_users_limit_is_the_gpus_memory(tmp_path, answers, expected_bytes):
    said = {name: text for name, text in (M4_MAX | answers).items() if text is not None}
    (gpu,), _ = probe_apple(mac(tmp_path, said))
    assert gpu.memory_total_bytes == expected_bytes


def test_a_translated_program_asks_a_native_one_for_the_chip(tmp_path):
    rosetta = M4_MAX | {
        CHIP: "VirtualApple @ 2.50GHz processor\n",
        f"arch -arm64 {CHIP}": "Apple M4 Max\n",
    }
    (gpu,), _ = probe_apple(mac(tmp_path, rosetta))
    assert gpu.name == "Apple M4 Max"


def test_a_short_path_does_not_hide_the_system_programs(tmp_path):
    """cron's path lacks `/usr/sbin`."""
    hidden = {f"/usr/sbin/{command}": text for command, text in M4_MAX.items()}
    (gpu,), findings = probe_apple(mac(tmp_path, hidden))
    assert (gpu.name, gpu.core_count, findings) == ("Apple M4 Max", 40, ())


@pytest.mark.parametrize("ioreg", ["", '"gpu-core-count" = 0\n', '"gpu-core-count" = 99999\n'])
def test_an_unknown_core_count_stays_unknown_and_is_told_of(tmp_path, ioreg):
    (gpu,), (finding,) = probe_apple(mac(tmp_path, M4_MAX | {CORES: ioreg}))
    assert gpu.core_count is None
    assert finding.code == "apple-no-core-count"


def test_an_intel_mac_has_no_accelerator_and_says_why(tmp_path):
    name = "Intel(R) Core(TM) i9-9880H CPU @ 2.30GHz"
    accelerators, (finding,) = probe_apple(mac(tmp_path, {CHIP: name}))
    assert accelerators == ()
    assert finding.sentence == (
        f"the GPU of this Mac is not looked at: its processor is `{name}`, not Apple's"
    )


def test_a_mac_that_answers_nothing_is_told_of(tmp_path):
    accelerators, (finding,) = probe_apple(mac(tmp_path, {}))
    assert (accelerators, finding.code) == ((), "apple-no-chip")


def test_another_system_is_not_asked(tmp_path):
    assert probe_apple(mac(tmp_path, M4_MAX, os="linux")) == ((), ())
