"""Placements with more on the GPUs than they hold: what none that fits can be faster than.

Holds the placements only, which need no scratch and hence no search; what they are good for is to
skip a search whose answer would come too late. What they say of a fit means nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from advisor.estimate.fit import Judged, margin_bytes
from advisor.estimate.memory import HOST, gpu_overhead
from advisor.estimate.result import Fit, Verdict, Why
from advisor.estimate.room import UNLIMITED
from advisor.estimate.sharing import Sharing
from advisor.estimate.solver import largest_within, smallest_within

if TYPE_CHECKING:
    from advisor.estimate.costs import Costs
    from advisor.estimate.placement import Placement
    from advisor.target import Target

NO_FIT = Fit(
    verdict=Verdict.NO,
    now=Verdict.NO,
    idle=Verdict.NO,
    why=Why.TOO_LITTLE,
    device=HOST,
    needed_bytes=0,
    available_bytes=None,
)
"""Of a placement that nobody compared with what there is."""


def at_best(costs: Costs, target: Target, *, bare: bool) -> Judged:
    """More on the GPUs than they can hold: as if there were no scratch, and one memory of all.

    Args:
        costs: The model's.
        target: With at least one GPU.
        bare: True for every layer, some without their experts; False for whole layers.
    """
    hope = _Hope(costs, target)
    placement = hope.fewest_bare() if bare else hope.most_layers()
    return Judged(placement=placement, allocations=(), fit=NO_FIT, gpus=tuple(target.gpus))


class _Hope:
    """One model over all GPUs of a target."""

    def __init__(self, costs: Costs, target: Target) -> None:
        self.costs = costs
        self.sharing = Sharing(costs, target.gpus)
        margin = margin_bytes(costs)
        self.beside = [int(gpu_overhead(costs, gpu).value) + margin for gpu in target.gpus]
        known = [gpu.available_bytes for gpu in target.gpus]
        self.free = sum(one.value for one in known if one is not None)
        self.is_known = None not in known

    def most_layers(self, n_cpu_moe: int = 0) -> Placement:
        """As many layers as there were room for."""
        sharing = self.sharing
        most = largest_within(lambda count: self._lacks(count, n_cpu_moe), 0, sharing.layers)
        return sharing.usual(most or 0, n_cpu_moe)

    def fewest_bare(self) -> Placement:
        """Every layer, as few without experts; else as many layers, all without."""
        sharing = self.sharing
        fewest = smallest_within(
            lambda count: self._lacks(sharing.layers, count), 0, sharing.blocks
        )
        if fewest is None:
            return self.most_layers(sharing.blocks)
        return sharing.usual(sharing.layers, fewest)

    def _lacks(self, gpu_layers: int, n_cpu_moe: int) -> float:
        """By how much weights, cache and drivers are more than all GPUs have together."""
        if not self.is_known:
            return UNLIMITED
        costs, shares = self.costs, self.sharing.usual(gpu_layers, n_cpu_moe).gpus
        needed = sum(
            costs.share_bytes(share) + costs.blocks_cache_bytes(share) + beside
            for share, beside in zip(shares, self.beside, strict=True)
            if share.is_used
        )
        return needed - self.free
