"""What a tensor is for, by its name in a GGUF file.

Holds the reading of names, as llama.cpp classes them: which are looked up on the host, which belong
to the output, which to a layer. A name that nobody has given yet gets the role of its neighbours by
prefix, so that no byte of a file is ever without a place. What depends on the other tensors of the
layer (a gate beside a state space is part of that) is given as a `Surroundings`.

Source: llama.cpp `src/llama-arch.cpp` (`LLM_TENSOR_NAMES`, `LLM_TENSOR_INFOS`) and gguf-py's
`constants.py`, October 2026.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from catalog.tensors import Role

_IN_LAYER = re.compile(r"(?:(?P<stack>enc|dec)\.)?blk\.(?P<layer>\d{1,6})\.(?P<name>.+)")
_SEPARATE_EXPERT = re.compile(r"ffn_(?:gate|up|down)\.\d+\.")
"""One tensor for each expert, as files of early 2024 have it."""

_PROJECTORS = ("v.", "mm.", "a.", "resampler.", "vision.", "audio.", "t.blk.")
"""Prefixes of towers for images and sound, which have files of their own or ride along."""

_WITH_LAST_NORM_BY_THE_TABLE = frozenset({"lfm2", "lfm2moe"})
"""Architectures whose final norm goes by the name of one after the token table."""

_OUTSIDE = {
    "token_embd": Role.TOKEN_EMBEDDING,
    "position_embd": Role.TOKEN_EMBEDDING,
    "token_types": Role.TOKEN_EMBEDDING,
    "masked_embd_centroids": Role.TOKEN_EMBEDDING,
    "masked_embd_ordering": Role.TOKEN_EMBEDDING,
    "per_layer_token_embd": Role.LOOKUP_TABLE,
    "rope_freqs": Role.ROPE_FACTORS,
    "rope_factors_long": Role.ROPE_FACTORS,
    "rope_factors_short": Role.ROPE_FACTORS,
    "token_embd_norm": Role.NORM,
    "per_layer_proj_norm": Role.NORM,
    "per_layer_model_proj": Role.FEED_FORWARD,
    "hrm": Role.FEED_FORWARD,
}
"""By the name before its first full stop. All others are loaded with the output."""

_RECURRENT = ("ssm_", "shortconv.", "time_mix_")
_ATTENTION = ("attn", "cross_attn", "indexer", "hc_attn")
_ROUTER = ("ffn_gate_inp", "exp_probs_b", "ffn_gate_tid2eid")
_EXPERTS = ("_exps.", "_chexps.")
_PARTS_OF_STATE_SPACES = frozenset({"attn_qkv", "attn_gate"})
_PARTS_OF_DELTA_ATTENTION = frozenset({"attn_q", "attn_k", "attn_v", "attn_output"})
_PARTS_OF_SHARED_CACHES = frozenset({"attn_k", "attn_v", "attn_k_norm"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What else there is in a tensor's layer."""

    predicts: bool = False
    """True in a block that predicts the token after next."""

    has_state_space: bool = False
    """True beside a convolution with a state (Mamba, gated delta nets)."""

    has_delta_attention: bool = False
    """True beside Kimi's three convolutions, one each for query, key and value."""

    reads_other_cache: bool = False
    """True where the cache of an earlier layer is read, so that keys and values are not used."""


NOTHING_ELSE = Surroundings()


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A tensor's name, taken apart."""

    name: str
    """Without `blk.N.`; the decoder's and the encoder's tensors of a T5 keep `dec.` and `enc.`."""

    layer: int | None


def place_of(name: str) -> Place:
    """Which layer a tensor belongs to, and its name there."""
    found = _IN_LAYER.fullmatch(name)
    if found is None:
        return Place(name=name, layer=None)
    stack = f"{found['stack']}." if found["stack"] else ""
    return Place(name=stack + found["name"], layer=int(found["layer"]))


def is_of_projector(name: str) -> bool:
    """Whether a tensor belongs to a tower for images or sound."""
    return name.startswith(_PROJECTORS)


def role_of(place: Place, architecture: str, around: Surroundings = NOTHING_ELSE) -> Role:
    """What a tensor is for.

    Args:
        place: Its name, taken apart.
        architecture: llama.cpp's name of it.
        around: What else is in its layer.
    """
    if place.layer is None:
        return _outside(place.name, architecture)
    if around.predicts:
        return Role.MTP
    name = place.name.removeprefix("enc.").removeprefix("dec.")
    if around.reads_other_cache and _stem(name) in _PARTS_OF_SHARED_CACHES:
        return Role.UNUSED
    return _in_layer(name, around)


def _stem(name: str) -> str:
    return name.partition(".")[0]


def _outside(name: str, architecture: str) -> Role:
    if is_of_projector(name):
        return Role.VISION
    if name.startswith(("nextn.", "mtp.")):
        return Role.MTP
    stem = _stem(name)
    if stem == "token_embd_norm" and architecture in _WITH_LAST_NORM_BY_THE_TABLE:
        return Role.OUTPUT
    return _OUTSIDE.get(stem, Role.OUTPUT)


def _in_layer(name: str, around: Surroundings) -> Role:
    """The first rule that holds; what holds none is counted with the feed-forward part."""
    stem = _stem(name)
    recurrent = around.has_state_space and stem in _PARTS_OF_STATE_SPACES
    recurrent |= around.has_delta_attention and stem in _PARTS_OF_DELTA_ATTENTION
    rules = (
        (name.startswith("vis_"), Role.UNUSED),  # for tokens of images only
        (name.startswith(_ROUTER), Role.ROUTER),
        ("norm" in name or name.startswith(("layer_output_scale", "time_mix_ln")), Role.NORM),
        (any(part in name for part in _EXPERTS) and name.endswith("scale"), Role.ROUTER),
        (any(part in name for part in _EXPERTS), Role.ROUTED_EXPERT),
        (_SEPARATE_EXPERT.match(name) is not None, Role.ROUTED_EXPERT),
        ("_shexp." in name, Role.SHARED_EXPERT),
        (recurrent or name.startswith(_RECURRENT), Role.RECURRENT),
        (name.startswith(_ATTENTION), Role.ATTENTION),
    )
    return next((role for holds, role in rules if holds), Role.FEED_FORWARD)
