"""Split files: found from any part, joined, and refused when they do not belong together.

What is wrong with parts stands in `tests/gguf/invalid`, whose sentences `test_read` compares.
"""

from __future__ import annotations

import pytest

from catalog.gguf.errors import NotGgufError, PartsError, TruncatedError
from catalog.gguf.parts import read_file


@pytest.fixture
def split(build, tmp_path):
    """Writes parts with these tensors each; their paths."""

    def write(*names, stem="model", count=None, folder=tmp_path):
        paths = []
        folder.mkdir(exist_ok=True)
        for number, inside in enumerate(names):
            keys = [
                build.key("split.no", "u16", number),
                build.key("split.count", "u16", count or len(names)),
            ]
            if number == 0:
                keys.append(build.key("general.architecture", "str", "llama"))
            lines = [build.tensor(name, [8], 0, 32 * place) for place, name in enumerate(inside)]
            path = folder / f"{stem}-{number + 1:05d}-of-{len(names):05d}.gguf"
            path.write_bytes(build.padded(build.header(keys, lines)) + bytes(32 * len(lines)))
            paths.append(path)
        return paths

    return write


@pytest.mark.parametrize("given", [0, 1, 2])
def test_all_parts_are_found_from_any_of_them(split, given):
    paths = split("a", "bc", "d")
    file = read_file(paths[given])
    assert [part.path for part in file.parts] == paths
    assert file.path == paths[0]
    assert [info.name for info in file.tensors] == ["a", "b", "c", "d"]
    assert file.architecture == "llama"
    assert file.size_bytes == sum(path.stat().st_size for path in paths)


def test_the_metadata_are_the_first_parts(split):
    file = read_file(split("a", "b")[1])
    assert file.metadata["split.no"] == 0
    assert file.metadata["general.architecture"] == "llama"


def test_a_first_part_may_hold_the_metadata_alone(split):
    assert len(read_file(split("", "ab")[0]).tensors) == 2


def test_a_file_that_is_not_split_has_one_part(samples):
    file = read_file(samples / "valid/blocks.gguf")
    assert len(file.parts) == 1


def test_a_file_said_to_be_one_of_one_has_one_part(split):
    assert len(read_file(split("ab")[0]).parts) == 1


def test_what_a_name_says_of_parts_counts_only_when_the_header_says_it_too(samples, tmp_path):
    """A file named like a part, whose header says nothing of parts, is a whole file."""
    path = tmp_path / "model-00001-of-00003.gguf"
    path.write_bytes((samples / "valid/blocks.gguf").read_bytes())
    assert len(read_file(path).parts) == 1


def test_the_files_of_another_model_in_the_folder_are_left_alone(split):
    paths = split("a", "b")
    split("c", "d", stem="other")
    assert [part.path for part in read_file(paths[0]).parts] == paths


@pytest.mark.parametrize(
    ("gone", "words"),
    [
        ([1], "`model-00002-of-00003.gguf` is missing beside `model-00001-of-00003.gguf`, one of"),
        ([1, 2], "as 1 more of its 3 parts are"),
    ],
)
def test_a_missing_part_is_named(split, gone, words):
    paths = split("a", "b", "c")
    for place in gone:
        paths[place].unlink()
    with pytest.raises(PartsError) as refused:
        read_file(paths[0])
    assert words in str(refused.value)


def test_a_part_that_is_cut_off_is_the_part_that_is_named(split):
    paths = split("a", "bc")
    paths[1].write_bytes(paths[1].read_bytes()[:60])
    with pytest.raises(TruncatedError, match=r"`model-00002-of-00002\.gguf` is cut off"):
        read_file(paths[0])


def test_a_part_that_is_another_thing_is_named(split):
    paths = split("a", "b")
    paths[1].write_bytes(b"<html>")
    with pytest.raises(NotGgufError, match=r"`model-00002-of-00002\.gguf` is a web page"):
        read_file(paths[0])


def test_a_folder_in_the_place_of_a_part_does_not_belong(split):
    paths = split("a", "b")
    paths[1].unlink()
    paths[1].mkdir()
    with pytest.raises(PartsError, match="is a folder, not a file"):
        read_file(paths[0])


def test_a_count_that_the_name_contradicts_is_refused(split):
    paths = split("a", "b", count=7)
    with pytest.raises(PartsError, match=r"is one of 7 parts, but its name does not end like"):
        read_file(paths[0])
