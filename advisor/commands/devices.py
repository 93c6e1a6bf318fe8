"""`advisor devices MODEL`: which devices of the catalog run a model."""

from __future__ import annotations

import click

from advisor.commands.options import context_option, json_option, verbose_option


@click.command("devices")
@click.argument("model")
@click.option(
    "--quant", "-q", metavar="NAME", help="Its quantization.  [default: Q4_K_M; a file's own]"
)
@context_option
@click.option(
    "--kind",
    type=click.Choice(["desktop", "laptop", "datacenter", "unified", "system"]),
    help="Only devices of this kind.",
)
@click.option("--vendor", metavar="NAME", help="Only devices of this maker.")
@verbose_option
@json_option
def command(  # noqa: PLR0913  (one parameter an option)
    *,
    model: str,
    quant: str | None,
    context: int | None,
    kind: str | None,
    vendor: str | None,
    as_json: bool,
) -> None:
    """List the devices of the catalog that hold a model whole, fastest first.

    MODEL is a name from `advisor models` or any unambiguous shortening of one, a .gguf file of
    this machine, or an address: hf:owner/repo:Q4_K_M, hf:owner/repo/file.gguf.

    Exits with 0 when a device does, and with 1 when none does.
    """
    from advisor.offer.named import offer_named
    from advisor.output import answer, answer_json
    from advisor.report.device_list import device_list
    from advisor.workload import Workload

    offer = offer_named(model)
    subject = offer.subject(quant or offer.usual)
    found = device_list(subject, Workload(context_tokens=context), kind=kind, vendor=vendor)
    if as_json:
        from advisor.render.json import device_list_json

        answer_json(device_list_json(found))
    else:
        from advisor.render.device_list import device_list_text
        from advisor.render.paper import Paper

        answer(device_list_text(found, Paper()))
    click.get_current_context().exit(0 if found.rows else 1)
