"""How ``optout calls replay`` tells what deciding calls again comes to: Russian, at most 80 columns; and as JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from plugin.authoring.revisions.labels import ScriptLabels
from plugin.cli.format.calls import UNFINISHED
from plugin.cli.format.delivery_page import hanging
from plugin.cli.format.delivery_words import PLAN_ONLY
from plugin.operations.replay import Replayed
from plugin.operations.words import kinds_counted

#: Calls that are told one by one; more are only counted.
_NAMED = 40


def page(found: Sequence[Replayed], by_rules: str, words: Callable[[str], ScriptLabels], *, done: bool) -> str:
    """What replaying these calls would come to, or came to (``done``). ``words``: those of a script, by its name."""
    return "\n".join(_page(found, by_rules, words, done=done))


def to_json(one: Replayed, *, done: bool) -> dict[str, Any]:
    """One call for programs."""
    return {
        "id": one.id,
        "call": one.call_id,
        "done": done and one.changed,
        "changed": one.changed,
        "before": one.before,
        "after": one.after,
        "ruleset": one.revision,
        "add": dict(one.added),
        "cancel": one.cancelled,
        "stop": one.stopped,
        "unheard": list(one.unheard),
        "problem": one.problem,
    }


def _page(
    found: Sequence[Replayed], by_rules: str, words: Callable[[str], ScriptLabels], *, done: bool
) -> Iterator[str]:
    changed = [one for one in found if one.changed]
    problems = [one for one in found if one.problem]
    same = len(found) - len(changed) - len(problems)
    yield f"Пересчёт {by_rules}, звонков: {len(found)}"
    word = "изменилось" if done else "изменится"
    yield f"  {word}: {len(changed)}, без изменений: {same}, не трогать: {len(problems)}"
    for one in changed[:_NAMED]:
        yield ""
        before, after = (_outcome(name, one, words) for name in (one.before, one.after))
        yield from hanging(f"Звонок № {one.id} ({one.call_id}): {before} → {after}")
        for line in _effects(one):
            yield from hanging(line, 2)
    if problems:
        yield from ("", "Не трогать:")
    for one in problems[:_NAMED]:
        yield from hanging(f"звонок № {one.id} ({one.call_id}): {one.problem}", 2)
    for rest in (len(changed) - _NAMED, len(problems) - _NAMED):
        if rest > 0:
            yield f"  и ещё: {rest}"
    if changed and not done:
        yield from PLAN_ONLY
    elif not changed:
        yield from ("", "Менять нечего.")


def _outcome(name: str | None, one: Replayed, words: Callable[[str], ScriptLabels]) -> str:
    return words(one.script).outcome(name, one.revision) if name else UNFINISHED


def _effects(one: Replayed) -> Iterator[str]:
    if one.added:
        yield f"добавить: {kinds_counted(one.added)}"
    if one.cancelled:
        yield f"отменить, что не ушло: {one.cancelled}"
    if one.stopped:
        yield f"остановить, что могло уйти: {one.stopped}"
    if one.unheard:
        yield f"этим правилам не понять ответы: {', '.join(one.unheard)}"
