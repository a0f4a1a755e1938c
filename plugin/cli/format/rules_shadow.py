"""How ``optout rules shadow`` tells what a shadow came to: Russian, at most 80 columns; and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from zoneinfo import ZoneInfo

from plugin.authoring.shadow.records import ShadowReport
from plugin.authoring.shadow.words import DIFFERENCE_WORDS, change_words
from plugin.common.clock import local_time
from plugin.common.moments import iso
from plugin.common.terminal import paragraph

_SHOWN = 30
_PHRASES = "Фразы на странице оператора: нельзя сказать — оператору их показывали действующие правила"


def lines(report: ShadowReport, labels: Mapping[tuple[str, str], str], zone: ZoneInfo) -> list[str]:
    """All of it: how many calls it saw first, then the differences by kind."""
    return list(_lines(report, labels, zone))


def evidence(report: ShadowReport | None, zone: ZoneInfo) -> list[str]:
    """What publishing says of it, where there is something to say."""
    if report is None or not report.calls:
        return []
    found = sum(report.by_kind.values())
    since = local_time(report.shadow.began_at, zone)
    differs = f"решений, которые вышли бы иначе: {found}" if found else "ни одно решение не вышло бы иначе"
    return list(paragraph(f"Теневая проверка этой редакции ({since}): звонков {report.calls}, {differs}."))


def as_json(report: ShadowReport, zone: ZoneInfo) -> dict[str, Any]:
    """All of it for tools."""
    shadow = report.shadow
    return {
        "calls": report.calls,
        "ruleset": shadow.revision,
        "began_at": iso(shadow.began_at, zone),
        "by": shadow.by,
        "ended_at": iso(shadow.ended_at, zone) if shadow.ended_at else None,
        "why": shadow.why,
        "failed": shadow.failed,
        "waiting": report.waiting,
        "differences": [
            {
                "kind": str(group.kind),
                "script": group.script,
                "old": group.old,
                "new": group.new,
                "decisions": group.decisions,
                "call": group.call,
            }
            for group in report.groups
        ],
        "phrases": {"calls": report.on_page, "told": None},
    }


def _lines(report: ShadowReport, labels: Mapping[tuple[str, str], str], zone: ZoneInfo) -> Iterator[str]:
    shadow = report.shadow
    yield f"Видела звонков: {report.calls}"
    until = "идёт" if shadow.ended_at is None else f"закончена {local_time(shadow.ended_at, zone)}"
    yield from paragraph(
        f"Редакция {shadow.revision}, с {local_time(shadow.began_at, zone)}, кто: {shadow.by}; {until}."
    )
    if shadow.why:
        yield from paragraph(f"! Остановлена сама: {shadow.why}.")
    if report.waiting:
        yield f"Ещё не смотрела решений: {report.waiting}"
    if shadow.failed:
        yield f"! Не ответила вовремя, решений: {shadow.failed}"
    if report.calls and not report.groups:
        yield "Ни одно решение не вышло бы иначе."
    for kind, words in DIFFERENCE_WORDS.items():
        groups = [group for group in report.groups if group.kind == kind]
        if groups:
            yield from ["", f"{words[0].upper()}{words[1:]}, решений: {report.by_kind[kind]}"]
            for group in groups[:_SHOWN]:
                yield from paragraph(
                    f"{group.decisions}: {change_words(group, labels)}; последний звонок № {group.call}", 2
                )
            if len(groups) > _SHOWN:
                yield f"  и ещё видов: {len(groups) - _SHOWN}"
    yield from ["", *paragraph(f"{_PHRASES}. Звонков со страницы: {report.on_page}.")]
