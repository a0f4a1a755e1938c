"""What ``optout doctor`` asks an account: the described checks, and whether a person can be reminded and mailed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from connectors.base import NO_STORE, Assignee, Card, CardRef, Check, CrmRefused, CrmUnavailable
from connectors.http.address import is_private
from connectors.protocol.card_check import BY_NAME, BY_NUMBER, card_checks
from connectors.protocol.check import is_throttled, read_failed, untried
from connectors.rest.client import RestClient
from connectors.rest.conditions import all_hold
from connectors.rest.contacts import RestContacts
from connectors.rest.context import TemplateValues, person
from connectors.rest.misfit import not_read
from connectors.rest.model import CheckPoint, Contacts, PersonTable
from connectors.rest.paths import as_text
from connectors.rest.template import NotRendered

_NOT_LET_IN = (401, 403)


class RestChecks:
    """Asks and never raises; writes nothing."""

    def __init__(self, account: RestClient, values: TemplateValues, settings: Mapping[str, Any]) -> None:
        self._account = account
        self._values = values
        self._points: Sequence[CheckPoint] = settings["check"]
        self._person: PersonTable | None = settings["person"]
        self._kinds: Mapping[str, object] = settings["card"]
        self._settings = settings

    def account(self) -> list[Check]:
        """The account's points; after one that was not even answered, the rest are left out."""
        private = is_private(self._account.http.base_url)
        points = [_checked("what is sent stays private", private, "Use https, or run the CRM on this machine")]
        for point in self._points:
            asked = checked(self._account, self._values, point)
            if isinstance(asked, Check):
                points.append(asked)
            elif asked.status in _NOT_LET_IN or asked.blocked:
                points.append(Check(point.name, False, f"{point.remedy} ({asked})"))
            elif asked.code == NO_STORE:
                points.append(Check(point.name, None, str(asked)))
            elif is_throttled(asked):
                points.append(untried(point.name, asked))
            else:
                points.append(Check(point.name, False, f"Start the CRM or correct base_url: {asked}"))
                break
        return points

    def card(self, card: CardRef, contacts: RestContacts) -> list[Check]:
        """Whether this card is there and, of a type that is looked up, is found by its own number and name."""
        if card.type not in self._kinds:
            known = ", ".join(sorted(self._kinds))
            return [Check("the description has cards of this type", False, f"No [card.{card.type}]; known: {known}")]

        def find(**given: str) -> Sequence[Card]:
            return contacts.contacts(given.get("phone"), given.get("name"))

        def looked_up(table: str) -> bool:
            described: Contacts | None = self._settings[table]
            return described is not None and described.type == card.type

        points = card_checks(card, contacts.card, find)
        left_out = {
            name
            for table, name in (("contact_by_phone", BY_NUMBER), ("contact_by_name", BY_NAME))
            if not looked_up(table)
        }
        return [point for point in points if point.name not in left_out]

    def probe(self) -> bool:
        """Ask what the first point asks; False where none is described. Raises CrmUnavailable, CrmRefused."""
        if not self._points:
            return False
        try:
            self._account.read(self._points[0].request, self._values.of())
        except NotRendered as error:
            raise not_read("the first check cannot be asked", error) from None
        return True

    def assignee(self, assignee: Assignee, *, mailed: bool) -> list[Check]:
        """Whether the CRM has this user and, where it is to mail, an address of theirs."""
        described = self._person
        if described is None:
            return []
        name = "the CRM has the user to remind"
        if not assignee.user:
            return [Check(name, False, f"Give the role a crm_user in roles.toml. {described.remedy}")]
        context, find = self._values.of(assignee=person(assignee)), described.find
        try:
            found = next(iter(self._account.records(find.request, context, find.records, find.pages)), None)
        except (CrmUnavailable, CrmRefused, NotRendered) as error:
            remedy = f"The CRM does not show its users: {error}"
            return [Check(name, False, remedy) if isinstance(error, NotRendered) else read_failed(name, error, remedy)]
        points = [_checked(name, found is not None, described.remedy)]
        if mailed and found is not None and described.address is not None:
            address = as_text(described.address.get(found))
            remedy = "Give this user a mail address in the CRM, or let the role's mail go over SMTP"
            points.append(_checked("the CRM has an address to mail to", "@" in address, remedy))
        return points


def checked(account: RestClient, values: TemplateValues, point: CheckPoint) -> Check | CrmUnavailable:
    """Whether a described point holds; CrmUnavailable where the CRM could not be asked."""
    context = values.of()
    try:
        data = account.read(point.request, context)
        good = data is not None and all_hold(point.expect, data, {**context, "record": data})
    except CrmUnavailable as error:
        return error
    except (CrmRefused, NotRendered) as error:
        return Check(point.name, False, f"{point.remedy} ({error})")
    return _checked(point.name, good, point.remedy)


def _checked(name: str, ok: bool, remedy: str) -> Check:
    return Check(name, ok, "" if ok else remedy)
