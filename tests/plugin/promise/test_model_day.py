"""A day of some hundred promises against a model: every state, every message, every change told, and nothing twice.

People finish, forget, delete, reassign, put off, mark by the link, are on leave; calls are corrected; the CRM is away
for hours, and processes that look are killed. Calls end ten minutes past the hour and outages begin and end forty past,
so that each moment of a step is clearly inside an outage or outside.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any

import pytest

from connectors.base import Card, CardRef, NotDone, Outcome
from plugin.ledger.promises import promises
from plugin.ledger.schema import calls, deliveries
from plugin.monitoring.changes import changes
from plugin.monitoring.model import AlertKind, AlertLook
from plugin.monitoring.record import close_alerts, open_alerts
from plugin.promise.escalation import Escalation
from tests.plugin.delivery.fake_crm import Killed
from tests.plugin.events.support import ALL, CALLS, NONE, SETTINGS, Office
from tests.plugin.promise.test_escalation import BOSS, BROKEN, COORDINATOR, RISK, SMS, SOON, rules_with
from tests.plugin.promise.test_marked_done import LINK, PAGE, browser
from tests.plugin.promise.watched_crm import Watched

TICK, HOUR = timedelta(minutes=10), timedelta(hours=1)
#: The coordinator's leave is the day after the calls, and the deputy's address.
LEAVE, DEPUTY = "2026-11-23", "deputy@example.org"
#: Hours after the first call, at which the CRM goes and comes back.
OUTAGES = ((12.5, 15.5), (27.5, 30.5))
#: No act lies so shortly before an outage, a step or another act that it depends on the pace of looking what is known.
CLEAR = timedelta(minutes=75)
WAYS = (
    "finish",
    "finish late",
    "forget",
    "delete",
    "reassign",
    "postpone",
    "link",
    "withdraw",
    "correct",
    "reassign done",
)


@dataclass
class Modelled:
    """One promise: what its people do and when, in the order of time, and what the model says of it."""

    number: int
    way: str
    called: datetime
    acts: list[tuple[datetime, str]] = field(default_factory=list)

    @property
    def deadline(self) -> datetime:
        return self.called + 24 * HOUR

    def at(self, act: str) -> datetime | None:
        return next((when for when, name in self.acts if name == act), None)

    @property
    def phone(self) -> str:
        return f"+7916{self.number:07}"


class Model:
    """What must be known, and told, of each promise."""

    def __init__(self, start: datetime) -> None:
        self.outages = [(start + begin * HOUR, start + end * HOUR) for begin, end in OUTAGES]

    def is_away(self, moment: datetime) -> bool:
        return any(begin <= moment < end for begin, end in self.outages)

    def is_clear(self, moment: datetime, one: Modelled) -> bool:
        """Whether what is done then is known by all that could depend on it."""
        steps = [one.deadline - hours * HOUR for hours in (4, 1, 0)]
        edges = [edge for outage in self.outages for edge in outage]
        return not any(moment - TICK <= other <= moment + CLEAR for other in (*steps, *edges)) and not self.is_away(
            moment
        )

    def is_known(self, done: datetime | None, moment: datetime, *, by_link: bool = False) -> bool:
        """Whether it is known at this moment that a reminder was done; the CRM may be away."""
        return done is not None and done <= moment and (by_link or not self.is_away(moment) or not self._hides(done))

    def _hides(self, done: datetime) -> bool:
        """Whether it was done in an outage: acts lie clear of their beginnings."""
        return self.is_away(done)

    def state(self, one: Modelled) -> str:
        if one.way == "withdraw":
            return "withdrawn"
        done = one.at("finish") or one.at("link")
        return "broken" if done is None else "kept" if done <= one.deadline else "late"

    def messages(self, one: Modelled) -> Counter[tuple[str, str]]:
        gone, corrected = one.at("withdraw"), one.at("correct")
        done, by_link = one.at("finish") or one.at("link"), one.at("link") is not None
        told: Counter[tuple[str, str]] = Counter()
        for hours, subject in ((4, SOON), (1, RISK), (0, BROKEN)):
            moment = one.deadline - hours * HOUR
            if (gone and gone <= moment) or self.is_known(done, moment, by_link=by_link):
                continue
            if subject != SOON:
                told[BOSS, subject] += 1
                continue
            told[coordinator_at(moment), SOON] += 1
            if corrected and corrected <= moment:
                told[SMS, SOON] += 1
        return told

    def changes(self, one: Modelled) -> set[str]:
        """What is told of the reminder, as the alert says it."""
        said = {"delete": "missing", "reassign": "reassigned", "postpone": "postponed", "reassign done": "reassigned"}
        return {said[one.way]} if one.way in said else set()


def coordinator_at(moment: datetime) -> str:
    """Who is written to then."""
    return DEPUTY if f"{moment.astimezone(SETTINGS.timezone):%Y-%m-%d}" == LEAVE else COORDINATOR


def on_leave(content: dict[str, Any]) -> None:
    """Rules in which the coordinator is a person with a leave and a deputy."""
    role = content["roles.toml"]["role"]["survey_coordinator"]
    person = {name: role.pop(name) for name in ("crm_user", "address", "email")}
    deputy = {"name": "Орлова", "crm_user": "deputy", "address": DEPUTY}
    role["person"] = [{"name": "Соколова", **person, "away": [LEAVE], "deputy": deputy}]


def planned(start: datetime, rng: Random, promises: int) -> list[Modelled]:
    model, found = Model(start), list[Modelled]()
    for number in range(promises):
        one = Modelled(number, WAYS[number % len(WAYS)], start + rng.randrange(10) * HOUR)

        def clear(first: float, last: float, one: Modelled = one) -> datetime:
            """A moment between these hours after the call, in steps of ticks."""
            while True:
                moment = one.called + rng.randrange(int(first * 6), int(last * 6)) * TICK
                if model.is_clear(moment, one):
                    return moment

        match one.way:
            case "finish" | "link":
                one.acts = [(clear(1, 23), one.way)]
            case "finish late":
                one.acts = [(clear(24.2, 31), "finish")]
            case "delete" | "reassign" | "postpone":
                one.acts = [(clear(1, 20), one.way)]
            case "reassign done":
                one.acts = [(clear(1, 9), "reassign"), (clear(11, 19), "finish")]
            case "withdraw" | "correct":
                one.acts = [(clear(1, 19), one.way)]
        found.append(one)
    return found


class Day:
    """The day as it is: an office, its CRM, its people."""

    def __init__(self, office: Office, rng: Random) -> None:
        self.made = Watched(office)
        self.made.office = self.made.office.with_settings(page=PAGE)
        self.rng, self.office = rng, self.made.office
        self.crm = self.made.connector
        self.crm.most_reminders = 50  # type: ignore[misc]
        self.crm.crm.contacts.append(Card(CardRef("contact", "42"), "Анна Карточкина"))
        written = self.crm._served
        self.crm._served = lambda what, commit: self._served(written, what, commit)  # type: ignore[method-assign]
        self.escalation = Escalation(office.ledger, office.rules, self.office.settings, office.clock)
        self.changed: Counter[tuple[str, str]] = Counter()
        self.kills = 0

    def _served(self, written: Callable[..., Outcome], what: str, commit: Callable[[float], str]) -> Outcome:
        return NotDone("no connection") if self.crm.away else written(what, commit)

    def report(self, one: Modelled, facts: dict[str, object], later: timedelta = timedelta(0)) -> None:
        call = {"id": f"c-{one.number}", "phone": one.phone}
        self.office.taken(facts, call=call, occurred_at=(one.called + later).isoformat())

    def act(self, one: Modelled, act: str) -> None:
        remote = self._reminders(one)
        match act:
            case "finish":
                for each in remote:
                    self.crm.finish(each)
            case "delete":
                self.crm.change(remote[-1], deleted=True)
            case "reassign":
                self.crm.change(remote[-1], person="u99")
            case "postpone":
                self.crm.change(remote[-1], due=one.deadline + 2 * HOUR)
            case "withdraw":
                self.report(one, NONE, timedelta(minutes=1))
            case "correct":
                self.report(one, ALL, timedelta(minutes=1))
            case "link":
                texts = [text for _, _, text, _ in self.made.mailer.mails if one.phone in text]
                link = next(found[1] for text in texts if (found := LINK.search(text)))
                for _ in range(2):
                    assert browser(self.made).post(link).status_code == 200

    def _reminders(self, one: Modelled) -> list[str]:
        number = next(row["id"] for row in self.office.rows(calls, call_id=f"c-{one.number}"))
        rows = self.office.rows(deliveries, call_ref=number)
        return [row["remote_id"] for row in rows if row["kind"] == "reminder" and row["remote_id"]]

    def tick(self, now: datetime, model: Model) -> None:
        self.office.clock.time = now
        self.crm.away = model.is_away(now)
        self.made.gates.refresh()
        for lane in self.made.gates.take_probes():
            self.made.gates.probe(lane, lambda: None)
        if self.rng.random() < 0.05:
            self._die()
        for _ in range(2):
            self.made.look()
            self.escalation.step()
        self.made.deliver()
        if now.minute == 10:
            self._watch_alerts()

    def _die(self) -> None:
        """The process that looks is killed in the middle of it, and another one takes its place."""
        self.crm.dies = True
        try:
            self.made.watcher.step()
        except Killed:
            self.kills += 1
        self.crm.dies = False
        self.made.watcher = self.made.watch()

    def _watch_alerts(self) -> None:
        with self.office.ledger.write(alone=True) as connection:
            found = changes(AlertLook(connection, self.office.clock(), SETTINGS, "host", None))
            mine = [one for one in found.new if one.kind is AlertKind.REMINDER_CHANGED]
            close_alerts(connection, found.over, self.office.clock())
            open_alerts(connection, mine, self.office.clock())
        self.changed.update((one.about["call_id"], one.about["what"]) for one in mine)


@pytest.mark.parametrize(("seed", "count"), [(1, 120), pytest.param(2, 500, marks=pytest.mark.slow)])
def test_a_day_of_promises_is_as_the_model_says(lite: Office, seed: int, count: int) -> None:
    rng, start = Random(seed), lite.clock().replace(minute=10)
    rules_with(lite, on_leave)
    day, model = Day(lite, rng), Model(start)
    day_ahead = planned(start, rng, count)
    now = start
    while now < start + 42 * HOUR:
        for one in day_ahead:
            if one.called == now:
                lite.clock.time = now
                day.report(one, CALLS)
        day.tick(now, model)
        for one in day_ahead:
            for when, act in one.acts:
                if when == now:
                    day.act(one, act)
        now += TICK

    ids = {row["id"]: row["call_id"] for row in lite.rows(calls)}
    states = {ids[row["call_ref"]]: row["state"] for row in lite.rows(promises)}
    told: dict[str, Counter[tuple[str, str]]] = {one.phone: Counter() for one in day_ahead}
    for to, subject, text, _ in day.made.mailer.mails:
        if subject in (SOON, RISK, BROKEN):
            (phone,) = set(re.findall(r"\+7916\d{7}", text))
            told[phone][to, subject] += 1
    for one in day_ahead:
        name, about = f"c-{one.number}", (one.way, one.called, one.acts)
        assert states[name] == model.state(one), about
        assert told[one.phone] == model.messages(one), about
        assert {what for call, what in day.changed if call == name} == model.changes(one), about
    assert max(day.changed.values()) == 1
    keys = Counter(record.key for record in day.crm.crm.records)
    assert max(keys.values()) == 1
    assert day.kills > 0
    assert {to for one in day_ahead for to, _ in told[one.phone]} == {DEPUTY, SMS, BOSS}
