"""Damaged headers by the thousand: a sentence or an answer, never another thing."""

from __future__ import annotations

import random
import struct
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.gguf.errors import GgufError
from catalog.gguf.file import GgufFile, Part
from catalog.gguf.header import Header, SkippedArray
from catalog.gguf.parse import HeaderParser, NeedBytes, architecture_keys, parse_header
from catalog.gguf.structure import check
from tests.catalog.gguf.peak import peak_bytes

SAMPLES = [
    path.read_bytes()
    for path in sorted((Path(__file__).parents[2] / "gguf").glob("*/*.gguf"))
    if path.read_bytes().startswith(b"GGUF") and path.stat().st_size < 2000
]
NUMBERS = [0, 1, 2, 3, 7, 8, 9, 10, 12, 13, 63, 64, 255, 4096, 4097, 10**5, 10**5 + 1, 10**6]
HUGE = [10**7, 1 << 28, (1 << 31) - 1, 1 << 31, 1 << 32, (1 << 63) - 1, 1 << 63, (1 << 64) - 1]


def put(raw, place, piece):
    """The bytes with a piece written over them."""
    place %= len(raw) + 1
    return raw[:place] + piece + raw[place + len(piece) :]


def insert(raw, place, piece):
    place %= len(raw) + 1
    return raw[:place] + piece + raw[place:]


def cut_out(raw, place, piece):
    place %= len(raw) + 1
    return raw[:place] + raw[place + len(piece) :]


def cut_off(raw, place, _piece):
    return raw[: place % (len(raw) + 1)]


PIECES = st.one_of(
    st.sampled_from(NUMBERS + HUGE).map(lambda number: struct.pack("<Q", number)),
    st.sampled_from(NUMBERS).map(lambda number: struct.pack("<I", number)),
    st.binary(min_size=1, max_size=12),
    st.sampled_from([b"general.alignment", b"split.count", struct.pack("<Q", 1) + b"a"]),
)
MUTATIONS = st.lists(
    st.tuples(st.sampled_from([put, put, insert, cut_out, cut_off]), st.integers(0, 999), PIECES),
    min_size=1,
    max_size=4,
)


def understood(raw, size_bytes):
    """What the parser says of some bytes: a header, a need, or the refusal's sentence."""
    try:
        return parse_header(raw, size_bytes=size_bytes)
    except GgufError as refused:
        return str(refused)


def in_pieces(raw, length, size_bytes):
    """The same of the bytes in pieces."""
    parser = HeaderParser(size_bytes=size_bytes)
    answer = None
    try:
        for place in range(0, len(raw), length):
            answer = parser.feed(raw[place : place + length])
            if isinstance(answer, Header):
                return answer
    except GgufError as refused:
        return str(refused)
    return answer


def assert_consistent(header, raw):
    """What a header promises by its type."""
    assert header.version in {2, 3}
    assert header.alignment & (header.alignment - 1) == 0 < header.alignment
    assert 24 <= header.tensors_offset <= header.data_offset
    assert header.data_offset % header.alignment == 0
    assert header.tensors_offset <= len(raw)
    assert len({info.name for info in header.tensors}) == len(header.tensors)
    for info in header.tensors:
        assert len(info.shape) <= 4
        assert info.offset >= 0
    for key, value in header.metadata.items():
        assert key
        assert isinstance(value, (bool, int, float, str, tuple, SkippedArray))


def objections(header, raw):
    """What the structure of a file says against its header; nothing when it is whole."""
    part = Part(path=Path("model.gguf"), size_bytes=len(raw), header=header)
    try:
        check(GgufFile(parts=(part,)))
    except GgufError as refused:
        return str(refused)
    return "`model.gguf` is whole"


def assert_understood_or_refused(raw, length, *, is_known):
    """One look at some bytes: the answer is of a known kind, and in pieces it is the same."""
    size = len(raw) if is_known else None
    answer = understood(raw, size)
    pieces = in_pieces(raw, length, size)
    if isinstance(answer, Header):
        assert_consistent(answer, raw)
        assert objections(answer, raw).startswith("`model.gguf` is ")
        assert objections(answer, raw).isprintable()
        assert repr(pieces) == repr(answer)  # where two NaN are the same
    elif isinstance(answer, NeedBytes):
        assert not is_known, "a known size is either enough or too little"
        assert answer.least_bytes > len(raw)
        assert isinstance(pieces, NeedBytes) or not raw
    else:
        assert answer.isprintable()
        assert not answer.endswith(".")
        assert not isinstance(pieces, Header)


@settings(max_examples=1500, derandomize=True, deadline=None)
@given(st.sampled_from(SAMPLES), MUTATIONS, st.sampled_from([3, 16, 61]), st.booleans())
def test_a_damaged_header_is_understood_or_refused_in_one_sentence(raw, changes, length, is_known):
    for mutate, place, piece in changes:
        raw = mutate(raw, place, piece)
    assert_understood_or_refused(raw, length, is_known=is_known)


@pytest.mark.parametrize("seed", range(10))
def test_so_are_ten_thousand_others(seed):
    """A thousand for each seed, of any sample, with up to four changes each."""
    dice = random.Random(seed)
    for _ in range(1000):
        raw = dice.choice(SAMPLES)
        for _ in range(dice.randint(1, 4)):
            form, number = dice.choice(["<Q", "<I"]), dice.choice(NUMBERS)
            piece = dice.choice(
                [struct.pack(form, number), struct.pack("<Q", dice.choice(HUGE)), dice.randbytes(3)]
            )
            raw = dice.choice([put, put, insert, cut_out, cut_off])(
                raw, dice.randrange(1000), piece
            )
        assert_understood_or_refused(raw, 61, is_known=dice.random() < 0.5)


@settings(max_examples=500, derandomize=True, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_behind_the_magic_are_understood_or_refused(noise):
    for raw in (noise, b"GGUF\x03\x00\x00\x00" + noise):
        understood(raw, None)
        understood(raw, len(raw))
        try:
            architecture_keys(raw)
        except GgufError:
            continue


# Crafted files


CRAFTED = {
    "a hundred thousand tokens without a letter": lambda build: [
        build.array_key("k", build.u32(8) + build.u64(10**5) + bytes(8 * 10**5))
    ],
    "a string of ten megabytes": lambda build: [build.key("k", "str", "v" * 10**7)],
    "ten thousand keys": lambda build: [build.key(f"{number}", "u8", 1) for number in range(10**4)],
    "ten thousand arrays within one": lambda build: [
        build.array_key("k", build.nested(*[build.array("u8", [])] * 10**4))
    ],
    "as many kept numbers as there can be": lambda build: [
        build.array_key(f"{number}", build.u32(0) + build.u64(4096) + bytes(4096))
        for number in range(100)
    ],
}


@pytest.mark.parametrize("keys", CRAFTED.values(), ids=CRAFTED)
def test_a_crafted_header_takes_memory_in_proportion_to_its_size(build, keys):
    raw = build.header(keys(build))
    assert isinstance(parse_header(raw, size_bytes=len(raw)), Header)
    assert peak_bytes(lambda: parse_header(raw, size_bytes=len(raw))) < 12 * len(raw)


def test_a_crafted_list_of_tensors_does_too(build):
    raw = build.header([], [build.tensor(f"{number}", [], 0, 0) for number in range(10**4)])
    assert peak_bytes(lambda: parse_header(raw, size_bytes=len(raw))) < 12 * len(raw)


@pytest.mark.parametrize("place", [8, 16])
@pytest.mark.parametrize("count", [10**6, 1 << 32, 1 << 63, (1 << 64) - 1])
def test_a_count_that_lies_reserves_nothing(build, place, count):
    raw = put(build.header([build.key("k", "u8", 1)]), place, struct.pack("<Q", count))
    assert not isinstance(understood(raw, None), Header)
    assert peak_bytes(lambda: understood(raw, None)) < 50_000
