"""The conversation tree as an SVG picture: questions as boxes, answers on the links, outcomes in their colours.

One self-contained file without scripts; every text of the rules is escaped, and its title and description say in words
what it shows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from plugin.authoring.inspection.drawing.boxes import EDGE, SIZE, SOFT, Box, Edge, Text, graph
from plugin.authoring.inspection.drawing.layout import Layout, Leg, Link, Route, Size, arrange
from plugin.authoring.inspection.drawing.markup import Markup, joined, tag
from plugin.authoring.inspection.drawing.text_width import width_of
from plugin.authoring.inspection.listing import ScriptListing, sheet
from plugin.authoring.inspection.tree import grow
from plugin.authoring.inspection.wording import conversations_counted
from plugin.deciding.decision.compiled_rules import Rulebook

_FONT = "system-ui, 'Segoe UI', Roboto, Arial, 'DejaVu Sans', sans-serif"
_MARGIN, _HEADING = 24.0, 60.0
_PAPER = "#ffffff"
#: Conversations in one picture; nobody could read more.
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


def draw(rulebook: Rulebook, name: str) -> tuple[Markup, ScriptListing]:
    """The picture of one script, and what it shows. Raises InputError for an unknown script."""
    listed = sheet(rulebook, name, MOST_DRAWN)
    boxes, edges = graph(grow(rulebook.script(name), MOST_DRAWN), listed, rulebook.roles)
    layout = arrange([box.size for box in boxes], [Link(edge.start, edge.end, edge.label.size) for edge in edges])
    boxes = [replace(box, size=Size(width, box.size.height)) for box, width in zip(boxes, layout.widths, strict=True)]
    return _picture(listed, boxes, edges, layout), listed


def _picture(listed: ScriptListing, boxes: Sequence[Box], edges: Sequence[Edge], layout: Layout) -> Markup:
    heading = [Text(listed.title, 20.0, bold=True), Text(_about(listed), SIZE, SOFT)]
    top = _MARGIN + _HEADING
    width = max(layout.width, *(width_of(line.text, line.size, bold=line.bold) for line in heading)) + 2 * _MARGIN
    height = layout.height + top + _MARGIN
    left = (width - layout.width) / 2
    drawn = tag(
        "g",
        *(_line(route) for route in layout.routes),
        *(_pill(edge.label, route) for edge, route in zip(edges, layout.routes, strict=True)),
        *(_drawn(box, *place) for box, place in zip(boxes, layout.places, strict=True)),
        transform=f"translate({left:.1f} {top:.1f})",
    )
    return tag(
        "svg",
        tag("title", f"{listed.title}: дерево разговора", id="title"),
        tag("desc", _description(listed), id="desc"),
        tag("rect", width="100%", height="100%", fill=_PAPER),
        *(
            tag("text", line.text, x=_MARGIN, y=y, fill=line.colour, font_size=line.size, font_weight=_weight(line))
            for line, y in zip(heading, (_MARGIN + 18, _MARGIN + 40), strict=True)
        ),
        drawn,
        xmlns="http://www.w3.org/2000/svg",
        role="img",
        aria_labelledby="title desc",
        lang="ru",
        width=width,
        height=height,
        viewBox=f"0 0 {width:.1f} {height:.1f}",
        font_family=_FONT,
    )


def _about(listed: ScriptListing) -> str:
    known = f"{listed.script}, редакция {listed.revision}, {conversations_counted(len(listed.lines))}"
    return f"{known}; показано не всё: скрипт слишком велик" if listed.cut else known


def _description(listed: ScriptListing) -> str:
    """The conversations in words, one a line: what somebody who does not see the picture needs of it."""
    said = (f"{' → '.join(step.spelt() for step in line.steps)}: {line.label}." for line in listed.lines)
    return "\n".join([_about(listed) + ".", *said])


def _line(route: Route) -> Markup:
    path = "".join(_leg(leg) for leg in route.legs)
    last = route.legs[-1]
    head = f"M{last.to - 4:.1f} {last.end - 7:.1f}L{last.to:.1f} {last.end:.1f}L{last.to + 4:.1f} {last.end - 7:.1f}"
    return tag("path", d=path + head, fill="none", stroke=EDGE, stroke_width=1.4)


def _leg(leg: Leg) -> str:
    middle = (leg.bend + leg.curve) / 2
    over = f"C{leg.x:.1f} {middle:.1f} {leg.to:.1f} {middle:.1f} {leg.to:.1f} {leg.curve:.1f}"
    return f"M{leg.x:.1f} {leg.start:.1f}V{leg.bend:.1f}{over}V{leg.end:.1f}"


def _pill(label: Box, route: Route) -> Markup:
    x, y = route.label
    return tag("g", _frame(label, x, y - label.size.height / 2), _lines(label, x, y - label.size.height / 2))


def _drawn(box: Box, x: float, top: float) -> Markup:
    return tag("g", tag("title", box.told), _frame(box, x, top), _lines(box, x, top), class_=box.kind)


def _frame(box: Box, x: float, top: float) -> Markup:
    style = _STYLES[box.kind]
    place = {"x": x - box.size.width / 2, "y": top, "width": box.size.width, "height": box.size.height}
    fill = style.fill or f"{box.colour}1f"
    frame = tag(
        "rect",
        **place,
        rx=style.rounding,
        fill=fill,
        stroke=box.colour if style.weight else None,
        stroke_width=style.weight or None,
        stroke_dasharray=style.dashes,
    )
    # A link may run below a box whose own colour lets it shine through.
    return frame if style.fill else joined([tag("rect", **place, rx=style.rounding, fill=_PAPER), frame])


def _lines(box: Box, x: float, top: float) -> Markup:
    """The lines, centred."""
    y = top + (box.size.height - sum(line.height for line in box.lines)) / 2
    drawn = []
    for line in box.lines:
        drawn.append(
            tag(
                "text",
                line.text,
                x=x,
                y=y + 0.74 * line.height,
                text_anchor="middle",
                fill=line.colour,
                font_size=line.size,
                font_weight=_weight(line),
            )
        )
        y += line.height
    return joined(drawn)


def _weight(line: Text) -> str | None:
    return "600" if line.bold else None
