"""`advisor models`: the catalog."""

from __future__ import annotations

import click

from advisor.commands.options import filter_options, json_option


@click.command("models")
@click.argument("words", nargs=-1)
@filter_options
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
    from advisor.report.filter import Filter
    from advisor.report.model_list import model_list

    rows = model_list(
        words,
        Filter(everything=not popular, purpose=purpose, family=family, max_params=max_params),
    )
    if as_json:
        from advisor.render.json import models_json

        answer_json(models_json(rows))
    else:
        from advisor.render.model_list import model_list_text
        from advisor.render.paper import Paper

        answer(model_list_text(rows, Paper()))
    click.get_current_context().exit(0 if rows else 1)
