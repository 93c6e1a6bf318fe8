"""What was measured on this machine, kept in one SQLite file of the user's data directory.

Holds how measurements are written, found, and forgotten, and how an old file becomes a new one;
never what they mean. A run without such a file does not even import SQLite. What is wrong with the
file is a `StoreError`, a sentence that stands beside an answer and never in its place.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from advisor.measurement import Measurement, Pace, Work
from advisor.workload import Runtime
from probes.folders import data_directory

if TYPE_CHECKING:
    import sqlite3

    from probes.ask import Asker

FILE = "measurements.sqlite3"

PATIENCE_S = 2.0
"""How long another run may hold the file."""

APPLICATION_ID = 0x47475541
"""Written into the file (`GGUA`), so that a stranger's database is not taken for ours."""

STEPS = (
    """
    CREATE TABLE measurements (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        taken_at TEXT NOT NULL,
        machine TEXT NOT NULL,
        body TEXT NOT NULL
    )
    """,
    "CREATE INDEX by_machine ON measurements (machine, number)",
)
"""What makes version n + 1 of version n; `PRAGMA user_version` counts them."""

VERSION = len(STEPS)


class StoreError(Exception):
    """The file cannot be used. The message is a sentence without a full stop."""


def store_path(asker: Asker) -> Path | None:
    """The file; it need not exist. ``None`` where no data directory is known."""
    folder = data_directory(asker)
    return None if folder is None else folder / FILE


def load(path: Path | None, machine: str | None = None) -> tuple[Measurement, ...]:
    """What is kept, oldest first.

    Args:
        path: The file; nothing is kept where there is none.
        machine: Only what was taken on this one; ``None`` for all.

    Raises:
        StoreError: The file cannot be read.
    """
    if path is None or not path.exists():
        return ()
    with _opened(path) as database:
        rows = database.execute(
            "SELECT number, body FROM measurements WHERE ?1 IS NULL OR machine = ?1"
            " ORDER BY number",
            (machine,),
        )
        return tuple(_measurement(number, body, path) for number, body in rows)


def keep(path: Path, measured: Iterator[Measurement] | tuple[Measurement, ...]) -> tuple[int, ...]:
    """Add measurements, all or none of them.

    Returns:
        Their numbers.

    Raises:
        StoreError: The file cannot be written.
    """
    numbers: list[int] = []
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        msg = f"`{path.parent}` cannot be made: {error.strerror or error}"
        raise StoreError(msg) from error
    with _opened(path, writes=True) as database:
        for one in measured:
            added = database.execute(
                "INSERT INTO measurements (taken_at, machine, body) VALUES (?, ?, ?)",
                (one.taken_at, one.machine, _body(one)),
            )
            numbers.append(int(added.lastrowid or 0))
    return tuple(numbers)


def forget(path: Path | None, number: int | None = None) -> int:
    """Delete one measurement, or all of them.

    Returns:
        How many were deleted.

    Raises:
        StoreError: The file cannot be written.
    """
    if path is None or not path.exists():
        return 0
    with _opened(path, writes=True) as database:
        found = database.execute(
            "DELETE FROM measurements WHERE ?1 IS NULL OR number = ?1", (number,)
        )
        return found.rowcount


@contextmanager
def _opened(path: Path, *, writes: bool = False) -> Iterator[sqlite3.Connection]:
    """The database in this program's version; what was changed counts once all went well."""
    import sqlite3
    from contextlib import closing

    how = "rwc" if writes else "ro"
    try:
        with closing(
            sqlite3.connect(f"{path.as_uri()}?mode={how}", uri=True, timeout=PATIENCE_S)
        ) as database:
            if _version(database, path) < VERSION and not writes:
                with _opened(path, writes=True):
                    pass  # an older program's file is brought up to date once
            with database:
                if writes:
                    _migrate(database)
                yield database
    except sqlite3.Error as error:
        msg = f"the measurements in `{path}` cannot be {'kept' if writes else 'read'}: {error}"
        raise StoreError(msg) from error


def _version(database: sqlite3.Connection, path: Path) -> int:
    """The version of the file.

    Raises:
        StoreError: It is a later program's, or no file of this program's.
    """
    (owner,) = database.execute("PRAGMA application_id").fetchone()
    (version,) = database.execute("PRAGMA user_version").fetchone()
    (tables,) = database.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if (owner != APPLICATION_ID and tables) or version < 0:
        msg = f"`{path}` is no file of advisor's measurements"
        raise StoreError(msg)
    if version > VERSION:
        msg = f"`{path}` was written by a later version of advisor, and is left alone"
        raise StoreError(msg)
    return int(version)


def _migrate(database: sqlite3.Connection) -> None:
    """Take the steps that the file lacks, within the transaction that is open."""
    database.execute("BEGIN IMMEDIATE")
    (version,) = database.execute("PRAGMA user_version").fetchone()
    for step in STEPS[version:]:
        database.execute(step)
    database.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    database.execute(f"PRAGMA user_version = {VERSION}")


def _body(one: Measurement) -> str:
    """A measurement as JSON, without its number."""
    import json

    values = {field.name: getattr(one, field.name) for field in fields(one)}
    del values["number"]
    values["works"] = [{"device": work.device, **dict(work.values)} for work in one.works]
    return json.dumps(values)


def _measurement(number: int, body: str, path: Path) -> Measurement:
    """A measurement from JSON.

    Raises:
        StoreError: It is not what this program wrote.
    """
    import json

    try:
        values: dict[str, Any] = json.loads(body)
        works = tuple(_work(one) for one in values.pop("works"))
        one = Measurement(
            pace=Pace(values.pop("pace")),
            runtime=Runtime(values.pop("runtime")),
            samples_tokens_per_s=tuple(map(float, values.pop("samples_tokens_per_s"))),
            devices=tuple(map(str, values.pop("devices"))),
            works=works,
            **values,
        )
        is_speed = one.low > 0
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        msg = f"measurement {number} in `{path}` cannot be read: {error}"
        raise StoreError(msg) from error
    if not is_speed:
        msg = f"measurement {number} in `{path}` is no speed"
        raise StoreError(msg)
    return replace(one, number=number)


def _work(values: dict[str, Any]) -> Work:
    device = str(values.pop("device"))
    return Work(device=device, values=tuple(values.items()))
