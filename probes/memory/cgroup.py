"""What control groups allow this process: memory, swap and CPU time, on cgroup v1 and v2.

A limit counts when it stands on the process's own group or on any group above it, so each
function walks from the own group up to the top of what is mounted. Where the groups are mounted
and which one is ours comes from `/proc/self/mountinfo` and `/proc/self/cgroup`, which holds for
containers (whose mount begins at their own group), nested slices and machines with v1 and v2
side by side. Groups above a cgroup namespace cannot be seen; v1 alone tells their limit.

Holds what the kernel's files say. What follows for the memory a program can have is `probe`'s
business. File names and meanings: Linux `Documentation/admin-guide/cgroup-v2.rst` and
`cgroup-v1/memory.rst`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from probes.ask import Asker

NO_LIMIT_BYTES = 1 << 62
"""v1 writes "no limit" as 2^63 less one page; nothing near it is meant as a limit."""

_USUAL_PLACE = {("v2", ""): "/sys/fs/cgroup"} | {
    ("v1", controller): f"/sys/fs/cgroup/{controller}" for controller in ("memory", "cpu")
}
"""Asked too, because a container may have the files bound there from another file system."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryLimit:
    """How much memory one control group may have, and what it has now."""

    limit_bytes: int

    source: str
    """Where it stands, such as `cgroup v2 memory.max`."""

    used_bytes: int | None
    """In use, less the cache the kernel drops on demand; ``None`` when the kernel does not say."""

    reclaimable_bytes: int
    """That cache: pages of files, and kernel objects that can be dropped."""

    use_is_complete: bool = True
    """False for a group out of sight, of whose use only our own part is known."""

    @property
    def free_bytes(self) -> int | None:
        """What is left of the limit; ``None`` when the group's use is not known."""
        return None if self.used_bytes is None else max(0, self.limit_bytes - self.used_bytes)


@dataclass(frozen=True, slots=True, kw_only=True)
class SwapLimit:
    """How much swap one control group may have, and what it has now."""

    limit_bytes: int

    used_bytes: int


def memory_limits(asker: Asker) -> tuple[MemoryLimit, ...]:
    """The memory limits on this process's groups and all groups above, in no order."""
    return (*_memory_limits_v2(asker), *_memory_limits_v1(asker))


def swap_limits(asker: Asker) -> tuple[SwapLimit, ...]:
    """The swap limits on this process's groups and all groups above, in no order."""
    return (*_swap_limits_v2(asker), *_swap_limits_v1(asker))


def cpu_quota_cores(asker: Asker) -> float | None:
    """CPU time per wall time that the tightest group allows; ``None`` without a quota."""
    quotas = []
    for group in _groups(asker, "v2", ""):
        quota, _, period = (asker.text(f"{group}/cpu.max") or "").partition(" ")
        quotas.append((_positive(quota), _positive(period)))
    quotas.extend(
        (_limit(asker, f"{group}/cpu.cfs_quota_us"), _limit(asker, f"{group}/cpu.cfs_period_us"))
        for group in _groups(asker, "v1", "cpu")
    )
    return min((quota / period for quota, period in quotas if quota and period), default=None)


def _memory_limits_v2(asker: Asker) -> Iterator[MemoryLimit]:
    for group in _groups(asker, "v2", ""):
        for name in ("memory.max", "memory.high"):
            limit = _limit(asker, f"{group}/{name}")
            if limit is not None:
                yield _memory_limit(
                    limit,
                    source=f"cgroup v2 {name}",
                    usage=asker.number(f"{group}/memory.current"),
                    stat=_numbers(asker.text(f"{group}/memory.stat")),
                    reclaimable=("inactive_file", "active_file", "slab_reclaimable"),
                )


def _memory_limits_v1(asker: Asker) -> Iterator[MemoryLimit]:
    """Those that can be seen, and the tightest above them, which `memory.stat` still tells."""
    groups = [
        (
            _memory_limit(
                limit,
                source="cgroup v1 memory.limit_in_bytes",
                usage=asker.number(f"{group}/memory.usage_in_bytes"),
                stat=(stat := _numbers(asker.text(f"{group}/memory.stat"))),
                reclaimable=("total_inactive_file", "total_active_file"),
            ),
            stat.get("hierarchical_memory_limit", NO_LIMIT_BYTES),
        )
        for group in _groups(asker, "v1", "memory")
        if (limit := _limit(asker, f"{group}/memory.limit_in_bytes"))
    ]
    seen = [group for group, _ in groups if group.limit_bytes < NO_LIMIT_BYTES]
    yield from seen
    inherited = min((limit for _, limit in groups), default=NO_LIMIT_BYTES)
    if inherited < min((group.limit_bytes for group in seen), default=NO_LIMIT_BYTES):
        yield replace(
            groups[-1][0],
            limit_bytes=inherited,
            source="cgroup v1 hierarchical_memory_limit",
            use_is_complete=False,
        )


def _memory_limit(
    limit: int,
    *,
    source: str,
    usage: int | None,
    stat: dict[str, int],
    reclaimable: tuple[str, ...],
) -> MemoryLimit:
    cache = sum(stat.get(name, 0) for name in reclaimable)
    return MemoryLimit(
        limit_bytes=limit,
        source=source,
        used_bytes=None if usage is None else max(0, usage - cache),
        reclaimable_bytes=cache,
    )


def _swap_limits_v2(asker: Asker) -> Iterator[SwapLimit]:
    for group in _groups(asker, "v2", ""):
        limit = asker.number(f"{group}/memory.swap.max")
        if limit is not None:
            used = asker.number(f"{group}/memory.swap.current")
            yield SwapLimit(limit_bytes=max(0, limit), used_bytes=used or 0)


def _swap_limits_v1(asker: Asker) -> Iterator[SwapLimit]:
    """v1 limits memory and swap together; what it leaves for swap is the difference."""
    for group in _groups(asker, "v1", "memory"):
        memory = _limit(asker, f"{group}/memory.limit_in_bytes")
        both = _limit(asker, f"{group}/memory.memsw.limit_in_bytes")
        if memory is not None and both is not None and both < NO_LIMIT_BYTES:
            stat = _numbers(asker.text(f"{group}/memory.stat"))
            yield SwapLimit(limit_bytes=max(0, both - memory), used_bytes=stat.get("total_swap", 0))


def _groups(asker: Asker, version: str, controller: str) -> tuple[str, ...]:
    """Directories of this process's group and all groups above it, the own one first.

    Args:
        asker: The machine.
        version: `v1` or `v2`.
        controller: `memory` or `cpu`; empty for v2, which has one tree for all.
    """
    own = _own_group(asker, version, controller)
    found: dict[str, None] = {}
    for root, point in _mounts(asker, version, controller):
        parts = _below(own, root)
        for depth in range(len(parts), -1, -1):
            found["/".join((point, *parts[:depth]))] = None
    found[_USUAL_PLACE[version, controller]] = None
    return tuple(found)


def _own_group(asker: Asker, version: str, controller: str) -> str:
    for line in (asker.text("/proc/self/cgroup") or "").splitlines():
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if version == "v2" and number == "0" and not controllers:
            return path
        if version == "v1" and controller in controllers.split(","):
            return path
    return "/"


def _mounts(asker: Asker, version: str, controller: str) -> Iterator[tuple[str, str]]:
    """The group each matching mount begins at, and where it is mounted.

    A line of mountinfo: ``35 31 0:32 /docker/4f1c /sys/fs/cgroup/memory rw - cgroup cgroup
    rw,memory``; proc(5) names the fields.
    """
    for line in (asker.text("/proc/self/mountinfo") or "").splitlines():
        before, _, after = line.partition(" - ")
        place, kind = before.split(" "), after.split(" ")
        if len(place) < 5 or len(kind) < 3:
            continue
        is_v1 = kind[0] == "cgroup" and controller in kind[2].split(",")
        if is_v1 if version == "v1" else kind[0] == "cgroup2":
            yield _unescaped(place[3]), _unescaped(place[4])


def _below(path: str, root: str) -> tuple[str, ...]:
    """The names from a mount's root down to a group; none when the group is not below it.

    A container that shares the host's cgroup namespace has both as ``/docker/4f1c``; a group
    outside the namespace is spelled with ``..``. In either case the mount itself is the nearest.
    """
    if root != "/":
        if path != root and not path.startswith(f"{root}/"):
            return ()
        path = path[len(root) :]
    parts = tuple(part for part in path.split("/") if part)
    return () if ".." in parts else parts


def _unescaped(text: str) -> str:
    r"""A path of mountinfo, in which a space is written `\040`."""
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), text)


def _numbers(stat: str | None) -> dict[str, int]:
    """A file of lines with a name and a number."""
    pairs = (line.split() for line in (stat or "").splitlines())
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdecimal()}


def _limit(asker: Asker, path: str) -> int | None:
    """A file's number above 0; ``None`` for `max` and -1, which both mean no limit."""
    return _positive(asker.text(path))


def _positive(text: str | None) -> int | None:
    return int(text) if text and text.isdecimal() and int(text) > 0 else None
