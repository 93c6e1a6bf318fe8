"""Homes, folders, the network and other packages: what is around the program."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.shell import COMMANDS, QUICK, every_command, is_one_sentence, posix

# Homes and folders

NOWHERE = os.devnull + "/nowhere"
"""A folder that nobody can make, root included."""


@pytest.mark.parametrize(
    "env",
    [
        {"HOME": None, "USERPROFILE": None, "LOCALAPPDATA": None},
        {"HOME": "", "XDG_CACHE_HOME": ""},
        {"HOME": NOWHERE, "LOCALAPPDATA": NOWHERE},
        {"HOME": None, "XDG_CACHE_HOME": NOWHERE},
        {"XDG_CACHE_HOME": "relative/folder"},
    ],
    ids=["unset", "empty", "unwritable", "an unwritable cache", "a relative cache"],
)
def test_no_home_directory_is_needed(run, env, tmp_path):
    done = run("scan", "--no-measure", "--max-params", "1B", env=env, cwd=tmp_path)
    assert done.returncode in {0, 1}
    assert done.stderr == ""
    assert done.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("home", [None, "", NOWHERE], ids=["unset", "empty", "unwritable"])
def test_a_diagnosis_needs_no_home_directory_either(run, home, tmp_path):
    done = run(*COMMANDS["doctor"], env={"HOME": home, "USERPROFILE": home}, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert list(tmp_path.iterdir()) == []


def test_a_measurement_that_cannot_be_kept_is_a_note(run):
    done = run("doctor", "--measure", env={"XDG_CACHE_HOME": NOWHERE, "LOCALAPPDATA": NOWHERE})
    assert done.returncode in {0, 3}
    assert done.stderr == ""
    if "not measured" not in done.stdout:  # on what cannot be measured nothing is kept
        assert "is not kept for the next run" in done.stdout


@posix
def test_a_folder_in_which_nothing_can_be_written_does(run, told, tmp_path):
    tmp_path.chmod(0o555)
    folders = [tmp_path, Path("/proc") if sys.platform == "linux" else tmp_path]
    assert [run(*QUICK, cwd=folder).stdout for folder in folders] == [told(*QUICK)] * 2


WATCHER = """
import os
import sys

WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_TRUNC

def refuse(event, arguments):
    if event.startswith("socket.") and event not in {"socket.__new__", "socket.gethostname"}:
        raise AssertionError(f"this asks the network: {event}")
    if event == "open" and arguments[2] & WRITES and arguments[0] != os.devnull:
        raise AssertionError(f"this writes a file: {arguments[0]}")

sys.addaudithook(refuse)
"""


@pytest.fixture(scope="module")
def watched(tmp_path_factory):
    """Variables under which whoever asks the network or writes a file fails."""
    folder = tmp_path_factory.mktemp("watcher")
    (folder / "sitecustomize.py").write_text(WATCHER)
    return {"PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("import socket; socket.getaddrinfo('localhost', 80)", "this asks the network"),
        ("import socket; socket.socket().connect(('127.0.0.1', 9))", "this asks the network"),
        ("open('something', 'w')", "this writes a file: something"),
    ],
)
def test_the_watcher_notices(run, watched, script, said, tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=run.with_variables(watched),
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert said in done.stderr


@every_command
def test_no_command_needs_the_network_or_writes_a_file(run, watched, words):
    done = run(*words, env=watched)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_scan_of_this_machine_needs_neither(run, watched):
    done = run("scan", "--no-measure", "--max-params", "1B", env=watched)
    assert done.returncode in {0, 1}
    assert done.stderr == ""


# Packages of others


@pytest.mark.parametrize("name", ["probes", "catalog"])
def test_another_package_of_the_same_name_is_one_sentence(run, name, tmp_path):
    (tmp_path / name).mkdir()
    (tmp_path / name / "__init__.py").write_text("")
    done = run(*QUICK, env={"PYTHONPATH": str(tmp_path)})
    assert done.returncode == 2
    assert done.stdout == ""
    assert is_one_sentence(done.stderr)
    assert done.stderr.startswith(f"Error: another package named `{name}` ({tmp_path / name}")


def test_another_package_that_does_not_even_import_is_one_sentence(run, tmp_path):
    (tmp_path / "probes.py").write_text("import a_module_that_nobody_has")
    done = run(*QUICK, env={"PYTHONPATH": str(tmp_path)})
    assert done.returncode == 2
    assert is_one_sentence(done.stderr)


def test_a_folder_of_data_with_our_name_hides_nothing(run, tmp_path):
    (tmp_path / "catalog").mkdir()
    (tmp_path / "catalog" / "spring.pdf").write_text("")
    assert run(*QUICK, cwd=tmp_path).returncode == 0
