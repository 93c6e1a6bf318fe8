"""The JSON that scripts rely on: each schema is versioned, and described in `docs/schema/`.

Holds the whole answers; what they are made of is `json_parts` and `estimate_json`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from advisor.render.estimate_json import fit_object
from advisor.render.json_parts import (
    command_object,
    device_object,
    download_object,
    evidence_object,
    loss_object,
    machine_object,
    model_object,
    speed_object,
    subject_keys,
    target_object,
)
from advisor.render.sentences import demotion, why_not_larger

if TYPE_CHECKING:
    from advisor.errors import AdvisorError
    from advisor.rank import Candidate
    from advisor.render.json_parts import Json
    from advisor.report.device_list import DeviceList
    from advisor.report.doctor import Diagnosis
    from advisor.report.page import Page
    from advisor.report.scan import ScanReport
    from catalog.evidence import Evidence
    from catalog.model import Model


def dumps(value: Json) -> str:
    """JSON for people's eyes too: indented, its keys in our order."""
    return json.dumps(value, indent=1, ensure_ascii=False)


def line(value: Json) -> str:
    """JSON on one line."""
    return json.dumps(value, ensure_ascii=False, separators=(", ", ": "))


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


def _candidate(one: Candidate, floor: float) -> Json:
    """One quant of one model in a ranking."""
    answer = one.estimate
    return {
        **subject_keys(answer.subject),
        "memory_bytes": answer.total_bytes,
        "memory_low_bytes": answer.low_bytes,
        "memory_high_bytes": answer.high_bytes,
        "context_tokens": answer.setup.context_tokens,
        "gpu_layers": answer.placement.gpu_layers,
        "layers": answer.placement.layers,
        "n_cpu_moe": answer.placement.n_cpu_moe,
        "fit": fit_object(answer),
        "decode_tokens_per_s": speed_object(answer.decode if one.runs else None),
        "evidence": evidence_object(one.evidence),
        "loss": loss_object(one.loss),
        "demoted": demotion(one, floor),
    }


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
            "models": [_candidate(one, floor) for one in report.rows],
            "rejected": [_candidate(one, floor) for one in report.rejected],
            "recommendation": None
            if best is None
            else {
                **_candidate(best.candidate, floor),
                "why_not_larger": why_not_larger(best.candidate, best.larger, floor),
                "commands": [command_object(one) for one in best.commands],
            },
            "notes": list(report.notes),
        }
    )


def page_json(page: Page) -> str:
    """`advisor.show/1`."""
    floor = page.question.min_tokens_per_s
    best = page.best
    return dumps(
        {
            "schema": "advisor.show/1",
            "model": model_object(page.model, page.evidence),
            "target": target_object(page.question.target),
            "quants": [_candidate(one, floor) for one in page.rows],
            "best": None
            if best is None
            else {
                "quant": best.candidate.estimate.subject.quant.name,
                "why_not_larger": why_not_larger(best.candidate, best.larger, floor),
                "commands": [command_object(one) for one in best.commands],
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
