"""How ``optout rules publish`` tells what came of it: Russian, at most 80 columns."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from plugin.authoring.revisions.publish import Publication
from plugin.cli.format.rules import report_told, signature
from plugin.common.terminal import paragraph


def lines(done: Publication, zone: ZoneInfo) -> list[str]:
    """What the check found, and which revision is active now."""
    told = list(report_told(done.report, done.cases))
    if done.change is None:
        return [*told, f"Редакция {done.revision} может быть опубликована.", "Это была проба: ничего не изменилось."]
    before = done.change.previous
    if done.change.made is None and before is not None:
        told += [f"Редакция {done.revision} уже активна: публиковать нечего."]
        return [*told, *paragraph(f"Активна {signature(before, zone)}.", 2)]
    told.append(f"Опубликована редакция {done.revision}.")
    if before is None:
        return [*told, "До неё активных правил не было."]
    told += paragraph(f"До неё была активна {before.revision} ({signature(before, zone)}).")
    told.append("Работающие процессы перейдут на неё в течение 2 секунд.")
    return [*told, "Вернуть прежнюю: optout rules rollback --by ИМЯ --reason ПРИЧИНА"]
