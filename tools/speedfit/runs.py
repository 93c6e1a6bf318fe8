"""The published runs that the speed model is fitted on, joined with their devices and models.

Holds the reading of `tests/measured/*.csv`; what a run is worth to the fit is decided elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from catalog.load import csv_rows, optional_float

MEASURED = Path(__file__).parents[2] / "tests" / "measured"

OLD_ERAS = frozenset({"early", "middle"})
"""Builds before June 2024, or mixed with such; see the head of `decode_speed.csv`."""

VULKAN_2025 = "vulkan-2025"
"""Builds before Vulkan's attention was rewritten (ggml-org/llama.cpp#19625)."""

MIX = "mix"
"""LocalScore's mean over nine mixes of prompt and answer."""

MIX_DEPTH_TOKENS = 1837
"""Mean of (prompt + half the answer) over the nine: 1024+16, 4096+256, 2048+256, 2048+768,
1024+1024, 1280+3072, 384+1152, 64+1024, 16+1536 (llamafile, localscore)."""

MIX_PROMPT_TOKENS = 1332
"""Mean prompt of the nine."""

DEFAULT_ANSWER_TOKENS = 128
"""Where a source does not say how much was generated: `llama-bench`'s own default."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """One row of `speed_devices.csv`."""

    name: str
    vendor: str
    architecture: str
    kind: str
    bandwidth_bytes_per_s: float
    fp16_flops_per_s: float | None
    is_half_rate: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """A model's weights and cache, from `speed_models.csv`."""

    model: str
    architecture: str
    layers: int
    recurrent_layers: int
    parameters: int
    embedding: int
    is_tied: bool
    routed_experts: int
    experts_used_share: float
    lookup: int
    cache_bytes_per_token: int
    window_cache_bytes_per_token: int
    window_tokens: int
    state_bytes: int
    attention_width: int
    query_elements_per_token: int
    window_query_elements_per_token: int

    @property
    def is_moe(self) -> bool:
        """True for a mixture of experts."""
        return self.routed_experts > 0

    @property
    def rest(self) -> int:
        """Weights that are neither an embedding, a routed expert nor a lookup table."""
        tables = self.embedding * (1 if self.is_tied else 2)
        return self.parameters - tables - self.routed_experts - self.lookup

    def cache_bytes(self, depth_tokens: float) -> float:
        """Keys and values that one token reads at a depth, in f16."""
        seen = self._seen_tokens(depth_tokens)
        return self.cache_bytes_per_token * depth_tokens + self.window_cache_bytes_per_token * seen

    def attention_flops(self, depth_tokens: float) -> float:
        """Products and sums of one token's attention at a depth."""
        full = self.query_elements_per_token * depth_tokens
        return 2 * (full + self.window_query_elements_per_token * self._seen_tokens(depth_tokens))

    def _seen_tokens(self, depth_tokens: float) -> float:
        """Tokens that a layer with a window looks back at."""
        return min(depth_tokens, self.window_tokens) if self.window_tokens else depth_tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One published speed."""

    source: str
    device_name: str
    device: Device | None
    """``None`` for a CPU, whose memory no source states."""

    units: int
    backend: str
    runtime: str
    era: str
    shape: Shape
    quant: str
    file_bytes: int | None
    """As the source states it."""

    table_bytes: tuple[int, int] | None
    """Read per token, and of all tensors, by the file type's recipe; where no size is stated."""

    test: str
    """`decode` or `prefill`."""

    start_depth_tokens: int
    """In the cache before the first timed token."""

    depth_tokens: float
    """On average while it was timed."""

    prompt_tokens: int
    flash_attention: bool
    tokens_per_s: float

    @property
    def is_old(self) -> bool:
        """True for builds that differ from today's in most of what they run."""
        return self.era in OLD_ERAS


def load_runs(folder: Path = MEASURED) -> list[Run]:
    """Every run, in the order of the file."""
    devices = {row["device"]: _device(row) for row in csv_rows("speed_devices.csv", folder=folder)}
    shapes = {
        row["published_name"]: _shape(row) for row in csv_rows("speed_models.csv", folder=folder)
    }
    tables = {
        (row["model"], row["quant"]): (int(row["read_bytes"]), int(row["tensor_bytes"]))
        for row in csv_rows("speed_sizes.csv", folder=folder)
    }
    return [
        _run(row, devices, shapes, tables) for row in csv_rows("decode_speed.csv", folder=folder)
    ]


def _device(row: dict[str, str]) -> Device:
    return Device(
        name=row["device"],
        vendor=row["vendor"],
        architecture=row["architecture"],
        kind=row["kind"],
        bandwidth_bytes_per_s=float(row["bandwidth_bytes_per_s"]),
        fp16_flops_per_s=optional_float(row["fp16_flops_per_s"]),
        is_half_rate=row["is_half_rate"] == "yes",
    )


def _shape(row: dict[str, str]) -> Shape:
    return Shape(
        model=row["model"],
        architecture=row["architecture"],
        layers=int(row["layers"]),
        recurrent_layers=int(row["recurrent_layers"]),
        parameters=int(row["parameters"]),
        embedding=int(row["embedding"]),
        is_tied=row["is_tied"] == "1",
        routed_experts=int(row["routed_experts"]),
        experts_used_share=float(row["experts_used_share"]),
        lookup=int(row["lookup"]),
        cache_bytes_per_token=int(row["cache_bytes_per_token"]),
        window_cache_bytes_per_token=int(row["window_cache_bytes_per_token"]),
        window_tokens=int(row["window_tokens"]),
        state_bytes=int(row["state_bytes"]),
        attention_width=int(row["attention_width"]),
        query_elements_per_token=int(row["query_elements_per_token"]),
        window_query_elements_per_token=int(row["window_query_elements_per_token"]),
    )


def _run(
    row: dict[str, str],
    devices: dict[str, Device],
    shapes: dict[str, Shape],
    tables: dict[tuple[str, str], tuple[int, int]],
) -> Run:
    shape = shapes[row["model"]]
    start, tokens = int(row["depth_tokens"]), row["tokens"]
    is_decode = row["test"] == "decode"
    if tokens == MIX:
        depth, prompt = float(MIX_DEPTH_TOKENS), MIX_PROMPT_TOKENS
    else:
        count = int(tokens) if tokens else DEFAULT_ANSWER_TOKENS
        depth, prompt = start + count / 2, count
    return Run(
        source=row["source"],
        device_name=row["device"],
        device=devices.get(row["device"]),
        units=int(row["units"]),
        backend=row["backend"],
        runtime=row["runtime"],
        era=row["era"],
        shape=shape,
        quant=row["quant"],
        file_bytes=int(row["file_bytes"]) if row["file_bytes"] else None,
        table_bytes=None if row["file_bytes"] else tables.get((shape.model, row["quant"])),
        test=row["test"],
        start_depth_tokens=start,
        depth_tokens=depth if is_decode else float(start),
        prompt_tokens=prompt,
        flash_attention=row["flash_attention"] != "off",
        tokens_per_s=float(row["tokens_per_s"]),
    )
