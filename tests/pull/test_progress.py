"""How far a download is: bytes, speed, time left."""

from __future__ import annotations

import pytest

from advisor.pull.progress import Meter, Phase, Progress
from advisor.render.pull import duration, progress_line, speed


class Clock:
    """Seconds, as somebody sets them."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def test_speed_and_time_left_are_of_the_bytes_that_came(clock):
    meter = Meter(1000, clock=clock)
    meter.there(400)
    clock.now += 2.0
    meter.received(200)
    moment = meter.moment()
    assert moment.done_bytes == 600
    assert moment.received_bytes == 200
    assert moment.bytes_per_s == 100.0  # 200 bytes in 2 s; what was there counts for nothing
    assert moment.left_s == 4.0  # 400 bytes more


def test_the_speed_is_that_of_the_last_ten_seconds(clock):
    meter = Meter(1_000_000, clock=clock)
    for _ in range(20):
        clock.now += 1.0
        meter.received(1000)
    for _ in range(11):
        clock.now += 1.0
        meter.received(10)
    assert meter.moment().bytes_per_s == 10.0


def test_nothing_is_said_of_the_speed_before_half_a_second(clock):
    meter = Meter(1000, clock=clock)
    clock.now += 0.4
    meter.received(500)
    assert (meter.moment().bytes_per_s, meter.moment().left_s) == (None, None)


def test_a_download_that_stands_still_has_no_time_left(clock):
    meter = Meter(1000, clock=clock)
    clock.now += 20.0
    assert meter.moment().bytes_per_s == 0.0
    assert meter.moment().left_s is None


def test_progress_is_shown_ten_times_a_second_at_most(clock):
    seen = []
    meter = Meter(1000, seen.append, clock)
    for _ in range(100):
        clock.now += 0.01
        meter.received(1)
    assert 9 <= len(seen) <= 11


def test_a_change_of_what_is_done_is_shown_at_once(clock):
    seen = []
    meter = Meter(1000, seen.append, clock)
    meter.begin(Phase.CHECKING, "a.gguf")
    meter.begin(Phase.FETCHING, "a.gguf")
    assert [one.phase for one in seen] == [Phase.CHECKING, Phase.FETCHING]


def moment(**changes):
    usual = {
        "phase": Phase.FETCHING,
        "file_name": "m-Q4_K_M.gguf",
        "done_bytes": 1_250_000_000,
        "total_bytes": 5_000_000_000,
        "received_bytes": 1_000_000_000,
        "elapsed_s": 10.0,
        "bytes_per_s": 1e8,
    }
    return Progress(**usual | changes)


def test_the_line_says_share_bytes_speed_and_time_left():
    # 3.75 GB are left, at 100 MB/s
    assert progress_line(moment()) == (
        "[=====               ]  25 %  1.2 of 5.0 GB  100 MB/s  38 s left  m-Q4_K_M.gguf"
    )


def test_the_line_says_when_it_checks_what_is_there():
    line = progress_line(moment(phase=Phase.CHECKING))
    assert "checking what is there" in line
    assert "/s" not in line


def test_an_empty_file_is_all_there():
    assert "100 %" in progress_line(moment(done_bytes=0, total_bytes=0))


@pytest.mark.parametrize(
    ("bytes_per_s", "text"),
    [(0.0, "0 kB/s"), (640_000, "640 kB/s"), (999_700, "1 MB/s"), (1.25e9, "1.2 GB/s")],
)
def test_a_speed(bytes_per_s, text):
    assert speed(bytes_per_s) == text


@pytest.mark.parametrize(
    ("elapsed_s", "text"),
    [(0.2, "0 s"), (59.4, "59 s"), (59.6, "1 min 0 s"), (250, "4 min 10 s"), (7500, "2 h 5 min")],
)
def test_a_time(elapsed_s, text):
    assert duration(elapsed_s) == text
