"""`advisor check`: the gate for CI."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import click

from advisor.check.formats import FORMATS
from advisor.check.keys import KEYS, Kind
from advisor.commands.options import json_option

if TYPE_CHECKING:
    from advisor.check.asked import Asked
    from advisor.check.ci import Surroundings
    from advisor.check.outcome import CheckReport
    from advisor.check.requirement import Requirement
    from advisor.check.run import Measure
    from advisor.measurement import Measurement

Command = TypeVar("Command", bound=Callable[..., Any])


def variable(name: str) -> str:
    """The variable that an option may be given by: a CI job's steps share their environment."""
    return f"ADVISOR_CHECK_{name.upper()}"


def requirement_options(command: Command) -> Command:
    """An option for each key that a requirement may have."""
    for key in reversed(KEYS):
        how: dict[str, Any] = {"metavar": key.kind.value, "help": key.help}
        if key.kind is Kind.FLAG:
            how = {"is_flag": True, "help": key.help}
        elif key.choices:
            how = {"type": click.Choice(key.choices), "help": key.help}
        command = click.option(key.option, key.name, envvar=variable(key.name), **how)(command)
    return command


@click.command("check")
@requirement_options
@click.option(
    "--config",
    metavar="FILE",
    envvar=variable("config"),
    help="Read the requirements from FILE (advisor.toml).",
)
@click.option(
    "--simulate",
    metavar="RUNNER|FILE",
    envvar=variable("simulate"),
    help="A hosted runner, or a recorded machine, instead of this one.",
)
@click.option(
    "--measure",
    is_flag=True,
    envvar=variable("measure"),
    help="Measure the speeds that are asked for, as `advisor bench` does.",
)
@click.option(
    "--strict",
    is_flag=True,
    envvar=variable("strict"),
    help="Fail on what cannot be determined.",
)
@click.option(
    "--fail-on",
    type=click.Choice(["error", "warning"]),
    envvar=variable("fail_on"),
    help="The least severity that decides.  [default: error]",
)
@click.option(
    "--ignore",
    multiple=True,
    metavar="ID",
    envvar=variable("ignore"),
    help="Leave a rule out; repeatable.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMATS),
    envvar=variable("format"),
    help="What stdout gets.  [default: human, or github on its runners]",
)
@click.option(
    "--output",
    "outputs",
    multiple=True,
    metavar="FORMAT=FILE",
    envvar=variable("output"),
    help="Also write FILE in FORMAT; repeatable.",
)
@click.option("--all", "everything", is_flag=True, help="Also what does not apply (human only).")
@json_option
def command(  # noqa: PLR0913  (one parameter an option)
    *,
    config: str | None,
    simulate: str | None,
    measure: bool,
    strict: bool,
    fail_on: str | None,
    ignore: tuple[str, ...],
    form: str | None,
    outputs: tuple[str, ...],
    everything: bool,
    as_json: bool,
    **given: str | bool | None,
) -> None:
    """Check whether this machine meets a requirement; if not, say why, and what to do.

    Without a requirement it checks the machine's health alone: drivers, links, clocks, memory.
    docs/rules.md lists the rules, docs/ci.md shows how to use it in a pipeline. Every option may
    be given by a variable, too: ADVISOR_CHECK_MIN_DECODE is --min-decode.

    Exits with 0 when it is met, with 1 when it is not, with 2 for wrong usage or a wrong
    requirement file, and with 3 when it cannot be determined.
    """
    from advisor.check.asked import asked_of
    from advisor.check.ci import surroundings
    from advisor.check.problem import RequirementError
    from advisor.check.publish import output_of, publish
    from advisor.check.run import check, misunderstood

    around = surroundings(os.environ)
    form = "json" if as_json else form or ("github" if around.is_github else "human")
    files = [output_of(text) for text in outputs]
    version, checked_at = _version(), _checked_at(os.environ)
    try:
        values = {name: value for name, value in given.items() if value}
        asked = asked_of(config, values, strict=strict, fail_on=fail_on, ignore=ignore)
        report = check(
            asked,
            _stage(simulate, asked),
            version=version,
            checked_at=checked_at,
            measure=_measurer(simulate) if measure else None,
        )
    except RequirementError as error:
        wrong = misunderstood(error.problems, version=version, checked_at=checked_at)
        publish(files, wrong, around)
        _annotate(error, form, around)
        raise
    publish(files, report, around)
    _answer(form, report, around, everything=everything)
    click.get_current_context().exit(_exit_code(report))


def _stage(simulate: str | None, asked: Asked) -> Callable[[], Any]:
    """The machine, asked for when it is needed; its memory is timed only for a floor of speed."""
    from advisor.check.stage import stage_named
    from probes.bandwidth.store import Measure

    measure = Measure.IF_NEEDED if asked.has_floor else Measure.SKIP
    return lambda: stage_named(simulate, measure)


def _measurer(simulate: str | None) -> Measure:
    """Times the model of a requirement with the program that `advisor bench` would take.

    Nothing is kept: a gate leaves nothing behind.
    """
    from advisor.errors import UsageError

    if simulate is not None:
        msg = "`--measure` times this machine, and `--simulate` stands in for it"
        raise UsageError(msg, "leave one of them out")

    def measure(asked: Requirement) -> tuple[Measurement, ...]:
        from advisor.commands.bench import ended_by_signals, measured
        from advisor.commands.progress import progress_shown
        from advisor.measure.task import ANSWER_TOKENS, REPETITIONS
        from advisor.render.bench import progress_line

        request = asked.request
        if request is None:
            return ()
        workload = request.workload
        with progress_shown(progress_line, kept="nothing was kept") as show, ended_by_signals():
            return measured(
                request.model,
                show,
                quant=request.quant,
                runtime=None,
                url=None,
                backend=workload.backend,
                context=workload.context_tokens,
                depth=workload.depth_tokens,
                prompt=workload.prompt_tokens,
                tokens=ANSWER_TOKENS,
                repetitions=REPETITIONS,
                threads=None,
            ).measured

    return measure


def _version() -> str:
    from importlib.metadata import version

    return version("gguf-advisor")


def _checked_at(environ: Mapping[str, str]) -> str:
    """Now, in UTC; `SOURCE_DATE_EPOCH` stands in for it where reports have to be the same."""
    import time

    fixed = environ.get("SOURCE_DATE_EPOCH", "")
    now = float(fixed) if fixed.isdecimal() else time.time()
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now))


def _annotate(error: Any, form: str, around: Surroundings) -> None:  # noqa: ANN401
    """On GitHub, mark each mistake in the requirement file where it stands."""
    if form != "github":
        return
    from advisor.check.formats.github import problem_command
    from advisor.output import answer

    answer("\n".join(problem_command(one, around) for one in error.problems))


def _answer(form: str, report: CheckReport, around: Surroundings, *, everything: bool) -> None:
    from advisor.check.formats import written
    from advisor.output import answer, answer_json, talk

    if form == "human" and everything:
        from advisor.check.formats.human import text
        from advisor.render.paper import Paper

        answer(text(report, around, Paper(), everything=True))
    elif form in {"json", "jsonl", "gitlab", "sarif"}:
        answer_json(written(form, report, around))
    else:
        answer(written(form, report, around))
    if form == "github":
        from advisor.check.publish import tell_github

        for sentence in tell_github(report, around):
            talk(f"Note: {sentence}")
    for crash in report.crashes:
        talk(crash)


def _exit_code(report: CheckReport) -> int:
    """The verdict's, unless a rule has a bug."""
    from advisor.check.outcome import Verdict
    from advisor.errors import ExitCode

    if report.crashes:
        return ExitCode.BUG
    codes = {
        Verdict.MET: ExitCode.FITS,
        Verdict.NOT_MET: ExitCode.NOTHING_FITS,
        Verdict.UNDETERMINED: ExitCode.PROBE_FAILED,
    }
    return codes[report.verdict]
