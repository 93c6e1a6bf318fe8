"""The options that several commands share, and how their values are read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from advisor.errors import UsageError
from advisor.request import BACKENDS, LARGEST_COUNT, tokens

if TYPE_CHECKING:
    from probes.bandwidth.store import Measure

if TYPE_CHECKING:
    _Type = click.ParamType[int]
    _RateType = click.ParamType[float]
else:
    _Type = _RateType = click.ParamType  # generic only for type checkers before click 8.4

Command = TypeVar("Command", bound=Callable[..., Any])


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


def json_option(command: Command) -> Command:
    """`--json`."""
    return click.option("--json", "as_json", is_flag=True, help="Write JSON (see docs/schema/).")(
        command
    )


def context_option(command: Command) -> Command:
    """`--context`."""
    return click.option(
        "--context",
        "-c",
        type=Tokens(),
        help="Prompt and answer together.  [default: 8192, or the model's own if smaller]",
    )(command)


def hub_options(command: Command) -> Command:
    """`--hub` and `--verbose`."""
    command = verbose_option(command)
    return click.option(
        "--hub", is_flag=True, help="Ask the Hugging Face Hub for the files that are there."
    )(command)


def verbose_option(command: Command) -> Command:
    """`--verbose`: what was asked of the Hub, said once the command is done."""

    def say(ctx: click.Context, _parameter: click.Parameter, value: bool) -> None:  # noqa: FBT001
        if value and not ctx.resilient_parsing:
            ctx.call_on_close(_say_usage)

    return click.option(
        "--verbose",
        "-v",
        is_flag=True,
        expose_value=False,
        callback=say,
        help="Say on stderr what the Hub was asked.",
    )(command)


def _say_usage() -> None:
    from advisor.hub import the_hub
    from advisor.output import talk

    if not the_hub.cache_info().currsize:
        talk("the Hub was not asked")
        return
    usage = the_hub().usage
    talk(f"the Hub: {usage.requests:,} requests, {usage.bytes_received:,} bytes received")


def min_speed_option(command: Command) -> Command:
    """`--min-speed`."""
    return click.option(
        "--min-speed",
        type=Rate(),
        default=10.0,
        show_default=True,
        help="Tokens per second below which a model is listed last.",
    )(command)


def filter_options(command: Command) -> Command:
    """`--for`, `--family` and `--max-params`."""
    options = (
        click.option(
            "--for",
            "purpose",
            type=click.Choice(["chat", "coding", "reasoning", "embedding"]),
            help="Only models made for this.",
        ),
        click.option("--family", metavar="WORDS", help="Only models of this family or publisher."),
        click.option(
            "--max-params", type=Params(), help="Only models of at most so many weights (8B)."
        ),
    )
    return _with(command, options)


def machine_options(command: Command) -> Command:
    """`--machine`, `--device`, `--backend` and `--measure`."""
    options = (
        click.option(
            "--device",
            "devices",
            multiple=True,
            metavar="NAME",
            help="A device instead of this machine (`2x RTX 3090`; `cpu`); repeatable.",
        ),
        click.option(
            "--machine",
            metavar="FILE",
            help="A machine recorded by `advisor scan --save` instead of this one.",
        ),
        click.option(
            "--backend",
            type=click.Choice(BACKENDS),
            help="The backend of the GPUs.  [default: the usual one of their maker]",
        ),
        click.option(
            "--measure/--no-measure",
            default=None,
            help="Time this machine's memory anew, or never.  [default: once per boot]",
        ),
    )
    return _with(command, options)


def _with(command: Command, options: Sequence[Callable[[Command], Command]]) -> Command:
    """The command with these options, in the order that its help lists them."""
    for option in reversed(options):
        command = option(command)
    return command


def when_to_measure(measure: bool | None) -> Measure:  # noqa: FBT001  (click hands it over)
    """What `--measure` and `--no-measure` mean to the probes."""
    from probes.bandwidth.store import Measure as When

    if measure is None:
        return When.IF_NEEDED
    return When.FORCE if measure else When.SKIP
