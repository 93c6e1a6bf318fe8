"""Which files of a repository are meant: those somebody named, else the best ones here.

The best is judged as `advisor show` judges, among what the repository really has. What cannot be
judged is what llama.cpp's `-hf` takes without a tag, Q4_K_M, then Q8_0, then the only one there is;
never the first of many.

Source of that order: llama.cpp `common/download.cpp` (October 2026).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from advisor.errors import UsageError
from advisor.pull.errors import NothingRunsError
from advisor.rank import best_of
from advisor.report.candidates import has_usual_quant, preferred
from catalog.hub.errors import MissingFileError
from catalog.hub.listing import quants

if TYPE_CHECKING:
    from advisor.rank import Candidate
    from catalog.hub.listing import HubFile, HubQuant, Listing

USUAL_LABELS = ("Q4_K_M", "Q8_0")
"""What is taken, in this order, where nothing can be judged."""


class Reason(StrEnum):
    """Why these files; `advisor.render.pull` has one sentence for each."""

    NAMED = "named"
    BEST = "best"
    BEST_PUBLISHED = "best-published"
    """The best one is not in the repository; of those there, this one is."""

    USUAL = "usual"
    ONLY = "only"


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The files to get."""

    listing: Listing
    files: tuple[HubFile, ...]
    """One, or all parts of a split file in their order."""

    label: str | None
    """What the files are named for: `Q4_K_M`, `UD-Q4_K_XL`; ``None`` for a name without one."""

    reason: Reason
    candidate: Candidate | None = None
    """How it runs on the target; ``None`` where that is not known."""

    best: Candidate | None = None
    """What would be best here, where that is not in the repository."""

    refusal: str | None = None
    """Why nothing could be judged, one sentence; ``None`` where nothing had to be."""


def named(listings: Iterable[Listing], label: str, candidates: Sequence[Candidate] = ()) -> Choice:
    """The quant of this label, from the first repository that has it.

    Args:
        listings: The repositories, in order of preference; at least one.
        label: As typed, in any case.
        candidates: The model's quants on the target, where it is known.

    Raises:
        MissingFileError: None has it; the hint names what the first one has.
        SeveralFilesError: One has it several times.
    """
    missing: list[MissingFileError] = []
    for listing in listings:
        try:
            return _choice(listing, listing.quant(label), Reason.NAMED, candidates)
        except MissingFileError as error:
            missing.append(error)
    raise missing[0]


def named_file(listing: Listing, path: str, candidates: Sequence[Candidate] = ()) -> Choice:
    """The file of this path, with its siblings where it is one part of several.

    Raises:
        MissingFileError: The repository has no such file, or not all of its parts.
    """
    return _choice(listing, listing.quant_at(path), Reason.NAMED, candidates)


def best(listings: Iterable[Listing], candidates: Sequence[Candidate]) -> Choice:
    """The quant that `advisor show` would star, else the best of those published.

    Args:
        listings: The repositories, in order of preference; read only as far as needed.
        candidates: The model's quants on the target.

    Raises:
        NothingRunsError: None of them runs there.
        UsageError: No repository has a quant that is known.
    """
    star = preferred(candidates)
    if not star.runs:
        raise _nothing_runs(star)
    wanted = star.estimate.subject.quant.name
    seen: list[tuple[Listing, HubQuant]] = []
    for listing in listings:
        here = _by_name(listing)
        if wanted in here:
            return _choice(listing, here[wanted], Reason.BEST, candidates)
        seen += [(listing, one) for one in here.values()]
    there = {_name(one) for _, one in seen}
    published = [one for one in candidates if one.estimate.subject.quant.name in there]
    runner = best_of(filter(has_usual_quant, published)) or best_of(published)
    if runner is None:
        raise _nothing_published(star, seen)
    name = runner.estimate.subject.quant.name
    listing, found = next(pair for pair in seen if _name(pair[1]) == name)
    return _choice(listing, found, Reason.BEST_PUBLISHED, candidates, star)


def usual(listing: Listing, refusal: str) -> Choice:
    """What most people take, for a model that cannot be judged.

    Args:
        listing: The repository.
        refusal: Why it cannot be judged.

    Raises:
        UsageError: The repository has several files, and none of them is usual.
    """
    offered = quants(listing)
    taken = [(Reason.ONLY, one) for one in offered if len(offered) == 1]
    for label in reversed(USUAL_LABELS):
        found = [one for one in offered if one.label == label]
        if len(found) == 1:
            taken.append((Reason.USUAL, found[0]))
    if taken:
        reason, one = taken[-1]
        return replace(_choice(listing, one, reason, ()), refusal=refusal)
    msg = (
        f"which of the {len(offered)} files of `{listing.repository}` is best here cannot be said:"
        f" {refusal}"
    )
    there = _all(one.label or one.path for one in offered)
    raise UsageError(msg, f"name one after the repository's name: {there}")


def _choice(
    listing: Listing,
    one: HubQuant,
    reason: Reason,
    candidates: Sequence[Candidate],
    better: Candidate | None = None,
) -> Choice:
    alike = [each for each in candidates if each.estimate.subject.quant.name == _name(one)]
    return Choice(
        listing=listing,
        files=one.files,
        label=one.label,
        reason=reason,
        candidate=alike[0] if alike else None,
        best=better,
    )


def _by_name(listing: Listing) -> dict[str, HubQuant]:
    """The quants of a repository, as candidates call theirs; one of two models is nobody's."""
    found: dict[str, HubQuant] = {}
    twice = set()
    for one in quants(listing):
        if name := _name(one):
            twice |= {name} & found.keys()
            found[name] = one
    return {name: one for name, one in found.items() if name not in twice}


def _name(one: HubQuant) -> str | None:
    """The file type; of a publisher's own recipe the label."""
    return one.quant_name or one.label


def _nothing_runs(star: Candidate) -> NothingRunsError:
    answer = star.estimate
    msg = f"no quant of `{answer.subject.model.name}` runs on {answer.target_name}"
    return NothingRunsError(msg, "`--quant` names one to get all the same")


def _nothing_published(star: Candidate, seen: Sequence[tuple[Listing, HubQuant]]) -> UsageError:
    model = star.estimate.subject.model.name
    known = [one for _, one in seen if one.quant_name is not None]
    if not known:
        msg = f"no repository with a plain quant of `{model}` was found"
        return UsageError(msg, "name one: `advisor pull hf:owner/repo`")
    msg = f"no published quant of `{model}` runs on {star.estimate.target_name}"
    labels = _all(dict.fromkeys(one.label or one.path for _, one in seen))
    return NothingRunsError(msg, f"`--quant` names one to get all the same: {labels}")


def _all(names: Iterable[str]) -> str:
    """Names as a sentence lists them."""
    return ", ".join(f"`{name}`" for name in names)
