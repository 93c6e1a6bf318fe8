"""Which instruction sets a processor has, of those ggml has kernels for, in ggml's spelling.

Each operating system spells them in its own way, so each is translated to the kernel's flags of
Linux first; `from_flags` then names what ggml can use. A name stands for all that its kernels
need: `avx512` is five extensions together, as ggml's build for it requires.

Source: llama.cpp (October 2026) `ggml/src/ggml-cpu/arch/*/cpu-feats.cpp`, `ggml/src/ggml-feats.h`
and the options of `ggml/CMakeLists.txt`; flags: Linux `arch/x86/include/asm/cpufeatures.h` and
`arch/*/include/uapi/asm/hwcap.h`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

_NEEDS: dict[str, frozenset[str]] = {
    name: frozenset(flags.split())
    for name, flags in {
        # x86
        "sse4_2": "sse4_2",
        "avx": "avx",
        "f16c": "f16c",
        "fma": "fma",
        "bmi2": "bmi2",
        "avx2": "avx2",
        "avx_vnni": "avx_vnni",
        "avx512f": "avx512f",
        "avx512": "avx512f avx512cd avx512vl avx512dq avx512bw",
        "avx512_vbmi": "avx512vbmi",
        "avx512_vnni": "avx512_vnni",
        "avx512_bf16": "avx512_bf16",
        "amx_int8": "amx_tile amx_int8",
        "amx_bf16": "amx_tile amx_bf16",
        # ARM
        "neon": "asimd",
        "dotprod": "asimddp",
        "fp16": "fphp asimdhp",
        "i8mm": "i8mm",
        "bf16": "bf16",
        "sve": "sve",
        "sve2": "sve2",
        "sme": "sme",
        "sme2": "sme2",
        # RISC-V, LoongArch, z/Architecture, POWER
        "rvv": "rvv",
        "zfh": "zfh",
        "zvfh": "zvfh",
        "lsx": "lsx",
        "lasx": "lasx",
        "vxe": "vxe",
        "vxe2": "vxe2",
        "nnpa": "nnpa",
        "vsx": "vsx",
    }.items()
}

_OTHER_SPELLINGS = {"avx512vnni": "avx512_vnni"}
"""As py-cpuinfo writes what it reads from the processor itself."""

_MACOS = {
    "hw.optional.sse4_2": "sse4_2",
    "hw.optional.avx1_0": "avx",
    "hw.optional.avx2_0": "avx2",
    "hw.optional.bmi2": "bmi2",
    "hw.optional.f16c": "f16c",
    "hw.optional.fma": "fma",
    "hw.optional.avx512f": "avx512f",
    "hw.optional.avx512cd": "avx512cd",
    "hw.optional.avx512dq": "avx512dq",
    "hw.optional.avx512bw": "avx512bw",
    "hw.optional.avx512vl": "avx512vl",
    "hw.optional.avx512vbmi": "avx512vbmi",
    "hw.optional.AdvSIMD": "asimd",
    "hw.optional.neon": "asimd",
    "hw.optional.arm.FEAT_DotProd": "asimddp",
    "hw.optional.arm.FEAT_FP16": "fphp asimdhp",
    "hw.optional.arm.FEAT_I8MM": "i8mm",
    "hw.optional.arm.FEAT_BF16": "bf16",
    "hw.optional.arm.FEAT_SVE": "sve",
    "hw.optional.arm.FEAT_SVE2": "sve2",
    "hw.optional.arm.FEAT_SME": "sme",
    "hw.optional.arm.FEAT_SME2": "sme2",
}

WINDOWS_X86 = {38: "sse4_2", 39: "avx", 40: "avx2", 41: "avx512f"}
"""Numbers of `IsProcessorFeaturePresent` (winnt.h). It knows of no FMA, F16C or VNNI."""

WINDOWS_ARM = {
    19: "asimd",
    43: "asimddp",
    46: "sve",
    47: "sve2",
    66: "i8mm",
    67: "fphp asimdhp",
    68: "bf16",
    70: "sme",
    71: "sme2",
}
"""The same function's numbers on ARM: ggml-feats.h, and winnt.h for NEON (19) and BF16 (68)."""


def from_flags(flags: Iterable[str]) -> tuple[str, ...]:
    """Names of the instruction sets whose flags of Linux are all there, in a fixed order."""
    have = {_OTHER_SPELLINGS.get(flag, flag) for flag in flags}
    return tuple(name for name, needs in _NEEDS.items() if needs <= have)


def macos_flags(values: Mapping[str, str]) -> set[str]:
    """Flags of Linux for what `sysctl` says of a Mac.

    AVX-512 VNNI, of the last Intel Macs, has no name of its own and stands in a list.
    """
    flags = set()
    for name, spelled in _MACOS.items():
        if values.get(name) == "1":
            flags.update(spelled.split())
    if "AVX512VNNI" in values.get("machdep.cpu.leaf7_features", "").split():
        flags.add("avx512_vnni")
    return flags


def riscv_flags(isa: str) -> set[str]:
    """Extensions of a string such as `rv64imafdcv_zicbom_zfh`; `rvv` for the letter V."""
    letters, _, extensions = isa.strip().lower().partition("_")
    return set(extensions.split("_")) | ({"rvv"} if "v" in letters.removeprefix("rv") else set())
