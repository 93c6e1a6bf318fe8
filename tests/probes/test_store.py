"""The kept read bandwidth: where it lies, when it is reused, and that keeping it never fails."""

from __future__ import annotations

import errno
import json
import os
import stat
import sys

import pytest

from probes import atomic
from probes.ask import Asker
from probes.bandwidth.store import (
    FILE,
    Measure,
    kept_or_measured,
    load,
    machine_key,
)
from probes.finding import Finding, Severity
from probes.folders import cache_directory
from probes.machine import Cpu, Memory, ReadBandwidth

CPU = Cpu(name="AMD EPYC", architecture="x86_64", usable_cores=2)
MEMORY = Memory(total_bytes=24 << 30, available_bytes=20 << 30)

BOOT = "58ec2422-350d-4e50-bd0f-c5a4f84d7fe8"

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="permissions of POSIX")


def bandwidth(share, rate=32e9):
    return ReadBandwidth(
        lower_bytes_per_s=rate * share,
        upper_bytes_per_s=rate,
        cpu_share=share,
        threads=2,
        buffer_bytes=128 << 20,
    )


QUIET = bandwidth(0.98)
QUIETER = bandwidth(0.99, rate=33e9)
BUSY = bandwidth(0.5)
BUSIER = bandwidth(0.4)

TOO_BUSY = Finding(
    probe="bandwidth", code="bandwidth-busy", severity=Severity.WARNING, sentence="no figure"
)


class Machine:
    """A Linux machine with a home directory, and a memory that answers as told."""

    def __init__(self, root):
        self.root = root
        self.start(BOOT)
        self.measurements = []
        self.environ = {"HOME": str(root / "home")}

    def start(self, boot):
        mark = self.root / "proc/sys/kernel/random/boot_id"
        mark.parent.mkdir(parents=True, exist_ok=True)
        mark.write_text(f"{boot}\n")

    def asker(self):
        return Asker(root=self.root, environ=self.environ, os="linux")

    def directory(self):
        return cache_directory(self.asker())

    def run(self, *answers, measure=Measure.IF_NEEDED, cpu=CPU):
        """The outcome when the memory would answer this, and whether it was asked."""
        left = list(answers)

        def time_it():
            answer = left.pop(0)
            return answer, () if answer else (TOO_BUSY,)

        found, findings = kept_or_measured(
            self.asker(), cpu, MEMORY, measure=measure, time_it=time_it
        )
        self.was_measured = len(left) < len(answers)
        return found, [finding.code for finding in findings]


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path)


def test_a_quiet_result_is_reused_until_the_machine_is_started_again(machine):
    assert machine.run(QUIET) == (QUIET, [])
    assert machine.run(QUIETER) == (QUIET, [])
    assert not machine.was_measured
    machine.start("00000000-0000-0000-0000-000000000000")
    assert machine.run(QUIETER) == (QUIETER, [])


def test_a_result_of_other_cores_is_not_reused(machine):
    """Another quota of the same machine, as in two containers that share a home directory."""
    machine.run(QUIET)
    fewer = Cpu(name="AMD EPYC", architecture="x86_64", usable_cores=1)
    assert machine.run(BUSY, cpu=fewer) == (BUSY, [])


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        pytest.param(BUSY, QUIET, QUIET, id="a quieter one replaces it"),
        pytest.param(BUSY, BUSIER, BUSY, id="a busier one does not"),
        pytest.param(BUSY, None, BUSY, id="nor does a failed one"),
    ],
)
def test_a_busy_result_is_measured_again_and_the_better_share_stays(
    machine, first, second, expected
):
    machine.run(first)
    assert machine.run(second)[0] == expected
    assert machine.was_measured
    assert machine.run(measure=Measure.SKIP) == (expected, [])


def test_a_failed_measurement_says_why_beside_the_kept_result(machine):
    machine.run(BUSY)
    assert machine.run(None) == (BUSY, ["bandwidth-busy"])


def test_an_asked_for_measurement_replaces_even_a_quieter_one(machine):
    machine.run(QUIET)
    assert machine.run(BUSY, measure=Measure.FORCE) == (BUSY, [])
    assert machine.run(measure=Measure.SKIP) == (BUSY, [])


def test_an_asked_for_measurement_that_fails_leaves_the_kept_one(machine):
    machine.run(QUIET)
    assert machine.run(None, measure=Measure.FORCE) == (QUIET, ["bandwidth-busy"])
    assert machine.run(measure=Measure.SKIP) == (QUIET, [])


def test_without_leave_to_measure_nothing_kept_is_a_sentence(machine):
    assert machine.run(QUIET, measure=Measure.SKIP) == (None, ["bandwidth-skipped"])
    assert not machine.was_measured


@pytest.mark.parametrize(
    "content",
    [
        pytest.param("", id="empty"),
        pytest.param("{", id="cut short"),
        pytest.param("[]", id="a list"),
        pytest.param("[" * 100_000, id="nested beyond reason"),
        pytest.param('{"schema": "advisor.read-bandwidth/9"}', id="another version"),
        pytest.param("\x00\xff", id="bytes"),
    ],
)
def test_a_file_that_cannot_be_read_as_one_is_measured_over(machine, content):
    machine.run(QUIETER)
    (machine.directory() / FILE).write_text(content, encoding="latin-1")
    assert machine.run(QUIET) == (QUIET, [])
    assert machine.run(BUSY) == (QUIET, [])


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param({"lower_bytes_per_s": 0}, id="a rate of nothing"),
        pytest.param({"lower_bytes_per_s": 99e9}, id="bounds the wrong way round"),
        pytest.param({"cpu_share": 1.5}, id="more than all of the CPU"),
        pytest.param({"threads": -1}, id="a negative count"),
        pytest.param({"threads": "2"}, id="a text for a number"),
        pytest.param({"colour": "red"}, id="an unknown part"),
    ],
)
def test_a_kept_result_that_cannot_be_is_not_believed(machine, damage):
    machine.run(QUIETER)
    file = machine.directory() / FILE
    whole = json.loads(file.read_text())
    whole["read_bandwidth"] |= damage
    file.write_text(json.dumps(whole))
    assert machine.run(QUIET) == (QUIET, [])
    assert machine.was_measured


@posix_only
def test_the_file_is_the_users_alone(machine):
    machine.run(QUIET)
    assert stat.S_IMODE((machine.directory() / FILE).stat().st_mode) == 0o600


def test_nothing_is_left_beside_the_file(machine):
    machine.run(BUSY)
    machine.run(QUIET)
    assert [path.name for path in machine.directory().iterdir()] == [FILE]


@pytest.mark.parametrize(
    "environ",
    [
        pytest.param({}, id="no home directory"),
        pytest.param({"HOME": ""}, id="an empty one"),
        pytest.param({"HOME": "relative"}, id="a relative one"),
    ],
)
def test_without_a_home_directory_the_result_is_shown_and_a_note_says_it_is_not_kept(
    machine, environ
):
    machine.environ = environ
    assert machine.run(QUIET) == (QUIET, ["bandwidth-not-kept"])
    assert machine.run(QUIET) == (QUIET, ["bandwidth-not-kept"])


def test_without_a_mark_of_the_start_the_result_is_not_kept(machine):
    (machine.root / "proc/sys/kernel/random/boot_id").unlink()
    assert machine.run(QUIET) == (QUIET, ["bandwidth-not-kept"])


def test_a_file_where_the_folder_should_be_is_only_a_note(machine):
    (machine.root / "home").write_text("not a folder")
    assert machine.run(QUIET) == (QUIET, ["bandwidth-not-kept"])


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_a_full_or_read_only_disk_is_only_a_note(machine, monkeypatch, code):
    def refuse(*_, **__):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(atomic.os, "open", refuse)
    found, findings = kept_or_measured(
        machine.asker(), CPU, MEMORY, measure=Measure.IF_NEEDED, time_it=lambda: (QUIET, ())
    )
    assert found == QUIET
    (finding,) = findings
    assert finding.severity is Severity.NOTE
    assert finding.sentence == (
        "the measured memory speed is not kept for the next run:"
        f" the cache directory cannot be written ({os.strerror(code)})"
    )


def test_a_disk_that_fills_up_keeps_the_old_result_and_no_rest(machine, monkeypatch):
    """The new file breaks off while it is written; the old one must survive it."""
    machine.run(BUSY)

    class Full:
        def __init__(self, number, _mode):
            self.number = number

        def __enter__(self):
            return self

        def __exit__(self, *_):
            os.close(self.number)

        def write(self, _data):
            raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(atomic.os, "fdopen", Full)
        assert machine.run(QUIET) == (QUIET, ["bandwidth-not-kept"])
    assert [path.name for path in machine.directory().iterdir()] == [FILE]
    key = machine_key(machine.asker(), CPU, MEMORY)
    assert load(machine.directory(), key) == BUSY


def test_a_macs_start_is_a_point_in_time(tmp_path):
    (tmp_path / "commands").mkdir()
    (tmp_path / "commands/sysctl -n kern.boottime").write_text(
        "{ sec = 1763800000, usec = 123456 } Sat Nov 22 08:26:40 2025\n"
    )
    asker = Asker(root=tmp_path, environ={}, os="macos")
    assert machine_key(asker, CPU, MEMORY) == f"1763800000 AMD EPYC 2 {24 << 30}"
