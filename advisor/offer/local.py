"""A GGUF file of this machine as an offer: one model in one quant, exact from its header."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from advisor.estimate.subject import subject_of_file
from advisor.offer.held import named_quant, with_catalog
from advisor.offer.offer import Offer
from catalog.errors import UnknownNameError
from catalog.file_names import label_span, stem_of
from catalog.gguf.errors import GgufError, TruncatedError
from catalog.gguf.model import model_of_header
from catalog.gguf.parts import read_file
from catalog.gguf.structure import check
from catalog.model_file import ModelFile

if TYPE_CHECKING:
    from advisor.estimate.subject import Subject
    from catalog.gguf.file import GgufFile
    from catalog.gguf.model import FileModel
    from catalog.quant import Quant


def local_offer(path: str) -> Offer:
    """The model in a file, or in all parts of a split one.

    Args:
        path: Of the file; of a split one, any of its parts.

    Raises:
        GgufError: It cannot be read, or holds no language model.
    """
    file = read_file(Path(path))
    told = _told(file, Path(path))
    return _offer(file, told, path)


def _told(file: GgufFile, path: Path) -> FileModel:
    name = _name(path)
    try:
        return model_of_header(file.parts[0].header, name=name, tensors=file.tensors)
    except GgufError as error:
        raise error.of_file(path.name) from error


def _name(path: Path) -> str:
    """The file's name without what says its part and its quant."""
    stem = stem_of(path.name)
    span = label_span(stem)
    if span is None:
        return stem
    return (stem[: span[0]].rstrip("-_.") + stem[span[1] :]) or stem


def _offer(file: GgufFile, told: FileModel, path: str) -> Offer:
    model = with_catalog(told, file.metadata, file.path.name)
    quant = named_quant(told.file_type, file.path.name)
    held = ModelFile(
        name=str(file.path),
        repository=None,
        size_bytes=file.size_bytes,
        parts=len(file.parts),
        source="the file itself",
    )
    subject = subject_of_file(model, quant, told.table, held)

    def make(_: Quant) -> Subject:
        return subject

    def find(name: str) -> Quant:
        if name.casefold() in {quant.name.casefold(), told.file_type.quant.name.casefold()}:
            return quant
        msg = f"`{path}` holds {quant.name}, not {name}"
        raise UnknownNameError(msg, "leave `--quant` out")

    return Offer(
        model=model,
        address=path,
        listed=lambda: (quant,),
        notes=_notes(file),
        make=make,
        find=find,
        considered=lambda: (quant,),
    )


def _notes(file: GgufFile) -> tuple[str, ...]:
    """What is wrong with its data: the header is enough for an estimate, not for running it."""
    try:
        return tuple(finding.sentence for finding in check(file))
    except TruncatedError as error:
        return (f"the file is cut off: {error}; it will not run until the rest is there",)
    except GgufError as error:
        return (f"llama.cpp will refuse this file: {error}",)
