"""How ``optout events`` lays out kept events: Russian, at most 80 columns, nothing of what they brought along."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from plugin.cli.format.delivery_words import PLAN_ONLY
from plugin.common.log import mask_text
from plugin.common.moments import clock, iso
from plugin.common.terminal import wrapped
from plugin.delivery.reasons import reason_in
from plugin.events.inbox_by_hand import STATE_WORDS, InboxEntry

EMPTY = "Таких событий нет."
_TITLES = {"retry": "Повторить сейчас", "drop": "Отбросить"}
_DONE = {"retry": "Поставлено на повтор", "drop": "Отброшено"}


def page(found: Sequence[InboxEntry], zone: ZoneInfo, language: str = "ru") -> str:
    """One paragraph an event, its reason in the admins' ``language``."""
    return "\n".join(line for one in found for line in _lines(one, zone, language))


def told(does: str, found: Sequence[InboxEntry], zone: ZoneInfo, done: int | None, language: str = "ru") -> str:
    """What an act would come to (``done`` None), or to how many events it was done."""
    if not found:
        return "Менять нечего."
    if done is not None:
        return f"{_DONE[does]}: {done}"
    lines = [f"{_TITLES[does]}: {len(found)}", *(line for one in found for line in _lines(one, zone, language))]
    if does == "drop":
        lines += ["", "О чём просил клиент в этих событиях, исполнено не будет."]
    return "\n".join([*lines, *PLAN_ONLY])


def catch_up_plan(since: datetime, zone: ZoneInfo, records: int, pages: int, *, is_all: bool) -> str:
    """What catching up would read and take in."""
    count = f"{records}" if is_all else f"не меньше {records}"
    lines = [f"В CRM с {clock(since, zone)} изменилось записей: {count} (страниц: {pages})"]
    lines += wrapped("Каждая будет прочитана и принята как событие CRM; что уже принято, второй раз не делается.")
    return "\n".join([*lines, *PLAN_ONLY])


def caught_up(since: datetime, zone: ZoneInfo, records: int | None) -> str:
    """What was read; ``records`` None: not all of it could be."""
    if records is None:
        return "\n".join(wrapped("Прочитано не всё: дальше продолжит служба, как только CRM ответит."))
    told = f"Прочитано изменений с {clock(since, zone)}: {records}. Их обработает служба: optout events list"
    return "\n".join(wrapped(told))


def not_read(why: str, language: str = "ru") -> str:
    """Why there is no plan."""
    return "\n".join(wrapped(f"CRM не отвечает: {mask_text(reason_in(language, why))}"))


def as_json(one: InboxEntry, zone: ZoneInfo) -> dict[str, Any]:
    """An event for programs."""
    times = {"received_at": one.received_at, "finished_at": one.finished_at}
    times["next_try_at"] = one.not_before if one.state == "waiting" else None
    return {
        "id": one.id,
        "connector": one.connector,
        "kind": one.kind,
        "record": one.record,
        "state": one.state,
        "reports": one.reports,
        "attempts": one.attempts,
        "why": one.why and mask_text(one.why),
        "waits_for": dict(one.about) if one.about else None,
        **{name: at and iso(at, zone) for name, at in times.items()},
    }


def _lines(one: InboxEntry, zone: ZoneInfo, language: str) -> list[str]:
    what = " ".join(filter(None, (one.kind.lstrip("="), one.record)))
    times = "" if one.reports == 1 else f", сообщено раз: {one.reports}"
    came = f"пришло {clock(one.received_at, zone)}{times}"
    lines = wrapped(f"№ {one.id}  {STATE_WORDS[one.state]}: {one.connector}, {what}, {came}", after="    ")
    if one.about and one.about.get("field"):
        what = f"поле {one.about['field']}: значение «{one.about['value']}» не сопоставлено в plugin.toml"
        lines += wrapped(f"{what} (факт {one.about.get('fact') or '?'})", 4)
    elif one.why:
        lines += wrapped(mask_text(reason_in(language, one.why)), 4)
    if one.state == "waiting":
        lines += wrapped(f"попыток: {one.attempts}, следующая {clock(one.not_before, zone)}", 4)
    return lines
