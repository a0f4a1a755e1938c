"""The account tried before it is used: reachable, key, rights, card types, fields, webhooks, clocks. Writes nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from connectors.base import Assignee, CardFieldState, Check, CrmRefused, CrmUnavailable
from connectors.espocrm.client import WHO_AM_I, EspoClient
from connectors.espocrm.errors import SHUT_OUT
from connectors.espocrm.metadata import Fields, card_field, entered, mapped_field
from connectors.espocrm.rights import role_points
from connectors.espocrm.settings import CARD_FIELD, CARD_TYPES, call_entities
from connectors.espocrm.users import EspoUsers
from connectors.espocrm.webhook_checks import webhook_points
from connectors.kit.checks import clocks_agree, date_header, stays_private
from connectors.protocol.check import is_throttled, point, untried

_KEY_REFUSED = (
    "Copy the API user's key anew; with the method HMAC, set hmac_secret_key too; the user must be active. "
    "More than ten tries a minute shut out everybody at this address"
)
_SHUT_OUT = (
    "Wait a minute and find out who fails to log in from this address. Behind a proxy everybody seems to come from its "
    "address: set ipAddressServerParam in the CRM's data/config.php. This machine may also be missing in "
    "Administration, Authentication, IP Address Whitelist"
)


class EspoChecks:
    """The points of ``optout doctor`` for one account."""

    def __init__(
        self, api: EspoClient, settings: Mapping[str, Any], users: EspoUsers, now: Callable[[], datetime]
    ) -> None:
        self._api = api
        self._settings = settings
        self._users = users
        self._now = now

    def account(self) -> Sequence[Check]:
        """All points of the account, as far as it can be asked."""
        points = [stays_private(self._api.http.base_url)]
        try:
            me = self._api.get(WHO_AM_I)
        except (CrmUnavailable, CrmRefused) as error:
            return [*points, *_not_let_in(error)]
        if not isinstance(me.data, dict) or not isinstance(me.data.get("user"), dict):
            return [*points, point("the CRM answers", False, "base_url leads to something else; correct it")]
        points += [
            point("the CRM answers", True),
            point("the key is accepted", True),
            clocks_agree(date_header(me.headers), self._now()),
        ]
        points += [self._own_user(me.data["user"]), *role_points(me.data, self._settings)]
        return [*points, *self._configuration(), *self._mail(me.data["user"]), *self._events()]

    def assignee(self, assignee: Assignee, *, mailed: bool) -> Sequence[Check]:
        """Whether this person can be reminded and, where ``mailed``, be mailed by the CRM."""
        if not assignee.user:
            remedy = "Set the role's crm_user to the id at the end of the user's address in the CRM, or to the login"
            return [point("the role has a CRM user", False, remedy)]
        try:
            user = self._users.record(assignee.user)
        except CrmUnavailable as error:
            return [untried("the user can be read", error)]
        except CrmRefused as error:
            # EspoCRM shows inactive users to administrators only (Classes/Acl/User/AccessChecker.php).
            remedy = f"Activate the user if inactive, else let the API user's role read users: {error}"
            return [point("the user can be read", False, remedy)]
        exists = user is not None and user.get("isActive") is not False
        remedy = "Set the role's crm_user to the id or the login of a user who is there, or activate this one"
        points = [point("the user exists and is active", exists, remedy)]
        if mailed:
            address = bool(assignee.address or (user or {}).get("emailAddress"))
            points.append(point("the user has an address", address, "Give the user or the role an e-mail address"))
            points.append(point("mail_sender is set", bool(self._settings["mail_sender"]), "Set mail_sender"))
        return points

    def _own_user(self, user: Mapping[str, Any]) -> Check:
        given, own = self._settings["own_user"], user.get("id")
        remedy = f"Set own_user to {own}, or leave it out"
        return point("own_user is the API user", given in (None, own), remedy)

    def card_field_states(self) -> Sequence[CardFieldState]:
        """What the kinds of card say of the declared fields. Raises CrmUnavailable, CrmRefused."""
        declared = self._settings["card_fields"].fields
        if not declared:
            return ()
        entities = dict.fromkeys(CARD_TYPES[kind] for kind in self._settings["card_types"])
        owners: list[Fields] = [self._metadata(f"entityDefs.{entity}.fields") for entity in entities]
        return [card_field(item, owners) for item in declared]

    # --- how the CRM is set up -------------------------------------------------------------------------

    def _configuration(self) -> list[Check]:
        try:
            scopes = self._metadata("scopes")
            task = self._metadata("entityDefs.Task.fields")
            return [*self._card_types(scopes, task), *self._external_id(task), *self._mapping()]
        except CrmUnavailable as error:
            return [untried("its metadata can be read", error)]
        except CrmRefused as error:
            return [point("its metadata can be read", False, f"See the CRM's log: {error}")]

    def _metadata(self, key: str) -> Mapping[str, Any]:
        """https://docs.espocrm.com/development/api/metadata/: what the API user may see of it."""
        data = self._api.get("Metadata", {"key": key}).data
        return data if isinstance(data, dict) else {}

    def _card_types(self, scopes: Mapping[str, Any], task: Fields) -> list[Check]:
        parents = task.get("parent", {}).get("entityList")
        points = []
        for kind in self._settings["card_types"]:
            entity = CARD_TYPES[kind]
            scope = scopes.get(entity)
            streamed = isinstance(scope, dict) and scope.get("stream") is True and scope.get("disabled") is not True
            remedy = f"Enable {entity} and its stream in the Entity Manager, or leave {kind!r} out of card_types"
            points.append(point(f"{entity} takes comments", streamed, remedy))
            linked = isinstance(parents, list) and entity in parents
            remedy = f"Add {entity} to the entity list of the field Task.parent, or leave {kind!r} out of card_types"
            points.append(point(f"tasks can be linked to {entity}", linked, remedy))
        return points

    def _external_id(self, task: Fields) -> list[Check]:
        name = self._settings["external_id_field"]
        if not name:
            return []
        field = task.get(name)
        fits = isinstance(field, Mapping) and field.get("type") == "varchar" and (field.get("maxLength") or 255) >= 64
        remedy = (
            f"Create {entered(name)} at Task in the Entity Manager, type Varchar, at least 64 long, and let the role "
            'edit it; or set external_id_field = ""'
        )
        return [point(f"Task.{name} exists", fits, remedy)]

    def _mapping(self) -> list[Check]:
        facts, dialled = self._settings["facts"].fields, self._settings["phone_field"]
        calls = call_entities(self._settings["webhooks"])
        cards = {CARD_TYPES[kind] for kind in self._settings["card_types"]}
        needed = {entity for item in facts for entity in (cards if item.field.startswith(CARD_FIELD) else calls)}
        needed |= calls if dialled else set()
        defs: dict[str, Fields] = {entity: self._metadata(f"entityDefs.{entity}.fields") for entity in sorted(needed)}
        points = [
            point
            for item in facts
            for point in mapped_field(
                item, {e: defs[e] for e in sorted(cards if item.field.startswith(CARD_FIELD) else calls)}
            )
        ]
        return points + ([_dialled(dialled, {entity: defs[entity] for entity in sorted(calls)})] if dialled else [])

    def _mail(self, user: Mapping[str, Any]) -> list[Check]:
        """The list that an API user sees holds the system's address whether or not anything sends for it."""
        sender = self._settings["mail_sender"]
        if not sender:
            return []
        addresses = user.get("emailAddressList")
        listed = isinstance(addresses, list) and sender.lower() in [str(address).lower() for address in addresses]
        remedy = (
            "Set mail_sender to the system's outbound address and tick Is Shared (Administration, Outbound Emails), or "
            "to that of a group email account that sends and that the role may use"
        )
        return [
            point("the CRM lets the API user choose mail_sender (whether it can send is not tried)", listed, remedy)
        ]

    def _events(self) -> list[Check]:
        webhooks = self._settings["webhooks"]
        points = webhook_points(self._api, webhooks)
        if not self._settings["facts"].fields:
            return points
        remedy = "Create the webhooks that the README names and set `webhooks` to their ids and keys"
        return [point("its events can be verified", bool(webhooks), remedy), *points]


def _not_let_in(error: CrmUnavailable | CrmRefused) -> list[Check]:
    answers = point("the CRM answers", True)
    if error.status == 401:
        return [answers, point("the key is accepted", False, _KEY_REFUSED)]
    if error.code == SHUT_OUT:
        return [answers, point("the CRM lets this machine in", False, f"{_SHUT_OUT}: {error}")]
    if is_throttled(error):
        return [answers, untried("the key is accepted", error)]
    return [point("the CRM answers", False, f"Start the CRM or correct base_url: {error}")]


def _dialled(name: str, calls: Mapping[str, Fields]) -> Check:
    lacking = [entity for entity, fields in calls.items() if not isinstance(fields.get(name), Mapping)]
    remedy = f"Create {entered(name)} in the Entity Manager of {' and '.join(lacking)}, or correct phone_field"
    return point(f"phone_field {name} exists", not lacking, remedy)
