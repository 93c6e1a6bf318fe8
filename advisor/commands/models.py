"""`advisor models`: the catalog."""

from __future__ import annotations

import click

from advisor.commands.options import Params, json_option


@click.command("models")
@click.argument("words", nargs=-1)
@click.option("--family", metavar="WORDS", help="Only models of this family or publisher.")
@click.option(
    "--for",
    "purpose",
    type=click.Choice(["chat", "coding", "reasoning", "embedding"]),
    help="Only models made for this.",
)
@click.option("--max-params", type=Params(), help="Only models of at most so many weights (8B).")
@click.option("--popular", is_flag=True, help="Only the models people run most.")
@json_option
def command(  # noqa: PLR0913  (one parameter an option)
    *,
    words: tuple[str, ...],
    family: str | None,
    purpose: str | None,
    max_params: int | None,
    popular: bool,
    as_json: bool,
) -> None:
    """List the models of the catalog whose names hold all the WORDS.

    Exits with 0 when there is one, and with 1 when there is none.
    """
    from advisor.output import answer, answer_json
    from advisor.report.model_list import model_list

    rows = model_list(words, family=family, purpose=purpose, max_params=max_params, popular=popular)
    if as_json:
        from advisor.render.json import models_json

        answer_json(models_json(rows))
    else:
        from advisor.render.model_list import model_list_text
        from advisor.render.paper import Paper

        answer(model_list_text(rows, Paper()))
    click.get_current_context().exit(0 if rows else 1)
