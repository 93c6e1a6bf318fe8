"""The processors of Macs, as `sysctl` lists them."""

from __future__ import annotations

import pytest

from probes.ask import Asker
from probes.cpu.probe import probe_cpu
from probes.machine import Cache

KIB, MIB = 1 << 10, 1 << 20


def recorded(root, files) -> Asker:
    """A Mac that consists of these files."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return Asker(root=root, environ={}, os="macos")


SYSCTL = (
    "commands/sysctl hw hw.model machdep.cpu kern.osproductversion kern.osrelease "
    "kern.hv_vmm_present vm.loadavg"
)

M3_MAX = """\
hw.ncpu: 16
hw.memsize: 137438953472
hw.optional.arm.FEAT_DotProd: 1
hw.optional.arm.FEAT_BF16: 1
hw.optional.arm.FEAT_I8MM: 1
hw.optional.arm.FEAT_FP16: 1
hw.optional.arm.FEAT_SPECRES: 0
hw.optional.neon: 1
hw.optional.AdvSIMD: 1
hw.optional.arm64: 1
hw.perflevel1.physicalcpu: 4
hw.perflevel1.logicalcpu: 4
hw.perflevel1.l1icachesize: 131072
hw.perflevel1.l1dcachesize: 65536
hw.perflevel1.l2cachesize: 4194304
hw.perflevel1.cpusperl2: 4
hw.perflevel1.name: Efficiency
hw.perflevel0.physicalcpu: 12
hw.perflevel0.logicalcpu: 12
hw.perflevel0.l1icachesize: 196608
hw.perflevel0.l1dcachesize: 131072
hw.perflevel0.l2cachesize: 16777216
hw.perflevel0.cpusperl2: 6
hw.perflevel0.name: Performance
hw.physicalcpu: 16
hw.logicalcpu: 16
hw.cacheconfig: 16 1 4 0 0 0 0 0 0 0
hw.l1dcachesize: 65536
hw.l2cachesize: 4194304
hw.nperflevels: 2
machdep.cpu.brand_string: Apple M3 Max
machdep.cpu.core_count: 16
vm.loadavg: { 1.93 2.16 2.17 }
"""
"""`sysctl hw` of an M3 Max, shortened; listed in zacky1972/qiita_article (GitHub, 2024-04-30)."""


def test_an_m3_max(tmp_path):
    cpu, findings = probe_cpu(recorded(tmp_path, {SYSCTL: M3_MAX}))
    assert (cpu.name, cpu.architecture) == ("Apple M3 Max", "aarch64")
    assert (cpu.physical_cores, cpu.logical_cores) == (16, 16)
    assert (cpu.performance_cores, cpu.efficiency_cores, cpu.usable_cores) == (12, 4, 12)
    assert cpu.instruction_sets == ("neon", "dotprod", "fp16", "i8mm", "bf16")
    assert cpu.load_average == 1.93
    # 12 fast cores, six to an L2 of 16 MiB; 4 slow ones with one of 4 MiB
    assert cpu.caches == (
        Cache(level=1, size_bytes=128 * KIB, instances=12),
        Cache(level=2, size_bytes=16 * MIB, instances=2),
        Cache(level=1, size_bytes=64 * KIB, instances=4),
        Cache(level=2, size_bytes=4 * MIB, instances=1),
    )
    assert findings == ()


@pytest.mark.parametrize(
    ("levels", "performance", "efficiency", "usable"),
    [
        pytest.param(
            [("Super", 2), ("Performance", 4), ("Efficiency", 6)], 6, 6, 6, id="three kinds"
        ),
        pytest.param([("Super", 6), ("Performance", 12)], None, None, 18, id="no slow ones"),
        pytest.param([(None, 4), (None, 4)], 4, 4, 4, id="before macOS gave names"),
    ],
)
def test_kinds_of_cores_of_a_mac(tmp_path, levels, performance, efficiency, usable):
    total = sum(count for _, count in levels)
    text = f"hw.optional.arm64: 1\nhw.physicalcpu: {total}\nhw.logicalcpu: {total}\n"
    for level, (name, count) in enumerate(levels):
        text += f"hw.perflevel{level}.physicalcpu: {count}\n"
        text += f"hw.perflevel{level}.name: {name}\n" if name else ""
    cpu, _ = probe_cpu(recorded(tmp_path, {SYSCTL: text}))
    assert (cpu.performance_cores, cpu.efficiency_cores) == (performance, efficiency)
    assert cpu.usable_cores == usable


INTEL_MAC = """\
hw.ncpu: 12
hw.physicalcpu: 6
hw.logicalcpu: 12
hw.cacheconfig: 12 2 2 12 0 0 0 0 0 0
hw.l1dcachesize: 32768
hw.l2cachesize: 262144
hw.l3cachesize: 12582912
hw.nperflevels: 1
hw.perflevel0.physicalcpu: 6
hw.optional.avx1_0: 1
hw.optional.avx2_0: 1
hw.optional.bmi2: 1
hw.optional.f16c: 1
hw.optional.fma: 1
hw.optional.sse4_2: 1
hw.optional.avx512f: 0
machdep.cpu.brand_string: Intel(R) Core(TM) i7-8750H CPU @ 2.20GHz
machdep.cpu.leaf7_features: RDWRFSGS TSC_THREAD_OFFSET SGX BMI1 AVX2 SMEP BMI2
"""


def test_an_intel_mac(tmp_path):
    cpu, _ = probe_cpu(recorded(tmp_path, {SYSCTL: INTEL_MAC}))
    assert (cpu.architecture, cpu.physical_cores, cpu.usable_cores) == ("x86_64", 6, 6)
    assert cpu.performance_cores is None
    assert cpu.instruction_sets == ("sse4_2", "avx", "f16c", "fma", "bmi2", "avx2")
    assert cpu.caches == (
        Cache(level=1, size_bytes=32 * KIB, instances=6),
        Cache(level=2, size_bytes=256 * KIB, instances=6),
        Cache(level=3, size_bytes=12 * MIB, instances=1),
    )


def test_under_rosetta_the_hardware_is_named_and_the_translation_is_a_warning(tmp_path):
    files = {
        SYSCTL: M3_MAX.replace("Apple M3 Max", "VirtualApple @ 2.50GHz"),
        "commands/arch -arm64 sysctl -n machdep.cpu.brand_string": "Apple M3 Max\n",
    }
    cpu, findings = probe_cpu(recorded(tmp_path, files))
    assert (cpu.name, cpu.architecture) == ("Apple M3 Max", "aarch64")
    assert [finding.code for finding in findings] == ["cpu-translated"]
