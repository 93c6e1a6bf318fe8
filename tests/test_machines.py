"""Recorded machines: each is read as it was, and gets the answer its owner would agree with."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from functools import cache
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import ClassVar

import jsonschema
import pytest

from advisor.estimate.estimator import estimate
from advisor.estimate.subject import subject_of
from advisor.report.candidates import Question
from advisor.report.filter import Filter
from advisor.report.scan import scan
from advisor.target import target_of_machine
from advisor.workload import Workload
from catalog.quants import find_quant
from catalog.shelf import load_models
from probes.nvidia.library import open_library
from probes.nvidia.nvml import Nvml, load_binding
from probes.record import read, to_json, write

PROJECT = Path(__file__).parents[1]
FOLDER = Path(__file__).parent / "machines"
MACHINES = sorted(path.parent for path in FOLDER.glob("*/root.txt"))
MIXED = FOLDER / "dual-3090-and-3060"


@pytest.fixture(scope="session")
def tools():
    """The programs that write and read recordings."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(PROJECT / "tools")
        names = ("recording", "record_machine", "record_nvml")
        return SimpleNamespace(**{name: import_module(name) for name in names})


def expected(machine):
    return json.loads((machine / "expected.json").read_text(encoding="utf-8"))


@cache
def target(machine):
    return target_of_machine(read(machine / "machine.json"))


@cache
def model(name):
    return next(model for model in load_models() if model.name == name)


def of_machines(key):
    """One case for each entry that the expected answers have under a key."""
    return [
        pytest.param(machine, case, id=f"{machine.name}: {case['id']}")
        for machine in MACHINES
        for case in expected(machine).get(key, ())
    ]


every_machine = pytest.mark.parametrize("machine", MACHINES, ids=lambda path: path.name)


@pytest.fixture(scope="session")
def library(tools, tmp_path_factory):
    """The fake NVML; ``None`` where there is no compiler."""
    return tools.recording.build_fake_nvml(tmp_path_factory.mktemp("nvml"))


@pytest.fixture
def replay(tools, library, tmp_path, monkeypatch):
    """What the probes make of a recording."""
    if sys.platform == "win32":
        pytest.skip("PCI addresses hold colons, which Windows forbids in file names")
    monkeypatch.setenv("FAKE_NVML", "")

    def replayed(machine, environ=None):
        if library is None and (machine / "nvml.txt").exists():
            pytest.skip("no C compiler (cc or gcc), so the fake NVML cannot be built")
        return tools.recording.replayed(
            machine, tmp_path / "root", library=library, environ=environ
        )

    return replayed


def without_measurement(machine):
    return replace(machine, read_bandwidth=None)


class TestProbes:
    """`root.txt` and `nvml.txt` give `machine.json`."""

    @every_machine
    def test_a_machine_is_read_as_it_was(self, machine, replay):
        kept = read(machine / "machine.json")
        assert to_json(replay(machine)) == to_json(without_measurement(kept))

    def test_another_library_answers_for_itself(self, tools, replay, tmp_path, tmp_path_factory):
        """The binding remembers functions, which must not be those of the library before."""
        replay(FOLDER / "desktop-rtx-4090")
        machine = FOLDER / "h100-mig"
        other = tools.recording.build_fake_nvml(tmp_path_factory.mktemp("other"))
        seen = tools.recording.replayed(machine, tmp_path / "other", library=other)
        assert to_json(seen) == (machine / "machine.json").read_text(encoding="utf-8")

    @every_machine
    def test_a_recording_saved_again_is_the_same_file(self, machine, tmp_path):
        again = tmp_path / "machine.json"
        write(again, read(machine / "machine.json"))
        assert again.read_bytes() == (machine / "machine.json").read_bytes()

    @every_machine
    def test_a_recording_is_of_the_published_form(self, machine):
        schema = json.loads((PROJECT / "docs/schema/machine.schema.json").read_text("utf-8"))
        jsonschema.validate(json.loads((machine / "machine.json").read_text("utf-8")), schema)

    @pytest.mark.parametrize(("machine", "mask"), of_machines("masks"))
    def test_a_mask_hides_what_cuda_would_hide(self, machine, mask, replay):
        seen = replay(machine, mask["environ"])
        assert [gpu.state.value for gpu in seen.accelerators] == mask["states"]
        assert [finding.code for finding in seen.findings] == mask["findings"]
        assert [gpu.name for gpu in target_of_machine(seen).gpus] == mask["gpus"]


class TestAnswers:
    """`machine.json` gives `expected.json`."""

    @every_machine
    def test_the_findings_are_what_its_owner_should_know(self, machine):
        found = [finding.code for finding in read(machine / "machine.json").findings]
        assert found == expected(machine)["findings"]

    @every_machine
    def test_its_gpus_are_found_in_the_catalog_with_what_a_model_can_have_of_them(self, machine):
        assert [facts(gpu) for gpu in target(machine).gpus] == expected(machine)["gpus"]
        assert list(target(machine).notes) == expected(machine)["notes"]

    @every_machine
    def test_the_systems_memory_is_what_a_model_can_have_of_it(self, machine):
        host = target(machine).host
        wanted = expected(machine)["host"]
        assert (host.capacity_bytes.value, host.available_bytes.value) == (
            wanted["capacity_bytes"],
            wanted["available_bytes"],
        )
        assert host.cores == wanted["cores"]

    @every_machine
    def test_the_recommendation_is_what_its_owner_should_try_first(self, machine):
        question = Question(target=target(machine), workload=Workload())
        report = scan(question, load_models(), Filter(), None)
        chosen = report.recommendation.candidate.estimate
        wanted = expected(machine)["recommended"]
        assert [chosen.subject.model.name, chosen.subject.quant.name] == wanted
        assert chosen.fit.verdict == "fits"

    @pytest.mark.parametrize(("machine", "case"), of_machines("verdicts"))
    def test_a_verdict_is_what_the_sizes_say(self, machine, case):
        subject = subject_of(model(case["model"]), find_quant(case["quant"]))
        answer = estimate(subject, Workload(), target(machine))
        assert answer.fit.verdict == case["verdict"]
        assert [one.name for one in answer.allocations if one.kind == "gpu"] == case["gpus"]


def facts(gpu):
    """What an expected answer says of a GPU."""
    rate = gpu.bandwidth_bytes_per_s
    return {
        "name": gpu.name,
        "row": gpu.row_name,
        "kind": gpu.kind,
        "backend": gpu.backend,
        "capacity_bytes": gpu.capacity_bytes.value,
        "available_bytes": gpu.available_bytes.value,
        "bandwidth_bytes_per_s": rate.value,
        "bandwidth_origin": rate.origin.value,
        "shares_host_memory": gpu.shares_host_memory,
    }


@every_machine
def test_scan_answers_from_a_recording_alone(machine, tmp_path):
    """As its owner's colleague would run it, elsewhere."""
    ended = subprocess.run(
        [sys.executable, "-m", "advisor", "scan", "--machine", str(machine / "machine.json")],
        capture_output=True,
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(PROJECT), "PYTHONUTF8": "1"},
        check=False,
        timeout=60,
    )
    said = ended.stdout.decode("utf-8")
    assert (ended.returncode, ended.stderr) == (expected(machine)["exit_code"], b"")
    wanted = "Recommended: {} in {}".format(*expected(machine)["recommended"])
    assert wanted in " ".join(said.split())


class TestRecordings:
    """What lies in a folder, and what must not."""

    @every_machine
    def test_a_folder_says_what_it_is_and_where_each_part_comes_from(self, machine):
        about = (machine / "about.md").read_text(encoding="utf-8")
        assert about.startswith("# ")
        assert "## Where it comes from" in about
        assert "## Filled in" in about

    @pytest.mark.parametrize("path", sorted(FOLDER.rglob("*.*")), ids=lambda path: str(path.name))
    def test_no_file_names_a_person_or_one_machine(self, path):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", text)
        assert not re.search(r"\b([0-9a-f]{2}:){5}[0-9a-f]{2}\b", text, re.IGNORECASE)
        assert not re.search(r"\b[0-9a-f]{32,}\b", text)
        assert not re.search(r"(?i)serial[ _-]?(number)?\s*[:=]\s*\S", text)
        assert not re.search(r"/(home|Users)/\w", text)

    @every_machine
    def test_a_packed_tree_is_unpacked_and_packed_without_loss(self, machine, tools):
        tree = tools.recording.parse((machine / "root.txt").read_text(encoding="utf-8"))
        assert tools.recording.parse(tools.recording.packed(tree)) == tree

    def test_a_line_that_is_no_entry_is_refused(self, tools):
        with pytest.raises(ValueError, match="`proc/meminfo = 1` is no entry"):
            tools.recording.parse("os = linux\nproc/meminfo = 1\n")


class TestRecorder:
    """What `tools/record_machine.py` writes of a machine."""

    PRIVATE: ClassVar = {
        "/proc/cpuinfo": "processor\t: 0\nflags\t: avx2\nSerial\t: 48343bbb\n\n"
        "processor\t: 1\nflags\t: avx2\ncore id\t: 1",
        "/proc/self/mountinfo": "27 1 254:0 / / rw - ext4 /dev/vda rw\n"
        "50 27 0:40 / /home/alice/private rw - fuse.sshfs host:/ rw",
        "/proc/self/status": "Uid:\t1000\nCpus_allowed_list:\t0-1",
        "/run/udev/data/+dmi:id": "E:ID_SERIAL=PF3XYZ\nE:MEMORY_DEVICE_0_SIZE=17179869184\n"
        "E:MEMORY_DEVICE_0_SERIAL_NUMBER=E3A1B2C4",
        "/sys/fs/cgroup/docker/" + "0123456789abcdef" * 4 + "/memory.max": "max",
    }

    def test_what_names_a_machine_or_a_person_is_left_out(self, tools):
        said = tools.recording.Recording(os="linux", files=self.PRIVATE)
        files = tools.record_machine.without_private(said).files
        assert files == {
            "/proc/cpuinfo": "processor\t: 0\nflags\t: avx2\n\nprocessor\t: 1\ncore id\t: 1",
            "/proc/self/mountinfo": "27 1 254:0 / / rw - ext4 /dev/vda rw",
            "/proc/self/status": "Cpus_allowed_list:\t0-1",
            "/run/udev/data/+dmi:id": "E:MEMORY_DEVICE_0_SIZE=17179869184",
            "/sys/fs/cgroup/docker/hidden/memory.max": "max",
        }

    @pytest.mark.parametrize("name", ["desktop-rtx-4090", "dual-3090-and-3060", "h100-mig"])
    def test_a_driver_recorded_anew_says_the_same(self, name, tools, replay, library, tmp_path):
        """The recorder hears from the fake what it will later tell the fake to say."""
        seen = replay(FOLDER / name)
        lines = tools.record_nvml.lines_of(Nvml(load_binding(), open_library([str(library)])))
        again = tmp_path / "again"
        again.mkdir()
        (again / "nvml.txt").write_text("\n".join(lines), encoding="utf-8")
        (again / "root.txt").write_bytes((FOLDER / name / "root.txt").read_bytes())
        heard = tools.recording.replayed(again, tmp_path / "2", library=library)
        assert to_json(heard) == to_json(seen)
