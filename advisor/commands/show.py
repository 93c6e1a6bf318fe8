"""`advisor show MODEL`: the model's page."""

from __future__ import annotations

import click

from advisor.commands.options import (
    context_option,
    hub_options,
    json_option,
    machine_options,
    min_speed_option,
    when_to_measure,
)


@click.command("show")
@click.argument("model")
@machine_options
@context_option
@min_speed_option
@hub_options
@json_option
def command(  # noqa: PLR0913  (one parameter an option)
    *,
    model: str,
    devices: tuple[str, ...],
    machine: str | None,
    backend: str | None,
    measure: bool | None,
    context: int | None,
    min_speed: float,
    hub: bool,
    as_json: bool,
) -> None:
    """Show a model's page: every quant here, and the devices that run it.

    MODEL is a name from `advisor models` or any unambiguous shortening of one, a .gguf file of
    this machine, or an address: hf:owner/repo, hf:owner/repo:Q4_K_M, hf:owner/repo/file.gguf.
    """
    from advisor.offer.named import offer_named
    from advisor.output import answer, answer_json
    from advisor.report.candidates import Question
    from advisor.report.page import page
    from advisor.situation import situation
    from advisor.workload import Workload
    from catalog.hardware import load_devices
    from catalog.shelf import load_models

    offer = offer_named(model, hub=hub)
    here = situation(
        devices=devices, machine=machine, backend=backend, measure=when_to_measure(measure)
    )
    question = Question(
        target=here.target,
        workload=Workload(context_tokens=context, backend=here.backend),
        min_tokens_per_s=min_speed,
    )
    found = page(offer, load_models(), question, load_devices())
    if as_json:
        from advisor.render.json import page_json

        answer_json(page_json(found))
    else:
        from advisor.render.page import page_text
        from advisor.render.paper import Paper

        answer(page_text(found, here.machine, Paper()))
