"""How ``optout rules status`` tells where the rules stand: Russian, at most 80 columns but for the rules' own lines."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

from plugin.authoring.revisions.reviews import RulesReview
from plugin.authoring.revisions.shipped import ThreeWayDiff
from plugin.authoring.revisions.status import RulesStatus
from plugin.authoring.revisions.working_copy import Changes, Comparison
from plugin.cli.format.rules import files_told, signature
from plugin.common.clock import local_time
from plugin.common.moments import iso
from plugin.common.terminal import paragraph

_PUBLISH = "Опубликовать: optout rules publish --by ИМЯ --reason ПРИЧИНА"


def page(status: RulesStatus, zone: ZoneInfo) -> Iterator[str]:
    """The whole status."""
    yield from _active(status, zone)
    if status.waiting:
        yield ""
        yield from waiting_told(status.waiting, zone)
    yield ""
    yield from _copy(status, zone)
    if status.shipped_diff is not None:
        yield ""
        yield from _shipped(status.shipped_diff)


def waiting_told(found: Sequence[RulesReview], zone: ZoneInfo) -> Iterator[str]:
    """The revisions that wait for another person's word."""
    for one in found:
        yield f"Ждёт согласия редакция {one.revision}"
        yield from paragraph(f"с {local_time(one.at, zone)}, кто: {one.by}", 2)
        yield from paragraph(f"зачем: {one.reason}", 2)
    yield from paragraph("Посмотреть и согласовать: optout rules approve РЕДАКЦИЯ --by ИМЯ --reason ПРИЧИНА", 2)


def _active(status: RulesStatus, zone: ZoneInfo) -> Iterator[str]:
    active = status.active
    if active is None:
        yield "Активных правил ещё нет."
        yield from paragraph("Первый запуск optout serve возьмёт их из рабочей копии; опубликовать можно и раньше.", 2)
        return
    yield f"Активная редакция {active.revision}"
    yield from paragraph(signature(active, zone), 2)
    yield from paragraph(f"зачем: {active.reason}", 2)


def _copy(status: RulesStatus, zone: ZoneInfo) -> Iterator[str]:
    yield from paragraph(f"Рабочая копия {status.copy.folder}")
    yield from _base(status)
    if status.comparison is not None:
        yield from _differences(status.comparison, zone)
    elif status.copy.revision is not None:
        yield f"  редакция {status.copy.revision}"
    if status.faults:
        yield f"  проверка: ошибок {len(status.faults)}, опубликовать нельзя; первая:"
        yield from paragraph(str(status.faults[0]), 4)
        yield "  Все ошибки: optout rules check и optout rules test"
        return
    yield "  проверка: пройдена"
    if status.comparison is None or status.comparison.differs:
        yield f"  {_PUBLISH}"


def _base(status: RulesStatus) -> Iterator[str]:
    """What the folder began with, where that is not what is active now."""
    active = status.active
    if active is None or status.base == active.revision:
        return
    if status.base is not None:
        yield from paragraph(f"начата с редакции {status.base}: при публикации изменения объединятся", 2)
    elif status.comparison is not None and status.comparison.differs:
        yield from paragraph("с какой редакции начата, не записано: публикация покажет, что будет снято", 2)


def _differences(found: Comparison, zone: ZoneInfo) -> Iterator[str]:
    written = f"; последнее изменение: {local_time(found.changed_at, zone)}" if found.changed_at else ""
    if found.differs:
        read = f"редакция {found.copy.revision}, " if found.copy.revision else "не читается, "
        yield from paragraph(f"{read}отличается от активной{written}; файлы:", 2)
        yield from files_told(found.changes)
    elif found.reworded:
        yield from paragraph(f"решает так же, как активная; комментарии или оформление другие{written}; файлы:", 2)
        yield from (line for name in found.reworded for line in paragraph(name, 4))
    else:
        yield "  совпадает с активной"


def _shipped(shipped_diff: ThreeWayDiff) -> Iterator[str]:
    yield f"Поставка плагина {shipped_diff.shipped.version}"
    if shipped_diff.base is None:
        yield from paragraph("с какой поставки начаты ваши правила, не записано", 2)
        if shipped_diff.local:
            yield "  у вас не так, как в поставке:"
            yield from files_told(shipped_diff.local)
    else:
        begun = f"с тех пор, как правила начаты с поставки {shipped_diff.base.version}"
        if shipped_diff.upstream:
            yield from paragraph(f"в поставке изменилось {begun}:", 2)
            yield from files_told(shipped_diff.upstream)
        else:
            yield from paragraph(f"в поставке ничего не изменилось {begun}", 2)
        if shipped_diff.local:
            yield "  у вас изменено:"
            yield from files_told(shipped_diff.local)
        if shipped_diff.both:
            yield from paragraph(f"и там, и у вас: {', '.join(shipped_diff.both)}", 2)
    if shipped_diff.upstream or (shipped_diff.base is None and shipped_diff.local):
        yield "  Построчно: optout rules status --diff"
        yield "  Больше не показывать: optout rules status --shipped-seen"


def diffs(status: RulesStatus) -> Iterator[str]:
    """The same line by line: the working copy against what is active, both sides against what was shipped."""
    if status.comparison is not None and (status.comparison.changes or status.comparison.reworded):
        yield from ("", "Активная редакция → рабочая копия")
        if status.active_files:
            names = sorted({*status.comparison.changes, *status.comparison.reworded})
            yield from _lines(names, status.active_files, status.copy.files, ("активная", "рабочая"))
        else:
            yield "  тексты активной редакции в журнале не сохранены"
    shipped_diff = status.shipped_diff
    if shipped_diff is None:
        return
    if shipped_diff.base is None:
        yield from _section(
            "Поставка → рабочая копия", shipped_diff.local, shipped_diff.shipped.files, status.copy.files
        )
        return
    was, now = f"Поставка {shipped_diff.base.version}", f"поставка {shipped_diff.shipped.version}"
    yield from _section(f"{was} → {now}", shipped_diff.upstream, shipped_diff.base.files, shipped_diff.shipped.files)
    yield from _section(f"{was} → рабочая копия", shipped_diff.local, shipped_diff.base.files, status.copy.files)


def _section(title: str, names: Changes, old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[str]:
    if names:
        yield from ("", title)
        yield from _lines(names, old, new, ("было", "стало"))


def _lines(
    names: Iterable[str], old: Mapping[str, str], new: Mapping[str, str], sides: tuple[str, str]
) -> Iterator[str]:
    for name in names:
        before, after = old.get(name, "").splitlines(), new.get(name, "").splitlines()
        labels = (f"{sides[0]}/{name}", f"{sides[1]}/{name}")
        for line in difflib.unified_diff(before, after, *labels, lineterm="", n=2):
            yield "".join(char if char.isprintable() or char == "\t" else " " for char in line)


def to_json(status: RulesStatus, zone: ZoneInfo) -> dict[str, Any]:
    """The status for programs."""
    active, comparison, shipped_diff = status.active, status.comparison, status.shipped_diff
    return {
        "active": active
        and {
            "revision": active.revision,
            "since": iso(active.at, zone),
            "by": active.by,
            "reason": active.reason,
        },
        "working_copy": {
            "folder": str(status.copy.folder),
            "base": status.base,
            "revision": status.copy.revision,
            "differs": comparison.differs if comparison else None,
            "changed_at": iso(comparison.changed_at, zone) if comparison and comparison.changed_at else None,
            "files": _named(comparison.changes) if comparison else {},
            "reworded": list(comparison.reworded) if comparison else [],
            "faults": [fault.to_json() for fault in status.faults],
        },
        "waiting": [
            {"revision": one.revision, "since": iso(one.at, zone), "by": one.by, "reason": one.reason}
            for one in status.waiting
        ],
        "shipped": shipped_diff
        and {
            "version": shipped_diff.shipped.version,
            "begun_with": shipped_diff.base and shipped_diff.base.version,
            "changed": _named(shipped_diff.upstream),
            "own": _named(shipped_diff.local),
            "both": list(shipped_diff.both),
        },
    }


def _named(files: Changes) -> dict[str, str]:
    return {name: kind.value for name, kind in files.items()}
