"""Turns a placement into the parts that `prefill` times: who multiplies how much for a prompt.

Holds the join of placement, target and speed model; no formula of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from advisor.estimate.basis import PrefillBasis
from advisor.estimate.classes import halves_fp16, speed_class
from advisor.estimate.prefill import PrefillPart
from advisor.estimate.result import Timed
from advisor.estimate.timing import bytes_read, mixer_layers
from advisor.figure import weakest
from catalog.cache import Window

if TYPE_CHECKING:
    from advisor.estimate.costs import Costs
    from advisor.estimate.fit import Judged
    from advisor.estimate.placement import Share
    from advisor.estimate.subject import Subject
    from advisor.figure import Figure
    from advisor.target import Gpu


def time_prefill(
    subject: Subject, costs: Costs, judged: Judged, *, prompt_tokens: int
) -> Timed | None:
    """Speed at which a prompt is read, for a model that is on GPUs whole.

    Returns:
        ``None`` when some of it is on the host, or a GPU's FP16 rate is not known.
    """
    if not judged.placement.is_whole or subject.caches is None:
        return None
    rates: list[Figure] = []
    parts: list[PrefillPart] = []
    devices: list[str] = []
    for share, gpu in zip(judged.placement.gpus, judged.gpus, strict=True):
        if not (share.blocks or share.has_output):
            continue
        if gpu.fp16_flops_per_s is None or gpu.bandwidth_bytes_per_s is None:
            return None
        devices.append(gpu.name)
        rates += [gpu.fp16_flops_per_s, gpu.bandwidth_bytes_per_s]
        parts.append(_prefill_part(subject, costs, share, gpu))
    basis = PrefillBasis(
        devices=tuple(devices),
        parts=tuple(parts),
        prompt_tokens=prompt_tokens,
        runtime=costs.setup.runtime,
    )
    speed = basis.speed()
    return None if speed is None else Timed(speed=speed, origin=weakest(*rates), basis=basis)


def _prefill_part(subject: Subject, costs: Costs, share: Share, gpu: Gpu) -> PrefillPart:
    flops, rate = gpu.fp16_flops_per_s, gpu.bandwidth_bytes_per_s
    if flops is None or rate is None:
        msg = f"`{gpu.name}` has no FP16 rate or no bandwidth"
        raise ValueError(msg)
    weights, hyper = costs.weights, subject.model.hyperparameters
    whole_read = weights.blocks_read_bytes + weights.output_bytes
    full_layers = sum(
        1
        for cache in costs.context.caches
        if cache.window is Window.FULL and cache.key_width
        for layer in cache.layers
        if share.first <= layer < share.last
    )
    used, experts = hyper.expert_used_count, hyper.expert_count
    here = costs.blocks_bytes(share) + (weights.output_bytes if share.has_output else 0)
    return PrefillPart(
        speed_class=speed_class(
            vendor=gpu.vendor, architecture=gpu.architecture, kind=gpu.kind, backend=gpu.backend
        ),
        bandwidth_bytes_per_s=rate.value,
        fp16_flops_per_s=flops.value,
        is_half_rate=halves_fp16(vendor=gpu.vendor, name=gpu.name),
        active_weights=round(
            subject.model.params_read_per_token * bytes_read(costs, share) / whole_read
        ),
        weight_bytes=here,
        layers=mixer_layers(subject, share),
        expert_bytes_share=weights.expert_bytes / (weights.blocks_bytes + weights.output_bytes),
        experts_used_share=used / experts if used and experts else 1.0,
        attention_width=full_layers * subject.shape.query,
        flash_attention=costs.setup.flash_attention,
        kernel=subject.quant.base_type,
    )
