"""How ``optout promises report`` tells a month's promises: Russian, at most 80 columns; and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from plugin.common.terminal import wrapped
from plugin.promise.report import PromiseGroup, PromiseReport
from plugin.promise.report_files import MissingAnswersCount

_FIGURES = ("total", "kept", "late", "broken", "standing", "withdrawn")


def page(
    report: PromiseReport,
    missing: Sequence[MissingAnswersCount],
    roles: Mapping[str, str],
    scripts: Mapping[str, str],
) -> str:
    """The figures, group by group."""
    whole = report.whole
    lines = [f"Обещания за {report.start:%m.%Y}: {whole.total}"]
    if not whole.total:
        return "\n".join([*lines, *_missing(missing, scripts)])
    lines += wrapped(f"Повторных просьб: {len(report.repeated)}; звонков после отказа: {report.refused}", 2)
    for heading, groups, names in (
        ("Скрипты", report.scripts, scripts),
        ("Источники", report.sources, {}),
        ("Исполнители", report.people, roles),
        ("Операторы", report.operators, {}),
    ):
        lines += ["", f"{heading:27} всего срок позд нар. ждут снят  обычно  худшее"]
        lines += [_row(names.get(one.name, one.name), one) for one in groups]
    lines += ["", _row("Всего", whole), *_missing(missing, scripts)]
    return "\n".join(lines)


def report_json(report: PromiseReport, missing: Sequence[MissingAnswersCount]) -> dict[str, Any]:
    """The figures for programs; times in hours."""
    parts = {"scripts": report.scripts, "sources": report.sources, "people": report.people}
    told = {name: [_json(one) for one in groups] for name, groups in (parts | {"operators": report.operators}).items()}
    whole = {"month": f"{report.start:%Y-%m}", **_json(report.whole)}
    whole |= {"repeated": [line.call for line in report.repeated], "calls_after_refusal": report.refused}
    counted = [{"script": one.script, "question": one.question, "number": one.number} for one in missing]
    return whole | told | {"missing_answers": counted}


def _row(name: str, one: PromiseGroup) -> str:
    figures = " ".join(f"{getattr(one, figure):4}" for figure in _FIGURES)
    return f"  {name[:24]:25}{figures}  {_hours(one.median_hours):>6}  {_hours(one.worst_hours):>6}"


def _hours(hours: float | None) -> str:
    return "—" if hours is None else f"{hours:.1f} ч".replace(".", ",")


def _missing(missing: Sequence[MissingAnswersCount], scripts: Mapping[str, str]) -> Iterator[str]:
    if missing:
        yield ""
        yield "Нет нужного ответа"
        for one in missing:
            yield from wrapped(f"{scripts.get(one.script, one.script)}: «{one.question}» — {one.number}", 2)


def _json(one: PromiseGroup) -> dict[str, Any]:
    figures = {name: getattr(one, name) for name in ("name", *_FIGURES)}
    return figures | {
        "median_hours": one.median_hours,
        "worst_hours": one.worst_hours,
        "worst_call": one.worst_call,
    }
