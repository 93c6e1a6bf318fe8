"""A partial file becomes whole, whatever the connections do; or nothing of it is believed."""

from __future__ import annotations

import errno
import hashlib
import random
from contextlib import contextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from advisor.errors import ExitCode, translate
from advisor.pull.download import PAUSES_S, Body, complete
from advisor.pull.errors import CutError, TransferError
from advisor.pull.partial import Partial
from advisor.pull.progress import Meter

DATA = random.Random(3).randbytes(100_000)
SIZE_BYTES = len(DATA)
SHA256 = hashlib.sha256(DATA).hexdigest()


class Server:
    """Sends `DATA` from where it is asked to, in blocks, and breaks off as told."""

    def __init__(self, *, cuts=(), block_bytes=1000, data=DATA, ignores_ranges=False):
        self.cuts, self.block_bytes, self.data = list(cuts), block_bytes, data
        self.ignores_ranges = ignores_ranges
        self.asked = []

    @contextmanager
    def __call__(self, position):
        self.asked.append(position)
        begin = 0 if self.ignores_ranges else position
        yield Body(begin_bytes=begin, blocks=self.blocks(begin))

    def blocks(self, begin):
        cut = self.cuts.pop(0) if self.cuts else None
        rest = self.data[begin:] if cut is None else self.data[begin : begin + cut]
        for place in range(0, len(rest), self.block_bytes):
            yield rest[place : place + self.block_bytes]
        if cut is not None:
            raise CutError("the connection was reset")


class Pauses(list):
    """Remembers how long it should have slept."""

    def __call__(self, pause_s):
        self.append(pause_s)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "blob.advisor-partial"


def run(path, server, *, sha256=SHA256, size_bytes=SIZE_BYTES, pauses=None):
    """One run of the program; how many bytes it received."""
    meter = Meter(size_bytes)
    with Partial(path, size_bytes) as partial:
        partial.take_up(meter.there)
        complete(partial, server, sha256, meter, pauses if pauses is not None else Pauses())
    return meter.received_bytes


def test_a_file_comes_in_one_connection(path):
    server = Server()
    assert run(path, server) == len(DATA)
    assert path.read_bytes() == DATA
    assert server.asked == [0]


def test_a_later_run_fetches_only_the_rest(path):
    path.write_bytes(DATA[:40_000])
    server = Server()
    assert run(path, server) == 60_000
    assert path.read_bytes() == DATA
    assert server.asked == [40_000]


def test_a_file_that_is_all_there_is_checked_without_a_connection(path):
    path.write_bytes(DATA)
    server = Server()
    assert run(path, server) == 0
    assert server.asked == []


def test_more_than_the_file_has_is_thrown_away(path):
    path.write_bytes(DATA + b"more")
    assert run(path, Server()) == len(DATA)
    assert path.read_bytes() == DATA


def test_an_empty_file_needs_no_connection(path):
    server = Server()
    assert run(path, server, size_bytes=0, sha256=hashlib.sha256().hexdigest()) == 0
    assert path.read_bytes() == b""
    assert server.asked == []


def test_a_connection_that_is_cut_is_followed_by_one_for_the_rest(path):
    server, pauses = Server(cuts=[30_500, 20_000]), Pauses()
    assert run(path, server, pauses=pauses) == len(DATA)
    assert path.read_bytes() == DATA
    assert server.asked == [0, 30_500, 50_500]
    assert pauses == list(PAUSES_S[:2])


def test_a_body_that_ends_early_without_an_error_is_a_cut_too(path):
    server = Server(data=DATA[:70_000])
    with pytest.raises(TransferError, match="the connection was closed"):
        run(path, server)
    assert server.asked == [0, *[70_000] * len(PAUSES_S)]


def test_a_server_that_always_cuts_is_given_up_and_what_came_is_kept(path):
    server, pauses = Server(cuts=[100] * 50), Pauses()
    with pytest.raises(TransferError) as caught:
        run(path, server, pauses=pauses)
    assert str(caught.value) == (
        "the download stopped 5 times in a row, at byte 500 of 100000: the connection was reset"
    )
    assert translate(caught.value).exit_code == ExitCode.NO_NETWORK
    assert pauses == list(PAUSES_S)
    assert path.read_bytes() == DATA[:500]


def test_a_connection_that_brings_a_mebibyte_counts_as_none_that_failed(path):
    data = DATA * 160  # 16 MB: fifteen connections of 1.05 MB each, and one more
    server = Server(data=data, cuts=[1_050_000] * 15)
    pauses = Pauses()
    sha256 = hashlib.sha256(data).hexdigest()
    assert run(path, server, size_bytes=len(data), sha256=sha256, pauses=pauses) == len(data)
    assert pauses == [PAUSES_S[0]] * 15


def test_a_server_may_say_how_long_to_wait(path):
    class Busy(Server):
        def blocks(self, begin):
            if len(self.asked) == 1:
                raise CutError("too many requests", wait_s=7.0)
            return super().blocks(begin)

    pauses = Pauses()
    run(path, Busy(), pauses=pauses)
    assert pauses == [7.0]


def test_a_server_that_ignores_ranges_costs_bytes_and_nothing_else(path):
    path.write_bytes(DATA[:40_250])
    server = Server(ignores_ranges=True)
    assert run(path, server) == len(DATA) - 40_250
    assert path.read_bytes() == DATA


def test_what_a_server_sends_too_much_is_ignored(path):
    server = Server(data=DATA + b"x" * 5000, block_bytes=30_000)
    assert run(path, server) == len(DATA)
    assert path.read_bytes() == DATA


def test_wrong_bytes_are_deleted(path):
    wrong = DATA[:-1] + bytes([DATA[-1] ^ 1])
    with pytest.raises(TransferError) as caught:
        run(path, Server(data=wrong))
    found = hashlib.sha256(wrong).hexdigest()
    assert f"its SHA-256 is `{found}`, not `{SHA256}`" in str(caught.value)
    assert not path.exists()


def test_a_damaged_partial_file_never_becomes_a_whole_one(path):
    path.write_bytes(bytes(10_000))
    with pytest.raises(TransferError, match="was deleted"):
        run(path, Server())
    assert not path.exists()
    run(path, Server())
    assert path.read_bytes() == DATA


def test_a_full_disk_keeps_what_was_written(path, monkeypatch):
    class Full:
        """A disk with room for 25,300 bytes."""

        def __init__(self, file):
            self.file, self.room = file, 25_300

        def write(self, block):
            if not self.room:
                raise OSError(errno.ENOSPC, "No space left on device")
            written = self.file.write(block[: self.room])
            self.room -= written
            return written

        def __getattr__(self, name):
            return getattr(self.file, name)

    real = Partial.__init__

    def on_a_small_disk(self, *arguments):
        real(self, *arguments)
        self._file = Full(self._file)

    with monkeypatch.context() as patch:
        patch.setattr(Partial, "__init__", on_a_small_disk)
        with pytest.raises(OSError, match="No space left"):
            run(path, Server())
    assert path.read_bytes() == DATA[:25_300]
    server = Server()
    run(path, server)
    assert server.asked == [25_300]
    assert path.read_bytes() == DATA


def test_two_programs_that_write_at_once_make_one_right_file(path):
    """Where a file system's locks do not hold: both write the same bytes to the same places."""
    first, second = Partial(path, len(DATA)), Partial(path, len(DATA))
    places = {first: 0, second: 0}
    for turn in range(1, 300):
        for writer, step in ((first, 701), (second, 433)):
            block = DATA[places[writer] : places[writer] + step * (turn % 3)]
            writer.add(block)
            places[writer] += len(block)
    assert first.sync() == second.sync() == SHA256
    for writer in (first, second):
        writer.__exit__(None, None, None)
    assert path.read_bytes() == DATA


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    cuts=st.lists(st.integers(0, 40_000), max_size=12),
    block_bytes=st.integers(1, 50_000),
    ignores_ranges=st.booleans(),
)
def test_any_number_of_cuts_and_runs_end_in_the_same_file(
    tmp_path_factory, cuts, block_bytes, ignores_ranges
):
    path = tmp_path_factory.mktemp("cut") / "partial"
    server = Server(cuts=cuts, block_bytes=max(block_bytes, 50), ignores_ranges=ignores_ranges)
    for _ in range(4):  # 5 tries each
        try:
            run(path, server)
        except TransferError:
            assert DATA.startswith(path.read_bytes())
    assert path.read_bytes() == DATA
