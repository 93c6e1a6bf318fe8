"""One estimate as JSON: `advisor.estimate/1`, and what of it stands in other answers.

Holds the mapping from an estimate only; what it shares with other answers is `json_parts`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from advisor.estimate.result import Verdict
from advisor.render.json_parts import command_object, speed_object, subject_keys
from advisor.render.sentences import reason
from advisor.report.download import download_of
from advisor.report.run_commands import server_command

if TYPE_CHECKING:
    from advisor.estimate.fit_flags import LlamaCppFit
    from advisor.estimate.memory import Allocation
    from advisor.estimate.placement import Placement
    from advisor.estimate.result import Estimate, Fit
    from advisor.render.json_parts import Json
    from advisor.report.download import Download


def estimate_object(estimate: Estimate) -> Json:
    """`advisor.estimate/1`."""
    download = download_of(estimate.subject)
    return {
        "schema": "advisor.estimate/1",
        **subject_keys(estimate.subject, download),
        "target": estimate.target_name,
        "workload": _workload(estimate),
        "placement": _placement(estimate.placement),
        "memory": _memory(estimate),
        "fit": fit_object(estimate),
        "speed": _speed(estimate),
        "command": _command(estimate, download),
        "notes": list(estimate.notes),
    }


def _command(estimate: Estimate, download: Download) -> Json | None:
    """The line that runs it, unless it does not run or no file is known."""
    if estimate.fit.verdict is Verdict.NO:
        return None
    command = server_command(estimate, download)
    return None if command is None else command_object(command)


def _placement(placement: Placement) -> Json:
    return {
        "gpu_layers": placement.gpu_layers,
        "layers": placement.layers,
        "n_cpu_moe": placement.n_cpu_moe,
        "tensor_split": None if placement.split is None else list(placement.split),
        "layers_by_gpu": [share.blocks + share.has_output for share in placement.gpus],
    }


def _workload(estimate: Estimate) -> Json:
    setup = estimate.setup
    return {
        "context_tokens": setup.context_tokens,
        "depth_tokens": setup.depth_tokens,
        "ubatch_tokens": setup.ubatch_tokens,
        "sequences": setup.sequences,
        "kv_unified": setup.unified,
        "kv_type_k": setup.kv_type_k,
        "kv_type_v": setup.kv_type_v,
        "flash_attention": "on" if setup.flash_attention else "off",
        "runtime": setup.runtime.value,
        "era": setup.era.value,
        "load_mode": setup.load_mode.value,
    }


def _memory(estimate: Estimate) -> Json:
    parts = estimate.allocations
    return {
        "total_bytes": estimate.total_bytes,
        "low_bytes": estimate.low_bytes,
        "high_bytes": estimate.high_bytes,
        "weights_bytes": sum(one.weights_bytes for one in parts),
        "kv_cache_bytes": sum(one.kv_cache_bytes for one in parts),
        "compute_bytes": sum(one.compute_bytes for one in parts),
        "overhead_bytes": sum(one.overhead_bytes for one in parts),
        "devices": [_allocation(one) for one in parts],
    }


def _allocation(one: Allocation) -> Json:
    return {
        "name": one.name,
        "kind": one.kind,
        "weights_bytes": one.weights_bytes,
        "kv_cache_bytes": one.kv_cache_bytes,
        "compute_bytes": one.compute_bytes,
        "overhead_bytes": one.overhead_bytes,
        "repack_bytes": one.repack_bytes,
        "total_bytes": one.total_bytes,
        "low_bytes": one.low_bytes,
        "high_bytes": one.high_bytes,
        "available_bytes": one.available_bytes,
        "capacity_bytes": one.capacity_bytes,
    }


def fit_object(estimate: Estimate) -> Json:
    """Whether it fits, with the two numbers that were compared."""
    fit = estimate.fit
    return {
        "verdict": fit.verdict.value,
        "now": fit.now.value,
        "idle": fit.idle.value,
        "max_context_tokens": fit.max_context_tokens,
        "max_context_by_kv_type": _by_kv_type(fit),
        "llama_cpp_fit": _llama_cpp_fit(fit.llama_cpp_fit),
        "reason": reason(estimate),
        "code": fit.why.value,
        "device": fit.device,
        "needed_bytes": fit.needed_bytes,
        "high_bytes": fit.high_bytes,
        "available_bytes": fit.available_bytes,
    }


def _by_kv_type(fit: Fit) -> Json | None:
    return None if fit.max_context_by_kv_type is None else dict(fit.max_context_by_kv_type)


def _llama_cpp_fit(found: LlamaCppFit | None) -> Json | None:
    if found is None:
        return None
    return {
        "flags": found.choice.flags,
        "context_tokens": found.choice.context_tokens,
        "gives_up": found.choice.gives_up,
        "is_exact": found.is_exact,
        "flags_if_less": found.if_less.flags,
        "flags_if_more": found.if_more.flags,
    }


def _speed(estimate: Estimate) -> Json:
    return {
        "decode_tokens_per_s": speed_object(estimate.decode),
        "decode_at_full_context_tokens_per_s": speed_object(estimate.decode_full),
        "prefill_tokens_per_s": speed_object(estimate.prefill),
        "time_to_first_token_s": estimate.time_to_first_token_s,
        "time_to_first_token_low_s": estimate.time_to_first_token_low_s,
        "time_to_first_token_high_s": estimate.time_to_first_token_high_s,
        "prompt_tokens": estimate.prompt_tokens,
    }
