"""Which models of the catalog somebody wants to see."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from catalog.purposes import purposes

if TYPE_CHECKING:
    from catalog.model import Model

POPULAR_TIER = 1
"""Models people run most; see `catalog/README.md`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """What a model must be."""

    everything: bool = False
    """Also the models that fewer people run."""

    purpose: str | None = None
    """`coding`, `chat`, `reasoning` or `embedding`."""

    family: str | None = None
    max_params: int | None = None

    def lists(self, model: Model) -> bool:
        """True for a model that is all that was named."""
        if model.tier > POPULAR_TIER and not self.everything:
            return False
        if self.max_params is not None and model.params_total > self.max_params:
            return False
        if self.family is not None and not is_of(model, self.family):
            return False
        return self.purpose is None or self.purpose in purposes(model)

    def admits(self, model: Model) -> bool:
        """The same for a recommendation: where no purpose is named, only what can answer."""
        if not self.lists(model):
            return False
        return self.purpose is not None or purposes(model).isdisjoint({"embedding", "base"})


def is_of(model: Model, family: str) -> bool:
    """True for a model whose family, publisher or name holds all these words."""
    wanted = family.casefold().split()
    words = f"{model.family} {model.publisher} {model.name}".casefold()
    return all(word in words for word in wanted)
