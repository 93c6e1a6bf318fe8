"""`advisor estimate MODEL`: one placement in full; `advisor estimate -`: one request a line."""

from __future__ import annotations

from typing import Any

import click

from advisor.commands.options import context_option, json_option, machine_options
from advisor.commands.values import Count, Tokens
from advisor.workload import Era, FlashAttention, LoadMode, Runtime


@click.command("estimate")
@click.argument("model")
@click.option("--quant", "-q", metavar="NAME", help="Such as Q4_K_M.  [default: the best here]")
@machine_options
@context_option
@click.option(
    "--depth",
    type=Count(least=0),
    metavar="TOKENS",
    help="Tokens already in the cache when decode is timed.  [default: 0]",
)
@click.option(
    "--prompt",
    type=Tokens(),
    help="Length of the prompt that prefill is stated for.  [default: 512]",
)
@click.option("--gpu-layers", metavar="N|auto|all", help="Layers on the GPUs.  [default: auto]")
@click.option(
    "--n-cpu-moe",
    metavar="N|auto|all",
    help="First layers whose experts stay on the CPU.  [default: auto]",
)
@click.option(
    "--tensor-split",
    metavar="N,N,…",
    help="Shares of the GPUs in the layers.  [default: by their free memory]",
)
@click.option("--kv-type-k", metavar="TYPE", help="Type of the K cache.  [default: f16]")
@click.option("--kv-type-v", metavar="TYPE", help="Type of the V cache.  [default: f16]")
@click.option(
    "--flash-attention",
    type=click.Choice([one.value for one in FlashAttention]),
    help="Whether attention stores no scores.  [default: auto: as the runtime has it]",
)
@click.option(
    "--ubatch",
    type=Tokens(),
    help="Tokens of a micro-batch.  [default: 512, but for Ollama]",
)
@click.option(
    "--sequences",
    type=Count(least=1),
    metavar="N",
    help="Parallel sequences.  [default: the runtime's own]",
)
@click.option(
    "--kv-unified/--no-kv-unified",
    default=None,
    help="Whether sequences share one cache.  [default: the runtime's own way]",
)
@click.option(
    "--runtime",
    type=click.Choice([one.value for one in Runtime]),
    help="The program that runs the model.  [default: llama-server]",
)
@click.option(
    "--era",
    type=click.Choice([one.value for one in Era]),
    help="How old its build of llama.cpp is.  [default: current]",
)
@click.option(
    "--load-mode",
    type=click.Choice([one.value for one in LoadMode]),
    help="How the host's weights are read.  [default: auto: as the runtime does]",
)
@click.option("--explain", is_flag=True, help="Also print the arithmetic, line by line.")
@json_option
def command(  # noqa: PLR0913  (one parameter an option)
    *,
    model: str,
    devices: tuple[str, ...],
    machine: str | None,
    measure: bool | None,
    explain: bool,
    as_json: bool,
    **asked: str | int | bool | None,
) -> None:
    """Estimate one model: memory by part and device, longest context, speed.

    MODEL is a name from `advisor models`, or `-`: then each line of standard input is a request
    in JSON, such as {"model": "qwen3-8b", "quant": "Q4_K_M", "device": "RTX 4090"}, and each
    line of the answer is an estimate in JSON, or an error.

    Exits with 0 when it fits, and with 1 when it does not; with `-`, with 0 once every line has
    its answer.
    """
    from advisor.batch import answer_lines, estimate_of, standard_input
    from advisor.commands.options import when_to_measure
    from advisor.estimate.result import Verdict
    from advisor.output import answer, answer_json
    from advisor.request import request_from_mapping

    when = when_to_measure(measure)
    values: dict[str, Any] = {name: one for name, one in asked.items() if one is not None}
    if devices:
        values["device"] = list(devices)
    if machine is not None:
        values["machine"] = machine
    if model == "-":
        for line in answer_lines(standard_input(), defaults=values, measure=when):
            answer_json(line)
        return
    found = estimate_of(request_from_mapping({"model": model, **values}), measure=when)
    if as_json:
        from advisor.render.estimate_json import estimate_object
        from advisor.render.json import dumps

        answer_json(dumps(estimate_object(found)))
    else:
        from advisor.render.estimate import estimate_text
        from advisor.render.paper import Paper

        answer(estimate_text(found, Paper(), explain=explain))
    click.get_current_context().exit(1 if found.fit.verdict is Verdict.NO else 0)
