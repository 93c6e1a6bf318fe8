"""What the machine says of its memory, whoever is asked: psutil, the kernel's file, a command."""

from __future__ import annotations

import sys
from pathlib import Path

import psutil
import pytest

from probes.ask import Asker
from probes.errors import ProbeError
from probes.memory.probe import probe_memory

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30

needs_psutil_for_linux = pytest.mark.skipif(
    sys.platform != "linux", reason="psutil reads a recorded /proc only on Linux"
)


def recorded(root: Path, files: dict[str, str], *, os: str = "linux") -> Asker:
    """A machine that consists of these files."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return Asker(root=root, environ={}, os=os)


MEMINFO = """\
MemTotal:       67108864 kB
MemFree:        10485760 kB
MemAvailable:   41943040 kB
Buffers:          307200 kB
Cached:          9437184 kB
SwapTotal:       8388608 kB
SwapFree:        8388608 kB
Active:          5242880 kB
Inactive:        6291456 kB
Shmem:                 0 kB
"""

LINUX = {"proc/meminfo": MEMINFO}


def test_a_recorded_linux_machine_is_read_from_its_proc(tmp_path):
    memory, findings = probe_memory(recorded(tmp_path, LINUX))
    assert (memory.total_bytes, memory.available_bytes) == (64 * GIB, 40 * GIB)
    assert (memory.swap_total_bytes, memory.swap_free_bytes) == (8 * GIB, 8 * GIB)
    assert memory.reclaimable_cache_bytes == 30 * GIB
    assert findings == ()


@needs_psutil_for_linux
def test_a_kernel_without_memavailable_has_more_available_than_free(tmp_path):
    old = "".join(line for line in MEMINFO.splitlines(True) if "MemAvailable" not in line)
    memory, _ = probe_memory(recorded(tmp_path, {"proc/meminfo": old}))
    assert 10 * GIB < memory.available_bytes < 64 * GIB


VM_STAT = """\
Mach Virtual Memory Statistics: (page size of 16384 bytes)
Pages free:                                4518.
Pages active:                            194947.
Pages inactive:                          191193.
Pages speculative:                         3014.
Pages throttled:                              0.
Pages wired down:                        159117.
Pages purgeable:                            630.
File-backed pages:                       141843.
Pages occupied by compressor:            454496.
"""
"""A real Mac of 16 GiB that compresses a lot."""


def test_a_recorded_mac_is_read_from_its_commands(tmp_path):
    files = {
        "commands/sysctl -n hw.memsize": "17179869184\n",
        "commands/vm_stat": VM_STAT,
        "commands/sysctl -n vm.swapusage": (
            "total = 2048.00M  used = 512.00M  free = 1536.00M  (encrypted)\n"
        ),
    }
    memory, findings = probe_memory(recorded(tmp_path, files, os="macos"))
    assert memory.total_bytes == 16 * GIB
    # free, speculative and inactive; purgeable pages are among the inactive
    assert memory.available_bytes == (4518 + 3014 + 191193) * 16384
    assert memory.swap_total_bytes == 2 * GIB
    assert memory.swap_free_bytes == 1536 * MIB
    assert memory.limit_bytes is None
    assert findings == ()


def test_a_recorded_mac_without_vm_stat_says_that_free_memory_is_assumed(tmp_path):
    files = {"commands/sysctl -n hw.memsize": "17179869184\n"}
    memory, findings = probe_memory(recorded(tmp_path, files, os="macos"))
    assert memory.available_bytes == 16 * GIB
    assert [finding.code for finding in findings] == ["memory-free-unknown", "memory-swap-unknown"]


def test_a_recorded_windows_machine_is_read_from_its_command(tmp_path):
    command = (
        "powershell -NoProfile -Command Get-CimInstance Win32_OperatingSystem | Format-List "
        "TotalVisibleMemorySize,FreePhysicalMemory"
    )
    answer = "\n\nTotalVisibleMemorySize : 33385212\nFreePhysicalMemory     : 18234568\n\n"
    memory, _ = probe_memory(recorded(tmp_path, {f"commands/{command}": answer}, os="windows"))
    assert memory.total_bytes == 33385212 * KIB
    assert memory.available_bytes == 18234568 * KIB


@pytest.mark.parametrize("os", ["linux", "macos", "windows", "freebsd14"])
def test_a_machine_that_does_not_say_how_much_it_has_is_an_error(tmp_path, os):
    with pytest.raises(ProbeError, match="how much memory there is"):
        probe_memory(recorded(tmp_path, {}, os=os))


def test_without_psutil_the_kernels_own_file_gives_the_same_answer(tmp_path, monkeypatch):
    asker = recorded(tmp_path, LINUX)
    with_psutil = probe_memory(asker)
    monkeypatch.setitem(sys.modules, "psutil", None)
    assert probe_memory(asker) == with_psutil


@needs_psutil_for_linux
@pytest.mark.parametrize("files", [LINUX, {}], ids=["that answers", "that does not"])
def test_psutil_looks_at_the_live_machine_again_after_a_recording(tmp_path, files):
    before = psutil.PROCFS_PATH
    try:
        probe_memory(recorded(tmp_path, files))
    except ProbeError:
        assert files == {}
    assert before == psutil.PROCFS_PATH
