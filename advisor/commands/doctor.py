"""`advisor doctor`: what was detected and how, for a bug report."""

from __future__ import annotations

import click

from advisor.commands.options import json_option, when_to_measure


@click.command("doctor")
@click.option("--machine", metavar="FILE", help="A recorded machine instead of this one.")
@click.option("--measure/--no-measure", default=None, help="Time the memory anew, or never.")
@json_option
def command(*, machine: str | None, measure: bool | None, as_json: bool) -> None:
    """Report what was detected and how, with nothing private in it.

    Paste the output into a bug report as it is. Exits with 3 when hardware that is present
    cannot be used, and with 0 otherwise.
    """
    from advisor.errors import ExitCode
    from advisor.output import answer, answer_json
    from advisor.report.doctor import diagnose
    from advisor.situation import machine_of
    from probes.finding import Severity

    found = diagnose(machine_of(machine, when_to_measure(measure)))
    if as_json:
        from advisor.render.json import doctor_json

        answer_json(doctor_json(found))
    else:
        from advisor.render.doctor import doctor_text
        from advisor.render.paper import Paper

        answer(doctor_text(found, Paper()))
    failed = any(one.severity is Severity.ERROR for one in found.machine.findings)
    click.get_current_context().exit(ExitCode.PROBE_FAILED if failed else ExitCode.FITS)
