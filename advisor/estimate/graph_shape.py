"""The widths of a model's graph that decide its scratch memory.

Holds how many elements per token the widest parts of a block keep at once; never a byte, a
micro-batch or a device. `compute` turns them into buffers.

Source: llama.cpp's graph builders (`src/models/*.cpp`, October 2026), compared with the buffers
that the library reserves for every architecture of the catalog; `docs/accuracy.md` has the errors.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from advisor.estimate.flash import AFFECTED
from advisor.estimate.graph.model_graph import ModelGraph

if TYPE_CHECKING:
    from catalog.model import Hyperparameters

UNGATED = frozenset(
    {
        "apertus",
        "arcee",
        "bert",
        "bloom",
        "codeshell",
        "falcon",
        "gpt2",
        "gptneox",
        "jais2",
        "jina-bert-v3",
        "mpt",
        "nemotron",
        "nemotron_h",
        "nemotron_h_moe",
        "nomic-bert-moe",
        "phi2",
        "plm",
        "starcoder",
        "starcoder2",
    }
)
"""Architectures whose feed-forward part is one matrix up and one down."""

WITHOUT_GAP = frozenset(
    {
        *{"afmoe", "laguna", "qwen35", "qwen4exp", "step35"},
        *{"bert", "bitnet", "lfm2", "lfm2moe", "muse-glimmer", "phi3"},
    }
)
"""Architectures whose attention leaves no gap that the feed-forward part cannot use.

A gate on what attention puts out fills it in the first five. Phi-3's query is a part of one larger
product; the others keep something behind it.
"""

RESULT_BEHIND_A_ROW = frozenset(
    {
        *{"gemma4", "gpt-oss", "nemotron_h", "nemotron_h_moe", "qwen35"},
        *{"exaone4", "falcon-h1", "granitehybrid", "lfm2", "olmo2", "phi3"},
    }
)
"""Architectures whose last result lies behind one more residual row when logits are made of it.

In the first five it is kept for a block that predicts further tokens.
"""

PARALLEL = frozenset({"command-r", "cohere2", "cohere2moe"})
"""Architectures whose feed-forward part reads what attention reads, so that both results live."""

HEAD_ON_HOST = frozenset({"bitnet"})
"""Architectures whose graph multiplies by the token embedding itself, which is on the host."""

ENCODERS = frozenset(
    {
        "bert",
        "eurobert",
        "gemma-embedding",
        "jina-bert-v2",
        "jina-bert-v3",
        "modern-bert",
        "neo-bert",
        "nomic-bert",
        "nomic-bert-moe",
    }
)
"""Architectures that hand over embeddings and have no logits."""


_COMPARED = (
    "afmoe apertus arcee bailingmoe2 bert bitnet cohere2 cohere2moe command-r deci "
    "deepseek2 deepseek32 deepseek4 ernie4_5 ernie4_5-moe exaone exaone4 falcon-h1 "
    "gemma-embedding gemma2 gemma3 gemma3n gemma4 glm-dsa glm4 glm4moe glm5-next gpt-oss "
    "granite granitehybrid granitemoe hunyuan-dense hunyuan-moe hy_v3 internlm2 kimi-linear "
    "laguna lfm2 lfm2moe llama llama4 mellum mimo2 minicpm minimax-m2 minimax-m3 mistral3 "
    "mistral4 muse-glimmer nemotron_h nemotron_h_moe nomic-bert olmo2 olmoe phi3 phimoe "
    "qwen2 qwen2vl qwen3 qwen35 qwen35moe qwen3moe qwen3next qwen3vl qwen3vlmoe qwen4exp "
    "seed_oss smollm3 starcoder2 step35"
)

INDEXED = frozenset({"deepseek32", "deepseek4", "glm-dsa", "glm5-next", "minimax-m3", "qwen4exp"})
"""Architectures whose attention looks only at cells that an indexer chose. All are drawn."""

COMPARED = frozenset(_COMPARED.split())
"""Architectures of the catalog, whose buffers are compared in `docs/accuracy.md`."""


class GraphKind(StrEnum):
    """What makes a graph's scratch easy or hard to predict; the error is stated for each."""

    DENSE = "dense"
    MIXTURE = "mixture"
    LATENT = "latent attention"
    RECURRENT = "recurrent"
    LOOKUP = "per-layer embeddings"
    INDEXED = "indexed attention"
    ENCODER = "encoder"


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphShape:
    """Widths in elements per token, where nothing else is said."""

    kind: GraphKind
    graph: ModelGraph = field(compare=False)
    """What the graph is drawn from, where it is drawn."""

    is_compared: bool
    """True for an architecture whose buffers were compared, as the stated errors say."""

    embedding: int
    query: int
    """Query heads × length of a key."""

    attention: int
    """What attention hands on: query heads × length of a value."""

    leaves_gap: bool
    """True when the room of what attention hands on lies idle while a block feeds forward."""

    is_parallel: bool
    """True when what attention hands on lives until the feed-forward part is done."""

    may_lose_flash: bool
    """True where llama.cpp may switch flash attention off when some blocks are on the host."""

    has_head_on_host: bool
    """True when the logits are the host's, wherever the layers are."""

    input_rows: int
    """Residual rows that the host keeps of the inputs: a row, and what it was looked up from."""

    encoder_masks: int
    """Masks of an encoder, which has no cache: one, or two where some layers have a window."""

    heads: int | tuple[int, ...]
    """Query heads, of each layer where they differ."""

    vocabulary: int
    """Width of the logits; 0 for a model without any."""

    tokens: int
    """Tokens that the model's tokenizer knows."""

    feed_forward: int
    """The feed-forward part's own rows: three of a gated one, those of every expert used."""

    cut_feed_forward: int
    """The same in a graph whose blocks lie on several devices."""

    gapless_feed_forward: int
    """The same of experts behind latent attention, which leaves room enough; else 0."""

    behind: int
    """Elements before the row that logits are made of, where a whole micro-batch has them."""

    cut_behind: int
    """The same in a graph whose first blocks are on the host."""

    kept_result: int
    """One more residual row before it, in builds since June 2026."""

    latent: int
    """Query heads expanded for latent attention; 0 without it."""

    recurrent: int
    """A recurrent layer's rows; 0 without one."""

    state_per_sequence: int
    """State and convolution rows that a recurrent layer copies. [elements per sequence]"""

    delta: int
    """Rows of a delta net while it goes from one state to the next; 0 without one."""

    delta_state: int
    """Both states. [elements per sequence]"""

    lookup: int
    """Rows of per-layer embeddings, of all layers."""

    lookup_each: int
    """The same of one layer."""

    borrowed: tuple[tuple[int, int], ...]
    """Layers that look at another's cache, each with that other layer."""

    streams: int
    """Further residual rows beside the usual ones (Gemma 3n)."""


def largest(value: int | tuple[int, ...] | None) -> int:
    """The largest layer's value of a key that may be kept per layer; zero without the key."""
    if value is None:
        return 0
    return value if isinstance(value, int) else max(value, default=0)


def graph_shape(architecture: str, hyper: Hyperparameters) -> GraphShape:
    """The widths of a model's graph.

    Args:
        architecture: llama.cpp's name of it.
        hyper: The model's shape.
    """
    is_gated = architecture not in UNGATED
    heads = largest(hyper.head_count)
    recurrent, state = _recurrent(architecture, hyper)
    delta, delta_state = _delta(architecture, hyper)
    feed_forward, gapless = _feed_forward(hyper, is_gated=is_gated, is_cut=False), 0
    if hyper.kv_lora_rank and hyper.expert_used_count:
        feed_forward, gapless = _behind_latent_attention(hyper)
    return GraphShape(
        kind=_kind(architecture, hyper),
        graph=ModelGraph(architecture=architecture, hyper=hyper),
        is_compared=architecture in COMPARED,
        embedding=hyper.embedding_length,
        query=heads * max(hyper.key_length, hyper.key_length_swa or 0),
        attention=heads * (hyper.value_length_mla or hyper.value_length),
        leaves_gap=architecture not in WITHOUT_GAP,
        is_parallel=architecture in PARALLEL,
        may_lose_flash=architecture in AFFECTED and not hyper.expert_used_count,
        has_head_on_host=architecture in HEAD_ON_HOST,
        input_rows=3 if hyper.position_count or hyper.ple_ngram_size else 2,
        encoder_masks=2 if hyper.sliding_window else 1,
        heads=hyper.head_count,
        vocabulary=0 if architecture in ENCODERS else hyper.vocab_size,
        tokens=hyper.vocab_size,
        feed_forward=feed_forward,
        cut_feed_forward=_feed_forward(hyper, is_gated=is_gated, is_cut=True),
        gapless_feed_forward=gapless,
        behind=_behind(hyper, is_cut=False),
        cut_behind=_behind(hyper, is_cut=True),
        kept_result=hyper.embedding_length if architecture in RESULT_BEHIND_A_ROW else 0,
        latent=_latent(hyper, heads),
        recurrent=recurrent,
        state_per_sequence=state,
        delta=delta,
        delta_state=delta_state,
        lookup=hyper.block_count * (hyper.embedding_length_per_layer_input or 0),
        lookup_each=hyper.embedding_length_per_layer_input or 0,
        borrowed=_borrowed(hyper),
        streams=2 * ((hyper.altup_num_inputs or 1) - 1) * hyper.embedding_length,
    )


def _borrowed(hyper: Hyperparameters) -> tuple[tuple[int, int], ...]:
    """The last layers look at the cache of the last layer before them that has the same window."""
    shared = hyper.shared_kv_layers or 0
    if not shared:
        return ()
    pattern = hyper.sliding_window_pattern
    if not isinstance(pattern, tuple):
        every = pattern or 1
        pattern = tuple(layer % every < every - 1 for layer in range(hyper.block_count))
    own = hyper.block_count - shared
    lender = {pattern[layer]: layer for layer in range(own)}
    return tuple((layer, lender[pattern[layer]]) for layer in range(own, hyper.block_count))


def _kind(architecture: str, hyper: Hyperparameters) -> GraphKind:
    """The hardest part of a graph names it."""
    kinds = (
        (architecture in ENCODERS, GraphKind.ENCODER),
        (architecture in INDEXED, GraphKind.INDEXED),
        (hyper.embedding_length_per_layer_input, GraphKind.LOOKUP),
        (hyper.ssm_inner_size or hyper.shortconv_l_cache, GraphKind.RECURRENT),
        (hyper.kda_head_dim or hyper.wkv_head_size, GraphKind.RECURRENT),
        (hyper.kv_lora_rank, GraphKind.LATENT),
        (hyper.expert_used_count, GraphKind.MIXTURE),
    )
    return next((kind for is_so, kind in kinds if is_so), GraphKind.DENSE)


def _feed_forward(hyper: Hyperparameters, *, is_gated: bool, is_cut: bool) -> int:
    """Rows of the widest feed-forward part: up, gate and their product, of every expert used.

    What the experts put out goes where up and gate were, if it is no wider than the two. Where
    the layers lie on several devices, residual rows are held besides, fewer of them beside a
    shared expert.
    """
    rows = 3 if is_gated else 1
    dense = rows * largest(hyper.feed_forward_length)
    used = hyper.expert_used_count or 0
    if not used:
        return dense
    expert = hyper.expert_feed_forward_length or 0
    width = hyper.moe_latent_size or hyper.embedding_length
    room = 2 * expert if is_gated else 0
    has_shared = bool(hyper.expert_shared_count or hyper.expert_shared_feed_forward_length)
    fits = width < room or (width == room and (has_shared or not is_cut))
    mixture = used * (rows * expert + (0 if fits else width))
    if is_cut:
        mixture += (1 if has_shared else 3) * hyper.embedding_length
    is_mixed = (hyper.interleave_moe_layer_step or 1) > 1
    # A graph that is cut has its first blocks on the host, the dense ones among them.
    has_dense = is_mixed or (hyper.leading_dense_block_count and not is_cut)
    return max(mixture, dense) if has_dense else mixture


def _behind_latent_attention(hyper: Hyperparameters) -> tuple[int, int]:
    """Rows of the dense blocks, if there are any; and of the experts, with a residual row more.

    Where dense blocks come first, that row finds room that they left.
    """
    dense = 3 * largest(hyper.feed_forward_length) if hyper.leading_dense_block_count else 0
    unmixed = replace(hyper, leading_dense_block_count=None, interleave_moe_layer_step=None)
    experts = _feed_forward(unmixed, is_gated=True, is_cut=False)
    return dense, experts + (0 if dense else hyper.embedding_length)


def _behind(hyper: Hyperparameters, *, is_cut: bool) -> int:
    """What lies before the last block's result, which the logits then cannot use.

    A shared expert reads its input after the experts are done, so that their result finds no room
    where that input was. It goes behind two residual rows, and behind what the experts put out if
    that went into the room of up and gate and dense blocks had made more of it.
    """
    if not (hyper.expert_shared_count or hyper.expert_shared_feed_forward_length):
        return 0
    width = hyper.moe_latent_size or hyper.embedding_length
    if width > 2 * (hyper.expert_feed_forward_length or 0):
        return 2 * hyper.embedding_length
    is_mixed = (hyper.interleave_moe_layer_step or 1) > 1
    if is_mixed or (hyper.leading_dense_block_count and not is_cut):
        return 2 * hyper.embedding_length + (hyper.expert_used_count or 0) * width
    return hyper.embedding_length


def _latent(hyper: Hyperparameters, heads: int) -> int:
    """Queries as projected, as absorbed and turned, and as both together, beside residual rows."""
    rank = hyper.kv_lora_rank
    if not rank:
        return 0
    query = heads * (hyper.key_length_mla or hyper.key_length)
    positions = heads * hyper.rope_dimension_count
    absorbed = heads * rank
    return query + 2 * absorbed + 2 * positions + 3 * hyper.embedding_length


def _recurrent(architecture: str, hyper: Hyperparameters) -> tuple[int, int]:
    """Rows per token of a recurrent layer, and what it copies per sequence.

    A gated delta net holds three rows of its convolution's width; Mamba 2 holds its whole input
    projection, two rows of its convolution and two of its inner width.
    """
    inner = hyper.ssm_inner_size
    if not inner:
        return 0, 0
    states = (hyper.ssm_group_count or 1) * (hyper.ssm_state_size or 0)
    convolved = inner + 2 * states
    tail = 2 * ((hyper.ssm_conv_kernel or 1) - 1) * convolved
    residual = 2 * hyper.embedding_length
    if architecture.startswith("qwen"):
        return 3 * convolved + residual, tail
    projected = 2 * inner + 2 * states + (hyper.ssm_time_step_rank or 0)
    rows = projected + 2 * convolved + 2 * inner + residual
    return rows, tail + inner * (hyper.ssm_state_size or 0)


def _delta(architecture: str, hyper: Hyperparameters) -> tuple[int, int]:
    """Rows per token of a delta net at work, and what it holds of states per sequence.

    Its convolution's output, and queries, keys and values of it, beside two residual rows; short
    micro-batches of several sequences make the states the larger part.
    """
    inner, size = hyper.ssm_inner_size, hyper.ssm_state_size or 0
    if not inner or not architecture.startswith("qwen"):
        return 0, 0
    convolved = inner + 2 * (hyper.ssm_group_count or 1) * size
    return 2 * convolved + 2 * hyper.embedding_length, 2 * inner * size
