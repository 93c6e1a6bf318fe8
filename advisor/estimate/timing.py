"""Turns a placement into the parts that `speed` times: who reads how many bytes per token.

Holds the join of placement, target and speed model; no formula of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from advisor.estimate.basis import DecodeBasis
from advisor.estimate.classes import CPU_CLASS, CPU_SHEET_CLASS, alu_flops_per_s, speed_class
from advisor.estimate.kv_cache import cache_read
from advisor.estimate.memory import HOST
from advisor.estimate.result import Timed
from advisor.estimate.speed import DecodePart
from advisor.figure import Origin, weakest

if TYPE_CHECKING:
    from advisor.estimate.costs import Costs
    from advisor.estimate.fit import Judged
    from advisor.estimate.kv_cache import CacheRead
    from advisor.estimate.placement import Share
    from advisor.estimate.subject import Subject
    from advisor.figure import Figure
    from advisor.target import Gpu, Target


def time_decode(
    subject: Subject, costs: Costs, judged: Judged, target: Target, *, depth_tokens: int
) -> Timed | None:
    """Decode speed of a placement with so many tokens in the cache.

    Returns:
        ``None`` when a device that holds layers has no known bandwidth, or the cache that it
        would read is not understood.
    """
    if subject.caches is None and depth_tokens:
        return None
    rates: list[Figure] = []
    parts: list[DecodePart] = []
    devices: list[str] = []
    for share, gpu in zip(judged.placement.gpus, judged.gpus, strict=True):
        if share.is_used:
            if gpu.bandwidth_bytes_per_s is None:
                return None
            devices.append(gpu.name)
            rates.append(gpu.bandwidth_bytes_per_s)
            parts.append(_gpu_part(subject, costs, share, gpu, depth_tokens))
    share = judged.placement.host
    if share.is_used or costs.weights.host_head_bytes:
        rate = target.host.read_bytes_per_s
        if rate is None:
            return None
        devices.append(HOST)
        rates.append(rate)
        parts.append(_host_part(subject, costs, share, target, depth_tokens))
    handovers = len(parts) - 1
    if share.experts:
        # What a layer hands to its experts on the host comes back: the round trip counts as one.
        has_layers = share.blocks > 0 or share.has_output
        handovers += judged.placement.bare_blocks - (0 if has_layers else 1)
    basis = DecodeBasis(
        devices=tuple(devices),
        parts=tuple(parts),
        handovers=handovers,
        runtime=costs.setup.runtime,
    )
    return Timed(speed=basis.speed(), origin=weakest(*rates), basis=basis)


def mixer_layers(subject: Subject, share: Share) -> int:
    """Blocks with a mixer and a feed-forward; Nemotron-H's pattern counts the two apart."""
    if subject.model.hyperparameters.layer_pattern is None:
        return share.blocks
    return (share.blocks + 1) // 2


def bytes_read(costs: Costs, share: Share) -> int:
    """Weights one token reads on a share: its blocks, and the head where it is.

    A head that is the host's wherever the layers are is not among them.
    """
    head = costs.weights.output_bytes if share.has_output else 0
    return costs.blocks_read_bytes(share) + head


def _attention_flops(subject: Subject, costs: Costs, share: Share, depth_tokens: int) -> int:
    """What the share's query heads multiply; a scan asks for an empty cache only."""
    if not depth_tokens:
        return 0
    from advisor.estimate.attention import attention_flops

    return attention_flops(
        costs.context.caches,
        subject.model.hyperparameters,
        depth_tokens=depth_tokens,
        first=share.first,
        last=share.last,
    )


def _cache_read(costs: Costs, share: Share, depth_tokens: int) -> CacheRead:
    return cache_read(
        costs.context.caches,
        costs.setup,
        depth_tokens=depth_tokens,
        first=share.first,
        last=share.last,
    )


def _gpu_part(
    subject: Subject, costs: Costs, share: Share, gpu: Gpu, depth_tokens: int
) -> DecodePart:
    rate = gpu.bandwidth_bytes_per_s
    if rate is None:
        msg = f"`{gpu.name}` has no bandwidth"
        raise ValueError(msg)
    read = _cache_read(costs, share, depth_tokens)
    flops = gpu.fp16_flops_per_s
    return DecodePart(
        speed_class=speed_class(
            vendor=gpu.vendor, architecture=gpu.architecture, kind=gpu.kind, backend=gpu.backend
        ),
        bandwidth_bytes_per_s=rate.value,
        bandwidth_low_bytes_per_s=rate.low,
        bandwidth_high_bytes_per_s=rate.high,
        alu_flops_per_s=alu_flops_per_s(
            architecture=gpu.architecture, fp16_flops_per_s=flops.value if flops else None
        ),
        layers=mixer_layers(subject, share),
        weight_bytes=bytes_read(costs, share),
        cache_bytes=read.cache_bytes,
        state_bytes=read.state_bytes,
        recurrent_layers=0 if subject.has_short_convolutions else read.state_layers,
        is_moe=subject.is_mixture,
        attention_flops=_attention_flops(subject, costs, share, depth_tokens),
        flash_attention=costs.setup.flash_attention,
        kernel=subject.quant.base_type,
    )


def _host_part(
    subject: Subject, costs: Costs, share: Share, target: Target, depth_tokens: int
) -> DecodePart:
    rate = target.host.read_bytes_per_s
    if rate is None:
        msg = f"`{target.host.name}` has no read rate"
        raise ValueError(msg)
    read = _cache_read(costs, share, depth_tokens)
    return DecodePart(
        speed_class=CPU_CLASS if rate.origin is Origin.MEASURED else CPU_SHEET_CLASS,
        bandwidth_bytes_per_s=rate.value,
        bandwidth_low_bytes_per_s=rate.low,
        bandwidth_high_bytes_per_s=rate.high,
        layers=mixer_layers(subject, share),
        weight_bytes=bytes_read(costs, share) + costs.weights.host_head_bytes,
        cache_bytes=read.cache_bytes,
        state_bytes=read.state_bytes,
        recurrent_layers=0 if subject.has_short_convolutions else read.state_layers,
        is_moe=subject.is_mixture,
        attention_flops=_attention_flops(subject, costs, share, depth_tokens),
        flash_attention=costs.setup.flash_attention,
        kernel=subject.quant.base_type,
        cores=target.host.cores,
        instruction_sets=target.host.instruction_sets,
    )
