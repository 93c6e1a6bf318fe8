"""Which devices are alike in speed: the class a device belongs to, and what stands in for it.

Data and look-ups only; what a class costs is in `parameters.json`, which `make fit` writes. A
class is a family of chips under one backend, written `nvidia-ada/cuda`. When the fit has no
parameters for it, the vendor under that backend stands in (`nvidia/cuda`), then any vendor under
that backend (`any/cuda`), then anything (`any`).
"""

from __future__ import annotations

CPU_CLASS = "cpu"
"""The host, with the read rate that was measured on it."""

CPU_SHEET_CLASS = "cpu-sheet"
"""The host, with the rate that its memory's data sheet promises."""

ANY = "any"

FAMILIES: dict[str, tuple[tuple[str, str], ...]] = {
    "nvidia": (
        ("3.", "kepler"),
        ("5.", "maxwell"),
        ("6.", "pascal"),
        ("7.0", "volta"),
        ("7.2", "jetson"),
        ("7.5", "turing"),
        ("8.0", "hbm"),  # A100, A30
        ("8.6", "ampere"),
        ("8.7", "jetson"),
        ("8.9", "ada"),
        ("9.", "hbm"),  # H100, H200, GH200
        ("10.", "hbm"),  # B200, B300
        ("11.", "jetson"),
        ("12.0", "blackwell"),
        ("12.1", "gb10"),
    ),
    "amd": (
        ("gfx803", "gcn"),
        ("gfx900", "gcn"),
        ("gfx90", "instinct"),
        ("gfx94", "instinct"),
        ("gfx95", "instinct"),
        ("gfx101", "rdna12"),
        ("gfx103", "rdna12"),
        ("gfx110", "rdna3"),
        ("gfx115", "apu"),
        ("gfx12", "rdna4"),
    ),
    "apple": (
        ("M1", "m1"),
        ("M2", "m2"),
        ("M3", "m3"),
        ("M4", "m4"),
        ("A18", "m4"),
        ("M5", "m5"),
    ),
    "intel": (("Xe", "arc"),),
    "qualcomm": (("Adreno", "adreno"),),
}
"""Vendor → beginnings of an architecture's name, and the family they belong to.

NVIDIA by compute capability, AMD by gfx target, Apple by chip. What has HBM is one family, as
its few published runs are: such cards are bound by launches rather than by memory.
"""

UNIFIED_FAMILIES = {"amd": "apu"}
"""Vendors whose chips with shared memory are alike, whatever their generation."""

FLOAT = "float"
"""Kernels of weights that are not quantised."""

KERNELS: dict[str, str] = {
    "f32": FLOAT,
    "f16": FLOAT,
    "bf16": FLOAT,
    "q8_0": "q8",
    "q8_1": "q8",
    "q4_0": "legacy",
    "q4_1": "legacy",
    "q5_0": "legacy",
    "q5_1": "legacy",
    "iq4_nl": "legacy",
    "mxfp4": "fp4",
    "nvfp4": "fp4",
    "q4_K": "k",
    "q5_K": "k",
    "q6_K": "k",
    "iq4_xs": "k",
    "q3_K": "k-low",
    "q2_K": "k-low",
    "iq3_s": "i",
    "iq3_xxs": "i",
    "iq2_s": "i",
    "iq2_xs": "i",
    "iq2_xxs": "i",
    "iq1_m": "i",
    "iq1_s": "i",
    "tq1_0": "i",
    "tq2_0": "i",
}
"""ggml type of most weights → the kernels it runs through, which are alike in speed per byte."""

HALF_RATE_LINE = "GeForce"
"""NVIDIA's line whose tensor cores add up in FP32 at half their rate.

Source: NVIDIA's whitepapers for GA102 (2021), AD102 (2022) and GB202 (2025), peak FP16 tensor
rates with FP32 accumulation. INT8, which llama.cpp's prompt kernels use, is not halved.
"""


DOUBLE_RATE_ARCHITECTURE = "6.0"
"""NVIDIA's P100, whose FP16 rate is that of pairs: twice what its ALUs do one by one.

Source: NVIDIA Tesla P100 whitepaper (2016). The catalog's rate of other chips that old is the
ALU's, for want of a usable FP16 rate.
"""


def speed_class(*, vendor: str, architecture: str | None, kind: str, backend: str) -> str:
    """The class of a GPU under a backend.

    Args:
        vendor: `nvidia`, `amd`, `apple`, `intel`, … in any case.
        architecture: Compute capability (`8.9`), gfx target (`gfx1100`), chip (`M4 Max`) or
            family (`Xe2-HPG`); ``None`` where it is not known.
        kind: `unified` for a GPU that shares the system's memory; nothing else matters.
        backend: `cuda`, `rocm`, `vulkan`, `metal`, `sycl` or `cpu`.

    Returns:
        Such as `nvidia-ada/cuda`; `fallbacks` lists what stands in where it was not fitted.
    """
    if backend == CPU_CLASS:
        return CPU_CLASS
    maker = vendor.lower()
    family = _family(maker, architecture or "", kind)
    return f"{maker}-{family}/{backend}" if family else f"{maker}/{backend}"


def _family(vendor: str, architecture: str, kind: str) -> str | None:
    if kind == "unified" and vendor in UNIFIED_FAMILIES:
        return UNIFIED_FAMILIES[vendor]
    for beginning, family in FAMILIES.get(vendor, ()):
        if architecture.startswith(beginning):
            return family
    return None


def fallbacks(name: str) -> tuple[str, ...]:
    """A class and what stands in for it, nearest first; always ends with `any`."""
    family, _, backend = name.partition("/")
    if not backend:
        return (name, ANY) if name != ANY else (ANY,)
    vendor = family.partition("-")[0]
    chain = (name, f"{vendor}/{backend}", f"{ANY}/{backend}", ANY)
    return tuple(dict.fromkeys(chain))


def kernel_family(ggml_type: str | None) -> str:
    """The kernels a ggml type runs through; those of k-quants where it is not known."""
    return KERNELS.get(ggml_type or "", "k")


def halves_fp16(*, vendor: str, name: str) -> bool:
    """Whether a card's FP16 rate is half of what its INT8 rate would suggest.

    Args:
        vendor: In any case.
        name: The card's name with its product line (`NVIDIA GeForce RTX 4090`).
    """
    return vendor.lower() == "nvidia" and HALF_RATE_LINE in name


def alu_flops_per_s(*, architecture: str | None, fp16_flops_per_s: float | None) -> float | None:
    """The rate that unpacking weights, or attention, does not exceed on a GPU.

    Args:
        architecture: Compute capability; ``None`` where it is not known.
        fp16_flops_per_s: The catalog's rate; ``None`` where it is not known. [FLOP/s]
    """
    if fp16_flops_per_s is None or architecture != DOUBLE_RATE_ARCHITECTURE:
        return fp16_flops_per_s
    return fp16_flops_per_s / 2
