"""What differs between two states of the rules, by behaviour: which conversations go or end otherwise, and how often.

The same change in many conversations is one ``BehaviourChange`` with their number. The files' texts stand beside it.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice

from plugin.authoring.inspection.compare import ConversationChange, compared, script_changes
from plugin.authoring.inspection.paired_walk import ConversationPair, pairs
from plugin.authoring.inspection.wording import named
from plugin.common.toml.writer import to_toml
from plugin.deciding.decision.compiled_rules import Role, Rulebook
from plugin.deciding.decision.decider import Decider
from plugin.deciding.decision.facts import spelt
from plugin.deciding.ruleset import Script
from plugin.deciding.ruleset.schema import CALENDAR_FILE, SCRIPT_FILES
from plugin.deciding.ruleset.value_classes import SAMPLE_TEXT

#: Conversations compared before a script is called too large.
MOST_COMPARED = 3_000

_ROLE_FIELDS: Mapping[str, str] = {
    "label": "название",
    "crm_user": "пользователь CRM",
    "address": "адрес",
    "email": "кто отправляет письма",
}


@dataclass(slots=True)
class BehaviourChange:
    """One change, wherever it shows. ``old`` and ``new`` are its two sides in words, None where there is none.

    ``conversations``: in how many; None for what belongs to no conversation. ``outcomes``: under which, by their
    labels. ``example``: the answers of the first one.
    """

    kind: str
    what: str
    old: str | None
    new: str | None
    conversations: int | None = None
    outcomes: dict[str, None] = field(default_factory=dict)
    example: str | None = None
    details: tuple[ConversationChange, ...] = ()


@dataclass(slots=True)
class ScriptDifferences:
    """One script. ``state``: changed, new (only on the new side) or gone.

    ``compared`` conversations of both sides together, ``different`` of them; ``cut``: there are more than these.
    """

    name: str
    title: str
    state: str
    compared: int = 0
    different: int = 0
    cut: bool = False
    changes: list[BehaviourChange] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Differences:
    """Everything. ``files``: unified diffs by file name; ``alike``: no conversation, role or text differs."""

    old: str
    new: str
    scripts: tuple[ScriptDifferences, ...]
    roles: tuple[BehaviourChange, ...]
    files: Mapping[str, str]

    @property
    def alike(self) -> bool:
        """Whether both behave the same, whatever their files look like."""
        return not self.roles and not self.scripts


def differences(
    old: Rulebook, new: Rulebook, most: int = MOST_COMPARED, go_on: Callable[[], bool] = lambda: True
) -> Differences:
    """What differs. ``most`` conversations of each script are compared, for as long as ``go_on`` says so.

    Raises EngineError only.
    """
    found = (_script(old, new, name, most, go_on) for name in sorted({*old.scripts, *new.scripts}))
    scripts = tuple(
        script for script in found if script and (script.changes or script.cut or script.state != "changed")
    )
    roles = tuple(_roles(old.roles, new.roles))
    return Differences(old.revision, new.revision, scripts, roles, _files(old, new))


# --- scripts ---------------------------------------------------------------------------------------


def _script(old: Rulebook, new: Rulebook, name: str, most: int, go_on: Callable[[], bool]) -> ScriptDifferences | None:
    if name not in old.scripts:
        return ScriptDifferences(name, new.scripts[name].title, "new")
    if name not in new.scripts:
        return ScriptDifferences(name, old.scripts[name].title, "gone")
    files = [f"{name}/{file}" for file in SCRIPT_FILES]
    if all(old.content.get(file) == new.content.get(file) for file in (*files, CALENDAR_FILE)):
        return None
    return _compared(old.scripts[name], new.scripts[name], {**old.roles, **new.roles}, most, go_on)


def _compared(
    old: Decider, new: Decider, roles: Mapping[str, Role], most: int, go_on: Callable[[], bool]
) -> ScriptDifferences:
    result = ScriptDifferences(new.name, new.title, "changed")
    changes: dict[tuple[object, ...], BehaviourChange] = {}
    labels = {name: role.label for name, role in roles.items()}
    result.changes += [
        BehaviourChange(f.kind, f.what, f.old, f.new) for f in script_changes(old.script, new.script, labels)
    ]
    walk = pairs(old, new)
    for pair in islice(walk, most):
        if not go_on():
            result.cut = True
            break
        result.compared += 1
        found = list(compared(pair, old.script, new.script, labels))
        result.different += bool(found)
        for change in found:
            known = changes.get(change.key)
            if known is None:
                example = " → ".join(_said(pair, old.script, new.script)) or "без вопросов"
                known = BehaviourChange(
                    change.kind, change.what, change.old, change.new, 0, {}, example, change.details
                )
                changes[change.key] = known
            known.conversations = (known.conversations or 0) + 1
            known.outcomes.update(dict.fromkeys(change.outcomes))
    result.cut = result.cut or next(walk, None) is not None
    result.changes += sorted(changes.values(), key=lambda change: _ORDER.index(change.kind))
    return result


#: What matters most comes first.
_ORDER = (
    *("outcome", "fault", "only_old", "only_new", "say", "action", "recipients", "text", "subject", "term", "mail"),
    *("number", "card", "about", "read", "label", "asked_less", "asked_more", "order", "phrase", "hint"),
    *("answer_label", "answers_order"),
)


def _said(pair: ConversationPair, old: Script, new: Script) -> Iterator[str]:
    """The answers of a conversation by their labels, those that the call brought along first."""
    talk, script = (pair.new, new) if pair.new else (pair.old, old)
    assert talk is not None
    for name, value in pair.answers.items():
        fact = script.facts.get(name)
        if fact and fact.source:
            yield f"{fact.label}: {spelt(fact, value)}"
    for question in talk.asked:
        if question.fact in pair.answers:
            value = pair.answers[question.fact]
            fact = script.facts[question.fact]
            if fact.listed:
                yield question.label_of(value) or spelt(fact, value)
            else:
                yield named(fact.label) if value == SAMPLE_TEXT else f"{fact.label}: {spelt(fact, value)}"


# --- roles and files -------------------------------------------------------------------------------


def _roles(old: Mapping[str, Role], new: Mapping[str, Role]) -> Iterator[BehaviourChange]:
    for name in dict.fromkeys((*old, *new)):
        if name not in new:
            yield BehaviourChange("role_gone", old[name].label, name, None)
        elif name not in old:
            reached = ", ".join(part for part in (new[name].crm_user, new[name].address) if part)
            yield BehaviourChange("role_new", new[name].label, None, f"{name}: {reached}")
        else:
            sides = [_reached(role) for role in (old[name], new[name])]
            for title in sides[0]:
                before, after = sides[0][title], sides[1][title]
                if before != after:
                    yield BehaviourChange("role", f"{old[name].label}: {title}", before, after)


def _reached(role: Role) -> dict[str, str | None]:
    """Who the role is and when they are away, in words by what it is."""
    deputy = role.deputy and ", ".join(
        part for part in (role.deputy.label, role.deputy.crm_user, role.deputy.address) if part
    )
    days = ("/".join(dict.fromkeys((f"{first}", f"{last}"))) for first, last in role.away)
    return {
        **{title: getattr(role, key) for key, title in _ROLE_FIELDS.items()},
        "дни отсутствия": ", ".join(days) or None,
        "заместитель": deputy,
    }


def _files(old: Rulebook, new: Rulebook) -> dict[str, str]:
    """Unified diffs of the files' own texts; where one side's are not kept, both as plain TOML without comments."""
    texts = [book.files if old.files and new.files else _plain(book) for book in (old, new)]
    found = {}
    for name in sorted({*texts[0], *texts[1]}):
        before, after = (text.get(name, "").splitlines() for text in texts)
        told = "\n".join(difflib.unified_diff(before, after, f"было/{name}", f"стало/{name}", lineterm=""))
        if told:
            found[name] = told
    return found


def _plain(book: Rulebook) -> Mapping[str, str]:
    return {name: to_toml(content) for name, content in book.content.items()}
