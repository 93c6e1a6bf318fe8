"""Caches of architectures that llama.cpp loads and that no model of the catalog has.

Holds the rules that `catalog/gguf/architectures.csv` names, one a kind of cache. The file says for
each architecture which rule llama.cpp's own source follows, or why its cache is not understood; an
architecture that is not in it is refused by name.

Source: llama.cpp, October 2026: `create_memory` in `src/llama-model.cpp`, `n_embd_r` and `n_embd_s`
in `src/llama-hparams.cpp`, and `load_arch_hparams` in the file that the row names.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING

from catalog.cache import LayerCache
from catalog.caches import latent, states, windows
from catalog.errors import RowError, UnknownArchitectureError
from catalog.layouts.layers import attending_layers, every, in_layer, stated
from catalog.load import csv_rows

if TYPE_CHECKING:
    from catalog.caches.windows import Caches
    from catalog.model import Hyperparameters

FILE = "gguf/architectures.csv"

TOKEN_SHIFTS = 2
"""Earlier tokens of which an RWKV layer keeps the residual, unless the header says otherwise."""


def state_space(hp: Hyperparameters) -> Caches:
    """Every layer keeps its convolution's last inputs and a state (Mamba)."""
    yield LayerCache(layers=every(hp), state_elements=_ssm_state(hp))


def state_space_hybrid(hp: Hyperparameters) -> Caches:
    """The same in the layers that have no KV heads; the others attend (Jamba, PLaMo 2)."""
    attending = tuple(layer for layer in every(hp) if in_layer(hp.head_count_kv, layer))
    yield from windows.cells(hp, attending)
    if rest := tuple(layer for layer in every(hp) if layer not in attending):
        yield LayerCache(layers=rest, state_elements=_ssm_state(hp))


def _ssm_state(hp: Hyperparameters) -> int:
    """The first Mamba has no groups, so that its convolution sees the inner width alone."""
    return states.ssm_state(replace(hp, ssm_group_count=hp.ssm_group_count or 0))


def token_shift(hp: Hyperparameters) -> Caches:
    """The residual of some earlier tokens, and a square matrix per head (RWKV)."""
    shifts = hp.token_shift_count or TOKEN_SHIFTS
    elements = (shifts + stated(hp, "wkv_head_size")) * hp.embedding_length
    yield LayerCache(layers=every(hp), state_elements=elements)


def linear_attention(hp: Hyperparameters) -> Caches:
    """A square matrix per head; every eighth layer attends as usual (MiniMax-01)."""
    attending = attending_layers(hp)
    yield from windows.cells(hp, attending)
    heads = in_layer(hp.head_count, 0)
    if rest := tuple(layer for layer in every(hp) if layer not in attending):
        yield LayerCache(layers=rest, state_elements=hp.key_length**2 * heads)


def delta_attention(hp: Hyperparameters) -> Caches:
    """As Kimi Linear. A prediction block would get a cache besides, which no file was seen with."""
    if hp.nextn_predict_layers:
        msg = "the cache that its prediction block gets is not understood here"
        raise UnknownArchitectureError(msg)
    return states.kimi_linear(hp)


def indexed_if_stated(hp: Hyperparameters) -> Caches:
    """Latent attention, with an indexer where the header states one (Hunyuan 4)."""
    return latent.indexed_latent(hp) if hp.indexer_top_k else latent.latent(hp)


def once(hp: Hyperparameters) -> Caches:
    """Every layer keeps everything, if each is passed once (Nanbeige)."""
    if (hp.num_loops or 1) > 1:
        msg = f"it passes its layers {hp.num_loops} times, with a cache for each pass"
        raise UnknownArchitectureError(f"{msg}, which is not understood here")
    return windows.full(hp)


RULES: Mapping[str, Callable[[Hyperparameters], Caches]] = {
    "delta-attention": delta_attention,
    "full": windows.full,
    "indexed-if-stated": indexed_if_stated,
    "linear-attention": linear_attention,
    "none": windows.none,
    "once": once,
    "state-space": state_space,
    "state-space-hybrid": state_space_hybrid,
    "token-shift": token_shift,
}
"""By the name in the file's column `cache`; `sliding` stands beside them, and takes a period."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Architecture:
    """One row of the file."""

    name: str
    caches: Callable[[Hyperparameters], Caches] | None
    """``None`` for one whose cache is not understood."""

    refusal: str | None
    """Why not, as the end of a sentence that begins with the name."""


def outside_caches(name: str, hp: Hyperparameters) -> Caches:
    """What the layers keep.

    Raises:
        UnknownArchitectureError: The architecture is not in the file, or its cache is not
            understood; the sentence says why.
    """
    found = architectures().get(name)
    if found is None:
        msg = f"the cache of architecture `{name}` is not known here"
        raise UnknownArchitectureError(msg)
    if found.caches is None:
        msg = f"the cache of architecture `{name}` is not understood here: {found.refusal}"
        raise UnknownArchitectureError(msg)
    return found.caches(hp)


@cache
def architectures() -> Mapping[str, Architecture]:
    """Every architecture of the file, by llama.cpp's name of it.

    Raises:
        RowError: A row names no rule, or a rule and a refusal.
    """
    return {row["architecture"]: _architecture(row) for row in csv_rows(FILE)}


def _architecture(row: Mapping[str, str]) -> Architecture:
    name, rule, refusal = row["architecture"], row["cache"], row["refusal"]
    if (rule == "") == (refusal == "") or (row["period"] != "") != (rule == "sliding"):
        msg = f"`{FILE}`: `{name}` needs a rule or a refusal, and a period where it slides"
        raise RowError(msg)
    if rule == "sliding":
        slides = windows.windowed(int(row["period"]), dense_first=row["full_first"] == "yes")
        return Architecture(name=name, caches=slides, refusal=None)
    if rule and rule not in RULES:
        msg = f"`{FILE}`: `{rule}`, the rule of `{name}`, is not one of {', '.join(sorted(RULES))}"
        raise RowError(msg)
    return Architecture(name=name, caches=RULES.get(rule), refusal=refusal or None)
