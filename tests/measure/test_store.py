"""What was measured is kept, found again, and forgotten; whatever happens to the file."""

from __future__ import annotations

import sqlite3
import stat
import sys
from pathlib import Path

import pytest

from advisor.measure.store import (
    APPLICATION_ID,
    STEPS,
    VERSION,
    StoreError,
    data_directory,
    forget,
    keep,
    load,
    store_path,
)
from probes.ask import Asker


@pytest.fixture
def path(tmp_path):
    """A file that is not there yet, in a folder that is not either."""
    return tmp_path / "data" / "measurements.sqlite3"


def test_what_is_kept_comes_back_as_it_was_with_its_number(path, measurement, work):
    first = measurement()
    second = measurement(
        works=(work(kernel=None, is_moe=True), work("host")),
        devices=("a card", "host"),
        file_name=None,
        threads=None,
        disturbance="its repetitions differ by 31%",
    )
    assert keep(path, (first, second)) == (1, 2)
    found = load(path)
    assert [one.number for one in found] == [1, 2]
    for one, was in zip(found, (first, second), strict=True):
        for name in type(was).__slots__:
            if name != "number":
                assert getattr(one, name) == getattr(was, name), name


def test_only_this_machines_measurements_are_asked_for(path, measurement):
    keep(path, (measurement(machine="one"), measurement(machine="another")))
    assert [one.machine for one in load(path, "one")] == ["one"]
    assert len(load(path)) == 2


def test_nothing_is_kept_where_there_is_no_file_and_reading_makes_none(path):
    assert load(path) == load(None) == ()
    assert forget(path) == 0
    assert not path.exists()


def test_reading_leaves_sqlite_alone_where_nothing_is_kept(run):
    words = "import sys; from advisor.measure.store import load; load(None); print(*sys.modules)"
    done = run.bytes(python=("-c", words))
    # `-m advisor` follows the options, which `-c` takes as arguments
    assert done.returncode == 0
    assert b"sqlite3" not in done.stdout.split()


def test_one_is_forgotten_or_all_and_numbers_are_never_given_again(path, measurement):
    keep(path, (measurement(), measurement(), measurement()))
    assert forget(path, 3) == 1
    assert forget(path, 3) == 0
    assert [one.number for one in load(path)] == [1, 2]
    assert keep(path, (measurement(),)) == (4,)
    assert forget(path) == 3
    assert load(path) == ()


@pytest.mark.skipif(sys.platform == "win32", reason="permissions of POSIX")
def test_nobody_else_may_look_into_a_new_folder(path, measurement):
    keep(path, (measurement(),))
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


# Versions


def an_older_file(path, version, body):
    """A file as the program of that version wrote it, with one measurement."""
    path.parent.mkdir(parents=True)
    with sqlite3.connect(path) as database:
        for step in STEPS[:version]:
            database.execute(step)
        database.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        database.execute(f"PRAGMA user_version = {version}")
        database.execute(
            "INSERT INTO measurements (taken_at, machine, body) VALUES ('then', 'a machine', ?)",
            (body,),
        )
    database.close()


def body_of(measurement, folder):
    """What a measurement looks like in the file."""
    keep(folder / "other.sqlite3", (measurement,))
    with sqlite3.connect(folder / "other.sqlite3") as database:
        (body,) = database.execute("SELECT body FROM measurements").fetchone()
    database.close()
    return body


@pytest.mark.parametrize("version", range(1, VERSION))
def test_an_older_programs_file_is_brought_up_to_date_and_loses_nothing(
    path, tmp_path, measurement, version
):
    an_older_file(path, version, body_of(measurement(), tmp_path))
    (found,) = load(path)
    assert (found.number, found.model) == (1, "maker/model-1b")
    keep(path, (measurement(),))
    with sqlite3.connect(path) as database:
        assert database.execute("PRAGMA user_version").fetchone() == (VERSION,)
        names = {name for (name,) in database.execute("SELECT name FROM sqlite_master")}
    database.close()
    assert "by_machine" in names
    assert len(load(path)) == 2


def test_a_later_programs_file_is_left_alone(path, measurement):
    keep(path, (measurement(),))
    with sqlite3.connect(path) as database:
        database.execute(f"PRAGMA user_version = {VERSION + 1}")
    database.close()
    before = path.read_bytes()
    for use in (lambda: load(path), lambda: keep(path, (measurement(),)), lambda: forget(path)):
        with pytest.raises(StoreError, match="later version of advisor"):
            use()
    assert path.read_bytes() == before


# What goes wrong


def test_a_strangers_database_is_not_written_into(path, measurement):
    path.parent.mkdir()
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE notes (text TEXT)")
    database.close()
    before = path.read_bytes()
    for use in (lambda: load(path), lambda: keep(path, (measurement(),))):
        with pytest.raises(StoreError, match="no file of advisor's"):
            use()
    assert path.read_bytes() == before


def test_an_empty_file_is_as_good_as_none(path, measurement):
    path.parent.mkdir()
    path.touch()
    assert load(path) == ()
    assert keep(path, (measurement(),)) == (1,)


def test_a_broken_file_is_a_sentence(path, measurement):
    content = b"no database at all, but long enough for one" * 50
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(StoreError, match=r"cannot be read: file is not a database$"):
        load(path)
    with pytest.raises(StoreError, match=r"cannot be kept: file is not a database$"):
        keep(path, (measurement(),))
    assert path.read_bytes() == content


@pytest.mark.parametrize(
    "body", ["{", "[]", "{}", '{"works": 1}', '{"works": [], "pace": "sideways"}']
)
def test_a_measurement_that_cannot_be_read_is_named(path, measurement, body):
    keep(path, (measurement(),))
    with sqlite3.connect(path) as database:
        database.execute("UPDATE measurements SET body = ?", (body,))
    database.close()
    with pytest.raises(StoreError, match="measurement 1 in"):
        load(path)


def test_a_speed_of_zero_is_none(path, measurement):
    keep(path, (measurement(samples_tokens_per_s=(0.0, 1.0)),))
    with pytest.raises(StoreError, match=r"measurement 1 in .* is no speed$"):
        load(path)


def test_a_file_that_another_run_holds_is_a_sentence(path, measurement, monkeypatch):
    keep(path, (measurement(),))
    monkeypatch.setattr("advisor.measure.store.PATIENCE_S", 0.05)
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    with pytest.raises(StoreError, match=r"cannot be kept: database is locked$"):
        keep(path, (measurement(),))
    holder.close()
    assert len(load(path)) == 1


def test_a_folder_that_cannot_be_made_is_a_sentence(tmp_path, measurement):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError, match="cannot be made"):
        keep(tmp_path / "file" / "data" / "measurements.sqlite3", (measurement(),))


def test_what_fails_in_the_middle_leaves_nothing(path, measurement):
    def some():
        yield measurement()
        raise ZeroDivisionError

    keep(path, (measurement(),))
    with pytest.raises(ZeroDivisionError):
        keep(path, some())
    assert len(load(path)) == 1


# Where it is


@pytest.mark.parametrize(
    ("system", "environ", "expected"),
    [
        ("linux", {"HOME": "/home/me"}, "/home/me/.local/share/gguf-advisor"),
        ("linux", {"HOME": "/home/me", "XDG_DATA_HOME": "/data"}, "/data/gguf-advisor"),
        (
            "linux",
            {"HOME": "/home/me", "XDG_DATA_HOME": "data"},
            "/home/me/.local/share/gguf-advisor",
        ),
        ("macos", {"HOME": "/Users/me"}, "/Users/me/Library/Application Support/gguf-advisor"),
        (
            "macos",
            {"HOME": "/Users/me", "XDG_DATA_HOME": "/data"},
            "/Users/me/Library/Application Support/gguf-advisor",
        ),
        ("windows", {"LOCALAPPDATA": "/c/local"}, "/c/local/gguf-advisor"),
        ("windows", {"HOME": "/home/me"}, None),
        ("linux", {}, None),
        ("linux", {"HOME": ""}, None),
    ],
)
def test_it_is_in_the_users_data_directory_or_nowhere(system, environ, expected):
    asker = Asker(os=system, environ=environ)
    assert data_directory(asker) == (None if expected is None else Path(expected))
    found = store_path(asker)
    assert found == (None if expected is None else Path(expected) / "measurements.sqlite3")
