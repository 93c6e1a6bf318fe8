"""A download as text: what is fetched and why, the line that counts it, and the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from advisor.pull.choose import Reason
from advisor.pull.progress import Phase
from advisor.render.json import dumps
from advisor.render.json_parts import command_object
from advisor.render.run_lines import write_commands
from advisor.render.sentences import reason
from advisor.render.units import gb, gb_number

if TYPE_CHECKING:
    from advisor.pull.choose import Choice
    from advisor.pull.plan import Plan, PlannedFile
    from advisor.pull.progress import Progress
    from advisor.pull.report import Fetched, PullReport
    from advisor.render.json_parts import Json
    from advisor.render.paper import Paper

BAR_CELLS = 20

_WHY = {
    Reason.NAMED: "it was asked for",
    Reason.BEST: "the best quant for {target}",
    Reason.BEST_PUBLISHED: "{best} would be best for {target}, but is not published; of those"
    " that are, this one is",
    Reason.USUAL: "the quant that llama.cpp takes, too, when none is named; it was not judged:"
    " {refusal}",
    Reason.ONLY: "the only file there; it was not judged: {refusal}",
}


def why(choice: Choice) -> str:
    """Why these files, and how they fit where that is known; without a full stop."""
    best = "" if choice.best is None else choice.best.estimate.subject.quant.name
    if choice.candidate is None:
        return _WHY[choice.reason].format(best=best, target="", refusal=choice.refusal)
    answer = choice.candidate.estimate
    said = _WHY[choice.reason].format(best=best, target=answer.target_name, refusal=choice.refusal)
    return f"{said}; {answer.fit.verdict}: {reason(answer)}"


def no_room(plan: Plan) -> str:
    """Why a download is refused before its first byte, with both numbers."""
    return (
        f"{gb(plan.missing_bytes)} are missing, and the disk of `{plan.store.cache}` has"
        f" {gb(plan.free_bytes or 0)} free, of which {gb(plan.reserve_bytes)} are left alone"
    )


def pull_text(report: PullReport, paper: Paper) -> str:
    """The answer: what was or would be fetched, the path, and the lines that run it."""
    choice, plan = report.choice, report.plan
    paper.heading(f"{choice.listing.repository}: {_what(choice)}")
    paper.pairs(
        [
            ("Why", why(choice)),
            ("From", f"{report.endpoint}, {report.revision} at {choice.listing.commit[:8]}"),
            ("Size", _size(plan)),
            ("Transfer", _transfer(plan, report.fetched)),
            ("Disk", _disk(plan)),
        ]
    )
    paper.say("Would be at:" if _is_ahead(report) else "Path:", indent=2)
    for one in plan.files:
        paper.verbatim(str(plan.store.pointer(one.file)), indent=4)
    for note in notes(report):
        paper.say(f"Note: {note}.", indent=2)
    write_commands(paper, report.commands)
    return paper.text()


def notes(report: PullReport) -> list[str]:
    """What somebody should know who runs the files; sentences without a full stop."""
    said = list(report.choice.listing.notes)
    own, cache = report.llama_cache, str(report.plan.store.cache)
    if own and own.rstrip("/") != cache:
        said.append(f"`LLAMA_CACHE` is `{own}`, so that llama.cpp looks there and not here")
    if count := len(report.projectors):
        are = "is a vision projector" if count == 1 else f"are {count} vision projectors"
        said.append(
            f"there {are} (`mmproj`) beside it, of which llama.cpp fetches one when it first runs"
            " the model; `--no-mmproj` prevents that"
        )
    said += [
        f"`{one.path}` ({gb(one.size_bytes)}) is left of a file that the repository no longer"
        " has, and can be deleted"
        for one in report.strays
    ]
    return said


def _is_ahead(report: PullReport) -> bool:
    return report.fetched is None and not report.plan.is_done


def _what(choice: Choice) -> str:
    if choice.candidate is not None:
        subject = choice.candidate.estimate.subject
        return f"{subject.model.name} in {choice.label}"
    return choice.files[0].path if choice.label is None else choice.label


def _size(plan: Plan) -> str:
    parts = f" in {len(plan.files)} parts" if len(plan.files) > 1 else ""
    return f"{gb(plan.total_bytes)}{parts}"


def _transfer(plan: Plan, fetched: Fetched | None) -> str:
    """What came, comes or need not come."""
    if plan.is_done:
        return "none: all of it is there already"
    here = plan.total_bytes - plan.missing_bytes
    kept = f"; {gb(here)} were there already" if here else ""
    if fetched is None:
        return f"{gb(plan.missing_bytes)} to fetch{kept}"
    if not fetched.received_bytes:
        return "none: all of its bytes were there already"
    pace = speed(fetched.received_bytes / fetched.elapsed_s) if fetched.elapsed_s else "at once"
    took = duration(fetched.elapsed_s)
    return f"{gb(fetched.received_bytes)} in {took}, {pace}; its SHA-256 is right{kept}"


def _disk(plan: Plan) -> str:
    if plan.free_bytes is None:
        return "how much is free is not known"
    return f"{gb(plan.free_bytes)} free" + (" before" if plan.missing_bytes else "")


def pull_json(report: PullReport) -> str:
    """`advisor.pull/1`."""
    choice, plan = report.choice, report.plan
    subject = None if choice.candidate is None else choice.candidate.estimate.subject
    fetched = report.fetched
    return dumps(
        {
            "schema": "advisor.pull/1",
            "model": None if subject is None else subject.model.name,
            "quant": choice.label,
            "reason": why(choice),
            "code": choice.reason.value,
            "endpoint": report.endpoint,
            "repository": choice.listing.repository,
            "revision": report.revision,
            "commit": choice.listing.commit,
            "files": [_file(plan, one) for one in plan.files],
            "total_bytes": plan.total_bytes,
            "missing_bytes": plan.missing_bytes,
            "cache": str(plan.store.cache),
            "free_bytes": plan.free_bytes,
            "reserve_bytes": plan.reserve_bytes,
            "has_room": plan.has_room,
            "is_dry_run": fetched is None,
            "received_bytes": 0 if fetched is None else fetched.received_bytes,
            "elapsed_s": None if fetched is None else round(fetched.elapsed_s, 3),
            "notes": notes(report),
            "commands": [command_object(one) for one in report.commands],
        }
    )


def _file(plan: Plan, one: PlannedFile) -> Json:
    return {
        "name": one.file.path,
        "size_bytes": one.file.size_bytes,
        "sha256": one.file.sha256,
        "state": one.state.value,
        "missing_bytes": one.missing_bytes,
        "path": str(plan.store.pointer(one.file)),
    }


def progress_line(progress: Progress) -> str:
    """One line, the most important first: bar, bytes, speed, time left, file."""
    total = progress.total_bytes
    share = progress.done_bytes / total if total else 1.0
    cells = int(share * BAR_CELLS)
    said = [f"[{'=' * cells}{' ' * (BAR_CELLS - cells)}] {int(100 * share):3d} %"]
    said.append(f"{gb_number(progress.done_bytes)} of {gb(total)}")
    if progress.phase is Phase.CHECKING:
        said.append("checking what is there")
    elif progress.bytes_per_s is not None:
        said.append(speed(progress.bytes_per_s))
        if progress.left_s is not None:
            said.append(f"{duration(progress.left_s)} left")
    return f"{'  '.join(said)}  {progress.file_name}"


def speed(bytes_per_s: float) -> str:
    """A rate of transfer: `73 MB/s`, `1.2 GB/s`, `640 kB/s`."""
    if bytes_per_s < 0.9995e6:
        return f"{bytes_per_s / 1e3:.0f} kB/s"
    return f"{gb(bytes_per_s)}/s"


def duration(elapsed_s: float) -> str:
    """A time that somebody waits: `8 s`, `4 min 10 s`, `2 h 5 min`."""
    whole = round(elapsed_s)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"
