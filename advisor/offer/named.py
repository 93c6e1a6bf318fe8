"""What `MODEL` on the command line and in a request means."""

from __future__ import annotations

from typing import TYPE_CHECKING

from advisor.errors import UsageError

if TYPE_CHECKING:
    from advisor.offer.offer import Offer


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
    from catalog.hub.address import is_address, parse_address

    if is_address(text):
        from advisor.hub import the_hub
        from advisor.offer.remote import remote_offer

        hub_asked = the_hub()
        return remote_offer(parse_address(text, endpoint=hub_asked.endpoint), hub_asked)
    if text.lower().endswith(".gguf"):
        from advisor.offer.local import local_offer

        return local_offer(text)
    from advisor.offer.shelf import shelf_offer
    from catalog.names import find_model

    offer = shelf_offer(find_model(text))
    if not hub:
        return offer
    from advisor.hub import the_hub
    from advisor.offer.published import with_published

    return with_published(offer, the_hub())
