"""A plain reading of a rules folder's content, written apart from the product: what it decides, does, and who is told.

No engine, no classes, no proof: questions are asked in order and rules applied until nothing changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple


class Plain(NamedTuple):
    """What some facts come to. ``outcomes``: all that rules give; ``actions``: (id, role, person), each once."""

    asked: tuple[str, ...]
    lacking: tuple[str, ...]
    outcomes: frozenset[str]
    actions: tuple[tuple[str, str | None, str | None], ...]


def evaluate(content: Mapping[str, Any], script: str, facts: Mapping[str, Any]) -> Plain:
    """What the content's script makes of these facts."""
    rules = content[f"{script}/rules.toml"]
    vocabulary = content[f"{script}/vocabulary.toml"]["fact"]
    heard = {name for name, fact in vocabulary.items() if "from" in fact}
    derived: dict[str, set[str]] = {}
    fired: list[Mapping[str, Any]] = []
    asked: list[Mapping[str, Any]] = []
    while True:
        new = [q for q in rules["question"] if q not in asked and _holds(q.get("when", {}), facts, heard, derived)]
        new_rules = [r for r in rules["rule"] if r not in fired and _holds(r["when"], facts, heard, derived)]
        if not new and not new_rules:
            break
        asked += new
        heard |= {question["fact"] for question in new}
        fired += new_rules
        for rule in new_rules:
            for name, value in rule.get("conclude", {}).items():
                derived.setdefault(name, set()).add(value)
    order = [question for question in rules["question"] if question in asked]
    lacking = [q["fact"] for q in order if q["fact"] not in facts and not q.get("optional")]
    outcomes = frozenset(rule["outcome"] for rule in fired if "outcome" in rule)
    actions: list[tuple[str, str | None, str | None]] = []
    if len(outcomes) == 1 and not lacking:
        file = content[f"{script}/outcomes.toml"]
        own = file["outcome"][next(iter(outcomes))].get("action", [])
        added = {name for rule in fired for name in rule.get("add", ())}
        for action in [*own, *(one for one in file.get("action", ()) if one["id"] in added)]:
            if _holds(action.get("when", {}), facts, heard, derived):
                actions += _each(content, action, facts, vocabulary)
    return Plain(tuple(q["fact"] for q in order), tuple(lacking), outcomes, tuple(actions))


def who(content: Mapping[str, Any], role: str, person: str | None, today: date) -> tuple[str, str]:
    """User and address of whoever does it on this day: the role's person, one of its people, or the deputy."""
    form = content["roles.toml"]["role"][role]
    if person is not None:
        form = next(one for one in form["person"] if one["name"] == person)
    for span in form.get("away", ()):
        first, _, last = span.partition("/")
        if first <= today.isoformat() <= (last or first):
            form = form["deputy"]
            break
    return form["crm_user"], form["address"]


def due(content: Mapping[str, Any], script: str, action: str, called: datetime) -> datetime:
    """When a reminder is due of a call that ended then, by the calendar's own clocks: searched minute by minute."""
    file, shared = content[f"{script}/outcomes.toml"], content[f"{script}/script.toml"]
    own = [one for outcome in file["outcome"].values() for one in outcome.get("action", ())]
    actions = [*own, *file.get("action", ())]
    form = next(one for one in actions if action in {f"{one['id']}-{role}" for role in one.get("roles", ())})
    hours = form.get("due_in_hours") or shared["reminder"].get("due_in_hours") or shared["promise_hours"]
    end = called + timedelta(hours=hours)
    if (form.get("due") or shared["reminder"].get("due")) != "working":
        return end
    moment = end
    while moment > called:
        if _at_work(content["calendar.toml"]["calendar"], moment):
            return moment
        moment -= timedelta(minutes=1)
    return min(end, called + timedelta(hours=1))


def _at_work(calendar: Mapping[str, Any], moment: datetime) -> bool:
    """Whether people were at work in the minute before."""
    day, clock = moment.date().isoformat(), moment.strftime("%H:%M")
    spans = {key: [one.partition("/") for one in calendar.get(key, ())] for key in ("holidays", "working")}
    named = {key: any(first <= day <= (last or first) for first, _, last in found) for key, found in spans.items()}
    weekday = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")[moment.weekday()]
    works = named["working"] or (weekday in calendar["days"] and not named["holidays"])
    return works and calendar["from"] < clock <= calendar["to"]


def _each(
    content: Mapping[str, Any], action: Mapping[str, Any], facts: Mapping[str, Any], vocabulary: Mapping[str, Any]
) -> list[tuple[str, str | None, str | None]]:
    if action["kind"] == "comment":
        return [(action["id"], None, None)]
    found: list[tuple[str, str | None, str | None]] = []
    for role in action["roles"]:
        people = content["roles.toml"]["role"][role].get("person")
        names = [None] if people is None else [p["name"] for p in people if _chosen(p, facts, vocabulary)]
        found += [(f"{action['id']}-{role}", role, name) for name in names]
    return found


def _chosen(person: Mapping[str, Any], facts: Mapping[str, Any], vocabulary: Mapping[str, Any]) -> bool:
    fields: dict[str, Any] = {}
    for name, wanted in person.get("when", {}).items():
        # ``card.brand = "Kia"`` is a table within a table.
        fields |= {f"{name}.{key}": one for key, one in wanted.items()} if name in ("call", "card") else {name: wanted}
    for field, wanted in fields.items():
        names = [name for name, fact in vocabulary.items() if fact.get("from") == field]
        if not _one(wanted, facts.get(names[0])):
            return False
    return True


def _holds(when: Mapping[str, Any], facts: Mapping[str, Any], heard: set[str], derived: Mapping[str, set[str]]) -> bool:
    for name, wanted in when.items():
        if name in derived or name in ("section", "point"):
            values = wanted if isinstance(wanted, list) else [wanted]
            if not derived.get(name, set()) & set(values):
                return False
        elif name not in heard or not _one(wanted, facts.get(name)):
            return False
    return True


def _one(wanted: Any, value: Any) -> bool:
    if isinstance(wanted, Mapping):
        return all(_operator(word, operand, value) for word, operand in wanted.items())
    values = wanted if isinstance(wanted, list) else [wanted]
    if isinstance(value, str):
        return value.casefold() in [str(one).casefold() for one in values]
    return any(value == one and type(value) is type(one) for one in values if value is not None)


def _operator(word: str, operand: Any, value: Any) -> bool:
    if word in ("known", "unknown"):
        return bool((value is not None) == ((word == "known") == operand))
    if value is None:
        return False
    if word == "not":
        return not _one(operand, value)
    if word in ("contains", "not_contains"):
        parts = operand if isinstance(operand, list) else [operand]
        return any(str(part).casefold() in str(value).casefold() for part in parts) == (word == "contains")
    compared: dict[str, bool] = {
        "less_than": value < operand,
        "at_most": value <= operand,
        "more_than": value > operand,
        "at_least": value >= operand,
    }
    return compared[word]
