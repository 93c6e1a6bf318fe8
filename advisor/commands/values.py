"""How the values of options are read: counts of tokens and weights, and rates."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from advisor.errors import UsageError
from advisor.request import LARGEST_COUNT, tokens

if TYPE_CHECKING:
    _Type = click.ParamType[int]
    _RateType = click.ParamType[float]
else:
    _Type = _RateType = click.ParamType  # generic only for type checkers before click 8.4


class Tokens(_Type):
    """A count of tokens: `4096`, `8k`."""

    name = "tokens"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        """The count, or click's own error."""
        if isinstance(value, int):
            return value
        try:
            return tokens(str(value))
        except UsageError as error:
            self.fail(f"{error}; {error.hint}", param, ctx)


class Count(_Type):
    """A whole number that is not below another."""

    name = "count"

    def __init__(self, least: int) -> None:
        self.least = least

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        """The number, or click's own error."""
        text = str(value).strip()
        if not text.isdecimal() or not self.least <= int(text) <= LARGEST_COUNT:
            self.fail(f"`{value}` is not a count of at least {self.least}", param, ctx)
        return int(text)


class Params(_Type):
    """A count of weights: `8B`, `350M`."""

    name = "params"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        """The count, or click's own error."""
        factors = {"b": 10**9, "m": 10**6}
        text = str(value).strip().lower()
        factor = factors.get(text[-1:], 1)
        try:
            count = float(text[:-1] if text[-1:] in factors else text) * factor
        except ValueError:
            count = 0.0
        if not 0 < count < float("inf"):
            self.fail(f"`{value}` is not a count of weights; write `8B` or `350M`", param, ctx)
        return int(count)


class Rate(_RateType):
    """Tokens per second: `10`, `2.5`."""

    name = "rate"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """The rate, or click's own error."""
        try:
            rate = float(str(value))
        except ValueError:
            rate = -1.0
        if not 0 <= rate < float("inf"):
            self.fail(f"`{value}` is not a number of tokens per second; write `10`", param, ctx)
        return rate
