"""What the tests of the check share: machines, and a check of one of them without a process."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

import pytest

from advisor.check.asked import Asked
from advisor.check.case import Disk
from advisor.check.run import check
from advisor.check.stage import Stage
from advisor.target import target_of_machine
from tests.check.machines import NvidiaMachines

PROJECT = Path(__file__).parents[2]
GB = 10**9
NOW = "2026-11-24T03:00:00Z"
ROOMY = Disk(folder="~/.cache/huggingface/hub", free_bytes=500 * GB)


@pytest.fixture(scope="session")
def fake_library(tmp_path_factory):
    """The fake NVML; ``None`` where there is no compiler."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(PROJECT / "tools")
        recording = import_module("recording")
        return recording.build_fake_nvml(tmp_path_factory.mktemp("nvml"))


@pytest.fixture
def nvidia(fake_library, tmp_path, monkeypatch):
    """`nvidia("riser")` is a machine whose NVIDIA driver answers as that case says."""
    if sys.platform == "win32":
        pytest.skip("PCI addresses hold colons, which Windows forbids in file names")
    if fake_library is None:
        pytest.skip("no C compiler (cc or gcc), so the fake NVML cannot be built")
    monkeypatch.setenv("FAKE_NVML", "")
    return NvidiaMachines(fake_library, tmp_path)


def stage_of(machine, *, disk=ROOMY, **changes):
    """A machine as a check takes it."""
    return Stage(machine=machine, target=target_of_machine(machine), disk=disk, **changes)


def requirement(**given):
    """The requirement that these keys make."""
    from advisor.check.read import requirement_from

    found, problems = requirement_from(given, name="the requirement", place_of=lambda _: None)
    assert problems == []
    return found


def checked(machine, *requirements, disk=ROOMY, stage=None, **asked):
    """The report on a machine."""
    stage = stage or stage_of(machine, disk=disk)
    wanted = Asked(requirements=tuple(requirements), **asked)
    return check(wanted, lambda: stage, version="0.1.0", checked_at=NOW)


def of_rule(report, rule_id):
    """What a report says of one rule."""
    return [one for one in report.outcomes if one.rule.id == rule_id]
