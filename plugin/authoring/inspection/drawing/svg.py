"""The conversation tree as an SVG picture: questions as boxes, answers on the links, outcomes in their colours.

One self-contained file without scripts; every text of the rules is escaped, and its title and description say in words
what it shows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from plugin.authoring.inspection.drawing.boxes import EDGE, SIZE, SOFT, Box, Edge, Text, graph
from plugin.authoring.inspection.drawing.layout import Layout, Leg, Link, Route, Size, arrange
from plugin.authoring.inspection.drawing.text_width import width_of
from plugin.authoring.inspection.listing import ScriptListing, listing
from plugin.authoring.inspection.markup import render
from plugin.authoring.inspection.tree import grow
from plugin.authoring.inspection.wording import conversations_counted
from plugin.deciding.decision.compiled_rules import Rulebook

_FONT = "system-ui, 'Segoe UI', Roboto, Arial, 'DejaVu Sans', sans-serif"
_MARGIN, _HEADING = 24.0, 60.0
_PAPER = "#ffffff"
#: Conversations in one picture; more cannot be read.
MOST_DRAWN = 400


@dataclass(frozen=True, slots=True)
class _Style:
    """How a kind of box is framed; without ``fill`` it has a light shade of its own colour."""

    fill: str | None
    rounding: float = 6.0
    weight: float = 1.4
    dashes: str | None = None


_STYLES: Mapping[str, _Style] = {
    "answer": _Style("#eef1f6", rounding=9.0, weight=0.0),
    "question": _Style(_PAPER),
    "field": _Style(_PAPER, dashes="3 3"),
    "cut": _Style(_PAPER, dashes="3 3"),
    "outcome": _Style(None, rounding=14.0, weight=2.0),
    "fault": _Style("#fdeceb", weight=2.4, dashes="6 3"),
}


def draw(rulebook: Rulebook, name: str) -> tuple[str, ScriptListing]:
    """The picture of one script, and what it shows. Raises InputError for an unknown script."""
    listed = listing(rulebook, name, MOST_DRAWN)
    boxes, edges = graph(grow(rulebook.script(name), MOST_DRAWN), listed, rulebook.roles)
    layout = arrange([box.size for box in boxes], [Link(edge.start, edge.end, edge.label.size) for edge in edges])
    boxes = [replace(box, size=Size(width, box.size.height)) for box, width in zip(boxes, layout.widths, strict=True)]
    return _picture(listed, boxes, edges, layout), listed


def _picture(listed: ScriptListing, boxes: Sequence[Box], edges: Sequence[Edge], layout: Layout) -> str:
    heading = [Text(listed.title, 20.0, bold=True), Text(_about(listed), SIZE, SOFT)]
    top = _MARGIN + _HEADING
    width = max(layout.width, *(width_of(line.text, line.size, bold=line.bold) for line in heading)) + 2 * _MARGIN
    return render(
        "tree.svg",
        title=listed.title,
        description=_description(listed),
        heading=[(line, _MARGIN, y) for line, y in zip(heading, (_MARGIN + 18, _MARGIN + 40), strict=True)],
        paths=[_path(route) for route in layout.routes],
        labels=[(edge.label, route.label) for edge, route in zip(edges, layout.routes, strict=True)],
        boxes=list(zip(boxes, layout.places, strict=True)),
        left=(width - layout.width) / 2,
        top=top,
        width=width,
        height=layout.height + top + _MARGIN,
        styles=_STYLES,
        edge=EDGE,
        paper=_PAPER,
        font=_FONT,
    )


def _about(listed: ScriptListing) -> str:
    known = f"{listed.script}, редакция {listed.revision}, {conversations_counted(len(listed.lines))}"
    return f"{known}; показано не всё: скрипт слишком велик" if listed.cut else known


def _description(listed: ScriptListing) -> str:
    """The conversations in words, one a line, for people who do not see the picture."""
    said = (f"{' → '.join(step.spelt() for step in line.steps)}: {line.label}." for line in listed.lines)
    return "\n".join([_about(listed) + ".", *said])


def _path(route: Route) -> str:
    """A link's legs and its arrow, as SVG draws them."""
    last = route.legs[-1]
    head = f"M{last.to - 4:.1f} {last.end - 7:.1f}L{last.to:.1f} {last.end:.1f}L{last.to + 4:.1f} {last.end - 7:.1f}"
    return "".join(_leg(leg) for leg in route.legs) + head


def _leg(leg: Leg) -> str:
    middle = (leg.bend + leg.curve) / 2
    over = f"C{leg.x:.1f} {middle:.1f} {leg.to:.1f} {middle:.1f} {leg.to:.1f} {leg.curve:.1f}"
    return f"M{leg.x:.1f} {leg.start:.1f}V{leg.bend:.1f}{over}V{leg.end:.1f}"
