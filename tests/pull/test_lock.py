"""One download of a file at a time, ours and huggingface_hub's."""

from __future__ import annotations

import errno
import os
import subprocess
import sys

import pytest
from huggingface_hub.utils import WeakFileLock

from advisor.pull import lock
from advisor.pull.lock import POLL_S, locked


@pytest.fixture
def path(tmp_path):
    return tmp_path / ".locks" / "models--owner--model" / "blob.lock"


class Waits:
    """Counts; after so many pauses the other one is done."""

    def __init__(self, path, *, pauses):
        path.parent.mkdir(parents=True, exist_ok=True)
        self.other = WeakFileLock(path)
        self.other.__enter__()
        self.left, self.pauses, self.told = pauses, [], 0

    def waiting(self):
        self.told += 1

    def sleep(self, pause_s):
        self.pauses.append(pause_s)
        self.left -= 1
        if not self.left:
            self.other.__exit__(None, None, None)


def test_it_waits_for_huggingface_hub_and_says_so_once(path):
    waits = Waits(path, pauses=3)
    with locked(path, waiting=waits.waiting, sleep=waits.sleep):
        assert waits.pauses == [POLL_S] * 3
    assert waits.told == 1


def test_huggingface_hub_waits_for_it(path):
    from filelock import Timeout

    with (
        locked(path, waiting=never, sleep=never),
        pytest.raises(Timeout),
        WeakFileLock(path, timeout=0.05),
    ):
        pass
    with WeakFileLock(path, timeout=0.05):
        pass


def never(*_):
    raise AssertionError("nobody holds the lock")


def test_a_free_lock_is_taken_at_once_and_again(path):
    for _ in range(2):
        with locked(path, waiting=never, sleep=never):
            assert path.exists()


def test_a_lock_goes_away_with_its_process(path):
    script = (
        "import pathlib, sys, os, signal\n"
        "from advisor.pull.lock import locked\n"
        "with locked(pathlib.Path(sys.argv[1]), waiting=print, sleep=print):\n"
        "    os._exit(9)\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(path)], check=False)
    assert done.returncode == 9
    with locked(path, waiting=never, sleep=never):
        pass


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP])
def test_a_file_system_without_locks_is_no_reason_to_stop(path, monkeypatch, number):
    def refuse(_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(lock, "_lock", refuse)
    with locked(path, waiting=never, sleep=never):
        pass
