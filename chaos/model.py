"""What the CRM and the mailboxes must hold of a call in the end: worked out from its reports in their order.

A correction that overtakes what it corrects makes two ends right: the old entry was never written, or it was and is
taken back, in its own card. Whether it was shows in what is found; everything that follows from that is exact again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from chaos.promises import ExpectedPromise
from chaos.script import CHANNELS, COORDINATOR, ELSEWHERE, NONE, NOT_FINISHED, OUTCOMES
from chaos.story import Story

OPEN, DONE, WITHDRAWN = "open", "done", "withdrawn"


@dataclass(frozen=True, slots=True)
class Item:
    """One comment, reminder or mail, told apart from all others of its call by what stands in it.

    ``place`` is whose card it is in (``own`` or ``other``), ``to`` whom it is for, ``channel`` how a mail went.
    ``what`` is the outcome that it tells of, ``replaces`` the one that it says to correct; of a correction and of the
    mail that takes a reminder back, the new outcome and the old one. ``asks``: it says that another client answered
    whose card there is not.
    """

    kind: Literal["comment", "correction", "reminder", "mail", "cancellation"]
    what: str
    replaces: str | None = None
    place: str | None = None
    to: str | None = None
    channel: str | None = None
    asks: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """A decision of the call; ``place`` is the card that it is written to, ``sure``: it was taken for certain."""

    outcome: str
    place: str = "own"
    asks: bool = False
    sure: bool = True

    @property
    def people(self) -> tuple[str, ...]:
        """Who is reminded."""
        return (COORDINATOR,) if self.outcome == NOT_FINISHED else OUTCOMES[self.outcome].people

    def items(self) -> Iterator[Item]:
        """What it writes, but for what it says of earlier decisions."""
        if self.outcome not in (NONE, NOT_FINISHED):
            yield Item("comment", self.outcome, place=self.place, asks=self.asks)
        for person in self.people:
            yield Item("reminder", self.outcome, None, self.place, person, asks=self.asks)
            for channel in CHANNELS[person]:
                yield Item("mail", self.outcome, None, None, person, channel, self.asks)


def decided(story: Story) -> list[Decision]:
    """The decisions of a call: every change of the outcome or of the card is one."""
    made: list[Decision] = []
    first = story.reports[0]
    if first.outcome is None and first.facts:
        # Whether it was left unfinished for a while depends on when the rest came.
        made.append(Decision(NOT_FINISHED, sure=len(story.reports) == 1))
    for report in story.reports:
        if report.status == 202 and report.outcome is not None:
            decision = _decision(report.outcome, report.who or story.who)
            if not made or made[-1] != decision:
                made.append(decision)
    if made and made[-1].outcome == NOT_FINISHED:
        made[-1] = replace(made[-1], sure=True)
    return made


def promised(story: Story) -> ExpectedPromise:
    """What must have become of the call's promise and of its number."""
    made = decided(story)
    outcome, people = (made[-1].outcome, made[-1].people) if made else (NONE, ())
    reminded = [decision for decision in made if decision.people]
    sure = True if any(decision.sure for decision in reminded) else None if reminded else False
    return ExpectedPromise(story.call, story.phone, outcome, people, sure)


def _decision(outcome: str, who: str) -> Decision:
    if outcome in (NONE, "not_client"):
        return Decision(outcome)
    return Decision(outcome, "other" if who == "found" else "own", who == "missing")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is missing, what is there too often, and what is there though it must not, or in a wrong state."""

    lost: tuple[str, ...] = ()
    doubled: tuple[str, ...] = ()
    wrong: tuple[str, ...] = ()


def judge(story: Story, found: Mapping[Item, Sequence[str | None]], *, perhaps_mailed: bool = False) -> Verdict:
    """Hold what was found of a call, with the states of reminders, against what may be there.

    ``perhaps_mailed``: a mail of it may have left, and nobody can look it up; people are told of it to be sure.
    """
    made = decided(story)
    there = {item: states for item, states in found.items() if states}
    named = f"{story.call}: "
    return Verdict(
        tuple(named + one for one in [*_missing(made, there), *_not_taken_back(made, there)]),
        tuple(
            f"{named}{_named(item)}: {len(states)} times"
            for item, states in there.items()
            if len(states) > _at_most(item, made, there)
        ),
        tuple(named + one for one in [*_not_allowed(made, there, perhaps_mailed), *_wrong_states(made, there)]),
    )


_There = Mapping[Item, Sequence[str | None]]


def _at_most(item: Item, made: Sequence[Decision], there: _There) -> int:
    """How often something may be there: once, but for a comment that another card took its place from meanwhile.

    Then it stands there anew, with the same words: that what it corrects is in another card is said in that card.
    """
    if item.kind != "comment" or item.replaces is not None:
        return 1
    gone = there.get(Item("correction", ELSEWHERE, item.what, item.place), ())
    written = sum(item in decision.items() for decision in made)
    return max(1, min(written, 1 + len(gone)))


def _bare(item: Item) -> Item:
    return replace(item, replaces=None)


def _missing(made: Sequence[Decision], there: _There) -> Iterator[str]:
    """What the standing decision must have written."""
    bare = {_bare(item) for item in there}
    for item in made[-1].items() if made else ():
        if item not in bare:
            yield _named(item)


def _not_taken_back(made: Sequence[Decision], there: _There) -> Iterator[str]:
    """Records of older decisions without a correction in their card, and people who were not told."""
    for old, later in _before(made):
        for place in ("own", "other"):
            corrected = any(item.replaces == old.outcome and item.place == place for item in _comments(there))
            if _is_written(old, place, later, there) and not corrected:
                yield f"nothing takes «{old.outcome}» back in the {place} card"
    standing = made[-1].people if made else ()
    for person, channels in CHANNELS.items():
        told = any(item.to == person and item.kind in ("reminder", "mail") for item in there)
        for channel in channels:
            off = any(item.kind == "cancellation" and (item.to, item.channel) == (person, channel) for item in there)
            if told and person not in standing and not off:
                yield f"{person} is not told by {channel} that it is off"


def _before(made: Sequence[Decision]) -> Iterator[tuple[Decision, Sequence[Decision]]]:
    for place, decision in enumerate(made[:-1]):
        yield decision, made[place + 1 :]


def _comments(there: _There) -> Iterator[Item]:
    return (item for item in there if item.kind in ("comment", "correction"))


def _is_written(old: Decision, place: str, later: Sequence[Decision], there: _There) -> bool:
    """Whether an older decision has a record in this card for certain, and not a later one with the same outcome."""
    same = [item for item in there if item.what == old.outcome and item.place == place]
    if any(other.outcome == old.outcome and other.place == place for other in later):
        return sum(len(there[item]) for item in same if item.kind == "comment") > 1
    return bool(same)


def _not_allowed(made: Sequence[Decision], there: _There, perhaps_mailed: bool) -> Iterator[str]:
    """What no decision writes, and what speaks of a record that never was."""
    written = [item for decision in made for item in decision.items()]
    whats = {decision.outcome for decision in made}
    for item in there:
        known = item.replaces is None or item.replaces in whats
        if item.kind == "correction":
            right = known and item.what in {*whats, ELSEWHERE}
        elif item.kind == "cancellation":
            right = known and item.what in whats and any(one.to == item.to for one in written)
        else:
            right = known and _bare(item) in written
        if not right:
            yield f"{_named(item)} must not be there"
        elif item.replaces is not None and not _was_there(item, there, perhaps_mailed):
            yield f"{_named(item)} speaks of what never was"


def _was_there(item: Item, there: _There, perhaps_mailed: bool) -> bool:
    """Whether something of what it replaces is found: of a comment in its own card, of all else anywhere."""
    others = (other for other in there if other is not item and other.what == item.replaces)
    if item.kind in ("comment", "correction"):
        return any(other.place == item.place for other in others)
    return perhaps_mailed or any(True for _ in others)


def _wrong_states(made: Sequence[Decision], there: _There) -> Iterator[str]:
    """Exactly the reminders of the standing decision are open or done, one for each person."""
    standing = made[-1] if made else None
    opened = [item for item, states in there.items() if item.kind == "reminder" and {OPEN, DONE} & {*states}]
    for item in opened:
        if standing is None or item.what != standing.outcome or item.place != standing.place:
            yield f"{_named(item)}: {'/'.join(map(str, there[item]))} instead of {WITHDRAWN}"
    for person in standing.people if standing else ():
        theirs = [item for item in opened if item.to == person]
        reminded = [item for item in there if item.kind == "reminder" and item.to == person]
        if reminded and len(theirs) != 1:
            yield f"{person} has {len(theirs)} reminders that stand"


def _named(item: Item) -> str:
    details = [item.to, item.channel, item.place and f"in the {item.place} card"]
    details += [item.replaces and f"replaces {item.replaces}", "asks whose card" if item.asks else None]
    return f"{item.kind} «{item.what}» ({', '.join(detail for detail in details if detail)})"
