"""Writes `tests/gguf`: small GGUF files, right ones and wrong ones, and what is wrong with each.

Beside each wrong file stands a text with the sentence that a reader should get, written by hand;
the comments here say how long things are, so that its numbers can be worked out. Run it after
changing a sample: `python tools/build_gguf_samples.py`.
"""

from __future__ import annotations

from pathlib import Path

from gguf_bytes import (
    ARRAY,
    array,
    array_key,
    data,
    header,
    key,
    nested,
    padded,
    string,
    tensor,
    u32,
    u64,
)

FOLDER = Path(__file__).parents[1] / "tests/gguf"

F32, Q4_K, Q8_0 = 0, 12, 8
LLAMA = key("general.architecture", "str", "llama")
"""45 bytes, so that what comes after it begins at byte 69."""

NUMBERS = {
    "u8": 200,
    "i8": -100,
    "u16": 60_000,
    "i16": -30_000,
    "u32": 4_000_000_000,
    "i32": -2_000_000_000,
    "f32": 0.5,
    "bool": True,
    "u64": 1 << 63,
    "i64": -(1 << 62),
    "f64": 0.1,
}

A, B = tensor("a", [8], F32, 0), tensor("b", [8], F32, 32)
"""33 bytes and 32 bytes of data each: after `LLAMA`, from byte 69 and 102; the data from 160."""


def whole(keys: list[bytes], tensors: list[bytes], length: int, alignment: int = 32) -> bytes:
    """A header, and so many bytes of data behind it."""
    return padded(header(keys, tensors), alignment) + data(length)


def split(number: int, count: int, total: int) -> list[bytes]:
    """The keys of one part."""
    return [
        key("split.no", "u16", number),
        key("split.count", "u16", count),
        key("split.tensors.count", "i32", total),
    ]


BLOCKS = [tensor("blk.0.q", [256, 2], Q4_K, 0), tensor("blk.0.k", [64], Q8_0, 288)]
"""2 blocks of 144 bytes, then 2 of 34 bytes: 288 + 68 = 356 bytes."""

VALID = {
    "every-value.gguf": whole(
        [LLAMA, *(key(f"one.{kind}", kind, one) for kind, one in NUMBERS.items())], [A, B], 64
    ),
    "every-array.gguf": header(
        [
            LLAMA,
            *(array_key(f"some.{kind}", array(kind, [one, one])) for kind, one in NUMBERS.items()),
            array_key("some.str", array("str", ["one", "", "three"])),
            array_key("none.u32", array("u32", [])),
            array_key("many.u8", array("u8", [7] * 4097)),
        ]
    ),
    "nested-arrays.gguf": header(
        [
            array_key("deep", nested(nested(array("u8", [1, 2]), array("str", ["a"])), nested())),
            LLAMA,
        ]
    ),
    "version-2.gguf": padded(header([LLAMA], [A, B], version=2)) + data(64),
    "blocks.gguf": whole([LLAMA, key("general.file_type", "u32", 15)], BLOCKS, 384),
    "last-padding-left-out.gguf": whole([LLAMA], BLOCKS, 356),
    "alignment-of-64.gguf": whole(
        [LLAMA, key("general.alignment", "u32", 64)], [A, tensor("b", [8], F32, 64)], 96, 64
    ),
    "vocabulary-only.gguf": header(
        [LLAMA, array_key("tokenizer.ggml.tokens", array("str", ["<s>", "Ä", "\u2581of"]))]
    ),
    "no-dimensions.gguf": whole([LLAMA], [tensor("scalar", [], F32, 0)], 4),
    "stray-bytes.gguf": header([LLAMA, key("general.name", "str", b"caf\xe9")]),
    "bytes-after-the-data.gguf": whole([LLAMA], [A, B], 100),
    "split-00001-of-00002.gguf": whole([LLAMA, *split(0, 2, 3)], [A], 32),
    "split-00002-of-00002.gguf": whole(split(1, 2, 3), BLOCKS, 384),
}
"""Files by their names."""

TWO = whole([LLAMA], [A, B], 64)

INVALID = {
    # Other things
    "empty.gguf": b"",
    "web-page.gguf": b"<!DOCTYPE html>\n<html><head><title>Sign in</title></head></html>\n",
    "lfs-pointer.gguf": b"version https://git-lfs.github.com/spec/v1\noid sha256:0123\nsize 1\n",
    "safetensors.gguf": u64(16) + b'{"__metadata__":{}}',
    "pytorch.gguf": b"PK\x03\x04" + bytes(60),
    "pickle.gguf": b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19",
    "older-format.gguf": b"tjgg\x03\x00\x00\x00",
    "answer-of-a-server.gguf": b'{"error":"Entry not found"}',
    "zeros.gguf": bytes(256),
    "another-magic.gguf": header([LLAMA], magic=b"GGUE"),
    "binary.gguf": b"\xff\xd8\xff\xe0 a picture",
    # Versions
    "version-1.gguf": b"GGUF" + u32(1) + u32(0) + u32(0),
    "version-4.gguf": header([LLAMA], version=4),
    "version-0.gguf": header([LLAMA], version=0),
    "big-endian.gguf": b"GGUF" + b"\x00\x00\x00\x03" + bytes(16),
    # Counts: 4 bytes magic, 4 version, 8 tensors, 8 keys
    "too-many-keys.gguf": b"GGUF" + u32(3) + u64(0) + u64(100_001),
    "too-many-tensors.gguf": b"GGUF" + u32(3) + u64(1 << 63) + u64(1),
    "more-keys-than-bytes.gguf": b"GGUF"
    + u32(3)
    + u64(0)
    + u64(1000)
    + LLAMA,  # 24 + 1,000 * 14 bytes at least
    # Keys: what follows `LLAMA` begins at byte 69; a key named `k` has its type at 78, its value
    # at 82, an array's elements at 94
    "key-without-name.gguf": header([LLAMA, key("", "u32", 1)]),
    "key-twice.gguf": header([LLAMA, LLAMA]),
    "unknown-value-type.gguf": header([LLAMA, string("k") + u32(13) + bytes(16)]),
    "unknown-element-type.gguf": header([LLAMA, array_key("k", u32(99) + u64(1) + bytes(16))]),
    "key-too-long.gguf": header([LLAMA, u64(10_000_001) + bytes(20)]),
    "string-too-long.gguf": header([LLAMA, string("k") + u32(8) + u64(1 << 60) + bytes(20)]),
    "token-too-long.gguf": header(
        [LLAMA, array_key("k", u32(8) + u64(2) + string("a") + u64(1 << 32) + bytes(9))]
    ),
    "array-too-long.gguf": header(
        [LLAMA, array_key("k", u32(6) + u64(1 << 40))]
    ),  # 94 + 4 * 2^40 bytes
    "array-longer-than-the-file.gguf": header(
        [LLAMA, array_key("k", u32(8) + u64(1000)), bytes(100)]
    ),  # 94 + 1,000 * 8 bytes at least
    "arrays-too-deep.gguf": header(
        [LLAMA, array_key("k", (u32(ARRAY) + u64(1)) * 4 + array("u8", [1]))]
    ),
    "alignment-of-8-bytes.gguf": header([LLAMA, key("general.alignment", "u64", 32)]),
    "alignment-of-48.gguf": header([LLAMA, key("general.alignment", "u32", 48)]),
    "alignment-of-0.gguf": header([LLAMA, key("general.alignment", "u32", 0)]),
    # The list of tensors, from byte 69: 9 bytes name, 4 how many sizes, 8 each, 4 type, 8 offset
    "tensor-twice.gguf": whole([LLAMA], [A, tensor("a", [8], F32, 32)], 64),
    "unknown-storage-type.gguf": whole([LLAMA], [tensor("a", [8], 99, 0)], 64),
    "removed-storage-type.gguf": whole([LLAMA], [tensor("a", [32], 4, 0)], 64),
    "five-dimensions.gguf": whole([LLAMA], [tensor("a", [8, 1, 1, 1, 1], F32, 0)], 64),
    "negative-size.gguf": whole([LLAMA], [tensor("a", [(1 << 64) - 1], F32, 0)], 64),
    "too-many-elements.gguf": whole([LLAMA], [tensor("a", [1 << 32, 1 << 31], F32, 0)], 64),
    "name-of-64-bytes.gguf": whole([LLAMA], [tensor("n" * 64, [8], F32, 0)], 64),
    # Extents
    "rows-of-half-blocks.gguf": whole([LLAMA], [tensor("a", [128, 2], Q4_K, 0)], 160),
    "overlap.gguf": whole([LLAMA], [tensor("a", [16], F32, 0), B], 64),
    "gap.gguf": whole([LLAMA], [A, tensor("b", [8], F32, 96)], 128),
    "misaligned.gguf": whole([LLAMA], [A, tensor("b", [8], F32, 36)], 96),
    "another-order.gguf": whole([LLAMA], [B, A], 64),
    # Ends of `TWO`: list at 69, second line at 102, end of the header at 135, data 160 to 224
    "ends-in-its-magic.gguf": TWO[:3],
    "ends-in-its-counts.gguf": TWO[:20],
    "ends-in-its-keys.gguf": header([LLAMA, key("k", "str", "v" * 99)])[
        :100
    ],  # 69 + 9 + 4 + 8 + 99 = 189 bytes
    "ends-in-its-tensors.gguf": TWO[:120],
    "ends-before-its-data.gguf": TWO[:140],
    "ends-in-its-data.gguf": TWO[:-1],
    # Parts
    "lonely-00001-of-00002.gguf": whole([LLAMA, *split(0, 2, 2)], [A], 32),
    "alone-00002-of-00003.gguf": whole(split(1, 3, 3), [A], 32),
    "renamed-part.gguf": whole([LLAMA, *split(0, 2, 2)], [A], 32),
    "order-00001-of-00002.gguf": whole([LLAMA, *split(1, 2, 2)], [A], 32),
    "order-00002-of-00002.gguf": whole(split(0, 2, 2), [A], 32),
    "count-00001-of-00002.gguf": whole([LLAMA, *split(0, 2, 2)], [A], 32),
    "count-00002-of-00002.gguf": whole([LLAMA], [A], 32),
    "mixed-00001-of-00002.gguf": whole([LLAMA, *split(0, 2, 2)], [A], 32),
    "mixed-00002-of-00002.gguf": whole(
        [key("general.architecture", "str", "qwen3"), *split(1, 2, 2)], [A], 32
    ),
    "again-00001-of-00002.gguf": whole([LLAMA, *split(0, 2, 2)], [A], 32),
    "again-00002-of-00002.gguf": whole(split(1, 2, 2), [A], 32),
    "total-00001-of-00002.gguf": whole([LLAMA, *split(0, 2, 5)], [A], 32),
    "total-00002-of-00002.gguf": whole(split(1, 2, 5), [tensor("b", [8], F32, 0)], 32),
}
"""Files by their names; the sentence about each stands beside it, but for later parts of a file."""


def contents() -> dict[str, bytes]:
    """Every file to write, by its path in `tests/gguf`."""
    return {
        f"{folder}/{name}": raw
        for folder, files in (("valid", VALID), ("invalid", INVALID))
        for name, raw in files.items()
    }


if __name__ == "__main__":
    for place, raw in contents().items():
        path = FOLDER / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(raw)
