"""How ``optout rules history`` tells who changed the active rules: Russian, at most 80 columns; and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from zoneinfo import ZoneInfo

from plugin.authoring.revisions.archive import Activation
from plugin.common.moments import clock, iso
from plugin.common.terminal import WIDTH, table

#: Time, revision, by whom; why takes what is left of 80 columns.
_WIDTHS = (16, 16, 14)
#: What is said of a change that was no plain publication.
_KINDS = {"rollback": "возврат", "revert": "отмена одной", "emergency": "ЭКСТРЕННО, без согласия"}
_HEAD = ("№", "Когда", "Редакция", "Кто", "Зачем")


def lines(shown: Sequence[Activation], zone: ZoneInfo, *, more: bool) -> Iterator[str]:
    """One row a change, the newest first; ``more``: there are others."""
    widths = [max(2, len(str(shown[0].id)) + 1), *_WIDTHS]
    widths.append(WIDTH - sum(widths) - len(widths))
    rows = [
        [f"{one.id}{'*' if one is shown[0] else ''}", clock(one.at, zone), one.revision, one.by, _why(one)]
        for one in shown
    ]
    yield from table(_HEAD, rows, widths, wrap=range(len(widths)))
    yield ""
    yield f"* — активная редакция. Время: {zone.key}."
    if more:
        yield "Показаны не все: больше строк даёт --limit."


def _why(one: Activation) -> str:
    """The reason, and what else is to be known of the change."""
    agreed = f"согласовано: {', '.join(one.approved_by)}" if one.approved_by else None
    notes = [note for note in (_KINDS.get(one.kind or ""), agreed) if note]
    return f"{one.reason} ({'; '.join(notes)})" if notes else one.reason


def to_json(activation: Activation, active: bool, zone: ZoneInfo) -> dict[str, object]:
    """One change for programs."""
    return {
        "id": activation.id,
        "revision": activation.revision,
        "at": iso(activation.at, zone),
        "by": activation.by,
        "reason": activation.reason,
        "kind": activation.kind,
        "approved_by": list(activation.approved_by),
        "active": active,
    }
