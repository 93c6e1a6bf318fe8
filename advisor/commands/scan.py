"""`advisor scan`: this machine, the ranking, one recommended file."""

from __future__ import annotations

from pathlib import Path

import click

from advisor.commands.options import (
    context_option,
    filter_options,
    hub_options,
    json_option,
    machine_options,
    min_speed_option,
    when_to_measure,
)


@click.command("scan")
@machine_options
@context_option
@min_speed_option
@click.option("--all", "everything", is_flag=True, help="Also what fewer people run, or is slow.")
@filter_options
@click.option("--save", metavar="FILE", help="Also write what the probes saw to FILE.")
@hub_options
@json_option
def command(  # noqa: PLR0913  (one parameter an option)
    *,
    devices: tuple[str, ...],
    machine: str | None,
    backend: str | None,
    measure: bool | None,
    context: int | None,
    min_speed: float,
    everything: bool,
    purpose: str | None,
    family: str | None,
    max_params: int | None,
    save: str | None,
    hub: bool,
    as_json: bool,
) -> None:
    """Rank the models this machine can run, and recommend one file.

    Exits with 0 when a model fits, and with 1 when none does.
    """
    from advisor.errors import UsageError
    from advisor.output import answer, answer_json
    from advisor.report.candidates import Question
    from advisor.report.filter import Filter
    from advisor.report.scan import scan
    from advisor.situation import situation
    from advisor.workload import Workload
    from catalog.shelf import load_models

    if save is not None and (devices or machine):
        msg = "`--save` records this machine, and `--device` and `--machine` stand in for it"
        raise UsageError(msg, "leave one of them out")
    here = situation(
        devices=devices, machine=machine, backend=backend, measure=when_to_measure(measure)
    )
    if save is not None and here.machine is not None:
        from advisor.recording import save_machine

        save_machine(Path(save), here.machine)
    report = scan(
        Question(
            target=here.target,
            workload=Workload(context_tokens=context, backend=here.backend),
            min_tokens_per_s=min_speed,
        ),
        load_models(),
        Filter(everything=everything, purpose=purpose, family=family, max_params=max_params),
        here.machine,
    )
    if hub:
        from advisor.hub import the_hub
        from advisor.report.published import with_listed_files

        report = with_listed_files(report, the_hub())
    if as_json:
        from advisor.render.json import scan_json

        answer_json(scan_json(report))
    else:
        from advisor.render.paper import Paper
        from advisor.render.scan import scan_text

        answer(scan_text(report, Paper()))
    click.get_current_context().exit(0 if report.rows else 1)
