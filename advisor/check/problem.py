"""What is wrong with a requirement, and where."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from advisor.errors import UsageError

if TYPE_CHECKING:
    from advisor.check.requirement import Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One mistake."""

    sentence: str
    hint: str | None = None
    place: Place | None = None
    """``None`` on a command line."""

    def __str__(self) -> str:
        """One line: the place, the sentence and the hint."""
        text = self.sentence if self.hint is None else f"{self.sentence}; {self.hint}"
        if self.place is None:
            return text
        return f"`{self.place.file}`, line {self.place.line}, column {self.place.column}: {text}"


class RequirementError(UsageError):
    """A requirement that cannot be understood; all of its mistakes, one a line."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(one) for one in self.problems))
