"""What `MODEL` on the command line and in a request means."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from advisor.errors import UsageError

if TYPE_CHECKING:
    from advisor.offer.offer import Offer
    from catalog.hub.client import Hub


@cache
def the_hub() -> Hub:
    """The Hub, as this user's environment names it: one for a whole run, which counts its cost."""
    from catalog.hub.client import Hub

    return Hub()


_HINT = "name a model of the catalog; `advisor models` lists them"


def offer_named(text: str, *, hub: bool = False) -> Offer:
    """The model of this name, in this file, or at this address of the Hub.

    Args:
        text: What somebody typed.
        hub: Ask the Hub for the files of a catalog model, too.

    Raises:
        UsageError: It is empty.
        CatalogError: No model has this name, or several answer to it; the file cannot be read, or
            the Hub not be asked.
    """
    if not text.strip():
        msg = "the name of the model is empty"
        raise UsageError(msg, _HINT)
    if text.lower().startswith(("hf:", "http://", "https://")):
        from advisor.offer.remote import remote_offer
        from catalog.hub.address import parse_address

        return remote_offer(parse_address(text), the_hub())
    if text.lower().endswith(".gguf"):
        from advisor.offer.local import local_offer

        return local_offer(text)
    from advisor.offer.shelf import shelf_offer
    from catalog.names import find_model

    offer = shelf_offer(find_model(text))
    if not hub:
        return offer
    from advisor.offer.published import with_published

    return with_published(offer, the_hub())
