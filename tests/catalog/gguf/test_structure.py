"""The extents of tensors: what llama.cpp would load, and what it would refuse.

What is wrong with extents stands in `tests/gguf/invalid`, whose sentences `test_read` compares.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from catalog.gguf.errors import DamagedDataError, TruncatedError
from catalog.gguf.file import GgufFile, Part
from catalog.gguf.header import TensorInfo
from catalog.gguf.parse import parse_header
from catalog.gguf.structure import check, tensor_bytes, tensor_sizes


def file_of(raw, *, size_bytes=None):
    """A file of one part with this beginning, as if it were so long."""
    size = len(raw) if size_bytes is None else size_bytes
    part = Part(path=Path("model.gguf"), size_bytes=size, header=parse_header(raw))
    return GgufFile(parts=(part,))


def info(type_id, *shape, name="t", offset=0):
    return TensorInfo(name=name, shape=shape, type_id=type_id, offset=offset)


@pytest.mark.parametrize(
    ("type_id", "shape", "size"),
    [
        (0, (10, 3), 120),  # f32: 4 bytes each
        (1, (10,), 20),  # f16
        (2, (64, 2), 4 * 18),  # q4_0: 32 in 18 bytes
        (12, (256, 3), 3 * 144),  # q4_K: 256 in 144 bytes
        (14, (512,), 2 * 210),  # q6_K
        (39, (32, 2, 2), 4 * 17),  # mxfp4
        (0, (), 4),  # a single number
        (0, (0, 5), 0),
    ],
)
def test_a_tensor_takes_its_whole_blocks(type_id, shape, size):
    assert tensor_bytes(info(type_id, *shape)) == size


@pytest.mark.parametrize(
    ("type_id", "shape"), [(12, (255,)), (12, (128, 2)), (8, (16, 64)), (39, (1, 32))]
)
def test_blocks_do_not_reach_over_the_end_of_a_row(type_id, shape):
    with pytest.raises(DamagedDataError, match=f"rows of {shape[0]} weights"):
        tensor_bytes(info(type_id, *shape))


def test_every_byte_that_is_missing_of_the_last_tensor_is_noticed(samples):
    """Of 356 bytes of data 288 are the first tensor's, and its padding is none."""
    raw = (samples / "valid/last-padding-left-out.gguf").read_bytes()
    assert check(file_of(raw)) == ()
    begin = len(raw) - 356
    for there in range(begin, len(raw)):
        with pytest.raises(TruncatedError) as refused:
            check(file_of(raw, size_bytes=there))
        missing = "byte" if len(raw) - there == 1 else "bytes"
        assert f"{len(raw) - there} {missing} too early" in str(refused.value)
        first = "blk.0.q" if there < begin + 288 else "blk.0.k"
        assert f"`{first}`" in str(refused.value)
        assert refused.value.offset == there


def test_the_last_padding_may_be_left_out_or_there(samples):
    raw = (samples / "valid/blocks.gguf").read_bytes()
    for left_out in range(28 + 1):  # 68 bytes are padded to 96
        assert check(file_of(raw, size_bytes=len(raw) - left_out)) == ()


def test_bytes_after_the_last_tensor_are_noted_and_do_no_harm(samples):
    raw = (samples / "valid/version-2.gguf").read_bytes()
    (found,) = check(file_of(raw, size_bytes=len(raw) + 5))
    assert found.sentence == ("`model.gguf` has 5 bytes after its last tensor, which nothing reads")


def test_a_vocabulary_without_tensors_is_whole(samples):
    assert check(file_of((samples / "valid/vocabulary-only.gguf").read_bytes())) == ()


def test_an_array_of_arrays_is_noted_for_llama_cpp_refuses_it(samples):
    (found,) = check(file_of((samples / "valid/nested-arrays.gguf").read_bytes()))
    assert found.sentence == "`deep` is an array of arrays, for which llama.cpp refuses a file"


def test_what_comes_after_the_end_is_checked_too(build):
    """A file cut off is called damaged when its list could not be right with all bytes there."""
    lines = [build.tensor("a", [8], 0, 0), build.tensor("b", [8], 0, 64)]
    with pytest.raises(DamagedDataError, match="`b` begins at byte 64 of the data"):
        check(file_of(build.padded(build.header([], lines))))


def test_an_error_says_where_in_the_file_it_is(build):
    lines = [build.tensor("a", [8], 0, 0), build.tensor("b", [8], 0, 96)]
    raw = build.padded(build.header([], lines))  # 24 + 2 * 33 bytes, so the data begin at 96
    with pytest.raises(DamagedDataError) as refused:
        check(file_of(raw + bytes(128)))
    assert refused.value.offset == 96 + 96


def test_sizes_are_listed_in_the_order_of_the_file(samples):
    file = file_of((samples / "valid/blocks.gguf").read_bytes())
    assert tensor_sizes(file.parts[0]) == [288, 68]
