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
    """What equal layers keep, each.

    Layers that keep nothing of their own are in no group; a layer that keeps two kinds of cells
    (DeepSeek V4: a window and a compressed stream) is in one group for each. A group of zeros
    stands for layers without attention that are padded all the same; see `is_padded`.
    """

    layers: tuple[int, ...]
    """Ascending layer numbers."""

    key_width: int = 0
    """Elements of K per cell (KV heads × head length, or the MLA latent). 0 without attention."""

    value_width: int = 0
    """Elements of V per cell. 0 for MLA, whose one latent serves as both."""

    indexer_width: int = 0
    """Elements of an indexer's key per cell (DeepSeek sparse attention), typed like K."""

    indexer_value_width: int = 0
    """Elements per cell, typed like V, that come with the indexer's key and are never read."""

    window: Window = Window.FULL

    window_tokens: int | None = None
    """Length of the window; ``None`` for full attention."""

    tokens_per_cell: int = 1
    """Tokens that one cell stands for; more than 1 in a compressed stream."""

    is_per_sequence: bool = False
    """True when each sequence has cells of its own even where a runtime unifies the cache."""

    state_elements: int = 0
    """F32 elements of recurrent and convolution state per sequence, whatever the context."""

    @property
    def is_padded(self) -> bool:
        """True when V takes the width of the model's widest, where V is stored transposed.

        llama.cpp does that without flash attention, even for layers that have no attention
        (Nemotron Super), unless their cache is of another kind.
        """
        return self.value_width > 0 or not (self.key_width or self.state_elements)
