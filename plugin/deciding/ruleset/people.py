"""The people of a role: one, or several that fields of the call and the card choose among, with absences and deputies.

A role with several people stands in the roles once by its own name, and once for each person by the name of the
*recipient*: ``survey_coordinator:Иванова``. Deliveries carry that name, so that each person's reminder is one delivery.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from datetime import date
from typing import Any

from plugin.common.toml.source import Place
from plugin.deciding.ruleset.faults import Faults
from plugin.deciding.ruleset.model import Deputy, Role, RolePerson
from plugin.deciding.ruleset.schema import ROLES_FILE

#: Between the role and the person's name.
_OF = ":"


def recipient_of(role: str, person: str | None) -> str:
    """The name that a delivery carries for a role, or for one of its people."""
    return role if person is None else f"{role}{_OF}{person}"


def are_recipients(named: Collection[str], found: Collection[str]) -> bool:
    """Whether ``found`` are the recipients that ``named`` says, in any order and each as often.

    The name of a role stands for whoever of it is found, at least one; ``role:person`` for this person alone.
    """
    wanted, got = Counter(named), Counter(found)
    for role in (name for name in wanted if name not in got):
        people = [name for name in got if name.startswith(role + _OF) and name not in wanted]
        if not people or any(got[name] != wanted[role] for name in people):
            return False
        for name in people:
            del got[name]
        got[role] = wanted[role]
    return wanted == got


def addressee(roles: Mapping[str, Role], recipient: str) -> Role | None:
    """Who gets what is addressed to this recipient; None where the role is gone.

    Of a person who left the role, and of a role that has several people since: whoever of them is always reminded, else
    the first, so that what was promised finds somebody.
    """
    found = roles.get(recipient)
    if found is None:
        found = roles.get(recipient.split(_OF, maxsplit=1)[0])
    if found is None or not found.people:
        return found
    always = [person for person in found.people if not person.when]
    return roles.get(recipient_of(found.name, (always or list(found.people))[0].name))


def present(role: Role, today: date) -> Role | Deputy:
    """The role's person, or the deputy on a day on which they are away."""
    is_away = any(first <= today <= last for first, last in role.away)
    return role.deputy if is_away and role.deputy else role


def everybody(roles: Mapping[str, Role]) -> Iterator[Role]:
    """Everyone who may be reminded: the person of each role, its people, and their deputies as roles of their own."""
    for role in roles.values():
        if role.people:
            continue
        yield role
        if role.deputy:
            name, deputy = f"{role.name} (deputy)", role.deputy
            yield Role(name, deputy.label, deputy.crm_user, deputy.address, role.email)


def roles_of(forms: Mapping[str, Mapping[str, Any]], faults: Faults) -> dict[str, Role]:
    """The roles of [role.NAME] with the recipients of those that have several people; what is wrong is noted."""
    roles: dict[str, Role] = {}
    for name, form in forms.items():
        place: Place = ("role", name)
        own = {key: form[key] for key in ("label", "crm_user", "address", "email")}
        if not form["person"]:
            _check_reached(own, place, faults)
            roles[name] = Role(name=name, **own)
            continue
        if form["crm_user"] or form["address"]:
            faults.add(ROLES_FILE, place, "и один человек, и список person", "перенесите crm_user и address в person")
        people = list(_people(name, form, faults))
        roles[name] = Role(name=name, **own, people=tuple(person for person, _ in people))
        roles |= {role.name: role for _, role in people}
    return roles


def _people(role: str, form: Mapping[str, Any], faults: Faults) -> Iterator[tuple[RolePerson, Role]]:
    seen: set[str] = set()
    for index, one in enumerate(form["person"]):
        place: Place = ("role", role, "person", index)
        if one["name"] in seen:
            faults.add(ROLES_FILE, (*place, "name"), f"«{one['name']}» в этой роли уже есть", "назовите иначе")
        seen.add(one["name"])
        own = {key: one[key] for key in ("crm_user", "address")} | {"email": one["email"] or form["email"]}
        _check_reached(own, place, faults)
        deputy = one["deputy"]
        if deputy:
            _check_reached({**deputy, "email": own["email"]}, (*place, "deputy"), faults)
        if one["away"] and not deputy:
            what = "на время отсутствия нет заместителя"
            faults.add(ROLES_FILE, (*place, "away"), what, "допишите deputy или снимите away")
        label = f"{form['label']}: {one['name']}"
        yield (
            RolePerson(one["name"], dict(one["when"])),
            Role(
                name=recipient_of(role, one["name"]),
                label=label,
                **own,
                away=tuple(one["away"]),
                deputy=Deputy(f"{form['label']}: {deputy['name']}", deputy["crm_user"], deputy["address"])
                if deputy
                else None,
            ),
        )


def _check_reached(form: Mapping[str, Any], place: Place, faults: Faults) -> None:
    if form["email"] in ("smtp", "both") and not form["address"]:
        faults.add(ROLES_FILE, place, "нет почтового адреса", 'задайте address или email = "crm"')
    if not form["crm_user"]:
        faults.add(ROLES_FILE, place, "нет пользователя CRM", "задайте crm_user: на него ставится напоминание")
