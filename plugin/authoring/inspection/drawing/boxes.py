"""What the drawing of a conversation tree consists of: a box for each question and end, an edge for each way there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from plugin.authoring.inspection.drawing.colours import BAD, colours_of
from plugin.authoring.inspection.drawing.layout import Size
from plugin.authoring.inspection.drawing.text_width import fitted, width_of
from plugin.authoring.inspection.listing import ScriptListing, card_words, role_label
from plugin.authoring.inspection.tree import CUT, ConversationTree, Node, TreeBranch, TreeEnd, TreeQuestion
from plugin.authoring.inspection.wording import question_words
from plugin.deciding.decision.compiled_rules import Role
from plugin.deciding.decision.model import Target

INK, SOFT, EDGE = "#1d2430", "#5a6475", "#8a94a6"
#: Sizes of letters and of their lines, in pixels.
SIZE, _SMALL = 13.0, 11.5
_LINE, _SMALL_LINE = 18.0, 15.0
_PAD, _LABEL_PAD = 12.0, 7.0
_LABEL_WIDTH, _END_WIDTH = 138.0, 150.0
#: A longer phrase gets a wider box: characters → pixels.
_WIDTHS = ((60, 180.0), (130, 220.0), (240, 280.0))
_WIDEST = 340.0


@dataclass(frozen=True, slots=True)
class Text:
    """One line of text in a box."""

    text: str
    size: float = SIZE
    colour: str = INK
    bold: bool = False

    @property
    def height(self) -> float:
        """The line's height."""
        return _LINE if self.size == SIZE else _SMALL_LINE


@dataclass(frozen=True, slots=True)
class Box:
    """A box with its lines. ``kind``: question, field, outcome, fault, cut or answer.

    ``told``: what the pointer shows over it.
    """

    lines: tuple[Text, ...]
    size: Size
    kind: str
    colour: str
    told: str

    def centred(self, top: float) -> Iterator[tuple[Text, float]]:
        """Each line with its base line, in the middle of the box whose upper edge is at ``top``."""
        y = top + (self.size.height - sum(line.height for line in self.lines)) / 2
        for line in self.lines:
            yield line, y + 0.74 * line.height
            y += line.height


@dataclass(frozen=True, slots=True)
class Edge:
    """From box to box, by their numbers, and the answers that lead there."""

    start: int
    end: int
    label: Box


def graph(tree: ConversationTree, listed: ScriptListing, roles: Mapping[str, Role]) -> tuple[list[Box], list[Edge]]:
    """Boxes and edges, the root's first. A question stands once, an end once below each question."""
    return _Graph(tree, roles, colours_of(listed), Counter(_arrivals(tree.root))).made()


@dataclass(slots=True)
class _Graph:
    tree: ConversationTree
    roles: Mapping[str, Role]
    colours: Mapping[str | None, str]
    #: How many questions lead to a node, by its identity.
    arrivals: Mapping[int, int]
    boxes: list[Box] = field(default_factory=list)
    edges: list[Edge] = field(default_factory=list)
    _numbers: dict[int, int] = field(default_factory=dict)

    def made(self) -> tuple[list[Box], list[Edge]]:
        open_: list[tuple[Node, Target | None]] = [(self.tree.root, None)]
        self._add(self.tree.root)
        while open_:
            node, carried = open_.pop(0)
            if isinstance(node, TreeEnd):
                continue
            start = self._numbers[id(node)]
            for child, branches in _children(node):
                target = next((b.target for b in branches if b.target), carried if child.acts else None)
                later = target is not None and self._can_wait(child)
                known = isinstance(child, TreeQuestion) and id(child) in self._numbers
                end = self._numbers[id(child)] if known else self._add(child)
                self.edges.append(Edge(start, end, _label(branches, None if later else target)))
                if not known:
                    open_.append((child, target if later else None))
        return self.boxes, self.edges

    def _add(self, node: Node) -> int:
        self.boxes.append(self._box(node))
        self._numbers[id(node)] = len(self.boxes) - 1
        return len(self.boxes) - 1

    def _can_wait(self, node: Node) -> bool:
        """Whether whose card it is may be said further down: where only one way leads to anything written."""
        if isinstance(node, TreeEnd) or self.arrivals[id(node)] > 1:
            return False
        return sum(child.acts for child, _ in _children(node)) == 1

    def _box(self, node: Node) -> Box:
        if isinstance(node, TreeQuestion):
            return _asking(node)
        if node.outcome is None:
            kind, colour = ("cut", EDGE) if node.fault == CUT else ("fault", BAD)
            told = str(node.fault)
            return _boxed(
                [Text(line, bold=True) for line in fitted(told, _END_WIDTH, SIZE, bold=True)], kind, colour, told
            )
        outcome = self.tree.script.outcomes[node.outcome]
        lines = [Text(line, bold=True) for line in fitted(outcome.label, _END_WIDTH, SIZE, bold=True)]
        told_to = dict.fromkeys(role_label(self.roles, action.role) for action in outcome.actions if action.role)
        reminded = (
            f"напоминание: {', '.join(told_to)}" if told_to else "" if outcome.actions else "ничего не записывать"
        )
        lines += [Text(line, _SMALL, SOFT) for line in fitted(reminded, _END_WIDTH, _SMALL) if line]
        tip = f"{outcome.name}: «{outcome.say}»" if outcome.say else outcome.name
        return _boxed(lines, "outcome", self.colours[node.outcome], tip)


def _arrivals(root: Node) -> Iterator[int]:
    """The identity of what each question leads to, once for each question."""
    open_, seen = [root], set[int]()
    while open_:
        node = open_.pop()
        if isinstance(node, TreeQuestion) and id(node) not in seen:
            seen.add(id(node))
            children = [child for child, _ in _children(node)]
            yield from map(id, children)
            open_ += children


def _children(node: TreeQuestion) -> Iterator[tuple[Node, list[TreeBranch]]]:
    """What follows a question, each with all the answers that lead there."""
    together: dict[int, list[TreeBranch]] = {}
    for branch in node.branches:
        together.setdefault(id(branch.to), []).append(branch)
    for branches in together.values():
        yield branches[0].to, branches


def _label(branches: Sequence[TreeBranch], target: Target | None) -> Box:
    """The answers, and whose card it is from here on; where answers differ in that, each says so for itself."""
    shared = target if all(branch.target in (None, target) for branch in branches) else None
    differing = len({branch.target for branch in branches}) > 1
    lines = []
    for number, branch in enumerate(branches, 1):
        card = branch.target if differing else shared if number == len(branches) else None
        said = f"{branch.label};" if number < len(branches) else branch.label
        lines += [Text(line, _SMALL) for line in fitted(said, _LABEL_WIDTH, _SMALL)]
        if card:
            lines += [Text(line, _SMALL, SOFT) for line in fitted(card_words(card), _LABEL_WIDTH, _SMALL)]
    return _boxed(lines, "answer", EDGE, "; ".join(branch.label for branch in branches), pad=_LABEL_PAD)


def _asking(node: TreeQuestion) -> Box:
    if node.question is None:
        lines = [Text("Из звонка", _SMALL, SOFT)]
        lines += [Text(line) for line in fitted(node.fact.label, _WIDTHS[0][1], SIZE)]
        return _boxed(lines, "field", SOFT, f"{node.fact.name} ({node.fact.source})")
    phrase = question_words(node.question)
    width = next((width for most, width in _WIDTHS if len(phrase) <= most), _WIDEST)
    lines = [Text(line, _SMALL, SOFT) for line in fitted(node.question.paragraph, width, _SMALL)]
    lines += [Text(line) for line in fitted(phrase, width, SIZE)]
    return _boxed(lines, "question", SOFT, f"{node.question.id}: {node.fact.label}")


def _boxed(lines: Sequence[Text], kind: str, colour: str, told: str, *, pad: float = _PAD) -> Box:
    width = max(width_of(line.text, line.size, bold=line.bold) for line in lines)
    size = Size(width + 2 * pad, sum(line.height for line in lines) + 1.2 * pad)
    return Box(tuple(lines), size, kind, colour, told)
