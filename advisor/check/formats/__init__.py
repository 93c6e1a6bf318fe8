"""How a report is written: one file a format, each a function from the report to a text.

A format is whole and valid whatever the report says. Nothing here prints or opens a file.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Callable

    from advisor.check.ci import Surroundings
    from advisor.check.outcome import CheckReport

FORMATS = (
    "human",
    "json",
    "jsonl",
    "markdown",
    "github",
    "gitlab",
    "junit",
    "sarif",
    "openmetrics",
)


def written(name: str, report: CheckReport, around: Surroundings) -> str:
    """The report in the format of this name.

    Args:
        name: One of `FORMATS`.
        report: What was found.
        around: Which files annotations may point at.
    """
    module = import_module(f"advisor.check.formats.{name}")
    write = cast("Callable[[CheckReport, Surroundings], str]", module.write)
    return write(report, around)
