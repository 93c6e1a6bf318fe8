"""The command line: the group, and how it finds its commands.

A command's module is imported only when it runs, so that `--help` costs nothing but this file;
its one-line help therefore stands here.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from advisor.errors import UsageError

COMMANDS = {
    "scan": "Rank the models this machine can run, and recommend one file.",
    "show": "Show a model's page: every quant, and the devices that run it.",
    "estimate": "Estimate one model: memory by part and device, context, speed.",
    "devices": "List the devices of the catalog that run a model.",
    "models": "List the models of the catalog.",
    "verify": "Check that a GGUF file is whole.",
    "pull": "Get the recommended file from the Hugging Face Hub, checked.",
    "bench": "Measure what was predicted, and keep the result for this machine.",
    "check": "Check that this machine meets a requirement, for CI.",
    "doctor": "Report what was detected and how, for a bug report.",
}
"""Every command and its one-line help, in the order people meet them."""


class LazyGroup(click.Group):
    """A group whose commands are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """The commands in the order of `COMMANDS`."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """The command of this name; ``None`` for none."""
        if cmd_name not in COMMANDS:
            return None
        command = import_module(f"advisor.commands.{cmd_name}").command
        return command if isinstance(command, click.Command) else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that the first word names, or a sentence with the nearest one.

        Raises:
            UsageError: There is no such command.
        """
        if args[0] in COMMANDS or args[0].startswith("-") or ctx.resilient_parsing:
            return super().resolve_command(ctx, args)
        from difflib import get_close_matches

        from advisor.errors import UsageError

        near = get_close_matches(args[0], COMMANDS, n=1)
        hint = f"did you mean `{near[0]}`?" if near else f"the commands are {', '.join(COMMANDS)}"
        raise UsageError(f"`{args[0]}` is not a command", hint)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


def _print_version(ctx: click.Context, _parameter: click.Parameter, value: bool) -> None:  # noqa: FBT001
    """Say the version, and how old the catalog is."""
    if not value or ctx.resilient_parsing:
        return
    from importlib.metadata import version

    from advisor.output import answer
    from catalog.age import last_checked

    answer(f"advisor {version('gguf-advisor')} (catalog of {last_checked()})")
    ctx.exit()


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="Show the version and the catalog's date.",
)
def advisor() -> None:
    """Say which local LLM, in which quantization, this machine runs, and how that is known.

    Begin with `advisor scan`.

    Exit codes: 0 it fits, 1 nothing fits, 2 wrong usage, 3 a probe failed, 4 a header cannot be
    read, 5 the Hub did not answer, 70 a bug, 74 the answer could not be written.
    """


def complete(program: str) -> int | None:
    """Answer a shell that asks how a word could go on.

    Returns:
        The exit code; ``None`` when no shell asks, as on every ordinary run.
    """
    variable = f"_{program.upper()}_COMPLETE"
    asked = os.environ.get(variable)
    if not asked:
        return None
    from click.shell_completion import shell_complete

    return shell_complete(advisor, {}, program, variable, asked)


def usage_error(error: click.ClickException) -> UsageError | None:
    """What click found wrong, as a sentence and a hint like those of every other error.

    Returns:
        ``None`` for a group without a command, which is answered with its help.
    """
    from advisor.errors import UsageError

    context = getattr(error, "ctx", None)
    path = context.command_path if context else "advisor"
    words = error.format_message()
    if words.startswith("Usage:"):
        return None
    sentence, _, suggestion = words.partition(". ")
    hint = f"`{path} --help` shows what it takes"
    if suggestion:
        hint = f"{suggestion[0].lower()}{suggestion[1:]} {hint}"
    return UsageError(sentence.rstrip("."), hint)
