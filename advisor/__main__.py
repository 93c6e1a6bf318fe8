"""The program's entry: runs the command, and turns every way of stopping into a sentence.

Holds what happens around a command (foreign packages, broken pipes, full disks, Ctrl-C, bugs);
never what a command does.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import click

PROGRAM = "advisor"
"""What messages call the program, whichever of its names started it."""

OWNED_PACKAGES = ("probes", "catalog")
"""Import names that others use too."""

INTERRUPT_EXIT = 130
"""What a shell reports for a program that Ctrl-C ended."""

SIGPIPE_EXIT = 141
"""What a shell reports for a program whose reader went away."""


def main() -> None:
    """Run the command line and end the process with its exit code."""
    from advisor.output import close_quietly, prepare_streams

    prepare_streams()
    try:
        code = _run()
    except KeyboardInterrupt:
        code = INTERRUPT_EXIT
    except BrokenPipeError:
        code = SIGPIPE_EXIT
    close_quietly()
    sys.exit(code)


def _run() -> int:
    """The command's exit code; known errors become a sentence, unknown ones the report of a bug."""
    from advisor.errors import translate
    from advisor.output import check_stdout, tell

    try:
        check_foreign_packages()
        check_stdout()
        return _invoke(sys.argv[1:])
    except BrokenPipeError:
        raise
    except Exception as error:  # noqa: BLE001  (the one place where a bug becomes a report)
        known = translate(error)
        if known is None:
            return _report_bug()
        tell(known)
        return known.exit_code


def _invoke(words: list[str]) -> int:
    """Run the click group on the words of the command line.

    `click.Group.main` is not used, for it ends a program whose reader went away with 1, which
    here says that nothing fits.
    """
    import click

    from advisor.cli import advisor, complete

    completed = complete(PROGRAM)
    if completed is not None:
        return completed
    try:
        with advisor.make_context(PROGRAM, words) as context:
            advisor.invoke(context)
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.Abort:
        return INTERRUPT_EXIT
    except click.ClickException as error:
        return _tell_usage(error)
    return 0


def _tell_usage(error: click.ClickException) -> int:
    """Write what click found wrong with the command line, in the words of every other error."""
    from advisor.cli import usage_error
    from advisor.output import talk, tell

    known = usage_error(error)
    if known is None:
        talk(error.format_message())
    else:
        tell(known)
    return error.exit_code


def check_foreign_packages() -> None:
    """Refuse to run with a stranger's package that stands before ours on the import path.

    Raises:
        UsageError: There is one, or a part of the program is missing.
    """
    import importlib

    from advisor.errors import UsageError

    hint = "run `advisor` elsewhere, or install gguf-advisor into an environment of its own"
    for name in OWNED_PACKAGES:
        try:
            package = importlib.import_module(name)
        except ImportError as error:
            msg = f"`{name}`, a part of gguf-advisor, cannot be imported: {error}"
            raise UsageError(msg, hint) from error
        if getattr(package, "DISTRIBUTION", None) != "gguf-advisor":
            where = getattr(package, "__file__", None) or next(iter(package.__path__), "?")
            msg = f"another package named `{name}` ({where}) hides the one of gguf-advisor"
            raise UsageError(msg, hint)


def _report_bug() -> int:
    import traceback

    from advisor.errors import ExitCode
    from advisor.output import talk

    talk(traceback.format_exc())
    talk(
        "Error: this is a bug in advisor\n\n"
        "Hint: report it with the lines above and with what `advisor doctor` prints"
    )
    return ExitCode.BUG


if __name__ == "__main__":
    main()
