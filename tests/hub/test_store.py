"""Where answers of the Hub are kept, and what happens when that goes wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from catalog.hub.store import Store, cache_folder
from probes.bandwidth.store import cache_directory


@pytest.mark.parametrize(
    ("system", "environ", "expected"),
    [
        ("linux", {"HOME": "/home/me"}, "/home/me/.cache/gguf-advisor/hub"),
        ("linux", {"HOME": "/h", "XDG_CACHE_HOME": "/c"}, "/c/gguf-advisor/hub"),
        ("linux", {"HOME": "/h", "XDG_CACHE_HOME": "c"}, "/h/.cache/gguf-advisor/hub"),
        ("darwin", {"HOME": "/Users/me"}, "/Users/me/Library/Caches/gguf-advisor/hub"),
        ("win32", {"LOCALAPPDATA": "/local"}, "/local/gguf-advisor/hub"),
        ("linux", {}, None),
        ("linux", {"HOME": ""}, None),
        ("win32", {"HOME": "/h"}, None),
    ],
)
def test_answers_are_kept_where_the_system_s_caches_are(system, environ, expected):
    assert cache_folder(environ, system) == (None if expected is None else Path(expected))


@pytest.mark.parametrize(
    ("system", "name", "environ"),
    [
        ("linux", "linux", {"HOME": "/h"}),
        ("linux", "linux", {"HOME": "/h", "XDG_CACHE_HOME": "/c"}),
        ("darwin", "macos", {"HOME": "/h", "XDG_CACHE_HOME": "/c"}),
        ("win32", "windows", {"LOCALAPPDATA": "/l"}),
    ],
)
def test_all_that_the_program_keeps_is_in_one_folder(system, name, environ):
    class Machine:
        os = name

    Machine.environ = environ
    assert cache_folder(environ, system).parent == cache_directory(Machine)


def test_what_is_kept_comes_back(tmp_path):
    store = Store(tmp_path / "new" / "folder")
    assert store.read("kind", "key") is None
    store.write("kind", "key", {"a": [1, 2.5, "x", None]})
    assert store.read("kind", "key") == {"a": [1, 2.5, "x", None]}
    assert store.read("kind", "another") is None
    assert store.read("another", "key") is None


def test_a_key_may_hold_anything(tmp_path):
    store = Store(tmp_path)
    store.write("kind", "../../owner/na me@refs/pr/1:\0", {"a": 1})
    assert store.read("kind", "../../owner/na me@refs/pr/1:\0") == {"a": 1}
    (kept,) = (tmp_path / "kind").iterdir()
    assert kept.suffix == ".json"


def test_another_key_s_answer_is_not_taken(tmp_path):
    store = Store(tmp_path)
    store.write("kind", "mine", {"a": 1})
    (mine,) = (tmp_path / "kind").iterdir()
    store.write("kind", "other", {"a": 2})
    (other,) = set((tmp_path / "kind").iterdir()) - {mine}
    mine.write_bytes(other.read_bytes())
    assert store.read("kind", "mine") is None


def test_a_write_that_fails_leaves_nothing_behind(tmp_path, monkeypatch):
    store = Store(tmp_path)
    store.write("kind", "key", {"a": 1})

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    store.write("kind", "key", {"a": 2})
    assert store.read("kind", "key") == {"a": 1}
    assert len(list((tmp_path / "kind").iterdir())) == 1


def test_without_a_folder_nothing_is_kept():
    store = Store(None)
    store.write("kind", "key", {"a": 1})
    assert store.read("kind", "key") is None
