"""Which model `advisor bench` measures: what somebody named, else what is recommended and here.

Holds the choice and the sentences for what is not here; the files themselves are `present`'s.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from advisor.measure.errors import NotHereError
from advisor.offer.local import local_offer
from advisor.rank import best_of
from advisor.report.candidates import Question, candidates_of
from advisor.report.filter import Filter
from advisor.report.present import by_model, first_present
from advisor.report.scan import scan
from catalog.errors import CatalogError
from catalog.evidence import evidence
from catalog.hub.address import is_address, parse_address
from catalog.names import find_model
from catalog.quants import find_quant
from catalog.shelf import load_models

if TYPE_CHECKING:
    from collections.abc import Sequence

    from advisor.estimate.subject import Subject
    from advisor.measure.served import Served
    from advisor.rank import Candidate
    from advisor.report.present import PresentFile
    from catalog.model import Model

SMALL_MODEL = "llama-3.2-1b-instruct"
SMALL_QUANT = "Q4_K_M"
"""Small enough to get in a minute, and common enough that its figures can be compared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurable:
    """A model that can be measured."""

    subject: Subject
    path: Path | None
    """Its file; ``None`` for a model that a server holds without saying where."""


def measurable(
    text: str | None,
    quant: str | None,
    question: Question,
    files: Sequence[PresentFile],
) -> Measurable:
    """The model to measure.

    Args:
        text: A `.gguf` file, a model's name or an address; ``None`` for the recommended.
        quant: A quant's name, where one was named beside it.
        question: What the recommendation is made for.
        files: What is on this machine.

    Raises:
        NotHereError: Its file is not here.
        CatalogError: The name is not known, or the file cannot be read.
    """
    if text is None:
        return _recommended(question, files)
    if text.lower().endswith(".gguf") and not is_address(text):
        return _of_file(Path(text))
    if is_address(text):
        return _of_file(_addressed(text, quant, files).path)
    model = find_model(text)
    here = by_model(files).get(model.name, {})
    wanted = {find_quant(quant).name} if quant else set(here)
    there = sorted(wanted & set(here))
    if not there:
        raise _not_here(model, quant)
    quants = [find_quant(name) for name in there]
    found = best_of(candidates_of(model, quants, question, evidence(model)))
    if found is None:
        return _of_file(here[there[0]].path)
    return _of_file(here[found.estimate.subject.quant.name].path)


def _of_file(path: Path) -> Measurable:
    return Measurable(subject=next(local_offer(str(path)).subjects()), path=path)


def _addressed(text: str, quant: str | None, files: Sequence[PresentFile]) -> PresentFile:
    """A file of a repository that is here."""
    address = parse_address(text)
    label = quant or address.quant_label
    for file in files:
        if file.repository.casefold() != address.repository.casefold():
            continue
        if address.path and not address.path.endswith(file.path.name):
            continue
        if label is None or file.quant_name == label.upper():
            return file
    msg = f"`{text}` is not on this machine"
    raise NotHereError(msg, f"`advisor pull {text}` gets it")


def _not_here(model: Model, quant: str | None) -> NotHereError:
    named = f" in {quant}" if quant else ""
    asked = f" --quant {quant}" if quant else ""
    msg = f"`{model.name}`{named} is not on this machine"
    return NotHereError(msg, f"`advisor pull {model.name}{asked}` gets it")


def _recommended(question: Question, files: Sequence[PresentFile]) -> Measurable:
    """The recommended model, else the best-ranked that is here, else the small one.

    Raises:
        NotHereError: None of them is here.
    """
    here = by_model(files)
    order = scan(question, load_models(), Filter(), None).rows
    file = first_present(order, here) or _small(here)
    if file is None:
        raise _nothing_here(order)
    return _of_file(file.path)


def _small(here: Mapping[str, Mapping[str, PresentFile]]) -> PresentFile | None:
    quants = here.get(SMALL_MODEL, {})
    return quants.get(SMALL_QUANT) or next(iter(quants.values()), None)


def _nothing_here(order: Sequence[Candidate]) -> NotHereError:
    hint = (
        f"`advisor pull {SMALL_MODEL} --quant {SMALL_QUANT}` gets a small file to measure with,"
        f" and `advisor bench {SMALL_MODEL}` measures it"
    )
    if not order:
        return NotHereError("no model of the catalog runs here", hint)
    best = order[0].estimate.subject
    msg = (
        f"`{best.model.name}` in {best.quant.name}, which is recommended here, is not on this"
        " machine, nor is any other model of the ranking"
    )
    return NotHereError(msg, hint)


def served_model(served: Served, quant: str | None, file: str | None = None) -> Measurable:
    """The model that a server holds.

    Args:
        served: What the server says of it.
        quant: A quant's name, where one was named.
        file: A path, where one was named: the server must hold that very file.

    Raises:
        NotHereError: Its file cannot be read, and its name is no model of the catalog; or it is
            another than was named.
    """
    if file is not None and (served.path is None or not served.path.samefile(file)):
        msg = f"{served.program} holds `{served.name}`, and not `{file}`"
        raise NotHereError(msg, "start it with that file, or leave the file out")
    if served.path is not None:
        return _of_file(served.path)
    label = quant or served.quant
    try:
        if label is None:
            msg = f"{served.program} does not say which quant `{served.name}` is"
            raise NotHereError(msg, "name it with `--quant`")
        from advisor.offer.shelf import shelf_offer

        offer = shelf_offer(find_model(served.name))
        return Measurable(subject=offer.subject(label), path=None)
    except CatalogError as error:
        msg = (
            f"what `{served.name}` of {served.program} is cannot be told: its file cannot be read,"
            f" and {error}"
        )
        raise NotHereError(msg, "measure its file: `advisor bench FILE.gguf`") from error
