"""How one delivery is told, with its attempts and what was done to it by hand: Russian, at most 80 columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from connectors.kit.reference_mark import MARK_START
from plugin.cli.format.calls import masked, phone_text
from plugin.common.clock import local_time
from plugin.common.log import mask_text
from plugin.common.moments import clock
from plugin.common.terminal import wrapped
from plugin.delivery.reasons import reason_in
from plugin.delivery.texts import MARK_LINE
from plugin.ledger.states import DeliveryState
from plugin.operations.deliveries import text_of, went_out
from plugin.operations.words import ACTS, KINDS, OUTCOMES, STATES, STEPS

#: States in which a next attempt has its time.
_TRIED_AGAIN = (DeliveryState.WAITING, DeliveryState.UNKNOWN)
#: How the line with the mark of reference begins, in a mail and elsewhere.
_MARKS = (MARK_LINE.format(MARK_START), MARK_START)


def page(delivery: Mapping[str, Any], outcome: str, zone: ZoneInfo, full: bool, language: str = "ru") -> str:
    """All about one delivery; ``outcome`` is its decision's in the admin's words, reasons are in their ``language``."""
    kept = _kept(delivery)
    lines = [
        *hanging(title(delivery)),
        *field("Звонок", f"№ {delivery['call_ref']}: {delivery['call_id']} ({delivery['namespace']})"),
        *field("Телефон", phone_text(delivery["phone"], full)),
        *field("Решение", f"№ {delivery['number']}: {outcome}, редакция правил {delivery['revision'][:12]}"),
        *field("Обещано", f"{local_time(delivery['deadline_at'], zone)}{kept}"),
        *field("Создана", clock(delivery["created_at"], zone)),
        *field("Попыток", str(delivery["attempts"])),
        *field("Удалено", _purged(delivery["purged_at"], zone)),
        *_stopping(delivery),
        *details(delivery, zone, full, language=language),
        "",
        "Текст",
        *(text_lines(text_of(delivery), full) or ["  нет"]),
        "",
        "Попытки",
        *(line for attempt in delivery["tries"] for line in hanging(attempt_line(attempt, zone, language), 2)),
        *([] if delivery["tries"] else ["  нет"]),
        *acts_lines(delivery["acts"], zone, full),
    ]
    return "\n".join(lines)


def title(delivery: Mapping[str, Any]) -> str:
    """Its number, kind, role and state."""
    kind = KINDS.get(delivery["kind"], delivery["kind"])
    role = f", {delivery['role']}" if delivery["role"] else ""
    taken_back = f", к № {delivery['withdraws']}" if delivery["withdraws"] else ""
    return f"№ {delivery['id']} {kind}{role}{taken_back}: {STATES.get(delivery['state'], delivery['state'])}"


def details(
    delivery: Mapping[str, Any], zone: ZoneInfo, full: bool, indent: int = 2, language: str = "ru"
) -> Iterator[str]:
    """Whom and which card it went to, when, and why it stands as it does; only what there is."""
    to = delivery["assignee"] or {}
    reached = [part for part in (to.get("user"), to.get("address")) if part]
    told = {
        "кому": ", ".join(reached),
        "карточка": _card(delivery),
        "тема": delivery["subject"],
        "к сроку": delivery["due_at"] and clock(delivery["due_at"], zone),
        "следующая попытка": clock(delivery["not_before"], zone) if delivery["state"] in _TRIED_AGAIN else "",
        "в CRM": delivery["remote_id"],
        "закончено": delivery["finished_at"] and clock(delivery["finished_at"], zone),
        "причина": delivery["why"] and masked(reason_in(language, delivery["why"]), full),
    }
    for name, value in told.items():
        if value:
            yield from hanging(f"{name}: {value}", indent)


def text_lines(text: str, full: bool, indent: int = 2) -> list[str]:
    """The text as it is sent, phones masked unless asked for in full; its mark of reference is no phone."""
    shown = [line if line.startswith(_MARKS) else masked(line, full) for line in text.splitlines()]
    return [line for part in shown for line in wrapped(f"│ {part}", indent, after="│ ")]


def attempt_line(attempt: Mapping[str, Any], zone: ZoneInfo, language: str = "ru") -> str:
    """One attempt: when, what, how it ended and how long it took."""
    step = STEPS.get(attempt["step"], attempt["step"])
    outcome = OUTCOMES.get(attempt["outcome"], attempt["outcome"])
    notes = [str(attempt[name]) for name in ("status", "code") if attempt[name] not in (None, "")]
    notes += [reason_in(language, attempt["why"])] if attempt["why"] else []
    more = f" ({mask_text(', '.join(notes))})" if notes else ""
    return f"{clock(attempt['at'], zone, seconds=True)}  {step}: {outcome}{more}, {attempt['seconds']:.2f} с"


def acts_lines(acts: Sequence[Mapping[str, Any]], zone: ZoneInfo, full: bool) -> list[str]:
    """What was done by hand, under a heading; nothing where nothing was."""
    if not acts:
        return []
    lines = ["", "Действия"]
    for act in acts:
        lines += hanging(f"{clock(act['at'], zone)}  {_act(act)}", 2)
        why = f": {masked(act['why'], full)}" if act["why"] else ""
        lines += hanging(f"{act['by']}{why}", 6)
    return lines


def _act(act: Mapping[str, Any]) -> str:
    named: str = ACTS.get(act["act"], act["act"])
    told = act["details"] or {}
    whose = f" доставки № {act['delivery_ref']}" if act["delivery_ref"] else ""
    if "before" not in told:
        return named + whose
    before, after = (STATES.get(told[name], told[name]) if told[name] else "—" for name in ("before", "after"))
    revision = f", редакция правил {told['revision']}" if "revision" in told else ""
    return f"{named}{whose}: {before} → {after}{revision}"


def _card(delivery: Mapping[str, Any]) -> str | None:
    card = delivery["card"]
    return f"{card['type']} {card['id']}" if card and went_out(delivery) else None


def _kept(delivery: Mapping[str, Any]) -> str:
    deadline, finished = delivery["deadline_at"], delivery["finished_at"]
    if delivery["state"] != DeliveryState.DONE:
        return ""
    return ": с опозданием" if finished and finished > deadline else ": в срок"


def _purged(moment: datetime | None, zone: ZoneInfo) -> str | None:
    return f"личные данные, {clock(moment, zone)}" if moment else None


def _stopping(delivery: Mapping[str, Any]) -> list[str]:
    if not delivery["cancel"] or delivery["state"] in (DeliveryState.DONE, DeliveryState.CANCELLED):
        return []
    return hanging("останавливается: прежде надо узнать, не дошло ли оно уже", 2)


# --- layout ----------------------------------------------------------------------------------------


def field(name: str, value: str | None) -> Iterator[str]:
    """A name and its value, if there is one."""
    if value:
        yield from wrapped(f"{name + ':':<11}{value}", 2, after=" " * 11)


def hanging(text: str, indent: int = 0) -> list[str]:
    """The text in lines of at most 80 columns, those after the first two columns further in."""
    return wrapped(text, indent, after="  ")
