"""The JSON that scripts rely on: each schema is versioned, and described in `docs/schema/`.

Holds the mapping from reports to JSON only. Bytes are integers, unknown is null, and every figure
that is not exact carries its origin, and its interval where it is an estimate.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from advisor.render.sentences import demotion, reason, why_not_larger
from advisor.report.download import download_of

if TYPE_CHECKING:
    from advisor.errors import AdvisorError
    from advisor.estimate.fit_flags import LlamaCppFit
    from advisor.estimate.memory import Allocation
    from advisor.estimate.placement import Placement
    from advisor.estimate.result import Estimate, Fit, Timed
    from advisor.figure import Figure
    from advisor.rank import Candidate
    from advisor.report.device_list import DeviceList, DeviceRow
    from advisor.report.doctor import Diagnosis
    from advisor.report.download import Download
    from advisor.report.page import Page
    from advisor.report.run_commands import RunCommand
    from advisor.report.scan import ScanReport
    from advisor.target import Gpu, Target
    from catalog.evidence import Evidence
    from catalog.model import Model
    from catalog.quality import QualityLoss
    from probes.machine import Machine

Json = dict[str, Any]


def dumps(value: Json) -> str:
    """JSON for people's eyes too: indented, its keys in our order."""
    return json.dumps(value, indent=1, ensure_ascii=False)


def line(value: Json) -> str:
    """JSON on one line."""
    return json.dumps(value, ensure_ascii=False, separators=(", ", ": "))


def estimate_object(estimate: Estimate) -> Json:
    """`advisor.estimate/1`."""
    subject = estimate.subject
    download = download_of(subject)
    size = download.size_bytes
    return {
        "schema": "advisor.estimate/1",
        "model": subject.model.name,
        "quant": subject.quant.name,
        "file_bytes": round(size.value),
        "file": download_object(download),
        "tensor_bytes": subject.weights.tensor_bytes,
        "target": estimate.target_name,
        "workload": _workload(estimate),
        "placement": _placement(estimate.placement),
        "memory": _memory(estimate),
        "fit": _fit(estimate),
        "speed": _speed(estimate),
        "notes": list(estimate.notes),
    }


def error_object(error: AdvisorError) -> Json:
    """`advisor.error/1`: what stands for an answer to a line that could not be understood."""
    return {
        "schema": "advisor.error/1",
        "error": {
            "kind": type(error).__name__,
            "message": str(error),
            "hint": error.hint,
            "exit_code": int(error.exit_code),
        },
    }


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


def _fit(estimate: Estimate) -> Json:
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
        "prompt_tokens": estimate.prompt_tokens,
    }


def speed_object(timed: Timed | None) -> Json | None:
    """A speed with its 80 % interval, its origin and what it is bound by."""
    if timed is None:
        return None
    return {
        "value": round(timed.speed.tokens_per_s, 3),
        "low": round(timed.speed.low, 3),
        "high": round(timed.speed.high, 3),
        "origin": timed.origin.value,
        "bound_by": timed.speed.bound_by,
    }


def figure_object(figure: Figure | None) -> Json | None:
    """A figure with its interval, its origin and its source."""
    if figure is None:
        return None
    return {
        "value": figure.value,
        "low": figure.low,
        "high": figure.high,
        "origin": figure.origin.value,
        "source": figure.source,
    }


def download_object(download: Download) -> Json:
    """A file to get."""
    return {
        "repository": download.repository,
        "name": download.file_name,
        "is_certain": download.is_certain,
        "bytes": figure_object(download.size_bytes),
    }


def loss_object(loss: QualityLoss) -> Json:
    """A quant's quality loss."""
    return {
        "label": loss.label,
        "label_at_most": loss.cautious_label,
        "kld_mean": loss.kld_mean,
        "low": loss.low,
        "high": loss.high,
        "perplexity_increase": loss.ppl_increase,
        "basis": loss.basis,
        "sources": list(loss.sources),
    }


def evidence_object(evidence: Evidence) -> Json:
    """A model's quality evidence."""
    return {
        "band": evidence.band,
        "label": evidence.label,
        "basis": evidence.basis,
        "is_direct": evidence.is_direct,
    }


def target_object(target: Target) -> Json:
    """What the models would run on."""
    host = target.host
    return {
        "name": target.name,
        "is_imagined": target.is_imagined,
        "gpus": [_gpu(gpu) for gpu in target.gpus],
        "host": {
            "name": host.name,
            "capacity_bytes": figure_object(host.capacity_bytes),
            "available_bytes": figure_object(host.available_bytes),
            "read_bytes_per_s": figure_object(host.read_bytes_per_s),
            "cores": host.cores,
            "instruction_sets": list(host.instruction_sets),
        },
        "notes": list(target.notes),
    }


def _gpu(gpu: Gpu) -> Json:
    return {
        "name": gpu.name,
        "vendor": gpu.vendor,
        "architecture": gpu.architecture,
        "backend": gpu.backend,
        "kind": gpu.kind,
        "catalog_row": gpu.row_name,
        "shares_host_memory": gpu.shares_host_memory,
        "capacity_bytes": figure_object(gpu.capacity_bytes),
        "available_bytes": figure_object(gpu.available_bytes),
        "bandwidth_bytes_per_s": figure_object(gpu.bandwidth_bytes_per_s),
        "fp16_flops_per_s": figure_object(gpu.fp16_flops_per_s),
    }


def candidate_object(one: Candidate, floor: float) -> Json:
    """One quant of one model in a ranking."""
    answer = one.estimate
    subject = answer.subject
    download = download_of(subject)
    return {
        "model": subject.model.name,
        "quant": subject.quant.name,
        "file_bytes": round(download.size_bytes.value),
        "file": download_object(download),
        "tensor_bytes": subject.weights.tensor_bytes,
        "memory_bytes": answer.total_bytes,
        "memory_low_bytes": answer.low_bytes,
        "memory_high_bytes": answer.high_bytes,
        "context_tokens": answer.setup.context_tokens,
        "gpu_layers": answer.placement.gpu_layers,
        "layers": answer.placement.layers,
        "n_cpu_moe": answer.placement.n_cpu_moe,
        "fit": _fit(answer),
        "decode_tokens_per_s": speed_object(answer.decode if one.runs else None),
        "evidence": evidence_object(one.evidence),
        "loss": loss_object(one.loss),
        "demoted": demotion(one, floor),
    }


def _command(command: RunCommand) -> Json:
    return {"program": command.program, "lines": list(command.lines), "note": command.note}


def scan_json(report: ScanReport) -> str:
    """`advisor.scan/1`."""
    floor = report.question.min_tokens_per_s
    best = report.recommendation
    return dumps(
        {
            "schema": "advisor.scan/1",
            "machine": machine_object(report.machine),
            "target": target_object(report.question.target),
            "min_tokens_per_s": floor,
            "models": [candidate_object(one, floor) for one in report.rows],
            "rejected": [candidate_object(one, floor) for one in report.rejected],
            "recommendation": None
            if best is None
            else {
                **candidate_object(best.candidate, floor),
                "why_not_larger": why_not_larger(best.candidate, best.larger, floor),
                "commands": [_command(one) for one in best.commands],
            },
            "notes": list(report.notes),
        }
    )


def machine_object(machine: Machine | None) -> Json | None:
    """`advisor.machine/1`, as a recording holds it."""
    if machine is None:
        return None
    from probes.record import to_json

    value: Json = json.loads(to_json(machine))
    return value


def model_object(model: Model, evidence: Evidence) -> Json:
    """A model's specification."""
    return {
        "name": model.name,
        "repository": model.repository,
        "family": model.family,
        "publisher": model.publisher,
        "license": model.license,
        "release_date": model.release_date,
        "modality": model.modality,
        "architecture": model.architecture,
        "context_tokens": model.context_tokens,
        "params_total": model.params_total,
        "params_active": model.params_active,
        "params_verified": model.is_verified,
        "gguf_repositories": list(model.gguf_repositories),
        "evidence": evidence_object(evidence),
        "benchmarks": [
            {"name": one.name, "score": one.score, "date": one.date, "source": one.source}
            for one in model.benchmarks
        ],
        "notes": list(model.notes),
        "sources": list(model.sources),
        "checked": model.checked,
    }


def page_json(page: Page) -> str:
    """`advisor.show/1`."""
    floor = page.question.min_tokens_per_s
    best = page.best
    return dumps(
        {
            "schema": "advisor.show/1",
            "model": model_object(page.model, page.evidence),
            "target": target_object(page.question.target),
            "quants": [candidate_object(one, floor) for one in page.rows],
            "best": None
            if best is None
            else {
                "quant": best.candidate.estimate.subject.quant.name,
                "why_not_larger": why_not_larger(best.candidate, best.larger, floor),
                "commands": [_command(one) for one in best.commands],
            },
            "devices": {
                "quant": page.starred.estimate.subject.quant.name,
                "rows": [device_object(row) for row in page.devices],
            },
            "related": [one.name for one in page.related],
            "own_mixes": [
                {"label": one.label, "file": download_object(one.download)}
                for one in page.own_mixes
            ],
            "notes": list(page.offer.notes),
        }
    )


def device_object(row: DeviceRow) -> Json:
    """A catalog device that runs a model."""
    device, answer = row.device, row.estimate
    return {
        "device": device.full_name,
        "kind": device.kind.value,
        "memory_bytes": device.memory_bytes * device.unit_count,
        "bandwidth_bytes_per_s": device.bandwidth_bytes_per_s,
        "fit": answer.fit.verdict.value,
        "needed_bytes": answer.total_bytes,
        "decode_tokens_per_s": speed_object(answer.decode),
        "source": device.source,
    }


def device_list_json(found: DeviceList) -> str:
    """`advisor.devices/1`."""
    return dumps(
        {
            "schema": "advisor.devices/1",
            "model": found.subject.model.name,
            "quant": found.subject.quant.name,
            "context_tokens": found.context_tokens,
            "considered": found.considered,
            "devices": [device_object(row) for row in found.rows],
        }
    )


def models_json(rows: Sequence[tuple[Model, Evidence]]) -> str:
    """`advisor.models/1`."""
    return dumps(
        {
            "schema": "advisor.models/1",
            "models": [model_object(model, known) for model, known in rows],
        }
    )


def doctor_json(found: Diagnosis) -> str:
    """`advisor.doctor/1`."""
    return dumps(
        {
            "schema": "advisor.doctor/1",
            "version": found.version,
            "catalog_checked": found.catalog_checked,
            "python": found.python,
            "packages": dict(found.packages),
            "hub_cache": found.hub_cache,
            "hub_cache_free_bytes": found.hub_cache_free_bytes,
            "machine": machine_object(found.machine),
            "target": target_object(found.target),
        }
    )
