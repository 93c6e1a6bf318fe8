"""`advisor pull MODEL`: the recommended file, from the Hub into the cache that programs share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from advisor.commands.options import (
    context_option,
    json_option,
    machine_options,
    when_to_measure,
)

if TYPE_CHECKING:
    from advisor.pull.plan import Plan

KEPT = "what came so far is kept: the same command goes on from there"


@click.command("pull")
@click.argument("model")
@click.option("--quant", "-q", metavar="NAME", help="Such as Q4_K_M.  [default: the best here]")
@machine_options
@context_option
@click.option("--dry-run", is_flag=True, help="Only say what would be fetched, and to where.")
@json_option
def command(  # noqa: PLR0913  (one parameter an option)
    *,
    model: str,
    quant: str | None,
    devices: tuple[str, ...],
    machine: str | None,
    backend: str | None,
    measure: bool | None,
    context: int | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Get the recommended file of MODEL from the Hugging Face Hub, checked.

    MODEL is a name from `advisor models`, or an address: hf:owner/repo, hf:owner/repo:Q4_K_M,
    hf:owner/repo/file.gguf. The file goes into the cache of huggingface_hub, where llama.cpp
    finds it, too. A download that was broken off goes on where it stopped.

    Exits with 0 when the file is there, with 1 when no quant runs here, with 5 when the Hub does
    not answer or sends something else, and with 74 when the disk has no room.
    """
    from advisor.commands.progress import progress_shown
    from advisor.hub import the_hub
    from advisor.output import answer, answer_json, talk
    from advisor.pull.run import carried_out, planned
    from advisor.render.pull import progress_line
    from advisor.report.candidates import Question
    from advisor.situation import situation
    from advisor.workload import Workload

    def question() -> Question:
        here = situation(
            devices=devices, machine=machine, backend=backend, measure=when_to_measure(measure)
        )
        return Question(
            target=here.target, workload=Workload(context_tokens=context, backend=here.backend)
        )

    hub = the_hub()
    report = planned(model, quant, hub, question)
    if not dry_run:
        refuse_without_room(report.plan)
        with progress_shown(progress_line, kept=KEPT) as show:
            report = carried_out(report, hub, show=show, tell=talk)
    if as_json:
        from advisor.render.pull import pull_json

        answer_json(pull_json(report))
    else:
        from advisor.render.paper import Paper
        from advisor.render.pull import pull_text

        answer(pull_text(report, Paper()))
    refuse_without_room(report.plan)


def refuse_without_room(plan: Plan) -> None:
    """Stop before the first byte.

    Raises:
        NoRoomError: The disk has less free than is missing.
    """
    if plan.has_room:
        return
    from advisor.pull.errors import NoRoomError
    from advisor.render.pull import no_room

    hint = "free some space, or set `HF_HUB_CACHE` to a folder on another disk"
    raise NoRoomError(no_room(plan), hint)
