"""Which control groups a process is in, and what they allow."""

from __future__ import annotations

import pytest

from probes.ask import Asker
from probes.memory.cgroup import MemoryLimit, cpu_quota_cores, memory_limits, swap_limits

MIB, GIB = 1 << 20, 1 << 30


def recorded(root, files) -> Asker:
    """A Linux machine that consists of these files."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return Asker(root=root, environ={}, os="linux")


def v2(group: str, *, root: str = "/", point: str = "/sys/fs/cgroup") -> dict[str, str]:
    """A process in this group, and a mount of the tree below `root`."""
    return {
        "proc/self/cgroup": f"0::{group}\n",
        "proc/self/mountinfo": (
            "22 27 0:21 / /proc rw,relatime - proc proc rw\n"
            f"35 24 0:30 {root} {point} rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n"
        ),
    }


@pytest.mark.parametrize(
    ("machine", "folder"),
    [
        pytest.param(v2("/"), "sys/fs/cgroup", id="in a namespace of its own"),
        pytest.param(v2("/a.slice/b.scope"), "sys/fs/cgroup/a.slice/b.scope", id="in its slice"),
        pytest.param(v2("/a.slice/b.scope"), "sys/fs/cgroup/a.slice", id="one above"),
        pytest.param(v2("/a.slice/b.scope"), "sys/fs/cgroup", id="at the top"),
        pytest.param(
            v2("/docker/4f1c", root="/docker/4f1c"),
            "sys/fs/cgroup",
            id="mounted from its own group on",
        ),
        pytest.param(
            v2("/docker/4f1c/inner", root="/docker/4f1c"),
            "sys/fs/cgroup/inner",
            id="below the group its mount begins at",
        ),
        pytest.param(
            v2("/../../outside"), "sys/fs/cgroup", id="outside of its namespace, the mount counts"
        ),
        pytest.param(
            v2("/docker/4f1c", root="/docker/4f1"),
            "sys/fs/cgroup",
            id="a name that only begins like the mount's is another group",
        ),
        pytest.param(
            v2("/a", point="/run/odd\\040place"), "run/odd place/a", id="mounted under an odd name"
        ),
        pytest.param({}, "sys/fs/cgroup", id="without a word on mounts"),
    ],
)
def test_a_limit_is_found_wherever_it_stands(tmp_path, machine, folder):
    asker = recorded(tmp_path, machine | {f"{folder}/memory.max": f"{GIB}\n"})
    assert memory_limits(asker) == (
        MemoryLimit(
            limit_bytes=GIB, source="cgroup v2 memory.max", used_bytes=None, reclaimable_bytes=0
        ),
    )


def test_a_group_beside_ours_limits_nothing(tmp_path):
    asker = recorded(tmp_path, v2("/a") | {"sys/fs/cgroup/b/memory.max": f"{GIB}\n"})
    assert memory_limits(asker) == ()


def test_cache_that_can_be_dropped_is_no_use(tmp_path):
    files = {
        "sys/fs/cgroup/memory.max": f"{2 * GIB}\n",
        "sys/fs/cgroup/memory.current": f"{900 * MIB}\n",
        "sys/fs/cgroup/memory.stat": (
            f"anon {100 * MIB}\nfile {780 * MIB}\nshmem {80 * MIB}\n"
            f"inactive_file {400 * MIB}\nactive_file {300 * MIB}\nslab_reclaimable {20 * MIB}\n"
        ),
    }
    (limit,) = memory_limits(recorded(tmp_path, v2("/") | files))
    # Shared memory (80 MiB) is counted as file, but cannot be dropped
    assert limit.used_bytes == 180 * MIB
    assert limit.reclaimable_bytes == 720 * MIB
    assert limit.free_bytes == 2 * GIB - 180 * MIB


def test_use_is_never_below_zero_when_the_figures_were_read_a_moment_apart(tmp_path):
    files = {
        "sys/fs/cgroup/memory.max": f"{GIB}\n",
        "sys/fs/cgroup/memory.current": f"{10 * MIB}\n",
        "sys/fs/cgroup/memory.stat": f"inactive_file {11 * MIB}\n",
    }
    (limit,) = memory_limits(recorded(tmp_path, v2("/") | files))
    assert (limit.used_bytes, limit.free_bytes) == (0, GIB)


V1_CPU = {
    "proc/self/cgroup": "7:cpu,cpuacct:/pod/app\n4:memory:/pod/app\n",
    "proc/self/mountinfo": (
        "33 31 0:30 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
        "34 31 0:31 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n"
    ),
}


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        pytest.param(
            v2("/") | {"sys/fs/cgroup/cpu.max": "150000 100000\n"}, 1.5, id="v2: 1.5 cores"
        ),
        pytest.param(v2("/") | {"sys/fs/cgroup/cpu.max": "max 100000\n"}, None, id="v2: no quota"),
        pytest.param(
            v2("/a/b")
            | {
                "sys/fs/cgroup/a/b/cpu.max": "max 100000\n",
                "sys/fs/cgroup/a/cpu.max": "400000 100000\n",
            },
            4.0,
            id="v2: on the group above",
        ),
        pytest.param(
            v2("/a/b")
            | {
                "sys/fs/cgroup/a/b/cpu.max": "800000 100000\n",
                "sys/fs/cgroup/a/cpu.max": "100000 50000\n",
            },
            2.0,
            id="v2: the tightest of two",
        ),
        pytest.param(
            V1_CPU
            | {
                "sys/fs/cgroup/cpu,cpuacct/pod/app/cpu.cfs_quota_us": "250000\n",
                "sys/fs/cgroup/cpu,cpuacct/pod/app/cpu.cfs_period_us": "100000\n",
                "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "-1\n",
                "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000\n",
            },
            2.5,
            id="v1: 2.5 cores",
        ),
        pytest.param(
            V1_CPU
            | {
                "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "-1\n",
                "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000\n",
            },
            None,
            id="v1: no quota",
        ),
        pytest.param({}, None, id="nothing to read"),
        pytest.param(v2("/") | {"sys/fs/cgroup/cpu.max": "garbage\n"}, None, id="garbage"),
    ],
)
def test_cpu_quota(tmp_path, files, expected):
    assert cpu_quota_cores(recorded(tmp_path, files)) == expected


def test_a_machine_without_control_groups_limits_nothing(tmp_path):
    asker = recorded(tmp_path, {"proc/self/mountinfo": "22 27 0:21 / /proc rw - proc proc rw\n"})
    assert memory_limits(asker) == ()
    assert swap_limits(asker) == ()


@pytest.mark.parametrize(
    "text", ["", "\n", "x", "35 24 0:30 / /sys/fs/cgroup", "- - -", "35 - cgroup2"]
)
def test_a_broken_list_of_mounts_is_no_failure(tmp_path, text):
    asker = recorded(tmp_path, {"proc/self/mountinfo": text, "proc/self/cgroup": "nonsense\n0:"})
    assert memory_limits(asker) == ()
