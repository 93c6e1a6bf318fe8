"""The keys of a GGUF header that say a model's shape, and how to read one.

Holds which key becomes which field of `Hyperparameters`, and the checks that llama.cpp makes before
it believes a value; what an architecture makes of it is said in `conventions`.

Source: llama.cpp `src/llama-arch.cpp` (`LLM_KV_NAMES`), `load_hparams` in `src/llama-model.cpp`
and `get_key_or_arr` in `src/llama-model-loader.cpp`, October 2026.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from catalog.gguf.errors import DamagedHeaderError
from catalog.gguf.header import SkippedArray, Value

MOST_LAYERS = 512
"""llama.cpp's `LLAMA_MAX_LAYERS`."""

LARGEST = 2**31
"""No width, length or count of a model comes near it; a larger one is a damaged header."""

SCALARS: Mapping[str, str] = {
    "key_length_swa": "attention.key_length_swa",
    "value_length_swa": "attention.value_length_swa",
    "rope_dimension_count_swa": "rope.dimension_count_swa",
    "shared_kv_layers": "attention.shared_kv_layers",
    "expert_count": "expert_count",
    "expert_shared_count": "expert_shared_count",
    "expert_shared_feed_forward_length": "expert_shared_feed_forward_length",
    "leading_dense_block_count": "leading_dense_block_count",
    "interleave_moe_layer_step": "interleave_moe_layer_step",
    "moe_latent_size": "moe_latent_size",
    "hash_layer_count": "hash_layer_count",
    "q_lora_rank": "attention.q_lora_rank",
    "kv_lora_rank": "attention.kv_lora_rank",
    "key_length_mla": "attention.key_length_mla",
    "value_length_mla": "attention.value_length_mla",
    "indexer_head_count": "attention.indexer.head_count",
    "indexer_key_length": "attention.indexer.key_length",
    "indexer_top_k": "attention.indexer.top_k",
    "indexer_kpool": "attention.indexer.kpool",
    "output_lora_rank": "attention.output_lora_rank",
    "output_group_count": "attention.output_group_count",
    "hc_mult": "hyper_connection.count",
    "hc_low_rank": "hyper_connection.low_rank",
    "ssm_conv_kernel": "ssm.conv_kernel",
    "ssm_inner_size": "ssm.inner_size",
    "ssm_state_size": "ssm.state_size",
    "ssm_time_step_rank": "ssm.time_step_rank",
    "ssm_group_count": "ssm.group_count",
    "shortconv_l_cache": "shortconv.l_cache",
    "kda_head_dim": "kda.head_dim",
    "wkv_head_size": "wkv.head_size",
    "token_shift_count": "token_shift_count",
    "num_loops": "num_loops",
    "embedding_length_per_layer_input": "embedding_length_per_layer_input",
}
"""Fields that a key states for the whole model. A value of zero means that there is none."""


@dataclass(frozen=True, slots=True)
class Keys:
    """A header's metadata, read as one architecture's."""

    architecture: str
    metadata: Mapping[str, Value]

    def name(self, key: str) -> str:
        """The key as the header spells it."""
        return f"{self.architecture}.{key}"

    def integer(self, key: str) -> int | None:
        """The whole number that a key states; ``None`` where it is missing.

        Raises:
            DamagedHeaderError: It is something else, or larger than any model's.
        """
        value = self.metadata.get(self.name(key))
        return None if value is None else self._checked(key, value)

    def required(self, key: str) -> int:
        """The number of a key that llama.cpp refuses to do without.

        Raises:
            DamagedHeaderError: It is missing, or no number.
        """
        value = self.integer(key)
        if value is None:
            raise DamagedHeaderError(self.missing(key))
        return value

    def missing(self, key: str) -> str:
        """The sentence for a key that is not there."""
        return f"it lacks `{self.name(key)}`, without which llama.cpp refuses it"

    def layers(self, key: str, *, kept: int, stored: int) -> int | tuple[int, ...] | None:
        """A figure that may differ between layers, one number where it does not.

        Args:
            key: Its name without the architecture.
            kept: Layers of the model; figures of prediction blocks behind them are left out.
            stored: Layers of the file, which an array must have figures for.

        Raises:
            DamagedHeaderError: It has figures for another number of layers, or no numbers.
        """
        value = self.metadata.get(self.name(key))
        if value is None or not isinstance(value, tuple | SkippedArray):
            return self.integer(key)
        figures = self._figures(key, value)
        if len(figures) not in {kept, stored}:
            msg = f"`{self.name(key)}` has {len(figures)} figures for {stored} layers"
            raise DamagedHeaderError(msg)
        own = figures[:kept]
        return own[0] if len(set(own)) == 1 else own

    def flags(self, key: str, *, kept: int) -> tuple[bool, ...] | None:
        """Which layers an array marks; layers that it is too short for are not marked.

        Returns:
            ``None`` where the key is missing or no array.
        """
        value = self.metadata.get(self.name(key))
        if not isinstance(value, tuple | SkippedArray):
            return None
        figures = self._figures(key, value)[:kept]
        return tuple(bool(figure) for figure in figures) + (False,) * (kept - len(figures))

    def numbers(self, key: str) -> tuple[int, ...] | None:
        """The numbers of an array; ``None`` where the key is missing or no array."""
        value = self.metadata.get(self.name(key))
        if not isinstance(value, tuple | SkippedArray):
            return None
        return self._figures(key, value)

    def _figures(self, key: str, value: tuple[object, ...] | SkippedArray) -> tuple[int, ...]:
        if isinstance(value, SkippedArray):
            msg = f"`{self.name(key)}` is a list of {value.count} values, not of a figure per layer"
            raise DamagedHeaderError(msg)
        return tuple(self._checked(key, int(one) if one in {0, 1} else one) for one in value)

    def _checked(self, key: str, value: object) -> int:
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < LARGEST:
            return value
        shown = value if isinstance(value, int | float | str) else "a list"
        msg = f"`{self.name(key)}` is {str(shown)[:40]!r}, not a count or a length"
        raise DamagedHeaderError(msg)
