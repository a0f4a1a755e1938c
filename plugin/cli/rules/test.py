"""``optout rules test``: runs the admin's cases and shows what of the rules no case touches, in Russian."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from plugin.authoring.verification.cases import CaseResult, Coverage, CoverageShare, CoveredAnswer, CoveredEntry

FAILED = 1


@click.command()
@click.argument("rules", metavar="[PATH|REVISION]", required=False)
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.pass_obj
def test(config: Path | None, rules: str | None, as_json: bool) -> int:
    """Run the cases of every cases.toml and print what differs, then what no case touches.

    Of the working copy, or of: active, a stored revision, a rules folder. Exit status 1 if a case fails.
    """
    from plugin.authoring.verification.cases import coverage, run_cases
    from plugin.cli.rules.sources import rulebook_named, settings_of

    with closing(rulebook_named(settings_of(config), rules)) as rulebook:
        results = run_cases(rulebook)
        covered = coverage(rulebook, results)
    if as_json:
        click.echo(json.dumps(_to_json(rulebook.revision, results, covered), ensure_ascii=False))
    else:
        click.echo("\n".join([*_failures(results), *_summary(results), *_coverage(covered)]))
    return 0 if all(result.ok for result in results) else FAILED


def _failures(results: Sequence[CaseResult]) -> Iterator[str]:
    from plugin.cli.format.explain import wrapped

    for result in results:
        if not result.ok:
            yield from wrapped(f"{result.case.place}: {result.case.name}", 0)
            for difference in result.differences:
                yield from wrapped(difference, 4)
    if any(not result.ok for result in results):
        yield ""


def _summary(results: Sequence[CaseResult]) -> Iterator[str]:
    failed = sum(not result.ok for result in results)
    if results:
        yield f"Случаев: {len(results)}, сошлось: {len(results) - failed}, не сошлось: {failed}"
    else:
        yield "Случаев нет: их пишут в cases.toml в папке скрипта"


def _coverage(covered: Coverage) -> Iterator[str]:
    from plugin.cli.format.explain import wrapped

    parts = {
        "правила": covered.rules,
        "вопросы": covered.questions,
        "ответы": covered.answers,
        "итоги": covered.outcomes,
    }
    told = (f"{what} {part.total - len(part.missed)} из {part.total}" for what, part in parts.items())
    yield from wrapped(f"Затронуто: {', '.join(told)}", 0)
    for what, part in parts.items():
        if part.missed:
            yield from ("", f"Не затронуты ни одним случаем {what}:")
            for missed in part.missed:
                yield from wrapped(_missed(missed), 2)


def _missed(missed: CoveredEntry | CoveredAnswer) -> str:
    from plugin.authoring.verification.cases import CoveredEntry
    from plugin.deciding.decision.trace import toml
    from plugin.deciding.ruleset.value_classes import SAMPLE_TEXT

    if isinstance(missed, CoveredEntry):
        return f"{missed.script}: {missed.name}"
    value = "любой текст" if missed.value == SAMPLE_TEXT else toml(missed.value)
    asked = f"вопрос «{missed.question}»" if missed.question else "поле звонка"
    return f"{missed.script}: {asked}, {missed.fact} = {value}"


def _to_json(revision: str, results: Sequence[CaseResult], covered: Coverage) -> dict[str, Any]:
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
        "coverage": {
            "rules": _part_to_json(covered.rules),
            "questions": _part_to_json(covered.questions),
            "answers": _part_to_json(covered.answers),
            "outcomes": _part_to_json(covered.outcomes),
        },
    }


def _part_to_json(part: CoverageShare) -> dict[str, Any]:
    from dataclasses import asdict

    return {"total": part.total, "missed": [asdict(missed) for missed in part.missed]}
