"""One office: events come in, decisions go to a CRM in memory, and what stands there in the end is judged."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from connectors.base import Card, CardRef, ReminderState
from plugin.authoring.revisions.active import ActiveRules
from plugin.deciding.ruleset import Role
from plugin.ledger.schema import calls, decisions, deliveries
from plugin.ledger.states import OPEN
from tests.plugin.delivery.fake_crm import FakeCrm, Killed, Record
from tests.plugin.delivery.harness import BreakableLedger, House
from tests.plugin.events.support import SETTINGS, Office, rulebook

COORDINATOR = Role("survey_coordinator", "Координатор опросов", "u7", "coordinator@example.org", "smtp")
SMS_MANAGER = Role("sms_manager", "СМС-менеджер", "u8", "sms@example.org", "smtp")
BOTH = frozenset({COORDINATOR.name, SMS_MANAGER.name})
_BLANK = dict.fromkeys(
    ("related_to_car", "is_client", "client_name", "survey_type", "agreed_to_warning", "agreed_after_explanation")
)
FOUND, TWICE, NOBODY = "Пётр Петров", "Двойной Иван", "Неизвестный Никто"


@dataclass(frozen=True)
class Ending:
    """Facts that end a call, the label of their outcome, and who is to be reminded."""

    facts: Mapping[str, Any]
    label: str
    people: frozenset[str]
    final: bool = False


def _all(**facts: Any) -> dict[str, Any]:
    return _BLANK | facts


def by_another(name: str) -> dict[str, Any]:
    return _all(related_to_car=False, is_client=True, client_name=name, survey_type="calls")


CALLS_LABEL = "исключить из звонков с опросом"
ENDINGS: Mapping[str, Ending] = {
    "calls": Ending(_all(related_to_car=True, survey_type="calls"), CALLS_LABEL, frozenset({COORDINATOR.name})),
    "mailings": Ending(
        _all(related_to_car=True, survey_type="online", agreed_to_warning="yes"), "исключить из рассылок", BOTH
    ),
    "all": Ending(
        _all(related_to_car=True, survey_type="all", agreed_to_warning="yes"),
        "исключить из звонков с опросом и рассылок",
        BOTH,
    ),
    "not_client": Ending(
        _all(related_to_car=False, is_client=False),
        "исключить номер из звонков с опросом и рассылок: отвечает не клиент",
        BOTH,
    ),
    "none": Ending(
        _all(related_to_car=True, survey_type="online", agreed_to_warning="changed_mind"),
        "исключать не требуется",
        frozenset(),
    ),
    "unfinished": Ending(
        _all(related_to_car=True),
        "Разговор не завершён: решить вручную",
        frozenset({COORDINATOR.name}),
        final=True,
    ),
    "found": Ending(by_another(FOUND), CALLS_LABEL, frozenset({COORDINATOR.name})),
    "twice": Ending(by_another(TWICE), CALLS_LABEL, frozenset({COORDINATOR.name})),
    "nobody": Ending(by_another(NOBODY), CALLS_LABEL, frozenset({COORDINATOR.name})),
}
_CORRECTION = re.compile(r"^Исправление.*?прежняя запись[^«]*\(«(.+?)»\) отменена", re.MULTILINE)


class Desk:
    """Events in, records out; ``crm`` is how the CRM answers the next process."""

    def __init__(self, ledger: BreakableLedger) -> None:
        roles = {role.name: role for role in (COORDINATOR, SMS_MANAGER)}
        self.house = House(ledger, roles=roles, prepared=True)
        rules = ActiveRules(ledger, self.house.clock)
        rules.activate(rulebook(), "test", "test")
        self.office = Office(ledger, rules, SETTINGS, self.house.clock)  # type: ignore[arg-type]
        self.crm = FakeCrm(self.house.crm)
        self._minutes = 0

    def call(self, number: int) -> Call:
        """A call whose card, and another client's, and two of the same name, are in the CRM."""
        phone = f"+7916{number:07}"
        names = [("own", "Анна Карточкина"), ("other", FOUND), ("twin-1", TWICE), ("twin-2", TWICE)]
        for which, name in names:
            self.house.crm.contacts.append(Card(CardRef("contact", f"{number}-{which}"), name, phones=(phone,)))
        return Call(self, number, phone)

    def work(self) -> None:
        """One round of a process, which may be killed in it."""
        try:
            self.house.worker(self.crm).run_once()
        except Killed:
            self.crm, self.house.mailer.dead = FakeCrm(self.house.crm), False

    def drain(self) -> None:
        """No more faults; after enough time everything has come to its end, also what a human had to look at."""
        self.crm, self.house.mailer.answers, self.house.mailer.dead = FakeCrm(self.house.crm), [], False
        for _ in range(100):
            rows = self.house.rows()
            parked = [row for row in rows if row.state == "parked"]
            for row in parked:
                self.house.change(row.id, state="unknown" if row.sent_at else "waiting", not_before=self.house.clock())
            if not parked and not any(row.state in OPEN for row in rows):
                return
            self.house.clock.advance(300)
            self.work()
        raise AssertionError([row for row in self.house.rows() if row.state in OPEN])


@dataclass
class Call:
    """One call of the desk and what is known of it. ``told``: the endings reported, in their order."""

    desk: Desk
    number: int
    phone: str

    def __post_init__(self) -> None:
        self.told: list[str] = []

    def report(self, ending: str, **changes: Any) -> dict[str, Any]:
        """An event by which the call ends so."""
        clock, given = self.desk.house.clock, ENDINGS[ending]
        self.told.append(ending)
        clock.advance(1)
        event = {
            "id": f"evt-{self.number}-{len(self.told)}",
            "occurred_at": clock().isoformat(),
            "script": "survey_opt_out",
            "final": given.final,
            "call": {"id": f"c-{self.number}", "phone": self.phone},
            "card": {"type": "contact", "id": f"{self.number}-own"},
            "facts": dict(given.facts),
        }
        return self.desk.office.taken_body(event | changes)

    def then(self, *endings: str) -> Call:
        """Reported and delivered one after the other."""
        for ending in endings:
            self.report(ending)
            self.desk.drain()
        return self

    # --- what is there -----------------------------------------------------------------------------

    def records(self, card: str | None = None) -> list[Record]:
        """Comments and reminders of the call in the CRM, of one card of it or of all, in the order of writing."""
        cards = {f"{self.number}-{one}" for one in ("own", "other", "twin-1", "twin-2")}
        if card is not None:
            cards = {f"{self.number}-{card}"}
        return [one for one in self.desk.house.crm.records if one.card is not None and one.card.id in cards]

    def comments(self, card: str = "own") -> list[str]:
        return [one.text for one in self.records(card) if one.kind == "comment"]

    def open(self) -> list[Record]:
        """Its open reminders."""
        return [one for one in self.records() if one.kind == "reminder" and one.state is ReminderState.OPEN]

    def mails(self, role: Role) -> list[tuple[str, str]]:
        """Subject and text of the mails to this role."""
        mails = self.desk.house.mailer.mails
        return [(subject, text) for to, subject, text, _ in mails if to == role.address and self.phone in text]

    # --- what must hold ------------------------------------------------------------------------------

    def check(self) -> None:
        """Everything that contract 3.5 promises of a call, whatever happened on the way."""
        standing = ENDINGS[self.told[-1]]
        self.check_open(standing)
        for card in ("own", "other"):
            self.check_card(card)
        for role in (COORDINATOR, SMS_MANAGER):
            self.check_person(role, standing)

    def check_open(self, standing: Ending) -> None:
        users = {role.crm_user: role.name for role in (COORDINATOR, SMS_MANAGER)}
        people = [users[one.assignee.user] for one in self.open() if one.assignee]
        assert sorted(people) == sorted(standing.people), (self.told, people)

    def check_card(self, card: str) -> None:
        """Every record of an older decision is taken back, and nothing is that was not there."""
        labels, latest = self._labels()
        known = [(labels[one.key], one) for one in self.records(card)]
        for place, ((decision, label), record) in enumerate(known):
            later = [other.text for _, other in known[place + 1 :] if other.kind == "comment"]
            taken_back = any(label in _CORRECTION.findall(text) for text in later)
            if decision != latest and "не к этой карточке" not in record.text:
                assert taken_back, (self.told, card, record, later)
            if record.kind == "comment":
                before = {named for (_, named), _ in known[:place]}
                assert set(_CORRECTION.findall(record.text)) <= before, (self.told, card, record)

    def _labels(self) -> tuple[dict[str, tuple[int, str]], int]:
        """The decision of each key and its outcome's label; and the last decision."""
        script, unfinished = rulebook().script("survey_opt_out"), ENDINGS["unfinished"].label
        of_call = select(decisions.c.id, decisions.c.outcome).join(calls).where(calls.c.call_id == f"c-{self.number}")
        with self.desk.house.ledger.read() as connection:
            known = {id_: outcome for id_, outcome in connection.execute(of_call)}
            query = select(deliveries.c.key, deliveries.c.decision_ref).where(deliveries.c.decision_ref.in_(known))
            rows = connection.execute(query).all()
        labels = {id_: script.outcome_label(outcome) if outcome else unfinished for id_, outcome in known.items()}
        return {key: (decision, labels[decision]) for key, decision in rows}, max(known)

    def check_person(self, role: Role, standing: Ending) -> None:
        """The last mail to everybody says what holds now."""
        mails = self.mails(role)
        if role.name in standing.people:
            assert mails, (self.told, role.name)
            assert not mails[-1][0].startswith("ОТМЕНА"), (self.told, mails)
        elif mails:
            assert mails[-1][0].startswith("ОТМЕНА"), (self.told, mails)


def pairs() -> Iterator[tuple[str, str]]:
    """Every ending and every other one."""
    return ((one, other) for one in ENDINGS for other in ENDINGS if one != other)
