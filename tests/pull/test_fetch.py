"""A download that is killed at any point leaves a sound cache, and the next one goes on."""

from __future__ import annotations

import errno
import hashlib
import os
import random
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
from huggingface_hub import hf_hub_download, scan_cache_dir

from advisor.errors import CannotWriteError, ExitCode, translate
from advisor.pull.download import Body
from advisor.pull.errors import NoRoomError, TransferError
from advisor.pull.fetch import Means, fetch
from advisor.pull.partial import Partial
from advisor.pull.plan import State, plan
from advisor.pull.progress import Meter
from advisor.pull.store import Store
from catalog.hub.listing import HubFile

posix = pytest.mark.skipif(os.name == "nt", reason="needs SIGKILL")

BLOCK_BYTES = 10_000
NAMES = ("m-Q8_0-00001-of-00002.gguf", "m-Q8_0-00002-of-00002.gguf")
DATA = {name: random.Random(name).randbytes(100_000) for name in NAMES}
FILES = [
    HubFile(path=name, size_bytes=len(data), sha256=hashlib.sha256(data).hexdigest())
    for name, data in DATA.items()
]
WHOLE_BYTES = 200_000
REPOSITORY = "owner/model-GGUF"
COMMIT = "1" * 40


class Server:
    """Sends the files, and remembers from where on it was asked to."""

    def __init__(self, data=DATA):
        self.data, self.asked = data, []

    def __call__(self, file):
        @contextmanager
        def opened(position):
            self.asked.append((file.path, position))
            rest = self.data[file.path][position:]
            blocks = (rest[at : at + BLOCK_BYTES] for at in range(0, len(rest), BLOCK_BYTES))
            yield Body(begin_bytes=position, blocks=blocks)

        return opened


def store_in(folder):
    return Store(cache=folder / "hub", repository=REPOSITORY, commit=COMMIT)


@pytest.fixture
def store(tmp_path):
    return store_in(tmp_path)


def run(store, server, revision="main"):
    """One run of the program; what it counted."""
    planned = plan(store, FILES)
    meter = Meter(planned.total_bytes)
    means = Means(source_of=server, meter=meter, waiting=never, sleep=never)
    fetch(planned, revision, means)
    return meter.moment()


def never(*_):
    raise AssertionError("nobody waits here")


def check_whole(store):
    """huggingface_hub finds all files, and nothing else is left."""
    for name, data in DATA.items():
        path = hf_hub_download(REPOSITORY, name, cache_dir=store.cache, local_files_only=True)
        assert Path(path).read_bytes() == data
    seen = scan_cache_dir(store.cache)
    assert (seen.warnings, seen.size_on_disk) == ([], WHOLE_BYTES)
    blobs = {path.name for path in (store.folder / "blobs").iterdir()}
    assert blobs == {file.sha256 for file in FILES}


def test_all_parts_are_there_in_the_end(store):
    moment = run(store, Server())
    assert (moment.done_bytes, moment.received_bytes) == (WHOLE_BYTES, WHOLE_BYTES)
    check_whole(store)


def test_what_is_there_is_not_fetched_again(store):
    run(store, Server())
    server = Server()
    assert run(store, server).received_bytes == 0
    assert server.asked == []
    check_whole(store)


def test_a_branch_that_another_program_moved_means_this_commit_again(store):
    run(store, Server())
    (store.folder / "refs" / "main").write_text("2" * 40)
    run(store, Server())
    check_whole(store)


def test_a_cache_that_nobody_may_write_serves_what_it_has(store, monkeypatch):
    run(store, Server())
    (store.folder / "refs" / "main").write_text("2" * 40)

    def refuse(*_, **__):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr("pathlib.Path.write_text", refuse)
    assert run(store, Server()).received_bytes == 0


# Killed at any point

SCRIPT = """
import os, signal, sys
sys.path.insert(0, sys.argv[4])
import importlib.util
from pathlib import Path
spec = importlib.util.spec_from_file_location("test_fetch", sys.argv[1])
tests = importlib.util.module_from_spec(spec)
spec.loader.exec_module(tests)
from advisor.pull import store, partial

step, count = sys.argv[3].split(":")
owner = next(one for one in (store.Store, partial.Partial, Path) if hasattr(one, step))
real, left = getattr(owner, step), int(count)

def dying(*arguments):
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return real(*arguments)

setattr(owner, step, dying)
tests.run(tests.store_in(Path(sys.argv[2])), tests.Server())
"""

POINTS = {
    "before anything": ("prepare:1", 0),
    "before the first byte": ("add:1", 0),
    "at the first byte of a resumed block": ("add:4", 30_000),
    "before the first file is on the disk": ("sync:1", 100_000),
    "before it has its place": ("settle:1", 100_000),
    "before it is linked": ("link:1", 100_000),
    "while it is linked": ("replace:2", 100_000),
    "in the middle of the second file": ("add:15", 140_000),
    "before the second is linked": ("link:2", 200_000),
    "before the branch means the commit": ("name_commit:1", 200_000),
    "while the branch is written": ("replace:5", 200_000),
}


@posix
@pytest.mark.parametrize(("point", "kept_bytes"), POINTS.values(), ids=POINTS)
def test_killed_at_any_point_it_goes_on_from_there(store, tmp_path, project, point, kept_bytes):
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, __file__, str(tmp_path), point, str(project)],
        capture_output=True,
        check=False,
        cwd=project,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    if store.cache.exists():
        seen = scan_cache_dir(store.cache)
        assert (seen.warnings, seen.incomplete_files) == ([], frozenset())
        for repository in seen.repos:
            for revision in repository.revisions:
                for file in revision.files:  # whatever programs can see is whole
                    assert file.file_path.read_bytes() == DATA[file.file_name]
    planned = plan(store, FILES)
    assert planned.total_bytes - planned.missing_bytes == kept_bytes
    server = Server()
    assert run(store, server).received_bytes == WHOLE_BYTES - kept_bytes
    check_whole(store)


# The disk


class FullDisk:
    """Takes so many bytes more; then the system refuses with an error."""

    def __init__(self, monkeypatch, room, number):
        self.room, real = room, Partial.add

        def add(partial, block):
            if self.room < len(block):
                raise OSError(number, os.strerror(number))
            self.room -= len(block)
            real(partial, block)

        monkeypatch.setattr(Partial, "add", add)


@pytest.mark.parametrize(
    ("number", "kind", "said"),
    [
        (errno.ENOSPC, NoRoomError, "is full"),
        (errno.EDQUOT, NoRoomError, "is full"),
        (errno.EFBIG, CannotWriteError, "takes no file this large"),
        (errno.EIO, CannotWriteError, "cannot be written: Input/output error"),
        (errno.EROFS, CannotWriteError, "cannot be written: Read-only file system"),
    ],
    ids=lambda one: errno.errorcode[one] if isinstance(one, int) else None,
)
def test_a_disk_that_fails_is_a_sentence_and_what_came_is_kept(
    store, monkeypatch, number, kind, said
):
    with monkeypatch.context() as patch:
        FullDisk(patch, 60_000, number)
        with pytest.raises(kind, match=said) as caught:
            run(store, Server())
    assert caught.value.exit_code == ExitCode.CANNOT_WRITE
    assert str(store.cache) in str(caught.value)
    assert caught.value.hint
    assert plan(store, FILES).files[0].here_bytes == 60_000
    server = Server()
    run(store, server)
    assert server.asked[0] == (NAMES[0], 60_000)
    check_whole(store)


# Wrong bytes


def test_wrong_bytes_are_never_seen_by_other_programs(store):
    wrong = {**DATA, NAMES[1]: bytes(100_000)}
    with pytest.raises(TransferError, match="is not what the Hub listed") as caught:
        run(store, Server(wrong))
    assert translate(caught.value).exit_code == ExitCode.NO_NETWORK
    states = [one.state for one in plan(store, FILES).files]
    assert states == [State.READY, State.MISSING]
    assert not (store.folder / "refs").exists()  # no program takes half a model for a whole one
    run(store, Server())
    check_whole(store)


def test_ctrl_c_keeps_what_came(store, monkeypatch):
    real = Partial.add

    def interrupted(partial, block):
        real(partial, block)
        if partial.position == 50_000:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Partial, "add", interrupted)
        with pytest.raises(KeyboardInterrupt):
            run(store, Server())
    server = Server()
    run(store, server)
    assert server.asked[0] == (NAMES[0], 50_000)
    check_whole(store)


def test_what_was_there_is_not_counted_as_received(store):
    store.prepare()
    store.partial(FILES[0]).write_bytes(DATA[NAMES[0]][:70_000])
    moment = run(store, Server())
    assert (moment.done_bytes, moment.received_bytes) == (200_000, 130_000)
