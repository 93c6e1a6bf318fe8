"""What somebody asks of an estimate, from the command line or from one line of JSON.

Holds the checks of a request; never an answer.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from advisor.errors import UsageError
from advisor.workload import Era, FlashAttention, LoadMode, Runtime, Workload

KEYS = (
    "model",
    "quant",
    "context",
    "device",
    "machine",
    "gpu_layers",
    "n_cpu_moe",
    "tensor_split",
    "kv_type_k",
    "kv_type_v",
    "flash_attention",
    "ubatch",
    "sequences",
    "kv_unified",
    "depth",
    "prompt",
    "backend",
    "runtime",
    "era",
    "load_mode",
)
"""What a request may hold; the names are those of the options."""

BACKENDS = ("cuda", "rocm", "vulkan", "metal", "sycl", "cpu")

LARGEST_COUNT = 1 << 40
"""No context, batch or number of layers is longer; a longer one is a mistake."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One question: a model, perhaps a quant, a workload, and what stands in for the machine."""

    model: str
    quant: str | None = None
    devices: tuple[str, ...] = ()
    machine: str | None = None
    workload: Workload = field(default_factory=Workload)


def tokens(text: str) -> int:
    """A count of tokens as people write it: `4096`, `8k`, `128K`, `1M`; k is 1024, M its square.

    Raises:
        UsageError: It is no positive count.
    """
    plain = text.strip().lower().replace("_", "").replace(",", "")
    factor = {"k": 1 << 10, "m": 1 << 20}.get(plain[-1:], 1)
    if factor > 1:
        plain = plain[:-1]
    try:
        count = int(float(plain) * factor) if "." in plain else int(plain) * factor
    except (ValueError, OverflowError):
        count = 0
    if not 0 < count <= LARGEST_COUNT:
        msg = f"`{text}` is not a count of tokens"
        raise UsageError(msg, "write `4096` or `8k`")
    return count


def object_of_line(line: str) -> dict[str, Any]:
    """The JSON object that one line holds.

    Raises:
        UsageError: It is no JSON, or no object.
    """
    hint = 'write one object per line: {"model": "qwen3-8b"}'
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        msg = f"the line is not JSON: {error}"
        raise UsageError(msg, hint) from error
    if not isinstance(value, dict):
        msg = f"the line is JSON, but a {_kind(value)} and not an object"
        raise UsageError(msg, hint)
    return value


def request_from_mapping(values: Mapping[str, Any]) -> Request:
    """The request that keys and values describe.

    Raises:
        UsageError: A key is unknown, or a value is not of its kind.
    """
    for key in values:
        if key not in KEYS:
            raise UsageError(f"`{key}` is not a key of a request", _nearest(key))
    return Request(
        model=_text(values, "model", required=True) or "",
        quant=_text(values, "quant"),
        devices=_devices(values.get("device")),
        machine=_text(values, "machine"),
        workload=_workload(values),
    )


def _workload(values: Mapping[str, Any]) -> Workload:
    gpu_layers, offload_all = gpu_layers_of(values.get("gpu_layers"))
    n_cpu_moe, cpu_moe = n_cpu_moe_of(values.get("n_cpu_moe"))
    backend = _text(values, "backend")
    if backend is None and [one.casefold() for one in _devices(values.get("device"))] == ["cpu"]:
        backend = "cpu"
    if backend is not None and backend not in BACKENDS:
        raise UsageError(f"`{backend}` is not a backend", f"use one of {', '.join(BACKENDS)}")
    usual = Workload()
    return Workload(
        context_tokens=_tokens(values, "context"),
        depth_tokens=_tokens(values, "depth", least=0) or 0,
        prompt_tokens=_tokens(values, "prompt") or usual.prompt_tokens,
        ubatch_tokens=_count(values, "ubatch"),
        sequences=_count(values, "sequences"),
        kv_unified=_flag(values, "kv_unified"),
        kv_type_k=(_text(values, "kv_type_k") or usual.kv_type_k).lower(),
        kv_type_v=(_text(values, "kv_type_v") or usual.kv_type_v).lower(),
        flash_attention=_flash(values) or usual.flash_attention,
        runtime=_choice(values, "runtime", Runtime) or usual.runtime,
        era=_choice(values, "era", Era) or usual.era,
        load_mode=_choice(values, "load_mode", LoadMode) or usual.load_mode,
        backend=backend,
        gpu_layers=gpu_layers,
        offload_all=offload_all,
        n_cpu_moe=n_cpu_moe,
        cpu_moe=cpu_moe,
        tensor_split=tensor_split_of(values.get("tensor_split")),
    )


def gpu_layers_of(value: object) -> tuple[int | None, bool]:
    """What `--gpu-layers` means: a number, `auto` (solve for it) or `all`.

    Returns:
        The number, or ``None``; and whether all layers are wanted.
    """
    return _layers_of(value, "GPU layers")


def n_cpu_moe_of(value: object) -> tuple[int | None, bool]:
    """What `--n-cpu-moe` means: a number of layers, `auto` (solve for it) or `all`.

    Returns:
        The number, or ``None``; and whether all layers are wanted.
    """
    return _layers_of(value, "layers")


def tensor_split_of(value: object) -> tuple[float, ...] | None:
    """What `--tensor-split` means: a share for each GPU, as `3,1` or as a list.

    Raises:
        UsageError: A share is not a number or negative, or none is above zero.
    """
    if value is None:
        return None
    parts: Any = value.replace("/", ",").split(",") if isinstance(value, str) else value
    try:
        shares = [float(part) for part in parts if not isinstance(part, bool)]
    except (TypeError, ValueError):
        shares = []
    if not all(0 <= share < LARGEST_COUNT for share in shares) or not any(shares):
        msg = f"`{value}` is not a split of the layers over GPUs"
        raise UsageError(msg, "write a share for each GPU, such as `3,1`")
    return tuple(shares)


def _layers_of(value: object, what: str) -> tuple[int | None, bool]:
    if value is None or value == "auto":
        return None, False
    if value == "all":
        return None, True
    if isinstance(value, str) and value.isdecimal():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= LARGEST_COUNT:
        msg = f"`{value}` is not a number of {what}"
        raise UsageError(msg, "write a number, `auto` or `all`")
    return value, False


def _kind(value: object) -> str:
    names = {list: "list", str: "string", int: "number", float: "number", bool: "boolean"}
    return names.get(type(value), "null")


def _nearest(key: str) -> str:
    from difflib import get_close_matches

    near = get_close_matches(key, KEYS, n=1)
    if near:
        return f"did you mean `{near[0]}`?"
    return f"the keys are {', '.join(KEYS)}"


def _text(values: Mapping[str, Any], key: str, *, required: bool = False) -> str | None:
    value = values.get(key)
    if value is None and not required:
        return None
    if not isinstance(value, str) or not value.strip():
        msg = f"`{key}` is missing" if value is None else f"`{key}` is not a name: {value!r}"
        raise UsageError(msg)
    return value.strip()


def _devices(value: object) -> tuple[str, ...]:
    if value is None:
        return ()
    names = value if isinstance(value, list) else [value]
    if not names or not all(isinstance(name, str) and name.strip() for name in names):
        msg = f"`device` is not a name or a list of names: {value!r}"
        raise UsageError(msg, "write `RTX 4090` or `2x RTX 3090`")
    return tuple(str(name).strip() for name in names)


def _count(values: Mapping[str, Any], key: str, *, least: int = 1) -> int | None:
    value = values.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= LARGEST_COUNT:
        raise UsageError(f"`{key}` is not a count of at least {least}: {value!r}")
    return value


def _tokens(values: Mapping[str, Any], key: str, *, least: int = 1) -> int | None:
    value = values.get(key)
    return tokens(value) if isinstance(value, str) else _count(values, key, least=least)


def _flag(values: Mapping[str, Any], key: str) -> bool | None:
    value = values.get(key)
    if value is None or isinstance(value, bool):
        return value
    raise UsageError(f"`{key}` is neither true nor false: {value!r}")


def _flash(values: Mapping[str, Any]) -> FlashAttention | None:
    value = values.get("flash_attention")
    if isinstance(value, bool) or (isinstance(value, int) and value in {0, 1}):
        return FlashAttention.ON if value else FlashAttention.OFF
    return _choice(values, "flash_attention", FlashAttention)


_Choice = TypeVar("_Choice", Runtime, FlashAttention, Era, LoadMode)


def _choice(values: Mapping[str, Any], key: str, kind: type[_Choice]) -> _Choice | None:
    value = values.get(key)
    if value is None:
        return None
    try:
        return kind(value)
    except ValueError:
        names = ", ".join(kind)
        raise UsageError(
            f"`{value}` is not a {key.replace('_', ' ')}", f"use one of {names}"
        ) from None
