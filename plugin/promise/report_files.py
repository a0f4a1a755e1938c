"""A month's report as files: CSV with a line a promise, and one HTML page with a picture that loads nothing."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from plugin.authoring.inspection.table_csv import BYTE_ORDER_MARK, defused
from plugin.promise.promise_words import STATES
from plugin.promise.report import PromiseGroup, PromiseLine, PromiseReport

_HEADS = (
    *("Звонок", "Номер звонка в CRM", "Источник", "Скрипт", "Итог", "Оператор", "Время звонка", "Исполнить до"),
    *("Состояние", "Когда", "Часов", "Кому", "Исполнил", "Просил раньше"),
)
#: The picture, in its own units.
_WIDTH, _HEIGHT, _GAP = 720.0, 160.0, 4.0
_COLOURS = {"kept": "#2e7d32", "late": "#ef9a1a", "broken": "#b3261e", "standing": "#9aa4b5"}

_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_TEMPLATES.filters["hours"] = lambda hours: "—" if hours is None else f"{hours:.1f}".replace(".", ",")


@dataclass(frozen=True, slots=True)
class MissingAnswersCount:
    """How often operators chose «нет нужного ответа» at one question of a script."""

    script: str
    question: str
    number: int


@dataclass(frozen=True, slots=True)
class _Bar:
    """A part of a day's column in the picture."""

    left: float
    top: float
    width: float
    height: float
    colour: str
    told: str


def report_csv(report: PromiseReport, zone: ZoneInfo) -> str:
    """A line a promise, in the form that Excel with Russian settings opens."""
    told = io.StringIO()
    writer = csv.writer(told, delimiter=";", lineterminator="\r\n")
    writer.writerow(_HEADS)
    for line in report.lines:
        writer.writerow([defused(cell) for cell in _cells(line, zone)])
    return BYTE_ORDER_MARK + told.getvalue()


def report_html(
    report: PromiseReport,
    zone: ZoneInfo,
    missing: Sequence[MissingAnswersCount],
    roles: Mapping[str, str],
    scripts: Mapping[str, str],
) -> str:
    """One page. ``roles`` and ``scripts`` are labels of recipients and scripts; what has none goes by its name."""
    return _TEMPLATES.get_template("report.html").render(
        report=report,
        title=f"Обещания за {report.start:%m.%Y}",
        parts=[
            ("Скрипты", [(scripts.get(one.name, one.name), one) for one in report.scripts]),
            ("Источники", [(one.name, one) for one in report.sources]),
            ("Исполнители", [(roles.get(one.name, one.name), one) for one in report.people]),
            ("Операторы", [(one.name, one) for one in report.operators]),
        ],
        bars=_bars(report.days),
        days=[(one.name, _left(one), _HEIGHT + 14) for one in report.days],
        width=_WIDTH,
        height=_HEIGHT + 20,
        colours=_COLOURS,
        missing=missing,
        scripts=scripts,
        worst=sorted((line for line in report.lines if line.hours is not None), key=_hours, reverse=True)[:10],
        broken=[line for line in report.lines if line.state == "broken"],
        clock=lambda moment: moment.astimezone(zone).strftime("%d.%m.%Y %H:%M"),
    )


def _hours(line: PromiseLine) -> float:
    return line.hours or 0.0


def _left(day: PromiseGroup) -> float:
    return (int(day.name) - 1) * (_WIDTH / 31)


def _bars(days: Sequence[PromiseGroup]) -> list[_Bar]:
    """A column a day: kept below, then late, broken and what still stands."""
    most = max((day.total - day.withdrawn for day in days), default=0)
    bars = []
    for day in days:
        top = _HEIGHT
        for name, words in (
            ("kept", "в срок"),
            ("late", "поздно"),
            ("broken", "нарушено"),
            ("standing", "ещё не исполнено"),
        ):
            number: int = getattr(day, name)
            if number:
                height = number / most * _HEIGHT
                top -= height
                told = f"{day.name}: {words} — {number}"
                bars.append(_Bar(_left(day), top, _WIDTH / 31 - _GAP, height, _COLOURS[name], told))
    return bars


def _cells(line: PromiseLine, zone: ZoneInfo) -> list[str]:
    hours = "" if line.hours is None else f"{line.hours:.1f}".replace(".", ",")
    return [
        *(str(line.call), line.call_id, line.source, line.script, line.outcome or "", line.operator or ""),
        *(
            _clock(line.called_at, zone),
            _clock(line.deadline_at, zone),
            STATES[line.state],
            _clock(line.ended_at, zone),
        ),
        *(hours, ", ".join(line.people), ", ".join(line.done_by), str(line.before or "")),
    ]


def _clock(moment: datetime | None, zone: ZoneInfo) -> str:
    return moment.astimezone(zone).strftime("%d.%m.%Y %H:%M") if moment else ""
