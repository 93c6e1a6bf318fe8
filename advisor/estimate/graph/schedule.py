"""Which device computes which tensor of a graph, what is copied, and how large each buffer gets.

Holds llama.cpp's scheduler and the part of its allocator that follows a graph; never a model. The
host is the last device.

Source: llama.cpp `ggml/src/ggml-backend.cpp` (`ggml_backend_sched_split_graph`) and
`ggml/src/ggml-alloc.c` (`ggml_gallocr_alloc_graph_impl`), October 2026.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING

from advisor.estimate.graph.allocator import Arena, aligned
from advisor.estimate.graph.sketch import ANYWHERE

if TYPE_CHECKING:
    from advisor.estimate.graph.sketch import Sketch

UNPLACED = -1

NOTHING = -1
"""What a step makes that only reads."""

Step = tuple[int, int, tuple[int, ...]]
"""A device, the tensor it makes, and what that reads."""

NO_BYTES: Mapping[int, int] = MappingProxyType({})


def buffers(
    sketch: Sketch, device_of: Callable[[int], int], devices: int, *, copies: int = 1
) -> list[int]:
    """Bytes of scratch that each device reserves for a graph.

    Args:
        sketch: The graph.
        device_of: The device of a home: of a layer, the input or the output.
        devices: How many there are, the host among them and last.
        copies: How often inputs are kept; more than once in a pipeline.
    """
    if devices == 1:
        steps: list[Step] = [(0, tensor, sketch.reads[tensor]) for tensor in sketch.order]
        return _Follower(sketch, [], 1).follow(steps)
    return Plan(sketch, device_of, devices - 1).buffers(copies=copies)


class Plan:
    """The steps of all devices, with the copies of what another one made.

    Tensors of one device after another are a split. All copies that a split is the first to need
    are made where it begins. Weights that are lent begin a split of their own, unless nothing was
    copied for the one before, so that no two are there at once.
    """

    def __init__(
        self,
        sketch: Sketch,
        device_of: Callable[[int], int],
        host: int,
        lent: Collection[int] = (),
    ) -> None:
        """Plan a graph.

        Args:
            sketch: The graph.
            device_of: The device of a home.
            host: Its number, after all others.
            lent: Tensors of the host's weights that the first device computes; see `lending`.
        """
        self.sketch = sketch
        self._host = host
        self._lent = lent
        self.lent_copies: dict[int, int] = {}
        """Of the tensors that weights are lent for, the place of those among all copies."""

        self._steps: list[Step] = []
        self._copy_sizes: list[int] = []
        self._copy_places: list[int] = []
        self._copy_of: dict[tuple[int, int], int] = {}
        places = _places(sketch, device_of, host, lent)
        self._leaf_places = _leaf_places(sketch, places, host)
        self._made_at = dict(zip(sketch.order, places, strict=True))
        self._made_at.update(self._leaf_places)
        self._made_at.update({one: device_of(layer) for one, layer in sketch.stored.items()})
        self._follow(places)

    def buffers(self, *, copies: int = 1, lent_bytes: Mapping[int, int] = NO_BYTES) -> list[int]:
        """Bytes of each device's buffer.

        Args:
            copies: How often inputs are kept.
            lent_bytes: Of each tensor that weights are lent for, their bytes.
        """
        sizes = self._copy_sizes
        if self.lent_copies:
            sizes = list(sizes)
            for tensor, place in self.lent_copies.items():
                sizes[place] = lent_bytes[tensor]
        follower = _Follower(self.sketch, sizes, self._host + 1)
        return follower.follow(self._steps, self._leaf_places, self._copy_places, copies)

    def _follow(self, places: Sequence[int]) -> None:
        sketch, made_at = self.sketch, self._made_at
        split: list[Step] = []
        current, begun = UNPLACED, 0
        for tensor, place in zip(sketch.order, places, strict=True):
            is_lent = tensor in self._lent
            is_apart = is_lent or tensor in sketch.apart
            if place != current or (is_apart and len(self._copy_sizes) > begun):
                self._steps += split
                split, current, begun = [], place, len(self._copy_sizes)
            reads = sketch.reads[tensor]
            is_product = is_lent and tensor in sketch.matrices
            if is_product:  # its matrix is the first that it reads, other weights are the last
                weights = self._lend(tensor, place)
            for read in reads:
                if made_at[sketch.root[read]] != place:
                    reads = tuple(self._copied(one, place) for one in reads)
                    break
            if is_lent:
                reads = (weights, *reads) if is_product else (*reads, self._lend(tensor, place))
            split.append((place, tensor, reads))
        self._steps += split

    def _lend(self, tensor: int, place: int) -> int:
        """A copy of the weights that a tensor reads, whose size is not known yet."""
        self.lent_copies[tensor] = len(self._copy_sizes)
        return self._added(0, place)

    def _copied(self, read: int, place: int) -> int:
        """What is read, or its copy on a device where it is not."""
        made_at = self._made_at[self.sketch.root[read]]
        if made_at == place:
            return read
        copy = self._copy_of.get((read, place))
        if copy is None:
            self._steps.append((made_at, NOTHING, (read,)))
            copy = self._copy_of[read, place] = self._added(self.sketch.size[read], place)
        return copy

    def _added(self, size_bytes: int, place: int) -> int:
        """A copy, made where the split begins."""
        copy = len(self.sketch.size) + len(self._copy_sizes)
        self._copy_sizes.append(size_bytes)
        self._copy_places.append(place)
        self._steps.append((place, copy, ()))
        return copy


def _places(
    sketch: Sketch, device_of: Callable[[int], int], host: int, lent: Collection[int]
) -> list[int]:
    """The device of each tensor of the graph's order.

    What reads weights is where they are, or on the first device if they are lent to it; the rest
    goes where its neighbours are, and rather to a GPU's than to the host's.
    """
    homes = {ANYWHERE: UNPLACED}
    places = []
    for tensor in sketch.order:
        home = sketch.home[tensor]
        if home not in homes:
            homes[home] = device_of(home)
        places.append(0 if tensor in lent else homes[home])
    forth, back = range(len(places)), range(len(places) - 1, -1, -1)
    for barrier in (host, UNPLACED):
        for direction in (forth, back):
            _spread(places, direction, barrier)
    return places


def _spread(places: list[int], direction: range, barrier: int) -> None:
    """Give what has no place the place of what comes before it, unless that is the barrier."""
    current = UNPLACED
    for number in direction:
        place = places[number]
        if place != UNPLACED:
            current = UNPLACED if place == barrier else place
        elif current != UNPLACED:
            places[number] = current


def _leaf_places(sketch: Sketch, places: Sequence[int], host: int) -> dict[int, int]:
    """Inputs are the host's; what is empty is where its first reader is."""
    found = dict.fromkeys(sketch.leaves, host)
    empty = {leaf for leaf in sketch.leaves if sketch.home[leaf] == ANYWHERE}
    if empty:
        for tensor, place in zip(sketch.order, places, strict=True):
            for read in sketch.reads[tensor]:
                if read in empty:
                    found[read] = place
                    empty.discard(read)
    return found


class _Follower:
    """Follows the steps, and finds room for each tensor as long as something reads it."""

    def __init__(self, sketch: Sketch, copies: Sequence[int], devices: int) -> None:
        count, more = len(sketch.size), len(copies)
        self._root = [*sketch.root, *range(count, count + more)]
        self._size = aligned((*sketch.size, *copies))
        self._readers = [0] * (count + more)
        self._reuses = [*sketch.reuses, *[False] * more]
        self._leaves = sketch.leaves
        self._inputs = {leaf for leaf in sketch.leaves if sketch.home[leaf] != ANYWHERE}
        self._empty = sketch.empty.union(range(count, count + more))
        self._arenas = [Arena() for _ in range(devices)]
        self._room: list[tuple[Arena, int] | None] = [None] * (count + more)
        self._keep(sketch.is_kept)

    def follow(
        self,
        steps: Sequence[Step],
        leaf_places: dict[int, int] | None = None,
        copy_places: Sequence[int] = (),
        copies: int = 1,
    ) -> list[int]:
        """Bytes of each device's buffer.

        Args:
            steps: What is made and read, in order.
            leaf_places: The device of each leaf; the host's where none is said.
            copy_places: The device of each copy.
            copies: How often inputs and copies are kept, from the start and to the end.
        """
        root, readers = self._root, self._readers
        for _, _, reads in steps:
            for read in reads:
                readers[root[read]] += 1
        self._enter(leaf_places, copy_places, copies)
        self._make_all(steps)
        return [arena.peak_bytes for arena in self._arenas]

    def _enter(
        self, leaf_places: dict[int, int] | None, copy_places: Sequence[int], copies: int
    ) -> None:
        """Find room for what is there from the start; for what is kept more than once first."""
        leaves = self._leaves
        if copies > 1:
            inputs = [leaf for leaf in leaves if leaf in self._inputs]
            for leaf in inputs:
                self._take(leaf, -1, copies)
            first = len(self._root) - len(copy_places)
            for copy, place in enumerate(copy_places, first):
                self._take(copy, place, copies)
            self._keep(inputs)
            self._keep(range(first, len(self._root)))
            leaves = [leaf for leaf in leaves if leaf not in self._inputs]
        for leaf in leaves:
            self._take(leaf, -1 if leaf_places is None else leaf_places[leaf], 1)

    def _keep(self, tensors: Iterable[int]) -> None:
        """Have tensors stay to the end: one reads them that never comes."""
        for tensor in tensors:
            self._readers[tensor] += 1

    def _take(self, tensor: int, device: int, copies: int) -> None:
        arena, size = self._arenas[device], self._size[tensor]
        for _ in range(copies):
            self._room[tensor] = (arena, arena.take(size))

    def _make_all(self, steps: Sequence[Step]) -> None:
        """Find room for each tensor that has none, and give it back behind its last reader.

        Every name is a local one: this runs for each tensor of each graph.
        """
        root, readers, size, empty = self._root, self._readers, self._size, self._empty
        room, arenas, reuses, inherits = self._room, self._arenas, self._reuses, self._inherits
        for device, tensor, reads in steps:
            if tensor >= 0 and root[tensor] == tensor and room[tensor] is None:
                needed = size[tensor]
                if (needed or tensor in empty) and not (
                    reuses[tensor] and inherits(tensor, needed, reads)
                ):
                    arena = arenas[device]
                    room[tensor] = (arena, arena.take(needed))
            for read in reads:
                source = root[read]
                left = readers[source] = readers[source] - 1
                if not left:
                    place = room[source]
                    if place is not None:
                        room[source] = None
                        place[0].give(place[1], size[source])

    def _inherits(self, tensor: int, size: int, reads: tuple[int, ...]) -> bool:
        """Whether a tensor gets the room of what it reads.

        That makes way if nothing else reads it any more and it is as large; a view never does, for
        it has no room of its own.
        """
        room = self._room
        for read in reads:
            place = room[read]
            if place is not None and self._readers[read] == 1 and self._size[read] == size:
                room[tensor], room[read] = place, None
                return True
        return False
