"""Where answers of the Hub are kept, and what happens when that goes wrong."""

from __future__ import annotations

from pathlib import Path

from catalog.hub.store import Store


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
