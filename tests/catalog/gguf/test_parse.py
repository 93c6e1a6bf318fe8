"""Headers from bytes: all at once, in pieces, and in part."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.gguf.errors import DamagedHeaderError, NotGgufError, TruncatedError
from catalog.gguf.header import Header, SkippedArray, TensorInfo
from catalog.gguf.parse import (
    HeaderParser,
    NeedBytes,
    architecture_keys,
    parse_header,
    parse_tensor_list,
)
from tests.catalog.gguf.peak import peak_bytes

VALID = sorted((Path(__file__).parents[2] / "gguf/valid").glob("*.gguf"))
each_valid = pytest.mark.parametrize("path", VALID, ids=lambda path: path.stem)

F32, Q8_0 = 0, 8


def header_of(name):
    found = parse_header(next(path for path in VALID if path.stem == name).read_bytes())
    assert isinstance(found, Header)
    return found


def fed(raw, *lengths):
    """What a parser answers to pieces of these lengths, the last one again and again."""
    parser = HeaderParser(size_bytes=len(raw))
    place, answers = 0, []
    while place < len(raw):
        length = lengths[min(len(answers), len(lengths) - 1)]
        answers.append(parser.feed(raw[place : place + length]))
        place += length
        if isinstance(answers[-1], Header):
            break
    return answers


# Values


def test_every_value_is_what_was_written():
    assert dict(header_of("every-value").metadata) == {
        "general.architecture": "llama",
        "one.u8": 200,
        "one.i8": -100,
        "one.u16": 60_000,
        "one.i16": -30_000,
        "one.u32": 4_000_000_000,
        "one.i32": -2_000_000_000,
        "one.f32": 0.5,
        "one.bool": True,
        "one.u64": 1 << 63,
        "one.i64": -(1 << 62),
        "one.f64": 0.1,
    }


def test_arrays_of_few_numbers_are_kept_and_others_passed_over():
    found = header_of("every-array").metadata
    assert (found["some.u8"], found["some.bool"]) == ((200, 200), (True, True))
    assert (found["some.i64"], found["some.f64"]) == ((-(1 << 62),) * 2, (0.1, 0.1))
    assert found["none.u32"] == ()
    assert found["some.str"] == SkippedArray(element_type=8, count=3)
    assert found["many.u8"] == SkippedArray(element_type=0, count=4097)


@pytest.mark.parametrize("count", [4095, 4096, 4097])
def test_up_to_4096_numbers_are_kept(build, count):
    raw = build.header([build.array_key("k", build.array("i16", [-5] * count))])
    kept = (-5,) * count if count <= 4096 else SkippedArray(element_type=3, count=count)
    assert parse_header(raw).metadata["k"] == kept


def test_arrays_within_arrays_are_passed_over_whole():
    found = header_of("nested-arrays")
    assert found.metadata["deep"] == SkippedArray(element_type=9, count=2)
    assert found.architecture == "llama", "the key behind it is found"


def test_a_string_that_is_not_utf_8_has_its_stray_bytes_replaced():
    assert header_of("stray-bytes").metadata["general.name"] == "caf\ufffd"


def test_the_order_of_keys_is_the_files():
    assert list(header_of("every-value").metadata)[:2] == ["general.architecture", "one.u8"]


# Places


def test_lists_and_data_begin_where_they_begin():
    found = header_of("version-2")
    # 24 bytes, then 45 of the key, then two lines of 33; the data from the next multiple of 32
    assert (found.version, found.tensors_offset, found.data_offset) == (2, 69, 160)
    assert found.tensors == (
        TensorInfo(name="a", shape=(8,), type_id=F32, offset=0),
        TensorInfo(name="b", shape=(8,), type_id=F32, offset=32),
    )
    assert found.alignment == 32


def test_the_alignment_is_the_headers():
    found = header_of("alignment-of-64")
    # 69 + 33 bytes of the key, 66 of the list: 168
    assert (found.alignment, found.data_offset) == (64, 192)


def test_a_tensor_may_have_no_dimensions():
    assert header_of("no-dimensions").tensors[0].shape == ()


def test_a_name_of_63_bytes_is_the_longest(build):
    raw = build.header([], [build.tensor("n" * 63, [8], F32, 0)])
    assert parse_header(raw).tensors[0].name == "n" * 63


# Pieces


@each_valid
def test_every_shorter_buffer_asks_for_more_and_never_fails(path):
    raw = path.read_bytes()
    whole = parse_header(raw)
    ends = next(length for length in range(len(raw) + 1) if parse_header(raw[:length]) == whole)
    for length in range(ends):
        short = parse_header(raw[:length])
        assert isinstance(short, NeedBytes)
        assert length < short.least_bytes <= ends


@each_valid
@pytest.mark.parametrize("length", [1, 2, 7, 64, 4096])
def test_pieces_of_any_length_give_the_same_header(path, length):
    raw = path.read_bytes()
    *waiting, last = fed(raw, length)
    assert last == parse_header(raw)
    assert all(isinstance(answer, NeedBytes) for answer in waiting)


@settings(max_examples=200, derandomize=True, deadline=None)
@given(st.sampled_from(VALID), st.lists(st.integers(1, 200), min_size=1, max_size=30))
def test_pieces_of_mixed_lengths_give_the_same_header(path, lengths):
    raw = path.read_bytes()
    assert fed(raw, *lengths)[-1] == parse_header(raw)


def test_a_piece_that_is_not_enough_costs_no_second_look(build):
    """What a parser needs is told once, and shorter pieces do not change it."""
    raw = build.header([build.key("k", "str", "v" * 1000)])
    answers = fed(raw, 100, 100)
    assert {answer.least_bytes for answer in answers[:-1]} == {len(raw)}


def test_bytes_of_the_data_are_passed_over():
    raw = next(path for path in VALID if path.stem == "version-2").read_bytes()
    parser = HeaderParser(size_bytes=len(raw))
    first = parser.feed(raw[:200])
    assert isinstance(first, Header)
    assert parser.feed(raw[200:]) is first


def test_a_large_vocabulary_is_passed_over_without_making_it(vocabulary):
    raw = vocabulary(100_000)  # 2.3 MB; as Python strings it would be 6 MB
    assert peak_bytes(lambda: parse_header(raw)) < 100_000


def test_a_parser_keeps_only_what_it_does_not_understand_yet(vocabulary):
    raw = vocabulary(100_000)
    assert peak_bytes(lambda: fed(raw, 1 << 14)) < 100_000


# Sizes


def test_a_header_longer_than_its_file_is_refused_once_the_size_is_known(vocabulary):
    raw = vocabulary(1000)
    assert isinstance(parse_header(raw[:500]), NeedBytes)
    with pytest.raises(TruncatedError, match=r"at byte 500, inside the value of `tokenizer.ggml"):
        parse_header(raw[:500], size_bytes=500)


def test_a_vocabulary_that_the_file_cannot_hold_is_refused_before_it_is_read(build):
    raw = build.header([build.array_key("k", build.u32(8) + build.u64(1000))])
    with pytest.raises(TruncatedError, match="at least 8,000 bytes too early"):
        parse_header(raw, size_bytes=len(raw))


@pytest.mark.parametrize("kind", [8, 6, 9])
def test_an_array_beyond_any_header_is_refused_without_knowing_the_size(build, kind):
    raw = build.header([build.array_key("k", build.u32(kind) + build.u64(1 << 27))])
    with pytest.raises(DamagedHeaderError, match="where at most 268,435,456 are expected"):
        parse_header(raw)


def test_many_arrays_within_one_cannot_keep_the_program_busy(build):
    inner = build.array("u8", [])
    raw = build.header([build.array_key("k", build.nested(*[inner] * 100_001))])
    with pytest.raises(DamagedHeaderError, match="100,000 inner arrays are expected"):
        parse_header(raw)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("two\nlines", "two\ufffdlines"),
        ("\x1b[2Jgone", "\ufffd[2Jgone"),
        ("k" * 81, "k" * 80 + "…"),
        (b"caf\xe9", "caf\ufffd"),
    ],
)
def test_a_name_out_of_a_file_cannot_break_a_sentence_or_a_terminal(build, name, shown):
    raw = build.header([build.key(name, "u8", 1)] * 2)
    with pytest.raises(DamagedHeaderError, match="is there again") as refused:
        parse_header(raw)
    assert f"key `{shown}` is there again" in str(refused.value)


# Parts of a header


def test_the_beginning_of_a_file_tells_its_architecture(vocabulary):
    found = architecture_keys(vocabulary(100_000)[: 64 << 10])
    assert dict(found) == {"general.architecture": "llama", "llama.block_count": 32}


def test_what_is_no_gguf_file_tells_nothing():
    with pytest.raises(NotGgufError, match="it starts with `<htm`, not `GGUF`"):
        architecture_keys(b"<html>")


def test_a_list_of_tensors_is_read_from_the_middle_of_a_file(vocabulary, build):
    lines = [build.tensor(f"t{number}", [32], Q8_0, 64 * number) for number in range(20)]
    raw = vocabulary(10, *lines)
    begin = len(raw) - sum(map(len, lines))
    tensors, end = parse_tensor_list(b"before" + raw[begin:] + b"after", 6, 20)
    assert tensors == parse_header(raw).tensors
    assert end == 6 + len(raw) - begin
    assert parse_tensor_list(raw[begin:-1], 0, 20) == NeedBytes(least_bytes=len(raw) - begin)


def test_a_list_of_tensors_at_the_wrong_place_is_refused(build):
    line = build.tensor("token_embd.weight", [32], Q8_0, 0)
    with pytest.raises(DamagedHeaderError):
        parse_tensor_list(line, 1, 1)


# The reference reader

UNLIKE = {"nested-arrays": "it flattens them", "stray-bytes": "it stops at them"}
"""Samples that the reference reader understands in its own way."""


@pytest.mark.parametrize(
    "path", [path for path in VALID if path.stem not in UNLIKE], ids=lambda path: path.stem
)
def test_the_reference_reader_understands_the_same(path):
    gguf = pytest.importorskip("gguf", reason="the `gguf` package is not installed")
    reference = gguf.GGUFReader(path)
    ours = parse_header(path.read_bytes())
    fields = {key: field for key, field in reference.fields.items() if not key.startswith("GGUF.")}
    assert list(ours.metadata) == list(fields)
    for key, value in ours.metadata.items():
        theirs = fields[key].contents()
        if isinstance(value, SkippedArray):
            assert (value.count, value.element_type) == (len(theirs), fields[key].types[1])
        else:
            assert theirs == (list(value) if isinstance(value, tuple) else value)
    assert [
        (one.name, one.shape, one.type_id, ours.data_offset + one.offset) for one in ours.tensors
    ] == [
        (one.name, tuple(one.shape.tolist()), one.tensor_type, one.data_offset)
        for one in reference.tensors
    ]
