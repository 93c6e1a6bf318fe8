"""Which machines fail which rule.

The machines are recorded ones, what the fake NVML says through the real nvidia-ml-py, or copies of
them with one fact changed. Figures in expected sentences are worked out from the machine's own.
"""

from __future__ import annotations

from advisor.check.case import Disk
from probes.accelerator import AcceleratorState, ComputeMode, MemoryHolder
from probes.finding import Severity
from tests.check.machines import (
    GIB,
    desktop,
    gaming,
    recorded,
    with_condition,
    with_cpu,
    with_finding,
    with_gpu,
    with_memory,
)
from tests.check.tries import BUS_4090, GB, Try, card

FAILS = [
    Try(
        rule="ADV101",
        machine=card("", bus=BUS_4090),
        says="NVIDIA GPU 10de:2684 at 0000:01:00.0 is in this machine, but NVIDIA's driver",
    ),
    Try(rule="ADV102", machine=card("not_loaded", bus=BUS_4090), says="driver is not loaded"),
    Try(
        rule="ADV103",
        machine=recorded("driver-mismatch"),
        says="was updated, but the kernel still runs its old version",
    ),
    Try(
        rule="ADV104",
        machine=card("hang_in_init", bus=BUS_4090, timeout_s=0.2),
        says="the NVIDIA driver did not answer within 0.2 s",
    ),
    Try(
        rule="ADV105",
        machine=card("", bus=BUS_4090, files={"/.dockerenv": ""}),
        says="this container was not given NVIDIA's driver",
    ),
    Try(
        rule="ADV105",
        machine=card("rtx4090", instead=["0.memory.ret=4"]),
        says="the memory of NVIDIA GeForce RTX 4090 is closed to this user",
    ),
    Try(rule="ADV106", machine=card("lost"), says="NVIDIA GPU 0 has fallen off the bus"),
    Try(
        rule="ADV107",
        machine=card("rtx4090", environ={"CUDA_VISIBLE_DEVICES": ""}),
        says="the environment hides NVIDIA GeForce RTX 4090 from programs",
    ),
    Try(
        rule="ADV107",
        machine=card("pair_and_3060", environ={"CUDA_VISIBLE_DEVICES": "7"}),
        says="`CUDA_VISIBLE_DEVICES`",
    ),
    Try(rule="ADV108", machine=card("mig_empty"), says="is in MIG mode but has no instance"),
    Try(
        rule="ADV109",
        machine=card("strained"),
        says="the compute mode of Tesla T4 forbids every program",
        severity=Severity.ERROR,
    ),
    Try(
        rule="ADV109",
        machine=with_gpu(
            with_condition(gaming(), compute_mode=ComputeMode.EXCLUSIVE),
            holders=(MemoryHolder(name="trainer", pid=None, memory_bytes=GIB),),
        ),
        says="admits one program, and `trainer` is there",
    ),
    Try(
        rule="ADV110",
        machine=with_finding(
            gaming(),
            "nvidia-binding-shadowed",
            "the Python module `pynvml` is not that of `nvidia-ml-py`",
            severity=Severity.ERROR,
        ),
        says="`pynvml` is not that of",
    ),
    Try(
        rule="ADV111",
        machine=card("implausible"),
        says="which cannot be and is left out",
    ),
    Try(
        rule="ADV111",
        machine=with_finding(desktop(), "cpu-failed", "the probe `cpu` failed: OSError"),
        says="the probe `cpu` failed",
    ),
    # 1 + 8 GiB of the 23.5 GiB that 24,564 MiB less 465 leave; the processes from the driver.
    Try(
        rule="ADV201",
        machine=card(
            "holders",
            instead=["0.used=9663676416"],
            files={"/proc/4242/comm": "llama-server", "/proc/4444/comm": "firefox"},
        ),
        says="programs hold 9.0 GiB of the 23.5 GiB of NVIDIA GeForce RTX 4090, more than a tenth:"
        " `llama-server` 8.0 GiB, a process that cannot be seen 512 MiB, `firefox` 200 MiB and a"
        " process that cannot be seen",
    ),
    Try(rule="ADV202", machine=card("riser"), says="RTX 5090 has 4 of 16 lanes"),
    Try(
        rule="ADV203",
        machine=card("riser"),
        says="is of generation 4, and the card could do 5",
    ),
    Try(
        rule="ADV204",
        machine=card("strained"),
        says="the clocks of NVIDIA GeForce RTX 4090 are lowered: the card protects itself, the"
        " driver finds it too hot and the card finds itself too hot",
    ),
    Try(
        rule="ADV205",
        machine=card("rtx4090"),
        says="the power limit of NVIDIA GeForce RTX 4090 is 400 W; its default is 450 W",
    ),
    Try(
        rule="ADV206",
        machine=card("strained"),
        says="the memory of NVIDIA L4 had 3 errors that could not be corrected",
        severity=Severity.ERROR,
    ),
    Try(
        rule="ADV206",
        machine=card("strained"),
        says="bad memory of Tesla T4 is put out of use only at the next reset",
        severity=Severity.WARNING,
    ),
    Try(
        rule="ADV206",
        machine=card("strained"),
        says="bad memory of NVIDIA A100-SXM4-40GB could not be put out of use",
        severity=Severity.ERROR,
    ),
    Try(rule="ADV207", machine=card("strained"), says="has 91 °C and slows down at 90 °C"),
    Try(
        rule="ADV207",
        machine=with_condition(gaming(), temperature_celsius=86.0),
        says="has 86 °C and slows down at 90 °C",
    ),
    # An M1 of 8 GiB: Metal lets its GPU use two thirds.
    Try(
        rule="ADV208",
        machine=with_memory(recorded("apple-m1-8gb"), available_bytes=2 * GIB),
        says="Apple M1 may use 5.3 GiB of the system's memory, of which 2.0 GiB are available",
    ),
    Try(
        rule="ADV301",
        machine=desktop(),
        keys={"where": "T4", "min_memory": "1GiB"},
        says="none of the 1 requirements is for AMD Ryzen 7 7700X",
    ),
    Try(
        rule="ADV302",
        machine=gaming(),
        keys={"gpu": "RTX 3090"},
        says="`RTX 3090` is asked for, and there is NVIDIA GeForce RTX 4090",
    ),
    Try(
        rule="ADV302",
        machine=recorded("dual-3090-and-3060"),
        keys={"gpu": "3x RTX 3090"},
        says="`3x RTX 3090` is asked for",
    ),
    Try(
        rule="ADV302",
        machine=recorded("h100-mig"),
        keys={"gpu": "H100 80GB HBM3"},
        says="there is NVIDIA H100 80GB HBM3 (split into MIG instances)",
    ),
    Try(rule="ADV302", machine=desktop(), keys={"gpu": "RTX 4090"}, says="there is none"),
    Try(
        rule="ADV303",
        machine=gaming(),
        keys={"min_gpus": 2},
        says="1 GPU of 2 can be used by one program; there is NVIDIA GeForce RTX 4090",
    ),
    Try(
        rule="ADV303",
        machine=with_gpu(gaming(), state=AcceleratorState.HIDDEN),
        keys={"min_gpus": 1},
        says="0 GPUs of 1 can be used by one program; there is NVIDIA GeForce RTX 4090 (hidden by"
        " the environment)",
    ),
    # 24,564 MiB is 23.99 GiB: the label says 24.
    Try(
        rule="ADV304",
        machine=gaming(),
        keys={"min_gpu_memory": "24GiB"},
        says="NVIDIA GeForce RTX 4090 has 23.99 GiB, less than the 24.00 GiB asked for",
    ),
    Try(
        rule="ADV304",
        machine=recorded("dual-3090-and-3060"),
        keys={"min_gpu_memory": "20GiB", "min_gpus": 3},
        says="NVIDIA GeForce RTX 3060 has 12.0 GiB, less than the 20.0 GiB asked for",
    ),
    Try(
        rule="ADV304",
        machine=desktop(),
        keys={"min_gpu_memory": "8GiB"},
        says="1 GPU with 8.0 GiB are asked for, and 0 GPUs can be used",
    ),
    Try(
        rule="ADV305",
        machine=gaming(),
        keys={"min_free_gpu_memory": "23GiB"},
        says="NVIDIA GeForce RTX 4090 has free 22.5 GiB, less than the 23.0 GiB asked for",
    ),
    Try(
        rule="ADV306",
        machine=gaming(),
        keys={"max_gpu_in_use": "512MiB"},
        says="programs hold 1.0 GiB of NVIDIA GeForce RTX 4090, more than the 512 MiB that may be"
        " in use: `Xorg` 432 MiB, `firefox` 288 MiB and `gnome-shell` 180 MiB",
    ),
    Try(
        rule="ADV307",
        machine=recorded("apple-m4-max"),
        keys={"dedicated": True},
        says="Apple M4 Max uses the system's memory",
    ),
    Try(rule="ADV308", machine=recorded("h100-mig"), keys={"mig": "none"}, says="is split"),
    Try(
        rule="ADV308",
        machine=recorded("h100-mig"),
        keys={"mig": "7g.80gb"},
        says="a MIG instance 7g.80gb is asked for, and there is NVIDIA H100 80GB HBM3 MIG 3g.40gb"
        " and NVIDIA H100 80GB HBM3 MIG 1g.10gb",
    ),
    Try(
        rule="ADV309",
        machine=gaming(),
        keys={"min_driver": "580"},
        says="the GPUs' driver is 570.124.04, older than the 580 asked for",
    ),
    # 2 GiB of a container, and 4.9 GB of weights.
    Try(
        rule="ADV401",
        machine=recorded("container-2gib"),
        keys={"model": "llama-3.1-8b-instruct", "quant": "Q4_K_M"},
        says="of the system's memory, and cgroup v2 memory.max allows 2.0 GiB of",
    ),
    Try(
        rule="ADV401",
        machine=recorded("container-2gib"),
        keys={"min_memory": "4GiB"},
        says="the requirement asks for 4.0 GiB of the system's memory",
    ),
    Try(
        rule="ADV402",
        machine=desktop(),
        keys={"min_memory": "30GiB"},
        says="27.0 GiB of the system's 31.1 GiB are available; 30.0 GiB are asked for",
    ),
    Try(
        rule="ADV403",
        machine=with_cpu(desktop(), quota_cores=2.0),
        says="a control group allows the time of 2 cores, and llama.cpp starts 8 threads",
    ),
    Try(
        rule="ADV404",
        machine=with_cpu(desktop(), quota_cores=1.5),
        keys={"min_cpus": 4},
        says="a control group allows the time of 1.5 processors; 4 are asked for",
    ),
    Try(
        rule="ADV404",
        machine=with_cpu(desktop(), allowed_cores=2),
        keys={"min_cpus": 4},
        says="the scheduler admits 2 processors; 4 are asked for",
    ),
    Try(
        rule="ADV405",
        machine=with_finding(desktop(), "memory-pressure", "Programs waited for memory"),
        says="Programs waited for memory",
    ),
    Try(
        rule="ADV406",
        machine=with_finding(desktop(), "cpu-no-avx2", "The processor shows no AVX2"),
        says="no AVX2",
    ),
    Try(
        rule="ADV407",
        machine=desktop(),
        keys={"min_free_disk": "60GB"},
        disk=Disk(folder="~/hub", free_bytes=50 * GB),
        says="50.0 GB are free in `~/hub`; 60.0 GB are asked for",
    ),
    # Llama 3.3 70B in Q4_K_M is a file of 42.5 GB.
    Try(
        rule="ADV408",
        machine=gaming(),
        keys={"model": "llama-3.3-70b-instruct", "quant": "Q4_K_M", "allow_partial": True},
        disk=Disk(folder="~/hub", free_bytes=40 * GB),
        says="40.0 GB are free in `~/hub`; 43.1 GB are needed: the file of llama-3.3-70b-instruct"
        " in Q4_K_M takes 42.5 GB, and 537 MB stay free",
    ),
    Try(
        rule="ADV502",
        machine=desktop(),
        keys={"model": "llama-3.3-70b-instruct", "quant": "Q4_K_M"},
        says="and the system's memory has",
    ),
    # The card is full: what would fit on an idle machine does not fit now.
    Try(
        rule="ADV502",
        machine=with_memory(with_gpu(gaming(), memory_free_bytes=GIB), available_bytes=GIB),
        keys={"model": "qwen3-8b", "quant": "Q4_K_M"},
        says="has 1.0 GiB free now; it fits when other programs free theirs",
    ),
    Try(
        rule="ADV503",
        machine=gaming(),
        keys={"model": "llama-3.3-70b-instruct", "quant": "Q4_K_M"},
        says="runs only partly on the GPUs",
    ),
    # 128k tokens take 32 layers × 8 heads × 128 × 2 × 2 bytes = 16 GiB of cache.
    Try(
        rule="ADV504",
        machine=recorded("wsl2-rtx-4070"),
        keys={"model": "llama-3.1-8b-instruct", "quant": "Q4_K_M", "context": "128k"},
        says="tokens of context; 131,072 are asked for",
    ),
    Try(
        rule="ADV511",
        machine=gaming(),
        keys={"model": "qwen3-32b", "quant": "Q4_K_M", "min_decode": 500},
        says="tokens/s, below the floor of 500",
    ),
    Try(
        rule="ADV512",
        machine=gaming(),
        keys={"model": "qwen3-32b", "quant": "Q4_K_M", "min_prefill": 500_000},
        says="tokens/s, below the floor of 500,000",
    ),
]
