"""How much memory a process may really have: recorded machines, and what must hold for all."""

from __future__ import annotations

import tempfile
from pathlib import Path

import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from probes.ask import Asker
from probes.finding import Severity
from probes.memory.probe import probe_memory

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30


def recorded(root: Path, files: dict[str, str]) -> Asker:
    """A Linux machine that consists of these files."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return Asker(root=root, environ={}, os="linux")


def meminfo(total: int, available: int | None, *, free: int | None = None, more: str = "") -> str:
    """`/proc/meminfo` as the kernel writes it, of these bytes."""
    kib = {"MemTotal": total, "MemFree": available if free is None else free}
    if available is not None:
        kib["MemAvailable"] = available
    kib |= {"Buffers": 300 * MIB, "Cached": 9 * GIB, "Active": 5 * GIB, "Inactive": 6 * GIB}
    kib |= {"SwapTotal": 8 * GIB, "SwapFree": 8 * GIB, "Shmem": 0}
    lines = [f"{name + ':':<15}{size // KIB:>9} kB" for name, size in kib.items()]
    return "\n".join([*lines, more]).rstrip() + "\n"


HOST_64_GB = {
    "proc/meminfo": meminfo(64 * GIB, 40 * GIB, free=31 * GIB),
    "proc/vmstat": "pswpin 0\npswpout 0\n",
}

V2_NAMESPACE = {
    "proc/self/cgroup": "0::/\n",
    "proc/self/mountinfo": (
        "1089 1070 0:27 / /sys/fs/cgroup ro,nosuid,nodev,noexec,relatime - cgroup2 cgroup rw\n"
    ),
}

V1_DOCKER_ID = "/docker/4f1c0a7e9b"
V1_DOCKER = {
    "proc/self/cgroup": (
        f"12:memory:{V1_DOCKER_ID}\n7:cpu,cpuacct:{V1_DOCKER_ID}\n"
        f"1:name=systemd:{V1_DOCKER_ID}\n0::/system.slice/containerd.service\n"
    ),
    "proc/self/mountinfo": (
        f"702 690 0:33 {V1_DOCKER_ID} /sys/fs/cgroup/memory ro,nosuid - cgroup cgroup rw,memory\n"
        f"703 690 0:34 {V1_DOCKER_ID} /sys/fs/cgroup/cpu ro - cgroup cgroup rw,cpu,cpuacct\n"
    ),
}

NO_LIMIT_V1 = "9223372036854771712\n"


def test_a_2_gib_container_on_a_64_gib_host_is_2_gib(tmp_path):
    files = {
        "sys/fs/cgroup/memory.max": f"{2 * GIB}\n",
        "sys/fs/cgroup/memory.high": "max\n",
        "sys/fs/cgroup/memory.current": f"{1200 * MIB}\n",
        "sys/fs/cgroup/memory.stat": (
            f"anon {400 * MIB}\nfile {800 * MIB}\ninactive_file {500 * MIB}\n"
            f"active_file {200 * MIB}\nslab_reclaimable {50 * MIB}\n"
        ),
    }
    memory, findings = probe_memory(recorded(tmp_path, HOST_64_GB | V2_NAMESPACE | files))
    assert memory.total_bytes == 64 * GIB
    assert memory.capacity_bytes == memory.limit_bytes == 2 * GIB
    assert memory.limit_source == "cgroup v2 memory.max"
    # 2048 - (1200 - 500 - 200 - 50) MiB
    assert memory.available_bytes == 1598 * MIB
    assert memory.reclaimable_cache_bytes == 750 * MIB
    assert findings == ()


def test_a_v1_container_whose_mount_begins_at_its_own_group_is_seen(tmp_path):
    files = {
        "sys/fs/cgroup/memory/memory.limit_in_bytes": f"{2 * GIB}\n",
        "sys/fs/cgroup/memory/memory.usage_in_bytes": f"{474 * MIB}\n",
        "sys/fs/cgroup/memory/memory.stat": (
            f"cache {454 * MIB}\ntotal_inactive_file {300 * MIB}\ntotal_active_file {154 * MIB}\n"
            f"hierarchical_memory_limit {2 * GIB}\n"
        ),
    }
    memory, findings = probe_memory(recorded(tmp_path, HOST_64_GB | V1_DOCKER | files))
    assert memory.capacity_bytes == 2 * GIB
    assert memory.limit_source == "cgroup v1 memory.limit_in_bytes"
    # 454 of the 474 MiB in use are page cache, which is no use
    assert memory.available_bytes == 2 * GIB - 20 * MIB
    assert findings == ()


def test_a_limit_on_a_group_above_ours_counts_with_all_that_its_members_use(tmp_path):
    slice_ = "sys/fs/cgroup/user.slice/user-1000.slice"
    files = {
        "proc/self/cgroup": "0::/user.slice/user-1000.slice/session-3.scope\n",
        "proc/self/mountinfo": V2_NAMESPACE["proc/self/mountinfo"],
        f"{slice_}/session-3.scope/memory.max": "max\n",
        f"{slice_}/session-3.scope/memory.current": f"{1 * GIB}\n",
        f"{slice_}/memory.max": "max\n",
        f"{slice_}/memory.high": f"{16 * GIB}\n",
        f"{slice_}/memory.current": f"{10 * GIB}\n",
        f"{slice_}/memory.stat": f"inactive_file {1 * GIB}\nactive_file 0\nslab_reclaimable 0\n",
    }
    memory, _ = probe_memory(recorded(tmp_path, HOST_64_GB | files))
    assert (memory.limit_bytes, memory.limit_source) == (16 * GIB, "cgroup v2 memory.high")
    assert memory.available_bytes == 7 * GIB


def test_of_several_limits_the_tightest_is_the_capacity_and_the_fullest_is_available(tmp_path):
    files = {
        "proc/self/cgroup": "0::/pod/app\n",
        "proc/self/mountinfo": V2_NAMESPACE["proc/self/mountinfo"],
        "sys/fs/cgroup/pod/app/memory.max": f"{4 * GIB}\n",
        "sys/fs/cgroup/pod/app/memory.current": f"{100 * MIB}\n",
        "sys/fs/cgroup/pod/memory.max": f"{5 * GIB}\n",
        "sys/fs/cgroup/pod/memory.current": f"{3 * GIB}\n",
    }
    memory, _ = probe_memory(recorded(tmp_path, HOST_64_GB | files))
    assert memory.capacity_bytes == 4 * GIB
    assert memory.available_bytes == 2 * GIB


def test_a_machine_with_v1_memory_and_v2_for_the_rest_has_its_v1_limit(tmp_path):
    files = {
        "proc/self/cgroup": "4:memory:/service/a\n1:cpu:/\n0::/\n",
        "proc/self/mountinfo": (
            "31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n"
            "35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n"
            "41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n"
        ),
        "sys/fs/cgroup/memory/memory.limit_in_bytes": NO_LIMIT_V1,
        "sys/fs/cgroup/memory/service/memory.limit_in_bytes": f"{8 * GIB}\n",
        "sys/fs/cgroup/memory/service/memory.usage_in_bytes": f"{6 * GIB}\n",
        "sys/fs/cgroup/memory/service/memory.stat": f"total_inactive_file {5 * GIB}\n",
        "sys/fs/cgroup/memory/service/a/memory.limit_in_bytes": NO_LIMIT_V1,
        "sys/fs/cgroup/unified/cgroup.procs": "1\n",
    }
    memory, _ = probe_memory(recorded(tmp_path, HOST_64_GB | files))
    assert memory.capacity_bytes == 8 * GIB
    assert memory.available_bytes == 7 * GIB


def test_no_limit_in_the_spelling_of_v1_is_none(tmp_path):
    files = {
        "sys/fs/cgroup/memory/memory.limit_in_bytes": NO_LIMIT_V1,
        "sys/fs/cgroup/memory/memory.usage_in_bytes": f"{474 * MIB}\n",
        "sys/fs/cgroup/memory/memory.stat": "hierarchical_memory_limit 9223372036854771712\n",
    }
    memory, findings = probe_memory(recorded(tmp_path, HOST_64_GB | V1_DOCKER | files))
    assert memory.limit_bytes is None
    assert memory.limit_source is None
    assert memory.capacity_bytes == 64 * GIB
    assert memory.available_bytes == 40 * GIB
    assert memory.reclaimable_cache_bytes == 9 * GIB
    assert findings == ()


def test_a_limit_above_what_the_machine_has_limits_nothing(tmp_path):
    files = {"sys/fs/cgroup/memory.max": f"{1024 * GIB}\n"}
    memory, _ = probe_memory(recorded(tmp_path, HOST_64_GB | V2_NAMESPACE | files))
    assert memory.limit_bytes is None


def test_the_limit_of_a_group_out_of_sight_counts_and_says_so(tmp_path):
    """In Kubernetes on v1 the pod's limit stands above the container's namespace."""
    files = {
        "sys/fs/cgroup/memory/memory.limit_in_bytes": NO_LIMIT_V1,
        "sys/fs/cgroup/memory/memory.usage_in_bytes": f"{1 * GIB}\n",
        "sys/fs/cgroup/memory/memory.stat": f"hierarchical_memory_limit {6 * GIB}\n",
    }
    memory, findings = probe_memory(recorded(tmp_path, HOST_64_GB | V1_DOCKER | files))
    assert memory.limit_bytes == 6 * GIB
    assert memory.limit_source == "cgroup v1 hierarchical_memory_limit"
    assert memory.available_bytes == 5 * GIB
    (finding,) = findings
    assert finding.code == "memory-limit-use-unknown"
    assert finding.severity is Severity.NOTE


def test_a_limit_without_a_figure_of_use_still_bounds_what_is_available(tmp_path):
    files = {"sys/fs/cgroup/memory.max": f"{2 * GIB}\n"}
    memory, findings = probe_memory(recorded(tmp_path, HOST_64_GB | V2_NAMESPACE | files))
    assert memory.available_bytes == 2 * GIB
    assert [finding.code for finding in findings] == ["memory-limit-use-unknown"]


def test_files_bound_to_the_usual_place_count_though_no_cgroup_is_mounted(tmp_path):
    files = {
        "sys/fs/cgroup/memory/memory.limit_in_bytes": f"{2 * GIB}\n",
        "sys/fs/cgroup/memory/memory.usage_in_bytes": f"{512 * MIB}\n",
    }
    memory, _ = probe_memory(recorded(tmp_path, HOST_64_GB | files))
    assert memory.capacity_bytes == 2 * GIB
    assert memory.available_bytes == 1536 * MIB


def test_a_group_fuller_than_its_limit_leaves_nothing_and_never_less(tmp_path):
    files = {
        "sys/fs/cgroup/memory.high": f"{2 * GIB}\n",
        "sys/fs/cgroup/memory.current": f"{3 * GIB}\n",
    }
    memory, _ = probe_memory(recorded(tmp_path, HOST_64_GB | V2_NAMESPACE | files))
    assert memory.available_bytes == 0


LXCFS_MOUNT = "801 790 0:71 /proc/meminfo /proc/meminfo rw - fuse.lxcfs lxcfs rw,user_id=0\n"


def test_lxcfs_shows_the_limit_as_the_machine_and_nothing_is_subtracted_twice(tmp_path):
    files = {
        "proc/meminfo": meminfo(4 * GIB, 3 * GIB, free=1 * GIB),
        "proc/self/cgroup": "0::/\n",
        "proc/self/mountinfo": V2_NAMESPACE["proc/self/mountinfo"] + LXCFS_MOUNT,
        "sys/fs/cgroup/memory.max": f"{4 * GIB}\n",
        "sys/fs/cgroup/memory.current": f"{3 * GIB}\n",
        "sys/fs/cgroup/memory.stat": f"inactive_file {1 * GIB}\nactive_file {1 * GIB}\n",
    }
    memory, _ = probe_memory(recorded(tmp_path, files))
    assert memory.total_bytes == memory.capacity_bytes == 4 * GIB
    assert memory.available_bytes == 3 * GIB


ARCSTATS = """\
9 1 0x01 147 39984 10413213262 1268417093461
name                            type data
hits                            4    1073741824
c                               4    17179869184
c_min                           4    2147483648
c_max                           4    33669632000
size                            4    15032385536
"""
"""A cache of 14 GiB that never goes below 2 GiB."""


@pytest.mark.parametrize(
    ("available", "expected"),
    [
        pytest.param(40 * GIB, 52 * GIB, id="12 of its 14 GiB come back"),
        pytest.param(60 * GIB, 64 * GIB, id="never more than there is"),
    ],
)
def test_the_zfs_cache_is_available(tmp_path, available, expected):
    files = {
        "proc/meminfo": meminfo(64 * GIB, available, free=1 * GIB),
        "proc/spl/kstat/zfs/arcstats": ARCSTATS,
    }
    memory, _ = probe_memory(recorded(tmp_path, files))
    assert memory.available_bytes == expected
    assert memory.reclaimable_cache_bytes == expected - 1 * GIB


def test_the_zfs_cache_never_lifts_a_container_above_its_limit(tmp_path):
    files = {
        "proc/spl/kstat/zfs/arcstats": ARCSTATS,
        "sys/fs/cgroup/memory.max": f"{2 * GIB}\n",
        "sys/fs/cgroup/memory.current": f"{1 * GIB}\n",
    }
    memory, _ = probe_memory(recorded(tmp_path, HOST_64_GB | V2_NAMESPACE | files))
    assert memory.available_bytes == 1 * GIB


def test_the_hosts_zfs_cache_is_not_a_containers_behind_lxcfs(tmp_path):
    files = {
        "proc/meminfo": meminfo(8 * GIB, 3 * GIB),
        "proc/spl/kstat/zfs/arcstats": ARCSTATS,
        "proc/self/mountinfo": LXCFS_MOUNT,
    }
    memory, _ = probe_memory(recorded(tmp_path, files))
    assert memory.available_bytes == 3 * GIB


def test_huge_pages_are_reported_apart_and_are_no_capacity(tmp_path):
    """A host of virtual machines keeps 32 of its 64 GiB as pages of 1 GiB, 12 of them free."""
    more = (
        "HugePages_Total:       0\nHugePages_Free:        0\nHugepagesize:       2048 kB\n"
        f"Hugetlb:        {32 * GIB // KIB} kB"
    )
    files = {
        "proc/meminfo": meminfo(64 * GIB, 20 * GIB, more=more),
        "sys/kernel/mm/hugepages/hugepages-1048576kB/free_hugepages": "12\n",
        "sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages": "0\n",
    }
    memory, _ = probe_memory(recorded(tmp_path, files))
    assert memory.hugepages_free_bytes == 12 * GIB
    assert memory.capacity_bytes == 32 * GIB
    assert memory.limit_source == "memory set aside as huge pages"
    assert memory.available_bytes == 20 * GIB


def test_huge_pages_of_an_older_kernel_are_counted_from_meminfo(tmp_path):
    more = "HugePages_Total:    1024\nHugePages_Free:      512\nHugepagesize:       2048 kB"
    files = {"proc/meminfo": meminfo(64 * GIB, 20 * GIB, more=more)}
    memory, _ = probe_memory(recorded(tmp_path, files))
    assert memory.hugepages_free_bytes == 1 * GIB
    assert memory.capacity_bytes == 62 * GIB


def test_swap_is_reported_apart_and_never_as_memory(tmp_path):
    memory, _ = probe_memory(recorded(tmp_path, HOST_64_GB))
    assert (memory.swap_total_bytes, memory.swap_free_bytes) == (8 * GIB, 8 * GIB)
    assert memory.capacity_bytes == 64 * GIB


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        pytest.param(
            {"sys/fs/cgroup/memory.swap.max": "0\n"}, (0, 0), id="a container without swap"
        ),
        pytest.param(
            {
                "sys/fs/cgroup/memory.swap.max": f"{3 * GIB}\n",
                "sys/fs/cgroup/memory.swap.current": f"{1 * GIB}\n",
            },
            (3 * GIB, 2 * GIB),
            id="a container with 3 GiB of it",
        ),
        pytest.param({"sys/fs/cgroup/memory.swap.max": "max\n"}, (8 * GIB, 8 * GIB), id="no limit"),
        pytest.param(
            {
                "sys/fs/cgroup/memory/memory.limit_in_bytes": f"{2 * GIB}\n",
                "sys/fs/cgroup/memory/memory.usage_in_bytes": "0\n",
                "sys/fs/cgroup/memory/memory.memsw.limit_in_bytes": f"{6 * GIB}\n",
                "sys/fs/cgroup/memory/memory.stat": f"total_swap {1 * GIB}\n",
            },
            (4 * GIB, 3 * GIB),
            id="v1 limits memory and swap together: 6 less 2",
        ),
    ],
)
def test_swap_limits(tmp_path, files, expected):
    memory, _ = probe_memory(recorded(tmp_path, HOST_64_GB | V2_NAMESPACE | files))
    assert (memory.swap_total_bytes, memory.swap_free_bytes) == expected


def test_the_modules_are_part_of_the_answer(tmp_path):
    record = "E:MEMORY_DEVICE_0_SIZE=34359738368\nE:MEMORY_DEVICE_0_CONFIGURED_SPEED_MTS=5600\n"
    memory, _ = probe_memory(recorded(tmp_path, HOST_64_GB | {"run/udev/data/+dmi:id": record}))
    assert (memory.module_count, memory.module_rate_transfers_per_s) == (1, 5600e6)


PRESSURE = (
    "some avg10={0} avg60=3.10 avg300=0.90 total=58761459\n"
    "full avg10=11.00 avg60=2.60 avg300=0.74 total=58422361\n"
)


def test_programs_that_wait_for_memory_are_a_warning(tmp_path):
    files = {"proc/pressure/memory": PRESSURE.format("12.40")}
    _, findings = probe_memory(recorded(tmp_path, HOST_64_GB | files))
    (finding,) = findings
    assert finding.code == "memory-pressure"
    assert finding.severity is Severity.WARNING
    assert "12.40 % of the last ten seconds" in finding.sentence


def test_a_little_pressure_is_no_finding(tmp_path):
    files = {"proc/pressure/memory": PRESSURE.format("9.90")}
    assert probe_memory(recorded(tmp_path, HOST_64_GB | files))[1] == ()


@pytest.mark.parametrize(
    ("swap_free", "codes"),
    [
        pytest.param(3 * GIB, ["memory-swapping"], id="five of eight GiB in use"),
        pytest.param(4 * GIB, [], id="half of it"),
    ],
)
def test_swap_in_heavy_use_is_a_note(tmp_path, swap_free, codes):
    text = meminfo(64 * GIB, 40 * GIB).replace(
        f"SwapFree:{8 * GIB // KIB:>15} kB", f"SwapFree: {swap_free // KIB} kB"
    )
    assert f"SwapFree: {swap_free // KIB} kB" in text
    _, findings = probe_memory(recorded(tmp_path, {"proc/meminfo": text}))
    assert [finding.code for finding in findings] == codes


def test_wsl_says_that_its_virtual_machine_has_half_of_the_computer(tmp_path):
    files = {"proc/sys/kernel/osrelease": "5.15.167.4-microsoft-standard-WSL2\n"}
    _, findings = probe_memory(recorded(tmp_path, HOST_64_GB | files))
    (finding,) = findings
    assert (finding.code, finding.severity) == ("memory-wsl", Severity.NOTE)
    assert ".wslconfig" in finding.sentence


def test_the_machine_that_runs_this_test_has_memory_for_it():
    memory, _ = probe_memory(Asker())
    assert 0 < memory.available_bytes <= memory.capacity_bytes <= memory.total_bytes
    assert memory.total_bytes == psutil.virtual_memory().total


sizes = st.integers(min_value=0, max_value=1 << 41)


@settings(max_examples=60, deadline=None)
@given(
    total=st.integers(min_value=1 << 27, max_value=1 << 41),
    available=sizes,
    limit=st.integers(min_value=1, max_value=1 << 41),
    current=sizes,
    cache=sizes,
)
def test_available_never_exceeds_capacity_nor_falls_below_zero(
    total, available, limit, current, cache
):
    files = {
        "proc/meminfo": meminfo(total, available),
        "sys/fs/cgroup/memory.max": str(limit),
        "sys/fs/cgroup/memory.current": str(current),
        "sys/fs/cgroup/memory.stat": f"inactive_file {cache}\n",
    }
    with tempfile.TemporaryDirectory() as folder:
        memory, _ = probe_memory(recorded(Path(folder), files | V2_NAMESPACE))
    assert 0 <= memory.available_bytes <= memory.capacity_bytes <= memory.total_bytes
    assert 0 <= memory.reclaimable_cache_bytes <= memory.available_bytes
    assert 0 <= memory.swap_free_bytes <= memory.swap_total_bytes


@settings(max_examples=30, deadline=None)
@given(limits=st.lists(st.integers(1 << 20, 1 << 36), min_size=2, max_size=2), current=sizes)
def test_a_tighter_limit_never_gives_more_memory(limits, current):
    answers = []
    for limit in sorted(limits):
        files = {
            "sys/fs/cgroup/memory.max": str(limit),
            "sys/fs/cgroup/memory.current": str(current),
        }
        with tempfile.TemporaryDirectory() as folder:
            memory, _ = probe_memory(recorded(Path(folder), HOST_64_GB | V2_NAMESPACE | files))
        answers.append((memory.capacity_bytes, memory.available_bytes))
    (tight_capacity, tight_available), (capacity, available) = answers
    assert tight_capacity <= capacity
    assert tight_available <= available
