"""`advisor bench`: measure what was predicted, and keep the result for this machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

import click

from advisor.commands.options import context_option, json_option, when_to_measure
from advisor.commands.values import Count, Tokens
from advisor.request import BACKENDS

if TYPE_CHECKING:
    from pathlib import Path

    from advisor.measure.bench import BenchReport
    from advisor.measure.task import Step

Answer = TypeVar("Answer")

PROGRAMS = ("llama-bench", "llama-cpp-python", "llama-server", "ollama", "lmstudio")
"""`measure.runners.PROGRAMS`, here so that `--help` imports none of it; a test compares them."""


@click.command("bench")
@click.argument("model", required=False)
@click.option("--quant", "-q", metavar="NAME", help="Such as Q4_K_M.  [default: the best here]")
@click.option(
    "--runtime",
    type=click.Choice(PROGRAMS),
    help="What runs the model.  [default: the first of these that is here]",
)
@click.option("--url", metavar="URL", help="Where the server listens, on this machine.")
@click.option(
    "--backend",
    type=click.Choice(BACKENDS),
    help="The backend that is measured; `cpu` for no GPU.  [default: the usual one]",
)
@context_option
@click.option(
    "--depth",
    type=Count(least=0),
    default=0,
    metavar="TOKENS",
    help="Tokens in the cache before decode is timed.  [default: 0]",
)
@click.option(
    "--prompt", type=Tokens(), default=512, show_default=True, help="Length of the timed prompt."
)
@click.option(
    "--tokens", type=Tokens(), default=128, show_default=True, help="Length of the timed answer."
)
@click.option(
    "--repetitions", "-r", type=Count(least=2), default=5, show_default=True, help="Timed runs."
)
@click.option(
    "--threads", type=Count(least=1), metavar="N", help="Threads.  [default: the usable cores]"
)
@click.option("--keep/--no-keep", default=True, help="Keep the result for later estimates.")
@click.option("--list", "lists", is_flag=True, help="Only list what is kept.")
@click.option("--forget", metavar="NUMBER|all", help="Only delete what is kept.")
@click.option("--export", is_flag=True, help="Only write what is kept as CSV, to share it.")
@json_option
def command(
    *,
    model: str | None,
    as_json: bool,
    lists: bool,
    forget: str | None,
    export: bool,
    **asked: Any,  # noqa: ANN401  (one an option; `_measure` names them)
) -> None:
    """Measure how fast MODEL is here, and compare with the prediction.

    MODEL is a .gguf file, or the name or address of a model whose file is on this machine; with a
    server, what the server calls it. Without it the recommended model is measured, if it is here.

    What is measured is kept, and `scan`, `show` and `estimate` use it on this machine from then
    on: the same model as it was measured, others with a factor.

    Exits with 0 when it was measured, with 1 when the model does not fit, with 2 when its file or
    a program to run it is not here, and with 3 when the program fails.
    """
    from advisor.errors import UsageError

    chosen = [
        name for name, one in (("list", lists), ("forget", forget), ("export", export)) if one
    ]
    if len(chosen) > 1 or (chosen and model is not None):
        others = " and ".join(f"`--{name}`" for name in chosen)
        msg = f"{others} measure nothing, and stand alone"
        raise UsageError(msg, "leave the others out")
    if forget is not None:
        _forget(forget)
    elif lists or export:
        _show_kept(as_json=as_json, as_csv=export)
    else:
        _measure(model, as_json=as_json, **asked)


def _measure(model: str | None, *, as_json: bool, keep: bool, **asked: Any) -> None:  # noqa: ANN401
    """Measure, keep, and answer."""
    from advisor.commands.progress import progress_shown
    from advisor.output import answer, answer_json
    from advisor.render.bench import progress_line

    with progress_shown(progress_line, kept="nothing was kept") as show, ended_by_signals():
        report = measured(model, show, **asked)
    if keep:
        report = kept(report)
    if as_json:
        from advisor.render.bench import bench_json

        answer_json(bench_json(report))
    else:
        from advisor.render.bench import bench_text
        from advisor.render.paper import Paper

        answer(bench_text(report, Paper()))


def measured(  # noqa: PLR0913  (one parameter an option)
    model: str | None,
    show: Callable[[Step], None],
    *,
    quant: str | None,
    runtime: str | None,
    url: str | None,
    backend: str | None,
    context: int | None,
    depth: int,
    prompt: int,
    tokens: int,
    repetitions: int,
    threads: int | None,
) -> BenchReport:
    """What `advisor bench` measures with these options, not kept.

    Args:
        model: A `.gguf` file, a model's name or address, or what a server calls it; ``None`` for
            the recommended one, or for what a server has loaded.
        show: Gets every step.
        quant: A quant's name; ``None`` for the best that is here.
        runtime: One of `PROGRAMS`; ``None`` for the first that is here.
        url: Where the server listens; ``None`` for the usual place.
        backend: `cpu` for no GPU; ``None`` for the usual one.
        context: What the placement is chosen for; ``None`` for the usual. [tokens]
        depth: In the cache before decode is timed. [tokens]
        prompt: Length of the timed prompt. [tokens]
        tokens: Length of the timed answer. [tokens]
        repetitions: Timed runs. [count]
        threads: Of the processor; ``None`` for the usable cores. [count]

    Raises:
        AdvisorError: There is no program, no model or no room; or the program fails.
        CatalogError: The model is not known, or its file cannot be read.
        ProbeError: The memory of this machine cannot be known.
    """
    from advisor.measure.bench import Wish, measure
    from advisor.measure.outcome import Chosen, Place
    from advisor.measure.runners import SERVERS, choose
    from advisor.output import talk
    from advisor.pull.store import hub_cache
    from advisor.render.bench import file_said
    from advisor.report.candidates import Question
    from advisor.report.measurable import measurable, served_model
    from advisor.report.present import present_files
    from advisor.situation import machine_of, situation, with_backend
    from advisor.target import target_of_machine
    from advisor.workload import Workload
    from probes.ask import Asker

    asker = Asker()
    is_named = model is not None and not model.lower().endswith(".gguf")
    name = model if is_named and runtime in {None, *SERVERS} else None
    runner = choose(runtime, asker, url=url, name=name)
    here = situation(backend=backend)
    if here.machine is None:
        msg = "this machine was not looked at"
        raise RuntimeError(msg)
    target = replace(here.target, measured=())
    if runner.served is not None:
        found = served_model(runner.served, quant, None if is_named else model)
    else:
        question = Question(target=target, workload=Workload(context_tokens=context))
        found = measurable(model, quant, question, present_files(asker, hub_cache()))
    seen = here.machine
    if found.path is not None:
        talk(file_said(found.path.name, found.path.stat().st_size))
    return measure(
        Chosen(subject=found.subject, path=found.path),
        Place(
            machine=seen,
            target=target,
            under=lambda used: with_backend(target_of_machine(seen), used),
            has_gpus=bool(seen.accelerators),
            look_again=lambda: machine_of(None, when_to_measure(measure=False)),
        ),
        runner,
        Wish(
            context_tokens=context,
            prompt_tokens=prompt,
            answer_tokens=tokens,
            depth_tokens=depth,
            repetitions=repetitions,
            threads=threads,
        ),
        show,
    )


def kept(report: BenchReport) -> BenchReport:
    """The same report once its measurements are kept; what prevents that is a note in it."""
    from advisor.measure.store import StoreError, keep

    path = _store()
    if path is None:
        note = "nothing is kept: no data directory of this user is known"
        return replace(report, notes=(*report.notes, note))
    try:
        numbers = keep(path, report.measured)
    except StoreError as error:
        return replace(report, notes=(*report.notes, str(error)))
    numbered = tuple(
        replace(one, number=number) for one, number in zip(report.measured, numbers, strict=True)
    )
    return replace(report, measured=numbered, is_kept=True)


def _store() -> Path | None:
    from advisor.measure.store import store_path
    from probes.ask import Asker

    return store_path(Asker())


def _show_kept(*, as_json: bool, as_csv: bool) -> None:
    from advisor.measure.identity import machine_identity
    from advisor.measure.store import load
    from advisor.output import answer, answer_json
    from advisor.render.bench import export_csv, list_json, list_text
    from advisor.render.paper import Paper
    from advisor.situation import machine_of

    everything = readable(lambda: load(_store()))
    if as_csv:
        answer(export_csv(everything))
        return
    # Which machine this is matters only where something is kept.
    seen = machine_of(None, when_to_measure(measure=False)) if everything or as_json else None
    identity = "" if seen is None else machine_identity(seen)
    if as_json:
        answer_json(list_json(everything, identity))
    else:
        answer(list_text(everything, identity, Paper()))


def _forget(which: str) -> None:
    """Delete one measurement, or all.

    Raises:
        UsageError: There is no such measurement.
    """
    from advisor.errors import UsageError
    from advisor.measure.store import forget
    from advisor.output import answer
    from advisor.render.bench import forgotten_text

    if which != "all" and not which.isdecimal():
        msg = f"`{which}` is not the number of a measurement"
        raise UsageError(msg, "`advisor bench --list` numbers them; `all` forgets every one")
    number = None if which == "all" else int(which)
    count = readable(lambda: forget(_store(), number))
    if number is not None and not count:
        msg = f"there is no measurement {number}"
        raise UsageError(msg, "`advisor bench --list` numbers them")
    answer(forgotten_text(count))


def readable(ask: Callable[[], Answer]) -> Answer:
    """What the store answers.

    Raises:
        CannotWriteError: The file cannot be used.
    """
    from advisor.errors import CannotWriteError
    from advisor.measure.store import StoreError

    try:
        return ask()
    except StoreError as error:
        raise CannotWriteError(str(error), "move the file away to begin anew") from error


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """Makes a polite end (`kill`, a closed terminal) what Ctrl-C is, so that no child is left."""
    import signal

    def stop(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    names = [name for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {name: signal.signal(getattr(signal, name), stop) for name in names}
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(getattr(signal, name), handler)
