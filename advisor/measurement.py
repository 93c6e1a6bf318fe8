"""What was timed on this machine: one kind of speed, of one model, by one program.

Holds the noun that travels from a measurement to the store and from there into estimates; never
how something is timed, kept, or used.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from advisor.workload import Runtime

Scalar = int | float | bool | str | None

FAMILY = "llama.cpp"
"""Programs that run llama.cpp's own kernels at its own speed."""

_FAMILIES = {Runtime.OLLAMA: "ollama", Runtime.LLAMAFILE: "llamafile"}


class Pace(StrEnum):
    """Which speed was timed."""

    DECODE = "decode"
    """Tokens of an answer, one after the other."""

    PREFILL = "prefill"
    """Tokens of a prompt, many at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What one device did: the fields of a decode or prefill part that the model decides.

    What the device itself decides (its rates, its cores) is left out, so that a later version of
    the program can predict the same work with what it then knows of the device.
    """

    device: str
    """Its name; `host` for the processor."""

    values: tuple[tuple[str, Scalar], ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Measurement:
    """One speed that was measured here, with everything it depends on.

    Every measurement is one event, and equal to itself alone.
    """

    number: int | None = None
    """Its place in the store; ``None`` for what is not kept."""

    taken_at: str
    """When it ended, in UTC: `2026-11-24T03:10:00Z`."""

    machine: str
    """Which machine; see `measure.identity`."""

    pace: Pace
    samples_tokens_per_s: tuple[float, ...]
    """One for each repetition, without the warm-up."""

    tokens: int
    """Timed in each of them."""

    depth_tokens: int
    """In the cache before the first of them."""

    model: str
    """The repository it comes from, where the catalog knows it; else the model's name."""

    model_name: str
    quant: str
    file_name: str | None
    file_bytes: int | None
    file_mark: str | None
    """A mark of the file's contents; see `measure.identity.file_mark`."""

    runtime: Runtime
    """What the prediction was made for."""

    program: str
    """What timed it: `llama-bench`, `llama-cpp-python`, `ollama`, …"""

    program_version: str | None
    advisor_version: str | None
    backend: str
    """`cuda`, `metal`, `cpu`, …: the one that the program used."""

    devices: tuple[str, ...]
    """Those that held layers, in the order of use."""

    works: tuple[Work, ...]
    """What each of them did; empty where nobody knows how the layers were placed, or where there
    is no prediction to compare with."""

    handovers: int
    flash_attention: bool
    kv_type_k: str
    kv_type_v: str
    gpu_layers: int
    n_cpu_moe: int
    threads: int | None
    predicted_tokens_per_s: float | None
    """What the program said without any measurement, with its interval."""

    predicted_low: float | None
    predicted_high: float | None
    disturbance: str | None = None
    """Why it is not to be trusted (other programs held the CPU, …); ``None`` for a quiet one.
    What is disturbed is kept and shown, and nothing is calibrated by it."""

    @property
    def tokens_per_s(self) -> float:
        """The median of the repetitions."""
        from statistics import median  # with fractions and decimal behind it

        return median(self.samples_tokens_per_s)

    @property
    def low(self) -> float:
        """The slowest repetition."""
        return min(self.samples_tokens_per_s)

    @property
    def high(self) -> float:
        """The fastest."""
        return max(self.samples_tokens_per_s)

    @property
    def is_inside(self) -> bool | None:
        """Whether the predicted interval holds it; ``None`` where nothing was predicted."""
        if self.predicted_low is None or self.predicted_high is None:
            return None
        return self.predicted_low <= self.tokens_per_s <= self.predicted_high


def family(runtime: Runtime) -> str:
    """Which programs go at the same speed: llama.cpp's own are one family."""
    return _FAMILIES.get(runtime, FAMILY)
