"""How ``optout doctor`` lays out what it found, in the admin's language: at most 80 columns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import groupby

from plugin.common.terminal import wrapped
from plugin.common.translate import Phrasebook
from plugin.doctor.checks import DoctorCheck, DoctorReport
from plugin.doctor.words import phrasebook

#: Each answer in a word, and the heading of what a trial has left behind.
_WORDS: Mapping[str, Mapping[str, str]] = {
    "ru": {
        "holds": "да",
        "failed": "НЕТ",
        "not_tried": "?",
        "left": "Осталось в CRM, удалите вручную:",
        "sum": "в порядке: {holds}, не в порядке: {failed}, не удалось проверить: {not_tried}",
    },
    "en": {
        "holds": "ok",
        "failed": "failed",
        "not_tried": "?",
        "left": "Left in the CRM, to be removed by hand:",
        "sum": "{holds} ok, {failed} failed, {not_tried} not tried",
    },
}


def page(found: DoctorReport, language: str) -> str:
    """The checks by area, what was left behind, and the sum."""
    words, book = _WORDS[language], phrasebook(language)
    lines: list[str] = []
    for area, checks in groupby(found.checks, key=lambda check: check.area):
        lines.append(book.told(area))
        lines += [line for check in checks for line in _point(check, words, book)]
    if found.left:
        lines += ["", words["left"]]
        lines += [line for what in found.left for line in wrapped(f"- {book.told(what)}", 2, after="  ")]
    counted = Counter({"holds": 0, "failed": 0, "not_tried": 0}) + Counter(check.state for check in found.checks)
    return "\n".join([*lines, "", words["sum"].format_map(counted)])


def _point(check: DoctorCheck, words: Mapping[str, str], book: Phrasebook) -> Iterator[str]:
    yield from wrapped(f"{words[check.state]:<6}  {book.told(check.name)}", 2, after=" " * 8)
    if check.remedy:
        yield from wrapped(f"-> {book.told(check.remedy)}", 10, after="   ")
