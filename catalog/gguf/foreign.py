"""What a file is that calls itself GGUF and is none, by how it begins.

Holds the marks of what people download or save by mistake, each with what to do; nothing here
opens a file.
"""

from __future__ import annotations

from pathlib import PurePath

UNFINISHED_SUFFIXES = (".incomplete", ".part", ".partial", ".crdownload", ".download", ".aria2")
"""What programs that download call a file until it is whole."""

BEGINNING_BYTES = 512
"""How much of a file the marks need."""

_MARKS = (
    (
        b"version https://git-lfs",
        "is a Git LFS pointer, not the file that it points to",
        "run `git lfs pull`, or download the file itself",
    ),
    (
        b"PK\x03\x04",
        "is a ZIP archive, as PyTorch saves weights, not a GGUF file",
        "look for a repository whose name ends in `-GGUF`",
    ),
    (
        b"\x80\x02",
        "is a Python pickle, as older PyTorch saves weights, not a GGUF file",
        "look for a repository whose name ends in `-GGUF`",
    ),
    (b"\x1f\x8b", "is compressed with gzip, not a GGUF file", "unpack it first"),
    (b"\x28\xb5\x2f\xfd", "is compressed with zstd, not a GGUF file", "unpack it first"),
    (
        b"\x00" * 64,
        "begins with zeros, not with `GGUF`: a download that only has its place on disk",
        "download it again, or go on with it",
    ),
)
_OLDER_FORMATS = {b"lmgg": "GGML", b"fmgg": "GGMF", b"tjgg": "GGJT", b"algg": "GGLA"}
"""Source: llama.cpp's file magics before GGUF (August 2023), as little-endian letters."""


def what_it_is(beginning: bytes) -> tuple[str, str] | None:
    """What a file is instead, and what to do; ``None`` for a beginning that tells nothing.

    Returns:
        The rest of a sentence that begins with the file's name, and a hint.
    """
    for mark, sentence, hint in _MARKS:
        if beginning.startswith(mark):
            return sentence, hint
    older = _OLDER_FORMATS.get(beginning[:4])
    if older:
        sentence = f"is of the older format {older}, which llama.cpp no longer reads, not GGUF"
        return sentence, "download a newer file of the model"
    return _text_or_safetensors(beginning)


def is_unfinished(path: PurePath) -> bool:
    """True for a name that a download has until it is whole."""
    return path.suffix.lower() in UNFINISHED_SUFFIXES


def _text_or_safetensors(beginning: bytes) -> tuple[str, str] | None:
    if beginning[8:10] == b'{"' and int.from_bytes(beginning[:8], "little") < 1 << 32:
        sentence = "is a safetensors file, not a GGUF file"
        return sentence, "look for a repository whose name ends in `-GGUF`"
    text = beginning.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith((b"<!doctype", b"<html", b"<head", b"<?xml")):
        sentence = "is a web page, not a GGUF file"
        return sentence, "download from the `resolve` address, not from the `blob` one"
    if text.startswith((b'{"', b"{\n", b"[{")):
        sentence = "is JSON text, not a GGUF file"
        return sentence, "look into it: a server may have answered with an error"
    return None
