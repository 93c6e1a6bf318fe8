"""A model, and the quants it can be had in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from catalog.errors import CatalogError

if TYPE_CHECKING:
    from advisor.estimate.subject import Subject
    from catalog.model import Model
    from catalog.quant import Quant


USUAL_QUANT = "Q4_K_M"
"""What most people download when nothing is known of their machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What can be had of one model, wherever it is."""

    model: Model

    address: str
    """How a command names it again: a model's name, a path, `hf:owner/repo`."""

    listed: Callable[[], Sequence[Quant]] = field(repr=False)
    """What a page lists."""

    notes: tuple[str, ...] = ()
    """What a reader should know of where this comes from."""

    make: Callable[[Quant], Subject] = field(repr=False)
    """Gives the model in one of its quants.

    Raises:
        CatalogError: It cannot be had in that one.
    """

    find: Callable[[str], Quant] = field(repr=False)
    """The quant of this name.

    Raises:
        CatalogError: There is none; the hint says which there are.
    """

    considered: Callable[[], Sequence[Quant]] = field(repr=False)
    """What the best is chosen from where nobody named one."""

    @property
    def is_shelved(self) -> bool:
        """True for a model of the catalog, of which any quant can be predicted."""
        return self.address == self.model.name

    @property
    def usual(self) -> str:
        """The name of what most people take: Q4_K_M, or the only quant there is."""
        names = [quant.name for quant in self.listed()]
        return USUAL_QUANT if self.is_shelved or USUAL_QUANT in names else names[-1]

    def subject(self, quant_name: str) -> Subject:
        """The model in the quant of this name."""
        return self.make(self.find(quant_name))

    def subjects(self, quants: Iterable[Quant] | None = None) -> Iterator[Subject]:
        """The model in each of these quants (or all listed) that it can be had in."""
        for quant in self.listed() if quants is None else quants:
            try:
                yield self.make(quant)
            except CatalogError:
                continue  # llama-quantize refuses this model in this file type
