"""ADV300 to ADV303, ADV307 to ADV309: which GPUs and which driver a requirement asks for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from advisor.check.gpus import is_for, matching, named_gpus, there_is
from advisor.check.outcome import Compared, Found, Status
from advisor.check.rule import asked_rule
from advisor.check.rules.findings import MACHINE, NOT_ASKED, skipped
from advisor.check.values import version_parts
from advisor.check.words import counted, gpu_labels, listed
from advisor.figure import Origin
from probes.accelerator import AcceleratorKind, AcceleratorState

if TYPE_CHECKING:
    from advisor.check.case import Case


def _applies(case: Case) -> Iterator[Found]:
    where = case.asked.where
    if where is None:
        yield skipped("it is for every machine")
    elif is_for(where, case.machine):
        sentence = f"this machine is one of those that it is for (`{where}`)"
        yield Found(status=Status.PASS, subject=MACHINE, sentence=sentence, key="where")
    else:
        yield Found(
            status=Status.SKIPPED,
            subject=MACHINE,
            sentence=f"it is for other machines (`{where}`) than {case.target.name}",
            key="where",
        )


def _model_of_gpu(case: Case) -> Iterator[Found]:
    text = case.asked.gpu
    if text is None:
        yield skipped(NOT_ASKED)
        return
    wanted = named_gpus(text)
    found = matching(case.ready, wanted, case.machine)
    compared = Compared(
        quantity="gpus", value=len(found), limit=wanted.count, origin=Origin.REPORTED
    )
    if len(found) >= wanted.count:
        sentence = f"`{text}` is there: {listed(gpu_labels(found[: wanted.count]))}"
        yield Found(
            status=Status.PASS, subject=MACHINE, sentence=sentence, key="gpu", compared=compared
        )
        return
    yield Found(
        status=Status.FAIL,
        subject=MACHINE,
        sentence=f"`{text}` is asked for, and {there_is(case.machine)}",
        hint="send the job to another runner, or change `gpu`",
        key="gpu",
        compared=compared,
    )


def _count(case: Case) -> Iterator[Found]:
    least = case.asked.min_gpus
    if least is None:
        yield skipped(NOT_ASKED)
        return
    count = len(case.target.gpus)
    compared = Compared(quantity="gpus", value=count, limit=least, origin=Origin.REPORTED)
    sentence = f"{counted(count, 'GPU')} of {least} can be used by one program"
    if count >= least:
        yield Found(
            status=Status.PASS,
            subject=MACHINE,
            sentence=sentence,
            key="min_gpus",
            compared=compared,
        )
        return
    yield Found(
        status=Status.FAIL,
        subject=MACHINE,
        sentence=f"{sentence}; {there_is(case.machine)}",
        hint="check the runner's GPUs with `advisor doctor`",
        key="min_gpus",
        compared=compared,
    )


def _dedicated(case: Case) -> Iterator[Found]:
    if not case.asked.dedicated:
        yield skipped(NOT_ASKED)
        return
    own = [gpu.name for gpu in case.target.gpus if not gpu.shares_host_memory]
    if own:
        sentence = f"{listed(own)} {'has' if len(own) == 1 else 'have'} memory of its own"
        yield Found(status=Status.PASS, subject=MACHINE, sentence=sentence, key="dedicated")
        return
    shared = [gpu.name for gpu in case.target.gpus]
    said = f"{listed(shared)} uses the system's memory" if shared else there_is(case.machine)
    yield Found(
        status=Status.FAIL,
        subject=MACHINE,
        sentence=f"a GPU with memory of its own is asked for, and {said}",
        hint="send the job to a runner with a graphics card",
        key="dedicated",
    )


def _mig(case: Case) -> Iterator[Found]:
    layout = case.asked.mig
    if layout is None:
        yield skipped(NOT_ASKED)
        return
    slices = [one for one in case.ready if one.kind is AcceleratorKind.MIG]
    split = [one for one in case.machine.accelerators if one.state is AcceleratorState.PARTITIONED]
    names = [one.name for one in slices]
    if layout == "none":
        holds = not split and not slices
        said = f"{listed(one.name for one in split or slices)} is split" if not holds else ""
        sentence = "no GPU is in MIG mode" if holds else f"MIG is not wanted, and {said}"
        hint = "leave MIG mode with `sudo nvidia-smi -mig 0`"
    else:
        holds = any(name.lower().endswith(f"mig {layout}") for name in names)
        there = f"there is {listed(names)}" if names else "there is no MIG instance"
        sentence = there if holds else f"a MIG instance {layout} is asked for, and {there}"
        hint = f"make one with `sudo nvidia-smi mig -cgi {layout} -C`"
    yield Found(
        status=Status.PASS if holds else Status.FAIL,
        subject=MACHINE,
        sentence=sentence,
        hint=None if holds else hint,
        key="mig",
    )


def _driver(case: Case) -> Iterator[Found]:
    least = case.asked.min_driver
    if least is None:
        yield skipped(NOT_ASKED)
        return
    versions = {one.driver for one in case.gpus}
    known = sorted({one for one in versions if one and version_parts(one)}, key=version_parts)
    if not case.target.gpus or not known or None in versions:
        yield Found(
            status=Status.UNDETERMINED,
            subject=MACHINE,
            sentence=f"the version of the GPUs' driver is not known; {least} is asked for",
            hint=None if case.target.gpus else "see whether there is a GPU that can be used",
            key="min_driver",
        )
        return
    holds = version_parts(known[0]) >= version_parts(least)
    relation = "at least" if holds else "older than"
    yield Found(
        status=Status.PASS if holds else Status.FAIL,
        subject=MACHINE,
        sentence=f"the GPUs' driver is {known[0]}, {relation} the {least} asked for",
        hint=None if holds else "update the driver of the runner",
        key="min_driver",
    )


def _understood(_: Case) -> Iterator[Found]:
    """Whoever is asked is understood; `run.misunderstood` tells of others."""
    yield Found(status=Status.PASS, subject=MACHINE, sentence="the requirement is understood")


RULES = (
    asked_rule(
        300,
        "requirement-understood",
        _understood,
        title="the requirement is understood",
        about="Fails, with exit code 2, for each mistake in the requirement: a key that does not"
        " exist, a value that cannot be, a model or a GPU that nobody knows. No other rule is asked"
        " then.",
    ),
    asked_rule(
        301,
        "requirement-applies",
        _applies,
        "where",
        title="some requirement is for this machine",
        about="Skipped for a requirement whose `where` names other machines; its other rules are"
        " then not asked. Undetermined when no requirement of the file is for this machine.",
    ),
    asked_rule(
        302,
        "gpu-model",
        _model_of_gpu,
        "gpu",
        title="the GPU that is asked for is there",
        about="By the catalog's rows, never by a part of a name; a MIG instance is not its card.",
    ),
    asked_rule(
        303,
        "gpu-count",
        _count,
        "min_gpus",
        title="so many GPUs can be used by one program",
        about="Counts the GPUs that one process of llama.cpp would use: of one maker, ready, not"
        " hidden; of MIG instances one.",
    ),
    asked_rule(
        307,
        "gpu-dedicated",
        _dedicated,
        "dedicated",
        title="there is a GPU with memory of its own",
        about="Fails where the only GPU shares the system's memory.",
    ),
    asked_rule(
        308,
        "mig-layout",
        _mig,
        "mig",
        title="MIG is as it is wanted",
        about="`none`: no card is split. A profile: an instance of it can be used.",
    ),
    asked_rule(
        309,
        "driver-version",
        _driver,
        "min_driver",
        title="the GPUs' driver is new enough",
        about="Compares number by number. Undetermined when no driver says its version.",
    ),
)
