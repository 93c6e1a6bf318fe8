"""The processor and what a process may use of it: recorded machines of every kind."""

from __future__ import annotations

import pytest

from probes.ask import Asker
from probes.cpu.arm_cores import core_name
from probes.cpu.probe import probe_cpu
from probes.cpu.topology import parse_cpu_list
from probes.finding import Severity
from probes.machine import Cache

KIB, MIB = 1 << 10, 1 << 20


def recorded(root, files, *, os="linux") -> Asker:
    """A machine that consists of these files."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return Asker(root=root, environ={}, os=os)


CPUS = "sys/devices/system/cpu"

ZEN4_FLAGS = (
    "fpu vme lm hypervisor ssse3 fma sse4_1 sse4_2 avx f16c bmi1 avx2 bmi2 avx512f avx512dq "
    "avx512ifma avx512cd avx512bw avx512vl avx512_bf16 avx512vbmi avx512_vbmi2 avx512_vnni"
)
ALDER_LAKE_FLAGS = "fpu vme lm ssse3 fma sse4_2 avx f16c avx2 bmi2 avx_vnni"
SAPPHIRE_RAPIDS_FLAGS = f"{ZEN4_FLAGS} avx_vnni amx_bf16 avx512_fp16 amx_tile amx_int8"


def x86(
    name: str, flags: str, cores: list[tuple[int, ...]], *, status: str = "", load: str = "0.10"
) -> dict[str, str]:
    """A Linux machine on x86: one tuple of logical processors for each physical core."""
    siblings = {cpu: core for core in cores for cpu in core}
    files = {
        "proc/cpuinfo": "\n".join(
            f"processor\t: {cpu}\nvendor_id\t: GenuineIntel\nmodel name\t: {name}\n"
            f"physical id\t: 0\nflags\t\t: {flags}\n"
            for cpu in sorted(siblings)
        ),
        "proc/self/status": f"Name:\tpython\n{status or all_allowed(siblings)}",
        "proc/loadavg": f"{load} 0.20 0.30 2/1283 90210\n",
        f"{CPUS}/online": f"0-{max(siblings)}\n",
    }
    for cpu, core in siblings.items():
        files[f"{CPUS}/cpu{cpu}/topology/core_cpus_list"] = ",".join(map(str, core)) + "\n"
    return files


def all_allowed(cpus) -> str:
    """The line of `/proc/self/status` of a process that may run on all of these."""
    return f"Cpus_allowed:\tff\nCpus_allowed_list:\t0-{max(cpus)}\n"


def cache(cpu: int, index: int, level: int, size: str, sharers: str, kind: str = "Unified"):
    """One cache as one processor sees it."""
    folder = f"{CPUS}/cpu{cpu}/cache/index{index}"
    return {
        f"{folder}/level": f"{level}\n",
        f"{folder}/size": f"{size}\n",
        f"{folder}/type": f"{kind}\n",
        f"{folder}/shared_cpu_list": f"{sharers}\n",
    }


def ryzen_7950x() -> dict[str, str]:
    """16 cores of two threads, numbered 0-15 and 16-31; eight cores share 32 MiB of L3."""
    files = x86(
        "AMD Ryzen 9 7950X 16-Core Processor",
        ZEN4_FLAGS,
        [(core, core + 16) for core in range(16)],
    )
    for core in range(16):
        for cpu in (core, core + 16):
            pair = f"{core},{core + 16}"
            files |= cache(cpu, 0, 1, "32K", pair, "Data")
            files |= cache(cpu, 1, 1, "32K", pair, "Instruction")
            files |= cache(cpu, 2, 2, "1024K", pair)
            files |= cache(cpu, 3, 3, "32768K", "0-7,16-23" if core < 8 else "8-15,24-31")
    files["sys/devices/system/node/node0/cpulist"] = "0-31\n"
    return files


def core_i9_13900k() -> dict[str, str]:
    """8 fast cores of two threads (0-15) and 16 slow ones (16-31) in clusters of four."""
    fast = [(2 * core, 2 * core + 1) for core in range(8)]
    slow = [(cpu,) for cpu in range(16, 32)]
    files = x86("13th Gen Intel(R) Core(TM) i9-13900K", ALDER_LAKE_FLAGS, fast + slow)
    files["sys/devices/cpu_core/cpus"] = "0-15\n"
    files["sys/devices/cpu_atom/cpus"] = "16-31\n"
    for core in fast:
        for cpu in core:
            files |= cache(cpu, 2, 2, "2048K", f"{core[0]}-{core[1]}")
            files |= cache(cpu, 3, 3, "36864K", "0-31")
    for cpu in range(16, 32):
        first = cpu // 4 * 4
        files |= cache(cpu, 2, 2, "4096K", f"{first}-{first + 3}")
        files |= cache(cpu, 3, 3, "36864K", "0-31")
    return files


def test_threads_of_one_core_count_once(tmp_path):
    cpu, findings = probe_cpu(recorded(tmp_path, ryzen_7950x()))
    assert cpu.name == "AMD Ryzen 9 7950X 16-Core Processor"
    assert cpu.architecture == "x86_64"
    assert (cpu.physical_cores, cpu.logical_cores, cpu.allowed_cores) == (16, 32, 32)
    assert (cpu.performance_cores, cpu.efficiency_cores) == (None, None)
    assert cpu.usable_cores == 16
    assert cpu.numa_nodes == 1
    assert cpu.load_average == 0.10
    assert findings == ()


def test_caches_are_counted_by_who_shares_them_and_instructions_are_no_data(tmp_path):
    cpu, _ = probe_cpu(recorded(tmp_path, ryzen_7950x()))
    assert cpu.caches == (
        Cache(level=1, size_bytes=32 * KIB, instances=16),
        Cache(level=2, size_bytes=1 * MIB, instances=16),
        Cache(level=3, size_bytes=32 * MIB, instances=2),
    )


def test_only_fast_cores_of_a_hybrid_processor_are_usable(tmp_path):
    cpu, _ = probe_cpu(recorded(tmp_path, core_i9_13900k()))
    assert (cpu.physical_cores, cpu.logical_cores) == (24, 32)
    assert (cpu.performance_cores, cpu.efficiency_cores) == (8, 16)
    assert cpu.usable_cores == 8
    assert cpu.caches == (
        Cache(level=2, size_bytes=2 * MIB, instances=8),
        Cache(level=2, size_bytes=4 * MIB, instances=4),
        Cache(level=3, size_bytes=36 * MIB, instances=1),
    )


@pytest.mark.parametrize(
    ("allowed", "usable"),
    [
        pytest.param("0-31", 8, id="all"),
        pytest.param("0-3", 2, id="four threads of two fast cores"),
        pytest.param("0,2,4", 3, id="one thread of each of three"),
        pytest.param("14-19", 1, id="fast ones come first"),
        pytest.param("16-19", 4, id="confined to slow ones, it uses those"),
    ],
)
def test_affinity_counts_by_core(tmp_path, allowed, usable):
    status = f"Cpus_allowed_list:\t{allowed}\n"
    files = core_i9_13900k() | {"proc/self/status": status}
    cpu, _ = probe_cpu(recorded(tmp_path, files))
    assert cpu.allowed_cores == len(parse_cpu_list(allowed))
    assert cpu.usable_cores == usable


@pytest.mark.parametrize(
    ("quota", "cores", "usable"),
    [
        pytest.param("max", None, 16, id="none"),
        pytest.param("400000", 4.0, 4, id="4 cores"),
        pytest.param("150000", 1.5, 1, id="1.5 cores keep one thread going"),
        pytest.param("50000", 0.5, 1, id="never no thread at all"),
        pytest.param("6400000", 64.0, 16, id="more than there are"),
    ],
)
def test_a_cpu_quota_is_rounded_down(tmp_path, quota, cores, usable):
    files = ryzen_7950x() | {
        "proc/self/cgroup": "0::/\n",
        "proc/self/mountinfo": "35 24 0:30 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n",
        "sys/fs/cgroup/cpu.max": f"{quota} 100000\n",
    }
    cpu, _ = probe_cpu(recorded(tmp_path, files))
    assert (cpu.quota_cores, cpu.usable_cores) == (cores, usable)
    assert cpu.physical_cores == 16


def test_processors_that_are_switched_off_are_not_there(tmp_path):
    files = ryzen_7950x()
    files[f"{CPUS}/online"] = "0-7\n"
    for core in range(8):
        files[f"{CPUS}/cpu{core}/topology/core_cpus_list"] = f"{core}\n"
    cpu, _ = probe_cpu(recorded(tmp_path, files))
    assert (cpu.physical_cores, cpu.logical_cores, cpu.allowed_cores) == (8, 8, 8)


def test_an_older_kernel_gives_cores_by_package_and_number(tmp_path):
    """Two sockets of two cores of two threads; the cores' numbers repeat in each socket."""
    files = x86("Intel(R) Xeon(R) CPU E5-2603", "lm avx", [(cpu,) for cpu in range(8)])
    for cpu in range(8):
        folder = f"{CPUS}/cpu{cpu}/topology"
        del files[f"{folder}/core_cpus_list"]
        files[f"{folder}/physical_package_id"] = f"{cpu // 2 % 2}\n"
        files[f"{folder}/core_id"] = f"{cpu % 2}\n"
    files |= {f"sys/devices/system/node/node{node}/cpulist": f"{node}\n" for node in (0, 1)}
    cpu, _ = probe_cpu(recorded(tmp_path, files))
    assert (cpu.physical_cores, cpu.logical_cores, cpu.usable_cores) == (4, 8, 4)
    assert cpu.numa_nodes == 2


def test_memory_without_processors_is_no_numa_node(tmp_path):
    """A GH200 lists its GPU's memory as nodes beside the processor's one."""
    files = ryzen_7950x()
    files |= {f"sys/devices/system/node/node{node}/cpulist": "\n" for node in range(1, 9)}
    cpu, _ = probe_cpu(recorded(tmp_path, files))
    assert cpu.numa_nodes == 1


def test_without_sysfs_cores_are_counted_from_cpuinfo(tmp_path):
    cpuinfo = "\n".join(
        f"processor\t: {cpu}\nvendor_id\t: GenuineIntel\nmodel name\t: Intel(R) Xeon(R)\n"
        f"physical id\t: 0\ncore id\t\t: {cpu // 2}\nflags\t\t: lm avx2\n"
        for cpu in range(8)
    )
    files = {"proc/cpuinfo": cpuinfo, "proc/self/status": "Cpus_allowed_list:\t0-7\n"}
    cpu, _ = probe_cpu(recorded(tmp_path, files))
    assert (cpu.physical_cores, cpu.logical_cores, cpu.allowed_cores) == (4, 8, 8)
    assert cpu.usable_cores == 4


def arm(parts: list[tuple[int, int, int]], *, features: str, extra: str = "") -> dict[str, str]:
    """A Linux machine on ARM: implementer, part and capacity of each processor."""
    files = {
        "proc/cpuinfo": "\n".join(
            f"processor\t: {cpu}\nBogoMIPS\t: 48.00\nFeatures\t: {features}\n"
            f"CPU implementer\t: {implementer:#04x}\nCPU architecture: 8\nCPU variant\t: 0x1\n"
            f"CPU part\t: {part:#05x}\nCPU revision\t: 0\n"
            for cpu, (implementer, part, _) in enumerate(parts)
        )
        + extra,
        "proc/self/status": all_allowed(range(len(parts))),
        f"{CPUS}/online": f"0-{len(parts) - 1}\n",
    }
    for cpu, (_, _, capacity) in enumerate(parts):
        files[f"{CPUS}/cpu{cpu}/topology/core_cpus_list"] = f"{cpu}\n"
        files[f"{CPUS}/cpu{cpu}/cpu_capacity"] = f"{capacity}\n"
    return files


ARMV8_2 = "fp asimd evtstrm aes crc32 atomics fphp asimdhp cpuid asimdrdm lrcpc dcpop asimddp"
ARMV9 = f"{ARMV8_2} sve sve2 i8mm bf16"


def test_slow_arm_cores_are_told_by_their_capacity(tmp_path):
    """RK3588: 4 Cortex-A55 and 4 Cortex-A76, in two bins of clock.

    The kernel scales a core's rating by its clock: 530 × 1800 MHz beside 1024 × 2400 MHz is
    397 of 1024.
    """
    parts = [(0x41, 0xD05, 397)] * 4 + [(0x41, 0xD0B, 1024)] * 2 + [(0x41, 0xD0B, 1007)] * 2
    cpu, findings = probe_cpu(recorded(tmp_path, arm(parts, features=ARMV8_2)))
    assert cpu.name == "ARM Cortex-A76 + ARM Cortex-A55"
    assert cpu.architecture == "aarch64"
    assert (cpu.performance_cores, cpu.efficiency_cores) == (4, 4)
    assert cpu.usable_cores == 4
    assert cpu.instruction_sets == ("neon", "dotprod", "fp16")
    assert findings == ()


def test_equal_arm_cores_are_no_hybrid(tmp_path):
    parts = [(0x41, 0xD4F, 1024)] * 72
    cpu, _ = probe_cpu(recorded(tmp_path, arm(parts, features=ARMV9)))
    assert cpu.name == "ARM Neoverse-V2"
    assert (cpu.performance_cores, cpu.efficiency_cores, cpu.usable_cores) == (None, None, 72)
    assert cpu.instruction_sets == ("neon", "dotprod", "fp16", "i8mm", "bf16", "sve", "sve2")


def test_a_raspberry_pi_is_named_by_its_core_not_its_board(tmp_path):
    files = arm(
        [(0x41, 0xD0B, 1024)] * 4,
        features=ARMV8_2,
        extra="\nRevision\t: d04171\nSerial\t\t: 1234567890abcdef\nModel\t\t: Raspberry Pi 5\n",
    )
    assert probe_cpu(recorded(tmp_path, files))[0].name == "ARM Cortex-A76"


@pytest.mark.parametrize(
    ("implementer", "part", "expected"),
    [
        pytest.param(0xC0, 0xAC4, "Ampere-1a", id="the maker is not said twice"),
        pytest.param(0x51, 0x001, "Qualcomm Oryon", id="Snapdragon X"),
        pytest.param(0x41, 0xDFF, "ARM core 0xdff", id="a core newer than the list"),
        pytest.param(0x7F, 0x001, "ARM implementer 0x7f core 0x001", id="a maker not in the list"),
    ],
)
def test_names_of_arm_cores(implementer, part, expected):
    assert core_name(implementer, part) == expected


@pytest.mark.parametrize(
    ("flags", "present", "absent"),
    [
        pytest.param(
            ZEN4_FLAGS,
            {"avx2", "fma", "f16c", "avx512f", "avx512", "avx512_vnni", "avx512_bf16"},
            {"amx_int8", "avx_vnni"},
            id="Zen 4",
        ),
        pytest.param(
            ALDER_LAKE_FLAGS, {"avx2", "avx_vnni"}, {"avx512", "avx512_vnni"}, id="Alder Lake"
        ),
        pytest.param(
            SAPPHIRE_RAPIDS_FLAGS,
            {"avx512", "amx_int8", "amx_bf16"},
            set(),
            id="Sapphire Rapids",
        ),
        pytest.param(
            "lm avx2 avx512f avx512cd avx512er avx512pf",
            {"avx512f"},
            {"avx512"},
            id="Knights Landing has the beginning of AVX-512 and not what ggml needs of it",
        ),
    ],
)
def test_instruction_sets_of_x86(tmp_path, flags, present, absent):
    cpu, _ = probe_cpu(recorded(tmp_path, x86("A processor", flags, [(0,)])))
    assert present <= set(cpu.instruction_sets)
    assert not absent & set(cpu.instruction_sets)


@pytest.mark.parametrize(
    ("cpuinfo", "name", "architecture", "sets"),
    [
        pytest.param(
            "processor\t: 0\nhart\t\t: 0\nisa\t\t: rv64imafdcv_zicbom_zfh_zvfh\nmmu\t\t: sv39\n"
            "uarch\t\t: spacemit,x60\n",
            "spacemit,x60",
            "riscv64",
            ("rvv", "zfh", "zvfh"),
            id="RISC-V with vectors",
        ),
        pytest.param(
            "processor\t: 0\nisa\t\t: rv64imafdc_zicsr\nuarch\t\t: sifive,u74-mc\n",
            "sifive,u74-mc",
            "riscv64",
            (),
            id="RISC-V whose name has a v and which has no vectors",
        ),
    ],
)
def test_risc_v(tmp_path, cpuinfo, name, architecture, sets):
    cpu, _ = probe_cpu(recorded(tmp_path, {"proc/cpuinfo": cpuinfo}))
    assert (cpu.name, cpu.architecture, cpu.instruction_sets) == (name, architecture, sets)


def test_power_and_loongarch_are_read_in_their_own_spelling(tmp_path):
    power = {
        "proc/cpuinfo": "processor\t: 0\ncpu\t\t: POWER10 (architected), altivec supported\n",
        "proc/sys/kernel/arch": "ppc64le\n",
    }
    cpu, _ = probe_cpu(recorded(tmp_path / "power", power))
    assert cpu.name == "POWER10 (architected)"
    assert (cpu.architecture, cpu.instruction_sets) == ("ppc64le", ("vsx",))
    loongson = {
        "proc/cpuinfo": (
            "system type\t: generic-loongson-machine\n\nprocessor\t: 0\n"
            "Model Name\t: Loongson-3A6000\nFeatures\t: cpucfg lam fpu lsx lasx crc32\n"
        ),
        "proc/sys/kernel/arch": "loongarch64\n",
    }
    cpu, _ = probe_cpu(recorded(tmp_path / "loongson", loongson))
    assert cpu.name == "Loongson-3A6000"
    assert cpu.instruction_sets == ("lsx", "lasx")


def test_a_virtual_machine_that_hides_avx2_is_a_warning(tmp_path):
    files = x86("Common KVM processor", "fpu lm hypervisor sse4_2", [(0,), (1,)])
    _, findings = probe_cpu(recorded(tmp_path, files))
    (finding,) = findings
    assert (finding.code, finding.severity) == ("cpu-no-avx2", Severity.WARNING)
    assert finding.hint == "if this is a virtual machine, give it the host's processor type"


@pytest.mark.parametrize(
    ("load", "codes"),
    [
        pytest.param("2.10", ["cpu-busy"], id="more than half of four cores"),
        pytest.param("2.00", [], id="half of them"),
    ],
)
def test_a_busy_machine_is_a_warning(tmp_path, load, codes):
    files = x86("A processor", ZEN4_FLAGS, [(cpu,) for cpu in range(4)], load=load)
    _, findings = probe_cpu(recorded(tmp_path, files))
    assert [finding.code for finding in findings] == codes


def test_a_busy_host_is_measured_by_its_own_cores_not_by_a_containers_few(tmp_path):
    files = x86(
        "A processor",
        ZEN4_FLAGS,
        [(cpu,) for cpu in range(64)],
        load="6.00",
        status="Cpus_allowed_list:\t0-1\n",
    )
    cpu, findings = probe_cpu(recorded(tmp_path, files))
    assert cpu.usable_cores == 2
    assert findings == ()


@pytest.mark.parametrize("os", ["linux", "macos", "windows", "freebsd14"])
def test_a_processor_that_says_nothing_is_unknown_and_says_so(tmp_path, os):
    cpu, findings = probe_cpu(recorded(tmp_path, {}, os=os))
    assert (cpu.name, cpu.architecture) == (None, "unknown")
    assert (cpu.physical_cores, cpu.logical_cores, cpu.usable_cores) == (None, None, None)
    assert cpu.instruction_sets == cpu.caches == ()
    assert [finding.code for finding in findings] == [
        "cpu-name-unknown",
        "cpu-cores-unknown",
        "cpu-no-instruction-sets",
    ]
    assert {finding.probe for finding in findings} == {"cpu"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("0-3,8,10-11\n", {0, 1, 2, 3, 8, 10, 11}, id="ranges and single ones"),
        pytest.param("5", {5}, id="one"),
        pytest.param("", set(), id="an empty list"),
        pytest.param(None, set(), id="no list"),
        pytest.param("all", set(), id="no numbers"),
    ],
)
def test_lists_of_processors(text, expected):
    assert parse_cpu_list(text) == expected


def test_the_machine_that_runs_this_test_has_a_processor():
    cpu, _ = probe_cpu(Asker())
    assert cpu.usable_cores is None or 1 <= cpu.usable_cores <= (cpu.logical_cores or 0)
