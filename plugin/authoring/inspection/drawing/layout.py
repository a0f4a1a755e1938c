"""Lays out a graph in layers from top to bottom (Sugiyama's way): few crossings, everything above what follows from it.

Every node lies below all that lead to it; links that skip layers keep a lane of their own in each. A link carries a
label, which stands right above where the link enters the next layer, so that no two labels can overlap.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import mean

#: Pixels: between neighbours in a layer, for a lane, for the curves of a gap and for its arrows.
_BESIDE, _LANE, _CURVE, _ARROW = 14.0, 22.0, 34.0, 16.0
_SWEEPS, _SETTLINGS = 8, 30
#: Counting crossings takes the square of the links in a layer: larger graphs stay in the order of their answers.
_MOST_UNTANGLED = 600


@dataclass(frozen=True, slots=True)
class Size:
    """A node's, or a label's, room in pixels."""

    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Link:
    """From node to node, by their numbers, with the room that its label takes."""

    start: int
    end: int
    label: Size


@dataclass(frozen=True, slots=True)
class Leg:
    """A piece of a link, layer to layer: down from (x, start) to ``bend``, over to (to, curve), down to ``end``."""

    x: float
    start: float
    bend: float
    to: float
    curve: float
    end: float


@dataclass(frozen=True, slots=True)
class Route:
    """Where a link runs. ``label``: the middle of its label."""

    label: tuple[float, float]
    legs: tuple[Leg, ...]


@dataclass(frozen=True, slots=True)
class Layout:
    """``places``: the middle of each node's upper edge; ``widths``: as wide as the links that come in need it.

    ``width`` and ``height`` hold everything.
    """

    places: tuple[tuple[float, float], ...]
    widths: tuple[float, ...]
    routes: tuple[Route, ...]
    width: float
    height: float


def arrange(nodes: Sequence[Size], links: Sequence[Link]) -> Layout:
    """Places for nodes and routes for links. Node 0 is the root; there are no cycles."""
    return _Arrangement(nodes, links).layout()


@dataclass(slots=True)
class _Item:
    """A node, or the lane of a link, in one layer. ``into``: the links' pieces that come from above: (item, label)."""

    layer: int
    width: float
    node: int | None
    into: list[tuple[int, float]]
    out: list[int]
    x: float = 0.0


class _Arrangement:
    def __init__(self, nodes: Sequence[Size], links: Sequence[Link]) -> None:
        self._nodes, self._links = nodes, links
        self._items: list[_Item] = []
        self._chains: list[list[int]] = []
        self._make_items(_layers(len(nodes), links))
        self._widen()
        self._order = self._ordered()

    def layout(self) -> Layout:
        """Settle the places and read them off."""
        self._settle()
        left = min(item.x - item.width / 2 for item in self._items)
        for item in self._items:
            item.x -= left
        tops, bottoms, curves = self._heights()
        width = max(item.x + item.width / 2 for item in self._items)
        places = tuple((self._items[n].x, tops[self._items[n].layer]) for n in range(len(self._nodes)))
        routes = tuple(self._route(number, tops, bottoms, curves) for number in range(len(self._links)))
        widths = tuple(max(size.width, self._span(n) + _LANE) for n, size in enumerate(self._nodes))
        return Layout(places, widths, routes, width, bottoms[-1])

    # --- layers and lanes --------------------------------------------------------------------------

    def _make_items(self, layers: Sequence[int]) -> None:
        self._items = [_Item(layers[n], size.width, n, [], []) for n, size in enumerate(self._nodes)]
        for link in self._links:
            chain = [link.start]
            for layer in range(layers[link.start] + 1, layers[link.end]):
                self._items.append(_Item(layer, _LANE, None, [], []))
                chain.append(len(self._items) - 1)
            chain.append(link.end)
            for place, (above, below) in enumerate(pairwise(chain)):
                self._items[above].out.append(below)
                self._items[below].into.append((above, link.label.width if place == 0 else _LANE))
            self._chains.append(chain)

    def _widen(self) -> None:
        """Room for the labels side by side above each item."""
        for item in self._items:
            labels = [width for _, width in item.into]
            item.width = max(item.width, sum(labels) + _BESIDE * (len(labels) - 1))

    # --- order -------------------------------------------------------------------------------------

    def _ordered(self) -> list[list[int]]:
        """The items of each layer from left to right: as the answers stand, changed only where fewer links cross."""
        order = self._first_order()
        if len(self._items) > _MOST_UNTANGLED:
            return order
        best, least = order, self._crossings(order)
        for sweep in range(_SWEEPS):
            if not least:
                break
            order = self._swept(order, downwards=sweep % 2 == 0)
            crossings = self._crossings(order)
            if crossings < least:
                best, least = order, crossings
        return best

    def _first_order(self) -> list[list[int]]:
        order: list[list[int]] = [[] for _ in range(1 + max(item.layer for item in self._items))]
        seen: set[int] = set()
        open_ = [0]
        while open_:
            item = open_.pop()
            if item not in seen:
                seen.add(item)
                order[self._items[item].layer].append(item)
                open_.extend(reversed(self._items[item].out))
        return order

    def _swept(self, order: Sequence[Sequence[int]], *, downwards: bool) -> list[list[int]]:
        """Each layer sorted by the middle of its neighbours in the layer before."""
        result = [list(layer) for layer in order]
        places = {item: float(place) for layer in result for place, item in enumerate(layer)}
        near: Callable[[int], list[int]] = self._above if downwards else self._below
        for layer in result if downwards else reversed(result):
            layer.sort(key=lambda item: mean([places[n] for n in near(item)] or [places[item]]))
            places.update({item: float(place) for place, item in enumerate(layer)})
        return result

    def _crossings(self, order: Sequence[Sequence[int]]) -> int:
        places = {item: place for layer in order for place, item in enumerate(layer)}
        count = 0
        for layer in order:
            ends = [(places[a], places[b]) for a in layer for b in self._items[a].out]
            count += sum(a < c and b > d for a, b in ends for c, d in ends)
        return count

    def _above(self, item: int) -> list[int]:
        return [above for above, _ in self._items[item].into]

    def _below(self, item: int) -> list[int]:
        return self._items[item].out

    # --- places ------------------------------------------------------------------------------------

    def _settle(self) -> None:
        """Pull each item to the middle of its neighbours, again and again; last of all everything over what follows."""
        for layer in self._order:
            self._put(layer, [0.0] * len(layer))
        for _ in range(_SETTLINGS):
            for layer in reversed(self._order):
                self._put(layer, [self._middle(self._below(item), item) for item in layer])
            for layer in self._order:
                self._put(layer, [self._middle(self._above(item) + self._below(item), item) for item in layer])
        for layer in reversed(self._order):
            self._put(layer, [self._middle(self._below(item), item) for item in layer])

    def _middle(self, near: Sequence[int], item: int) -> float:
        return mean([self._items[n].x for n in near]) if near else self._items[item].x

    def _put(self, layer: Sequence[int], wanted: Sequence[float]) -> None:
        """As near as may be to where they want to be, side by side in their order (isotonic regression)."""
        offsets = [0.0]
        for left, right in pairwise(layer):
            offsets.append(offsets[-1] + (self._items[left].width + self._items[right].width) / 2 + _BESIDE)
        blocks: list[tuple[float, int]] = []
        for wish, offset in zip(wanted, offsets, strict=True):
            blocks.append((wish - offset, 1))
            while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
                (a, m), (b, n) = blocks[-2:]
                blocks[-2:] = [((a * m + b * n) / (m + n), m + n)]
        places = [place for place, count in blocks for _ in range(count)]
        for item, place, offset in zip(layer, places, offsets, strict=True):
            self._items[item].x = place + offset

    def _heights(self) -> tuple[list[float], list[float], list[float]]:
        """Of each layer: its top, its bottom, and where the curves below it end."""
        tops, bottoms, curves, top = [], [], [], 0.0
        for layer in range(len(self._order)):
            nodes = [item.node for item in self._items if item.layer == layer and item.node is not None]
            labels = [link.label.height for link in self._links if self._items[link.start].layer == layer]
            tops.append(top)
            bottoms.append(top + max(self._nodes[node].height for node in nodes))
            curves.append(bottoms[-1] + _CURVE)
            top = curves[-1] + max(labels, default=0) + _ARROW
        return tops, bottoms, curves

    def _route(self, number: int, tops: Sequence[float], bottoms: Sequence[float], curves: Sequence[float]) -> Route:
        chain = self._chains[number]
        legs = []
        for above, below in pairwise(chain):
            start, end = self._items[above], self._items[below]
            height = 0.0 if start.node is None else self._nodes[start.node].height
            out = tops[start.layer] + height
            legs.append(
                Leg(start.x, out, bottoms[start.layer], self._entry(above, below), curves[start.layer], tops[end.layer])
            )
        return Route((legs[0].to, legs[0].end - _ARROW - self._links[number].label.height / 2), tuple(legs))

    def _span(self, node: int) -> float:
        """From the first link that enters the node to the last."""
        entries = [self._entry(above, node) for above, _ in self._items[node].into]
        return 2 * max((abs(entry - self._items[node].x) for entry in entries), default=0.0)

    def _entry(self, above: int, below: int) -> float:
        """Where a piece from ``above`` enters: side by side with the others, in the order that they come in."""
        item = self._items[below]
        ordered = sorted(item.into, key=lambda piece: self._items[piece[0]].x)
        total = sum(width for _, width in ordered) + _BESIDE * (len(ordered) - 1)
        x = item.x - total / 2
        for source, width in ordered:
            if source == above:
                return x + width / 2
            x += width + _BESIDE
        return item.x


def _layers(count: int, links: Sequence[Link]) -> list[int]:
    """The layer of each node: below all that lead to it."""
    below: list[list[int]] = [[] for _ in range(count)]
    waiting = [0] * count
    for link in links:
        below[link.start].append(link.end)
        waiting[link.end] += 1
    layers = [0] * count
    ready = [node for node in range(count) if not waiting[node]]
    while ready:
        node = ready.pop()
        for end in below[node]:
            layers[end] = max(layers[end], layers[node] + 1)
            waiting[end] -= 1
            if not waiting[end]:
                ready.append(end)
    return layers
