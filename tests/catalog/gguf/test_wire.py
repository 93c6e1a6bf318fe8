"""The primitives of the format: a window and a position in, a value and a position out."""

from __future__ import annotations

import mmap
import struct

import pytest

from catalog.gguf.errors import DamagedHeaderError
from catalog.gguf.wire import (
    ShortWindowError,
    Window,
    number_bytes,
    skip_strings,
    take_numbers,
    take_string,
    take_u32,
    take_u64,
)


def window(*parts, begin=0):
    return Window(buffer=b"".join(parts), begin=begin)


def length(count):
    return struct.pack("<Q", count)


def test_numbers_are_little_endian():
    assert take_u32(window(b"\x01\x02\x00\x00"), 0) == (0x0201, 4)
    assert take_u64(window(b"\xff", b"\x01" + bytes(7)), 1) == (1, 9)


@pytest.mark.parametrize(
    ("type_id", "raw", "value"),
    [
        (0, b"\xff", 255),
        (1, b"\xff", -1),
        (2, b"\xff\xff", 65_535),
        (3, b"\xfe\xff", -2),
        (4, b"\xff\xff\xff\xff", 4_294_967_295),
        (5, b"\xff\xff\xff\xff", -1),
        (6, b"\x00\x00\x80\x3f", 1.0),
        (7, b"\x00", False),
        (7, b"\x02", True),
        (10, b"\xff" * 8, (1 << 64) - 1),
        (11, b"\xff" * 8, -1),
        (12, b"\x00" * 6 + b"\xf0\x3f", 1.0),
    ],
    ids=repr,
)
def test_every_number_type_has_its_size_sign_and_kind(type_id, raw, value):
    assert number_bytes(type_id) == len(raw)
    taken, end = take_numbers(window(raw), 0, type_id, 1)
    assert (taken, end, type(taken[0])) == ((value,), len(raw), type(value))


def test_strings_arrays_and_unknown_types_are_no_numbers():
    assert [number_bytes(type_id) for type_id in (8, 9, 13)] == [None, None, None]


def test_positions_count_from_the_beginning_of_the_file():
    later = window(length(2), b"ab", begin=1000)
    assert take_string(later, 1000) == ("ab", 1010)
    with pytest.raises(ShortWindowError) as short:
        take_u32(later, 1008)
    assert short.value.least_bytes == 1012


@pytest.mark.parametrize("there", range(11))
def test_a_string_that_is_not_there_yet_says_how_far_a_window_must_reach(there):
    raw = length(3) + b"abc"
    with pytest.raises(ShortWindowError) as short:
        take_string(window(raw[:there]), 0)
    assert short.value.least_bytes == (8 if there < 8 else 11)


def test_stray_bytes_of_a_string_are_replaced():
    assert take_string(window(length(4), b"caf\xe9"), 0) == ("caf\ufffd", 12)


@pytest.mark.parametrize("count", [10_000_001, (1 << 64) - 1])
def test_a_string_longer_than_any_is_refused_where_it_begins(count):
    raw = window(bytes(5), length(count), b"abc")
    for take in (lambda: take_string(raw, 5), lambda: skip_strings(raw, 5, 1)):
        with pytest.raises(DamagedHeaderError, match="at byte 5 a string claims") as refused:
            take()
        assert refused.value.offset == 5


def test_passing_over_strings_stops_where_the_window_does():
    raw = length(1) + b"a" + length(0) + length(5) + b"hello"  # 9 + 8 + 13 bytes
    assert skip_strings(window(raw), 0, 3) == (0, 30)
    assert skip_strings(window(raw), 0, 2) == (0, 17)
    assert skip_strings(window(raw[:24]), 0, 3) == (1, 17), "the third length is not whole"
    assert skip_strings(window(raw[:25]), 0, 3) == (0, 30), "its end is known before it is there"
    assert skip_strings(window(raw), 0, 4) == (1, 30)
    assert skip_strings(window(raw[9:], begin=9), 9, 2) == (0, 30)


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_any_buffer_will_do(kind):
    raw = length(2) + b"ab"
    assert take_string(Window(buffer=kind(raw)), 0) == ("ab", 10)


def test_a_mapped_file_will_do_and_can_be_closed(tmp_path):
    (tmp_path / "raw").write_bytes(length(2) + b"ab")
    with (tmp_path / "raw").open("rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        assert take_string(Window(buffer=mapped), 0) == ("ab", 10)
        mapped.close()
