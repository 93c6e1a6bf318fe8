"""Which file draws an architecture's graph, and what a model's graph is drawn from.

Holds no setup, and draws nothing itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from advisor.estimate.graph.folding import layer_kinds
from advisor.estimate.graph.styles import STYLES

if TYPE_CHECKING:
    from catalog.cache import LayerCache
    from catalog.model import Hyperparameters

_FILES = {
    "blockwise": "minimax-m3",
    "compressed": "deepseek4",
    "convolution": "lfm2 lfm2moe",
    "delta": "kimi-linear qwen35 qwen35moe qwen3next",
    "encoders": "bert gemma-embedding nomic-bert",
    "gemma": "gemma3n gemma4",
    "latent": "deepseek2 mistral4",
    "lightning": "deepseek32 glm-dsa",
    "mamba": "falcon-h1 granitehybrid nemotron_h nemotron_h_moe",
    "pools": "glm5-next",
    "qwen4": "qwen4exp",
    "transformer": " ".join(STYLES),
}

FILE_OF = {name: file for file, names in _FILES.items() for name in names.split()}
"""The file that draws each architecture."""

COUNTS_CHOICES = frozenset({"deepseek4", "qwen4exp"})
"""Architectures of which the drawing says what layers that are left out have from the start."""

DRIFTS = frozenset({"deepseek4"})
"""Architectures whose layers leave ever larger holes behind, so that none stands for another.

What opens a choice makes way layer by layer, and what comes later finds room there.
"""


@dataclass(kw_only=True, eq=False)
class ModelGraph:
    """What a model's graph is drawn from, whatever the setup."""

    architecture: str
    hyper: Hyperparameters
    known_kinds: tuple[int, ...] | None = None

    @property
    def is_drawn(self) -> bool:
        """True for an architecture whose graph this package draws."""
        return self.architecture in FILE_OF

    @property
    def counts_repeats(self) -> bool:
        """True where layers that are not drawn matter all the same."""
        return self.architecture in COUNTS_CHOICES

    @property
    def drifts(self) -> bool:
        """True where a few layers say only roughly what all of them need."""
        return self.architecture in DRIFTS

    def kinds(self, caches: Sequence[LayerCache]) -> tuple[int, ...]:
        """What each layer's graph depends on; all different where every layer is drawn.

        Copies of borrowed caches and of choices are made for every layer at once.
        """
        if self.known_kinds is None:
            is_apart = not self.counts_repeats and any(kept.indexer_width for kept in caches)
            if is_apart or self.hyper.shared_kv_layers or self.hyper.layer_pattern:
                self.known_kinds = tuple(range(self.hyper.block_count))
            else:
                self.known_kinds = layer_kinds(self.architecture, self.hyper, caches)
        return self.known_kinds
