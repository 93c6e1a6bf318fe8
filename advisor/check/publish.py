"""Writes reports where somebody asked for them, each whole or not at all.

Holds the files only: what is in them is `formats/`', and standard output is the command's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from advisor.check.formats import FORMATS, written
from advisor.errors import CannotWriteError, UsageError

if TYPE_CHECKING:
    from advisor.check.ci import Surroundings
    from advisor.check.outcome import CheckReport


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """One file in one format."""

    form: str
    path: Path


def output_of(text: str) -> Output:
    """What `--output junit=report.xml` means.

    Raises:
        UsageError: It names no format, or no file.
    """
    form, equals, path = text.partition("=")
    if not equals or not path or form not in FORMATS:
        msg = f"`{text}` is not a format and a file"
        hint = f"write FORMAT=FILE with one of {', '.join(FORMATS)}, such as `junit=report.xml`"
        raise UsageError(msg, hint)
    return Output(form=form, path=Path(path))


def publish(outputs: Sequence[Output], report: CheckReport, around: Surroundings) -> None:
    """Write every file; one that cannot be written keeps no other from being.

    Raises:
        CannotWriteError: One or more could not be written.
    """
    from probes.atomic import write_atomically

    failed = []
    for one in outputs:
        try:
            write_atomically(one.path, written(one.form, report, around))
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            failed.append(f"`{one.path}` cannot be written: {reason}")
    if failed:
        raise CannotWriteError("; ".join(failed), "choose a file in a folder that exists")


def tell_github(report: CheckReport, around: Surroundings) -> list[str]:
    """Append the summary and the outputs to the files that the runner names.

    Returns:
        A sentence for each that could not be written: what a page shows decides nothing.
    """
    from advisor.check.formats.github import summary_outputs

    said = []
    for path, text in (
        (around.summary_file, written("markdown", report, around)),
        (around.output_file, summary_outputs(report)),
    ):
        if path is None:
            continue
        try:
            with Path(path).open("a", encoding="utf-8") as file:
                file.write(text)
        except OSError as error:
            said.append(f"`{path}`, which the runner names, cannot be written: {error.strerror}")
    return said
