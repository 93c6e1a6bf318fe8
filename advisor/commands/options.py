"""The options that several commands share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from advisor.commands.values import Params, Rate, Tokens
from advisor.request import BACKENDS

if TYPE_CHECKING:
    from probes.bandwidth.store import Measure

Command = TypeVar("Command", bound=Callable[..., Any])


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
