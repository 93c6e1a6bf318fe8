"""Which machines pass which rule, and which leave it open; `fails` has those that fail it.

The machines are recorded ones, what the fake NVML says through the real nvidia-ml-py, or copies of
them with one fact changed. Figures in expected sentences are worked out from the machine's own.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from advisor.check.case import Disk
from probes.accelerator import AcceleratorState, Slowdown
from tests.check.machines import (
    desktop,
    gaming,
    recorded,
    with_condition,
    with_cpu,
    with_gpu,
)

if TYPE_CHECKING:
    from probes.finding import Severity

GB = 10**9
BUS_4090 = (("0000:01:00.0", "0x2684"),)


@dataclass(frozen=True, kw_only=True)
class Try:
    """One rule on one machine."""

    rule: str
    machine: Any
    """A machine, or a function of the fixture `nvidia`."""

    says: str = ""
    """Part of the sentence that is expected."""

    keys: dict[str, Any] = field(default_factory=dict)
    """The requirement; none for a rule about the machine."""

    disk: Disk = field(default_factory=lambda: Disk(folder="~/hub", free_bytes=500 * GB))
    severity: Severity | None = None


def card(case, **how):
    return lambda nvidia: nvidia(case, **how)


PASSES = [
    *(
        Try(rule=f"ADV{number}", machine=card("rtx4090", bus=BUS_4090))
        for number in (101, 102, 103, 104, 105, 106, 107, 108, 110, 111)
    ),
    Try(rule="ADV108", machine=card("h100_mig")),
    Try(
        rule="ADV109",
        machine=card("rtx4090", instead=["0.mode=0"]),
        says="admits this program (shared)",
    ),
    Try(rule="ADV109", machine=card("rtx4090", instead=["0.mode=3"])),
    Try(rule="ADV112", machine=desktop()),
    Try(rule="ADV201", machine=gaming(), says="programs hold 1.0 GiB of the 23.5 GiB"),
    Try(rule="ADV202", machine=card("rtx4090"), says="has 16 of 16 lanes"),
    Try(rule="ADV203", machine=card("rtx4090")),
    Try(rule="ADV204", machine=card("rtx4090", instead=["0.reasons=0x1"])),
    Try(
        rule="ADV204",
        machine=with_condition(gaming(), slowdowns=(Slowdown.CLOCK_SETTING,)),
        says="beyond what is chosen (its clocks are set so)",
    ),
    Try(rule="ADV205", machine=gaming(), says="450 W"),
    Try(rule="ADV206", machine=card("tesla_t4", instead=["0.errors=0", "0.pages=0"])),
    Try(
        rule="ADV207",
        machine=card("rtx4090", instead=["0.temperature=45", "0.temperature.slowdown=90"]),
        says="45 °C",
    ),
    Try(rule="ADV208", machine=recorded("apple-m4-max")),
    Try(rule="ADV300", machine=desktop(), keys={"min_cpus": 1}),
    Try(rule="ADV301", machine=gaming(), keys={"where": "RTX 4090", "min_gpus": 1}),
    Try(rule="ADV301", machine=gaming(), keys={"where": "gpu", "min_gpus": 1}),
    Try(rule="ADV301", machine=desktop(), keys={"where": "cpu", "min_cpus": 1}),
    Try(rule="ADV302", machine=gaming(), keys={"gpu": "RTX 4090"}),
    Try(rule="ADV302", machine=recorded("dual-3090-and-3060"), keys={"gpu": "2x RTX 3090"}),
    # There are two cards called RTX 3060, and either will do.
    Try(rule="ADV302", machine=recorded("dual-3090-and-3060"), keys={"gpu": "RTX 3060"}),
    Try(rule="ADV302", machine=recorded("apple-m4-max"), keys={"gpu": "M4 Max"}),
    Try(rule="ADV303", machine=recorded("dual-3090-and-3060"), keys={"min_gpus": 3}),
    Try(rule="ADV304", machine=gaming(), keys={"min_gpu_memory": "24GB"}),
    Try(
        rule="ADV304",
        machine=recorded("dual-3090-and-3060"),
        keys={"min_gpu_memory": "20GiB", "min_gpus": 2},
    ),
    Try(rule="ADV305", machine=gaming(), keys={"min_free_gpu_memory": "22GiB"}),
    Try(rule="ADV306", machine=gaming(), keys={"max_gpu_in_use": "1GiB"}),
    Try(rule="ADV307", machine=gaming(), keys={"dedicated": True}),
    Try(rule="ADV308", machine=gaming(), keys={"mig": "none"}),
    Try(rule="ADV308", machine=recorded("h100-mig"), keys={"mig": "3g.40gb"}),
    Try(rule="ADV309", machine=gaming(), keys={"min_driver": "570"}),
    Try(rule="ADV309", machine=gaming(), keys={"min_driver": "570.124.4"}),
    Try(rule="ADV401", machine=recorded("container-2gib"), keys={"min_memory": "1GiB"}),
    Try(rule="ADV402", machine=desktop(), keys={"min_memory": "16GiB"}),
    Try(rule="ADV403", machine=with_cpu(desktop(), quota_cores=8.0)),
    Try(rule="ADV404", machine=desktop(), keys={"min_cpus": 16}),
    Try(rule="ADV405", machine=desktop()),
    Try(rule="ADV406", machine=desktop(), says="avx2"),
    Try(rule="ADV407", machine=desktop(), keys={"min_free_disk": "500GB"}),
    Try(rule="ADV408", machine=desktop(), keys={"model": "qwen3-8b", "quant": "Q4_K_M"}),
    Try(rule="ADV501", machine=gaming(), keys={"model": "qwen3-8b", "quant": "Q4_K_M"}),
    Try(rule="ADV502", machine=gaming(), keys={"model": "qwen3-8b", "quant": "Q4_K_M"}),
    Try(rule="ADV503", machine=gaming(), keys={"model": "qwen3-8b", "quant": "Q4_K_M"}),
    Try(
        rule="ADV503",
        machine=gaming(),
        keys={"model": "llama-3.3-70b-instruct", "quant": "Q4_K_M", "allow_partial": True},
        says="runs only partly on the GPUs",
    ),
    Try(
        rule="ADV504",
        machine=gaming(),
        keys={"model": "qwen3-8b", "quant": "Q4_K_M", "context": "16k"},
        says="16,384 are asked for",
    ),
    Try(
        rule="ADV511",
        machine=gaming(),
        keys={"model": "qwen3-8b", "quant": "Q4_K_M", "min_decode": 30},
        says="above the floor of 30",
    ),
    Try(
        rule="ADV512",
        machine=gaming(),
        keys={"model": "qwen3-8b", "quant": "Q4_K_M", "min_prefill": 500},
        says="above the floor of 500",
    ),
]

UNKNOWN = [
    Try(
        rule="ADV101",
        machine=with_gpu(gaming(), state=AcceleratorState.NO_DRIVER),
        says="does not answer, and nothing says why",
    ),
    Try(rule="ADV109", machine=card("rtx4090"), says="does not say who may compute"),
    Try(rule="ADV201", machine=with_gpu(gaming(), memory_free_bytes=None)),
    Try(rule="ADV202", machine=with_gpu(gaming(), link=None)),
    Try(rule="ADV203", machine=with_gpu(gaming(), link=None)),
    Try(rule="ADV204", machine=gaming()),
    Try(rule="ADV205", machine=with_gpu(gaming(), power_default_watts=None)),
    Try(rule="ADV206", machine=with_gpu(gaming(), ecc=True)),
    Try(rule="ADV207", machine=gaming()),
    Try(
        rule="ADV304",
        machine=with_gpu(gaming(), memory_total_bytes=None, memory_free_bytes=None),
        keys={"min_gpu_memory": "8GiB"},
    ),
    Try(
        rule="ADV305",
        machine=with_gpu(gaming(), memory_free_bytes=None),
        keys={"min_free_gpu_memory": "8GiB"},
    ),
    Try(
        rule="ADV306",
        machine=with_gpu(gaming(), memory_free_bytes=None),
        keys={"max_gpu_in_use": "1GiB"},
    ),
    Try(rule="ADV309", machine=with_gpu(gaming(), driver=None), keys={"min_driver": "550"}),
    Try(rule="ADV309", machine=desktop(), keys={"min_driver": "550"}),
    Try(
        rule="ADV403",
        machine=with_cpu(desktop(), quota_cores=2.0, physical_cores=None, logical_cores=None),
    ),
    Try(
        rule="ADV404",
        machine=with_cpu(desktop(), logical_cores=None, allowed_cores=None),
        keys={"min_cpus": 4},
    ),
    Try(rule="ADV406", machine=with_cpu(desktop(), instruction_sets=())),
    Try(
        rule="ADV407",
        machine=desktop(),
        keys={"min_free_disk": "60GB"},
        disk=Disk(folder="~/hub", free_bytes=None),
    ),
    Try(
        rule="ADV502",
        machine=with_gpu(gaming(), memory_total_bytes=None, memory_free_bytes=None),
        keys={"model": "qwen3-8b", "quant": "Q4_K_M"},
        says="is not known",
    ),
    # The interval of the prediction holds the floor.
    Try(
        rule="ADV511",
        machine=gaming(),
        keys={"model": "qwen3-8b", "quant": "Q4_K_M", "min_decode": 148},
        says="around the floor of 148",
    ),
    Try(
        rule="ADV511",
        machine=replace(desktop(), read_bandwidth=None),
        keys={"model": "qwen3-8b", "quant": "Q4_K_M", "min_decode": 5},
        says="is not known; 5.0 tokens/s are asked for",
    ),
]
