"""Files: which are read, and what is said of each that cannot be."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import sys
from pathlib import Path

import pytest

from catalog.gguf.errors import FileAccessError, GgufError, NotGgufError, TruncatedError
from catalog.gguf.parse import parse_header
from catalog.gguf.parts import read_file
from catalog.gguf.read import BLOCK_BYTES, read_header, sha256_of
from catalog.gguf.structure import check
from tests.catalog.gguf.peak import peak_bytes

SAMPLES = Path(__file__).parents[2] / "gguf"
INVALID = sorted((SAMPLES / "invalid").glob("*.txt"))
VALID = sorted((SAMPLES / "valid").glob("*.gguf"))


def test_the_samples_are_what_the_tool_writes(monkeypatch, project):
    monkeypatch.syspath_prepend(str(project / "tools"))
    monkeypatch.delitem(sys.modules, "gguf_bytes", raising=False)
    spec = importlib.util.spec_from_file_location(
        "build_gguf_samples", project / "tools/build_gguf_samples.py"
    )
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    there = {
        path.relative_to(SAMPLES).as_posix(): path.read_bytes() for path in SAMPLES.glob("*/*.gguf")
    }
    assert there == tool.contents(), "run `python tools/build_gguf_samples.py`"
    assert max(map(len, there.values())) < 5000


def test_every_wrong_sample_has_its_sentence_or_is_a_part_of_another():
    named = {path.stem for path in INVALID}
    for path in (SAMPLES / "invalid").glob("*.gguf"):
        assert path.stem in named or path.stem.endswith("-00002-of-00002")


@pytest.mark.parametrize("sentence", INVALID, ids=lambda path: path.stem)
def test_what_is_wrong_is_one_sentence(sentence):
    with pytest.raises(GgufError) as refused:
        check(read_file(sentence.with_suffix(".gguf")))
    assert str(refused.value) == sentence.read_text(encoding="utf-8").strip()
    assert refused.value.hint
    assert not refused.value.hint.endswith(".")


@pytest.mark.parametrize("path", VALID, ids=lambda path: path.stem)
def test_a_right_file_is_read_and_checked(path):
    part = read_header(path)
    assert part.header == parse_header(path.read_bytes())
    assert (part.path, part.size_bytes) == (path, path.stat().st_size)
    check(read_file(path))


def test_nothing_is_read_of_the_data(tmp_path, build):
    """A file of 64 GiB takes no longer than its header; its blocks are not even on the disk."""
    elements = 1 << 34
    raw = build.padded(build.header([], [build.tensor("a", [elements], 0, 0)]))
    path = tmp_path / "large.gguf"
    path.write_bytes(raw)
    try:
        os.truncate(path, len(raw) + 4 * elements)
    except OSError:
        pytest.skip("this file system has no holes")
    file = read_file(path)
    assert file.size_bytes == len(raw) + 64 * 2**30
    assert check(file) == ()


def test_a_large_header_takes_little_memory(tmp_path, vocabulary):
    path = tmp_path / "vocabulary.gguf"
    path.write_bytes(vocabulary(200_000))  # 4.5 MB
    assert peak_bytes(lambda: read_header(path)) < 1_500_000, (
        "three pieces of 256 KiB, and spare room"
    )


# Files that cannot be opened


def refusal(path, kind=FileAccessError):
    with pytest.raises(kind) as refused:
        read_header(path)
    assert refused.value.hint
    return str(refused.value)


def test_a_missing_file_is_named_as_it_was_given(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert refusal("no/such.gguf") == f"`{Path('no/such.gguf')}` does not exist"


def test_a_folder_is_no_file(tmp_path):
    assert refusal(tmp_path) == f"`{tmp_path}` is a folder, not a file"


@pytest.mark.skipif(os.name == "nt", reason="needs pipes")
def test_a_pipe_is_refused_without_waiting_for_its_writer(tmp_path):
    os.mkfifo(tmp_path / "pipe.gguf")
    assert refusal(tmp_path / "pipe.gguf").endswith("is a device or a pipe, not a file")


@pytest.mark.skipif(os.name == "nt", reason="needs the rights of POSIX")
@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="root reads everything")
def test_a_file_that_may_not_be_read_says_so(tmp_path):
    path = tmp_path / "secret.gguf"
    path.write_bytes(b"GGUF")
    path.chmod(0)
    assert refusal(path) == f"`{path}` cannot be read: permission denied"


def test_a_link_into_an_emptied_cache_says_where_it_points(tmp_path):
    path = tmp_path / "model.gguf"
    try:
        path.symlink_to(Path("blobs") / "0123")
    except OSError:
        pytest.skip("no links here")
    assert refusal(path) == f"`{path}` points to `{Path('blobs/0123')}`, which does not exist"


def test_a_name_with_a_zero_byte_names_no_file():
    assert refusal("a\0.gguf") == "a name with a zero byte names no file"


def test_a_file_that_becomes_shorter_meanwhile_is_no_crash(tmp_path, monkeypatch, samples):
    """Its length is asked once; then the bytes run out."""
    raw = (samples / "valid/version-2.gguf").read_bytes()
    path = tmp_path / "model.gguf"
    path.write_bytes(raw[:100])
    true_fstat = os.fstat

    def earlier(handle):
        seen = list(true_fstat(handle))
        seen[6] = len(raw)
        return os.stat_result(seen)

    monkeypatch.setattr("catalog.gguf.read.os.fstat", earlier)
    assert refusal(path) == "`model.gguf` cannot be read: it became shorter while it was read"


# Downloads


@pytest.mark.parametrize("suffix", [".incomplete", ".part", ".crdownload", ".aria2"])
def test_an_unfinished_download_is_known_by_its_name(tmp_path, samples, suffix):
    path = tmp_path / f"model.gguf{suffix}"
    path.write_bytes((samples / "valid/version-2.gguf").read_bytes()[:100])
    with pytest.raises(TruncatedError) as refused:
        read_header(path)
    assert refused.value.hint == (
        f"`{suffix}` is what a download is called until it is whole: go on with it"
    )


@pytest.mark.parametrize(
    ("beginning", "words"),
    [
        (b"\n  <html>", "is a web page, not a GGUF file"),
        (b"\xef\xbb\xbf<?xml version='1.0'?><Error>", "is a web page, not a GGUF file"),
        (b"\x1f\x8b\x08", "is compressed with gzip, not a GGUF file"),
        (b"lmgg", "is of the older format GGML"),
        (b"GG", "is cut off: it ends at byte 2"),
        (b"gguf", "is not a GGUF file: it starts with `gguf`, not `GGUF`"),
        (b"x", "is not a GGUF file: it starts with `x`, not `GGUF`"),
    ],
)
def test_other_beginnings_are_told_apart(tmp_path, beginning, words):
    path = tmp_path / "model.gguf"
    path.write_bytes(beginning)
    kind = TruncatedError if words.startswith("is cut off") else NotGgufError
    assert f"`model.gguf` {words}" in refusal(path, kind)


# Digests


def test_a_digest_is_of_the_whole_file_and_progress_adds_up(tmp_path):
    raw = bytes(range(256)) * 4096 * 3 + b"rest"
    path = tmp_path / "file"
    path.write_bytes(raw)
    steps = []
    assert sha256_of(path, progress=steps.append) == hashlib.sha256(raw).hexdigest()
    assert steps == [BLOCK_BYTES] * 3 + [4]


def test_the_digest_of_a_missing_file_is_one_sentence(tmp_path):
    with pytest.raises(FileAccessError, match="does not exist"):
        sha256_of(tmp_path / "none")
