"""What `MODEL` means on the command line and in a request."""

from __future__ import annotations

from typing import TYPE_CHECKING

from advisor.errors import UsageError

if TYPE_CHECKING:
    from catalog.model import Model

_CATALOG_ONLY = "name a model of the catalog; `advisor models` lists them"


def model_named(text: str) -> Model:
    """The catalog's model of this name.

    Raises:
        UsageError: It is empty, or the path of a file or an address on the Hub, which are not
            read.
        CatalogError: No model has this name, or several answer to it.
    """
    if not text.strip():
        msg = "the name of the model is empty"
        raise UsageError(msg, _CATALOG_ONLY)
    if text.lower().endswith(".gguf"):
        msg = f"`{text}` is a file, and this version reads no GGUF files"
        raise UsageError(msg, _CATALOG_ONLY)
    if text.lower().startswith(("hf:", "http://", "https://")):
        msg = f"`{text}` is an address, and this version does not ask the Hugging Face Hub"
        raise UsageError(msg, _CATALOG_ONLY)
    from catalog.names import find_model

    return find_model(text)
