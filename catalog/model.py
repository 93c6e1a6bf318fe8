"""A model: who made it, what it is for, its shape, and where its files are."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Hyperparameters:
    """A model's shape, under llama.cpp's names for the keys of a GGUF header.

    A key that an architecture does not have is ``None``. Where llama.cpp keeps one value per
    layer, this is a tuple with one value per layer.
    """

    block_count: int
    embedding_length: int
    vocab_size: int
    head_count: int | tuple[int, ...]
    head_count_kv: int | tuple[int, ...]
    key_length: int
    value_length: int
    rope_dimension_count: int
    tied_embeddings: bool
    feed_forward_length: int | tuple[int, ...] | None = None
    qk_norm: bool = False
    qkv_bias: bool = False
    token_type_count: int | None = None
    position_count: int | None = None
    """Rows of a learned table of positions (BERT)."""

    # Sliding and chunked windows.
    sliding_window: int | None = None
    sliding_window_pattern: int | tuple[bool, ...] | None = None
    sliding_window_pattern_dense_first: bool = False
    full_attention_layers: tuple[int, ...] | None = None
    swa_layer_count: int | None = None
    key_length_swa: int | None = None
    value_length_swa: int | None = None
    rope_dimension_count_swa: int | None = None
    shared_kv_layers: int | None = None
    full_layers_share_k_and_v_weights: bool = False

    # Experts.
    expert_count: int | None = None
    expert_used_count: int | None = None
    expert_shared_count: int | None = None
    expert_feed_forward_length: int | None = None
    expert_shared_feed_forward_length: int | None = None
    leading_dense_block_count: int | None = None
    interleave_moe_layer_step: int | None = None
    moe_latent_size: int | None = None
    router_has_bias: bool = True
    """False where a model lacks the score correction that its architecture knows."""

    hash_layer_count: int | None = None

    # Multi-head latent attention, indexers, compressed streams.
    q_lora_rank: int | None = None
    kv_lora_rank: int | None = None
    key_length_mla: int | None = None
    value_length_mla: int | None = None
    indexer_head_count: int | None = None
    indexer_key_length: int | None = None
    indexer_top_k: int | None = None
    indexer_kpool: int | None = None
    indexer_full_layers: tuple[int, ...] | None = None
    """Layers with an indexer of their own; ``None`` when every layer that could have one has."""

    compress_ratios: tuple[int, ...] | None = None
    output_lora_rank: int | None = None
    output_group_count: int | None = None
    hc_mult: int | None = None
    hc_low_rank: int | None = None

    # Recurrent layers.
    full_attention_interval: int | None = None
    recurrent_layer_count: int | None = None
    layer_pattern: str | None = None
    ssm_conv_kernel: int | None = None
    ssm_inner_size: int | None = None
    ssm_state_size: int | None = None
    ssm_time_step_rank: int | None = None
    ssm_group_count: int | None = None
    ssm_has_norm: bool = True
    shortconv_l_cache: int | None = None
    kda_head_count: int | None = None
    kda_head_dim: int | None = None
    wkv_head_size: int | None = None
    token_shift_count: int | None = None
    """Earlier tokens of which a layer keeps the residual (RWKV)."""

    num_loops: int | None = None
    """How often the layers are passed, with a cache for each pass; once where not stated."""

    # Per-layer embeddings and multi-token prediction.
    embedding_length_per_layer_input: int | None = None
    vocab_size_per_layer_input: int | None = None
    altup_num_inputs: int | None = None
    laurel_rank: int | None = None
    ple_layer_count: int | None = None
    ple_layers: tuple[int, ...] | None = None
    ple_ngram_size: int | None = None
    ple_embedding_length: int | None = None
    ple_table_rows: int | None = None
    ple_conv_kernel: int | None = None
    nextn_predict_layers: int | None = None
    nextn_has_own_tables: bool = False
    """True when the prediction block repeats the token table and the head."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Benchmark:
    """One published score of a model."""

    name: str
    score: float
    date: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Model:
    """One row of `catalog/models/*.json`.

    Two rows are never equal, so a model is compared and looked up by identity, which costs nothing.
    """

    repository: str
    """The publisher's repository on the Hub: `meta-llama/Llama-3.2-1B-Instruct`."""

    name: str
    """What `advisor` calls it: the repository's name in lower case."""

    family: str
    publisher: str
    license: str
    release_date: str
    """ISO date, or only its beginning (`2026-08`) where the day is not known."""

    tier: int
    """1 for the models people run most, 2 for the rest."""

    modality: str
    """`text`, `text+image`, `text+image+video`, `text+image+audio` or `embedding`."""

    context_tokens: int
    """The context the maker states."""

    params_total: int
    """Weights of the language model as a GGUF holds them."""

    params_active: int
    """Total less unselected experts and lookup tables."""

    params_read_per_token: int
    params_lookup_tables: int | None
    params_unused_in_file: int | None
    params_vision: int | None
    params_mtp: int | None
    params_hub_total: int | None
    gguf_extra_elements: int | None
    """Elements of rope-factor tables that llama.cpp counts beside the weights."""

    is_verified: bool
    """True when the parameter count was checked against an exact published total."""

    check: str | None
    architecture: str
    """llama.cpp's name of it: `llama`, `qwen3moe`, `gemma3`."""

    hyperparameters: Hyperparameters
    gguf_repositories: tuple[str, ...]
    gguf_repositories_recalled: tuple[str, ...]
    """From memory, not seen in a listing."""

    params_active_published: str | None = None
    """What its maker calls active (`3B`), which may leave the embeddings out."""

    gguf_context_tokens: int | None = None
    """What the GGUF says instead of `context_tokens`, where the two are known to differ."""

    benchmarks: tuple[Benchmark, ...]
    notes: tuple[str, ...]
    sources: tuple[str, ...]
    checked: str
