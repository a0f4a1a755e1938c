"""What the CRM and the mailboxes must hold of a call in the end: worked out from its reports in their order.

A correction that overtakes what it corrects makes two ends right: the old entry was never written, or it was and is
taken back. Whether it was shows in what is found; everything that follows from that is exact again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from chaos.script import CHANNELS, COORDINATOR, NONE, NOT_FINISHED, OUTCOMES
from chaos.story import Story

OPEN, WITHDRAWN = "open", "withdrawn"


@dataclass(frozen=True, slots=True)
class Item:
    """One comment, reminder or mail, told apart from all others of its call by what stands in it.

    ``place`` is whose card it is in (``own`` or ``other``), ``to`` whom it is for, ``channel`` how a mail went.
    ``what`` is the outcome that it tells of, ``replaces`` the one that it says to correct; of the mail that takes a
    reminder back, the new outcome and the old one. ``asks``: it says that another client answered whose card there is
    not.
    """

    kind: Literal["comment", "reminder", "mail", "cancellation"]
    what: str
    replaces: str | None = None
    place: str | None = None
    to: str | None = None
    channel: str | None = None
    asks: bool = False


@dataclass(frozen=True, slots=True)
class Expected:
    """``needed``: it must be there; otherwise it must be if any of ``follows`` is, and may be in any case, once."""

    item: Item
    needed: bool
    state: str | None = None
    follows: tuple[Item, ...] = ()


@dataclass(frozen=True, slots=True)
class _Decision:
    outcome: str
    replaces: str | None
    place: str
    asks: bool

    @property
    def people(self) -> tuple[str, ...]:
        return OUTCOMES[self.outcome].people


def expected(story: Story) -> list[Expected]:
    """Everything that may be there of this call."""
    decisions = _decisions(story)
    found = [one for place in range(len(decisions)) for one in _of_decision(decisions, place)]
    if story.reports[0].outcome is None and story.reports[0].facts:
        found += _of_unfinished(decisions)
    return found


def _decisions(story: Story) -> list[_Decision]:
    """Only a change of the outcome is a new decision."""
    made: list[_Decision] = []
    for outcome in (report.outcome for report in story.reports if report.status == 202):
        before = made[-1] if made else None
        if outcome is None or (before and before.outcome == outcome):
            continue
        place, asks = "own", False
        if outcome == NONE and before:
            place, asks = before.place, before.asks
        elif outcome not in (NONE, "not_client"):
            place, asks = ("other" if story.who == "found" else "own"), story.who == "missing"
        made.append(_Decision(outcome, before.outcome if before else None, place, asks))
    return made


def _of_decision(decisions: Sequence[_Decision], place: int) -> Iterator[Expected]:
    decision, later = decisions[place], decisions[place + 1 :]
    stands = not later
    if decision.outcome != NONE or decision.replaces:
        yield Expected(Item("comment", decision.outcome, decision.replaces, decision.place, asks=decision.asks), stands)
    for person in decision.people:
        reminder = Item("reminder", decision.outcome, decision.replaces, decision.place, person, asks=decision.asks)
        without = next((number for number, other in enumerate(later) if person not in other.people), None)
        yield Expected(reminder, stands, OPEN if without is None else WITHDRAWN)
        for channel in CHANNELS[person]:
            mail = Item("mail", decision.outcome, decision.replaces, None, person, channel, decision.asks)
            yield Expected(mail, stands)
            if without is not None:
                yield _cancellation(reminder, mail, later[without:])


def _of_unfinished(decisions: Sequence[_Decision]) -> Iterator[Expected]:
    """The reminder to finish by hand, which any outcome takes back."""
    stands = not decisions
    reminder = Item("reminder", NOT_FINISHED, None, "own", COORDINATOR)
    yield Expected(reminder, stands, OPEN if stands else WITHDRAWN)
    for channel in CHANNELS[COORDINATOR]:
        mail = Item("mail", NOT_FINISHED, None, None, COORDINATOR, channel)
        yield Expected(mail, stands)
        if decisions:
            yield _cancellation(reminder, mail, decisions)


def _cancellation(reminder: Item, mail: Item, later: Sequence[_Decision]) -> Expected:
    """``later`` begins with the decision that takes it back. Who is reminded anew by one after it need not be told."""
    item = Item("cancellation", later[0].outcome, reminder.what, None, reminder.to, mail.channel)
    told_anew = any(reminder.to in decision.people for decision in later[1:])
    return Expected(item, False, None, () if told_anew else (reminder, mail))


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is missing, what is there too often, and what is there though it must not, or in a wrong state."""

    lost: tuple[str, ...] = ()
    doubled: tuple[str, ...] = ()
    wrong: tuple[str, ...] = ()


def judge(story: Story, found: Mapping[Item, Sequence[str | None]]) -> Verdict:
    """Hold what was found of a call, with the states of reminders, against what may be there."""
    lost, doubled, wrong = [], [], []
    possible = expected(story)
    for one in possible:
        states = found.get(one.item, ())
        named = f"{story.call}: {_named(one.item)}"
        if not states and (one.needed or any(item in found for item in one.follows)):
            lost.append(named)
        if len(states) > 1:
            doubled.append(f"{named}: {len(states)} times")
        wrong += [f"{named}: {state} instead of {one.state}" for state in states if state != one.state]
    unknown = set(found) - {one.item for one in possible}
    wrong += [f"{story.call}: {_named(item)} must not be there" for item in sorted(unknown, key=str)]
    return Verdict(tuple(lost), tuple(doubled), tuple(wrong))


def _named(item: Item) -> str:
    details = [item.to, item.channel, item.place and f"in the {item.place} card"]
    details += [item.replaces and f"replaces {item.replaces}", "asks whose card" if item.asks else None]
    return f"{item.kind} «{item.what}» ({', '.join(detail for detail in details if detail)})"
