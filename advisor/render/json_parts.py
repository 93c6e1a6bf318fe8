"""What several JSON answers have in common: figures, speeds, files, targets, models, devices.

Holds the mapping from the nouns to JSON only: bytes are integers, unknown is null, and every figure
that is not exact carries its origin, and its interval where it is an estimate.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from advisor.report.download import download_of

if TYPE_CHECKING:
    from advisor.estimate.result import Calibration, Timed
    from advisor.estimate.subject import Subject
    from advisor.figure import Figure
    from advisor.report.device_list import DeviceRow
    from advisor.report.download import Download
    from advisor.report.run_commands import RunCommand
    from advisor.target import Gpu, Target
    from catalog.evidence import Evidence
    from catalog.model import Model
    from catalog.quality import QualityLoss
    from probes.machine import Machine

Json = dict[str, Any]


def subject_keys(subject: Subject, download: Download | None = None) -> Json:
    """Which model it is in which quant, and the file of it.

    Args:
        subject: The model in a quant.
        download: Its file, where somebody has looked it up already.
    """
    download = download or download_of(subject)
    return {
        "model": subject.model.name,
        "quant": subject.quant.name,
        "file_bytes": round(download.size_bytes.value),
        "file": download_object(download),
        "tensor_bytes": subject.weights.tensor_bytes,
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
        "calibration": _calibration(timed.calibration),
    }


def _calibration(used: Calibration | None) -> Json | None:
    """What measurements on this machine made of it."""
    if used is None:
        return None
    return {
        "factor": None if used.factor is None else round(used.factor, 4),
        "is_exact": used.is_exact,
        "models": used.models,
        "measurements": list(used.numbers),
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


def machine_object(machine: Machine | None) -> Json | None:
    """`advisor.machine/1`, as a recording holds it."""
    if machine is None:
        return None
    from probes.record import to_json

    value: Json = json.loads(to_json(machine))
    return value


def command_object(command: RunCommand) -> Json:
    """How one program runs the file."""
    return {"program": command.program, "lines": list(command.lines), "note": command.note}
