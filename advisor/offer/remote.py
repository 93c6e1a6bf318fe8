"""A repository of the Hub as an offer: the files that are there, with their own sizes.

Where the catalog knows whose files they are and a file's size is what its recipe makes, the recipe
is confirmed and no header is read; else the file's own header says what is in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

from advisor.estimate.subject import subject_of, subject_of_file
from advisor.offer.held import named_quant, with_catalog
from advisor.offer.offer import USUAL_QUANT, Offer
from catalog.errors import CatalogError, UnknownNameError
from catalog.gguf.model import model_of_header
from catalog.hub.listing import quants
from catalog.model_file import ModelFile
from catalog.names import model_of_repository
from catalog.quants import find_quant, known_quant

if TYPE_CHECKING:
    from advisor.estimate.subject import Subject
    from catalog.hub.address import Address
    from catalog.hub.client import Hub
    from catalog.hub.listing import HubQuant, Listing
    from catalog.model import Model
    from catalog.quant import Quant


def remote_offer(address: Address, hub: Hub) -> Offer:
    """What a repository holds, or the one file of it that was named.

    Args:
        address: The repository, and perhaps a quant's label or a path.
        hub: Who is asked.

    Raises:
        HubError: It cannot be had.
        GgufError: A header that is needed cannot be read.
    """
    listing = hub.listing(address.repository, address.revision)
    repository = Repository(hub=hub, listing=listing, files=_chosen(address, listing))
    return Offer(
        model=repository.model,
        address=_written(address),
        listed=repository.quants,
        notes=listing.notes,
        make=repository.subject,
        find=repository.find,
        considered=repository.quants,
    )


def _chosen(address: Address, listing: Listing) -> tuple[HubQuant, ...]:
    if address.path is not None:
        return (listing.quant_at(address.path),)
    if address.quant_label is not None:
        return (listing.quant(address.quant_label),)
    return quants(listing)


def _written(address: Address) -> str:
    """The address as a command takes it."""
    at = f"@{address.revision}" if address.revision else ""
    if address.path is not None:
        return f"hf:{address.repository}{at}/{address.path}"
    label = f":{address.quant_label}" if address.quant_label else ""
    return f"hf:{address.repository}{at}{label}"


@dataclass(frozen=True, kw_only=True, eq=False)
class Repository:
    """The model's files of one repository, by what they are called."""

    hub: Hub = field(repr=False)
    listing: Listing
    files: tuple[HubQuant, ...]
    known: Model | None = None
    """The catalog's model whose files they are, where somebody knows; else it is looked up."""

    @cached_property
    def shelved(self) -> Model | None:
        """The model of the catalog that names this repository as its own."""
        return self.known or model_of_repository(self.listing.repository)

    @cached_property
    def model(self) -> Model:
        """The catalog's model; else what the header of one file says."""
        return self.shelved or self._by_header(self._first).model

    def quants(self) -> Sequence[Quant]:
        """What the files are, the largest first."""
        return list(self._by_name)

    def has(self, name: str) -> bool:
        """Whether a file of this quant is there."""
        return name in {quant.name for quant in self._by_name}

    def find(self, name: str) -> Quant:
        """The quant of this name, or of this label.

        Raises:
            UnknownNameError: No file of the repository is of it.
        """
        plain = known_quant(name)
        wanted = {name.casefold(), name.casefold() if plain is None else plain.name.casefold()}
        for quant in self._by_name:
            if quant.name.casefold() in wanted:
                return quant
        msg = f"`{self.listing.repository}` has no file of `{name}`"
        there = ", ".join(quant.name for quant in self._by_name)
        raise UnknownNameError(msg, f"it has {there}")

    def subject(self, quant: Quant) -> Subject:
        """The model in one of its files.

        Raises:
            GgufError: Its header cannot be read.
            HubError: Its header cannot be had.
        """
        one = self._by_name[quant]
        return self._by_recipe(one) or self._by_header(one)

    @cached_property
    def _by_name(self) -> dict[Quant, HubQuant]:
        """The first file of each name; a name twice is a copy in another folder."""
        found: dict[Quant, HubQuant] = {}
        for one in self.files:
            quant = self._quant(one)
            if all(quant.name != other.name for other in found):
                found[quant] = one
        return found

    @property
    def _first(self) -> HubQuant:
        usual = (one for one in self.files if one.quant_name == USUAL_QUANT)
        return next(usual, self.files[-1])

    def _quant(self, one: HubQuant) -> Quant:
        if one.quant_name is not None:
            return replace(find_quant(one.quant_name), is_common=True)
        return self._by_header(one).quant

    def _by_recipe(self, one: HubQuant) -> Subject | None:
        """From the catalog, where the file's size is what the recipe makes."""
        if self.shelved is None or one.quant_name is None:
            return None
        from catalog.container import file_bytes

        quant = find_quant(one.quant_name)
        try:
            plain = file_bytes(self.shelved, quant)
        except CatalogError:
            return None
        if not plain.low <= one.size_bytes <= plain.high:
            return None
        return replace(subject_of(self.shelved, quant), file=self._file(one))

    def _by_header(self, one: HubQuant) -> Subject:
        if one not in self._subjects:
            found = self.hub.remote_file(self.listing, one)
            name = self.listing.repository.partition("/")[2].removesuffix("-GGUF")
            told = model_of_header(found.parts[0].header, name=name, tensors=found.tensors)
            model = self.shelved or with_catalog(told, found.metadata, one.path)
            quant = named_quant(told.file_type, one.files[0].name)
            self._subjects[one] = subject_of_file(model, quant, told.table, self._file(one))
        return self._subjects[one]

    @cached_property
    def _subjects(self) -> dict[HubQuant, Subject]:
        return {}

    def _file(self, one: HubQuant) -> ModelFile:
        from datetime import UTC, datetime

        day = datetime.fromtimestamp(self.listing.fetched_at, tz=UTC).date().isoformat()
        return ModelFile(
            name=one.path,
            repository=self.listing.repository,
            size_bytes=one.size_bytes,
            parts=len(one.files),
            source=f"the Hub's listing of {self.listing.repository} of {day}",
        )
