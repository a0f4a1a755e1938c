"""How ``optout rules test`` tells what fails and what no case touches: Russian, at most 80 columns; and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from plugin.authoring.verification.accept_cases import Rewording
from plugin.authoring.verification.cases import CaseResult, Coverage, CoveredAnswer, CoveredEntry
from plugin.common.terminal import paragraph
from plugin.deciding.decision.trace import toml
from plugin.deciding.ruleset.value_classes import SAMPLE_TEXT


def lines(results: Sequence[CaseResult], covered: Coverage) -> Iterator[str]:
    """The failed cases, how many there are, and what of the rules they leave untouched."""
    yield from _failures(results)
    yield from _summary(results)
    yield from _coverage(covered)


def accepted(changes: Sequence[Rewording]) -> Iterator[str]:
    """The texts of cases that were rewritten."""
    for change in changes:
        yield from paragraph(f"{change.result.case.place}: {change.result.case.name}")
        yield from paragraph(f"было:  {change.old}", 4)
        yield from paragraph(f"стало: {change.new}", 4)
    cases = {change.result.case.place for change in changes}
    yield f"Поправлено случаев: {len(cases)}"
    yield ""


def to_json(revision: str, results: Sequence[CaseResult], covered: Coverage) -> dict[str, Any]:
    """The same for programs."""
    return {
        "ruleset": revision,
        "ok": all(result.ok for result in results),
        "cases": [
            {
                "script": result.case.script,
                "name": result.case.name,
                "file": result.case.file,
                "line": result.case.line,
                "ok": result.ok,
                "differences": list(result.differences),
            }
            for result in results
        ],
        "coverage": asdict(covered),
    }


def _failures(results: Sequence[CaseResult]) -> Iterator[str]:
    for result in results:
        if not result.ok:
            yield from paragraph(f"{result.case.place}: {result.case.name}")
            for difference in result.differences:
                yield from paragraph(difference, 4)
    if any(not result.ok for result in results):
        yield ""


def _summary(results: Sequence[CaseResult]) -> Iterator[str]:
    failed = sum(not result.ok for result in results)
    if results:
        yield f"Случаев: {len(results)}, сошлось: {len(results) - failed}, не сошлось: {failed}"
    else:
        yield "Случаев нет: их пишут в cases.toml в папке скрипта"


def _coverage(covered: Coverage) -> Iterator[str]:
    parts = {
        "правила": covered.rules,
        "вопросы": covered.questions,
        "ответы": covered.answers,
        "итоги": covered.outcomes,
        "тексты, люди и сроки": covered.texts,
    }
    told = (f"{what} {part.total - len(part.missed)} из {part.total}" for what, part in parts.items())
    yield from paragraph(f"Затронуто: {', '.join(told)}")
    for what, part in parts.items():
        if part.missed:
            yield from ("", f"Не затронуты ни одним случаем {what}:")
            for missed in part.missed:
                yield from paragraph(_missed(missed), 2)


def _missed(missed: CoveredEntry | CoveredAnswer) -> str:
    if isinstance(missed, CoveredEntry):
        return f"{missed.script}: {missed.name}"
    value = "любой текст" if missed.value == SAMPLE_TEXT else toml(missed.value)
    asked = f"вопрос «{missed.question}»" if missed.question else "поле звонка"
    return f"{missed.script}: {asked}, {missed.fact} = {value}"
