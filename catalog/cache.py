"""What each layer of a model remembers: keys and values per token, or a state per sequence.

Holds the description only, per architecture, from a model's hyperparameters. How many bytes a
runtime allocates for it is the estimator's business.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Window(StrEnum):
    """How far back a layer looks."""

    FULL = "full"
    """The whole context."""

    SLIDING = "sliding"
    """The last `window_tokens` tokens."""

    CHUNKED = "chunked"
    """The present chunk of `window_tokens` tokens (Llama 4)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerCache:
    """What equal layers keep, each."""

    layers: tuple[int, ...]
    """Ascending layer numbers. Layers that keep nothing of their own are in no group."""

    key_width: int = 0
    """Elements of K per cell (KV heads × head length, or the MLA latent). 0 without attention."""

    value_width: int = 0
    """Elements of V per cell. 0 for MLA, whose one latent serves as both."""

    indexer_width: int = 0
    """Elements of an indexer's key per cell (DeepSeek sparse attention), typed like K."""

    window: Window = Window.FULL

    window_tokens: int | None = None
    """Length of the window; ``None`` for full attention."""

    state_elements: int = 0
    """F32 elements of recurrent and convolution state per sequence, whatever the context."""
