"""What `MODEL` on the command line and in a request means."""

from __future__ import annotations

from typing import TYPE_CHECKING

from advisor.errors import UsageError

if TYPE_CHECKING:
    from advisor.offer.offer import Offer

_HINT = "name a model of the catalog; `advisor models` lists them"


def offer_named(text: str) -> Offer:
    """The model of this name, file or address.

    Raises:
        UsageError: It is empty, or the path of a file or an address on the Hub, which are not
            read.
        CatalogError: No model has this name, or several answer to it.
    """
    if not text.strip():
        msg = "the name of the model is empty"
        raise UsageError(msg, _HINT)
    if text.lower().endswith(".gguf"):
        msg = f"`{text}` is a file, and this version reads no GGUF files"
        raise UsageError(msg, _HINT)
    if text.lower().startswith(("hf:", "http://", "https://")):
        msg = f"`{text}` is an address, and this version does not ask the Hugging Face Hub"
        raise UsageError(msg, _HINT)
    from advisor.offer.shelf import shelf_offer
    from catalog.names import find_model

    return shelf_offer(find_model(text))
