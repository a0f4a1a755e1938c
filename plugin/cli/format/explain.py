"""How an explanation is laid out for an admin: Russian, at most 80 columns."""

from __future__ import annotations

from collections.abc import Iterator

from plugin.authoring.inspection.explain import ExplainedEntry, Explanation, Show
from plugin.authoring.inspection.explain_words import ExplanationWords
from plugin.common.terminal import paragraph

FIRED, MISSED = "✓", "✗"


def page(explanation: Explanation, show: Show) -> str:
    """The whole explanation; ``show`` masks personal data."""
    return "\n".join(_lines(explanation, ExplanationWords(explanation, show)))


def _lines(explanation: Explanation, words: ExplanationWords) -> Iterator[str]:
    script = explanation.decider.script
    yield from paragraph(f"Скрипт {script.name}, редакция правил {explanation.revision[:12]}")
    yield from paragraph(f"Факты: {words.facts()}")
    yield from paragraph(words.end())
    for title, kind in (("Вопросы", "question"), ("Правила", "rule")):
        yield from ("", title)
        for entry in explanation.entries:
            if entry.kind == kind:
                yield from _entry(entry, words)


def _entry(entry: ExplainedEntry, words: ExplanationWords) -> Iterator[str]:
    mark = FIRED if entry.fired else MISSED
    yield from paragraph(f"{mark} {entry.entry.id} ({entry.entry.paragraph})", 2)
    for told in words.failed(entry):
        yield from paragraph(told, 6)
    if change := words.change(entry):
        yield from paragraph(f"→ {change}", 6)
