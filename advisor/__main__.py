"""The program's entry: runs the command, and turns every way of stopping into a sentence.

Holds what happens around a command (foreign packages, broken pipes, full disks, Ctrl-C, bugs);
never what a command does.
"""

from __future__ import annotations

import sys

OWNED_PACKAGES = ("probes", "catalog")
"""Import names that others use too."""

INTERRUPT_EXIT = 130
"""What a shell reports for a program that Ctrl-C ended."""

SIGPIPE_EXIT = 141
"""What a shell reports for a program whose reader went away."""


def foreign_package() -> str | None:
    """A sentence about a stranger's package that stands before ours on the import path."""
    import importlib

    for name in OWNED_PACKAGES:
        try:
            package = importlib.import_module(name)
        except ImportError as error:
            return f"`{name}`, a part of gguf-advisor, cannot be imported: {error}"
        if getattr(package, "DISTRIBUTION", None) != "gguf-advisor":
            where = getattr(package, "__file__", None) or next(iter(package.__path__), "?")
            return f"another package named `{name}` ({where}) hides the one of gguf-advisor"
    return None


def main() -> None:
    """Run the command line and end the process with its exit code."""
    problem = foreign_package()
    if problem is not None:
        sys.stderr.write(
            f"Error: {problem}\n\nHint: run `advisor` from another directory, or install"
            " gguf-advisor into an environment of its own\n"
        )
        sys.exit(2)
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
    """Run the click group; known errors become a sentence, unknown ones the report of a bug."""
    import click

    from advisor.cli import advisor
    from advisor.errors import ExitCode, translate
    from advisor.output import tell

    try:
        advisor.main(prog_name="advisor", standalone_mode=False)
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.Abort:
        return INTERRUPT_EXIT
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except BrokenPipeError:
        raise
    except Exception as error:  # noqa: BLE001  (the one place where a bug becomes a report)
        known = translate(error)
        if known is None:
            _report_bug()
            return ExitCode.BUG
        tell(known)
        return known.exit_code
    return ExitCode.FITS


def _report_bug() -> None:
    import traceback

    from advisor.output import talk

    talk(traceback.format_exc())
    talk(
        "Error: this is a bug in advisor\n\n"
        "Hint: report it with the lines above and with what `advisor doctor` prints"
    )


if __name__ == "__main__":
    main()
