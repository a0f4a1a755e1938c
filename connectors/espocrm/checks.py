"""The account tried before it is used: reachable, key, rights, card types, fields, mail, clocks. Writes nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from connectors.base import Assignee, Check, CrmRefused, CrmUnavailable
from connectors.espocrm.client import EspoClient
from connectors.espocrm.metadata import Fields, entered, mapped_field
from connectors.espocrm.settings import CARD_FIELD, CARD_TYPES
from connectors.kit.checks import clocks_agree, date_header, point, stays_private

_ADMIN = ("admin", "super-admin")


class EspoChecks:
    """The points of ``optout doctor`` for one account."""

    def __init__(self, api: EspoClient, settings: Mapping[str, Any], now: Callable[[], datetime]) -> None:
        self._api = api
        self._settings = settings
        self._now = now

    def account(self) -> Sequence[Check]:
        """All points of the account, as far as it can be asked."""
        points = [stays_private(self._api.http.base_url)]
        try:
            me = self._api.get("App/user")
        except (CrmUnavailable, CrmRefused) as error:
            if error.status != 401:
                return [*points, point("the CRM answers", False, f"Start the CRM or correct base_url: {error}")]
            remedy = (
                "Copy the API user's key anew; with the method HMAC, set hmac_secret_key too; the user must be active"
            )
            return [*points, point("the CRM answers", True), point("the key is accepted", False, remedy)]
        if not isinstance(me.data, dict) or not isinstance(me.data.get("user"), dict):
            return [*points, point("the CRM answers", False, "base_url leads to something else; correct it")]
        points += [
            point("the CRM answers", True),
            point("the key is accepted", True),
            clocks_agree(date_header(me.headers), self._now()),
        ]
        points += [self._own_user(me.data["user"]), *self._rights(me.data)]
        return [*points, *self._configuration(), *self._mail(me.data["user"]), *self._events()]

    def assignee(self, assignee: Assignee, *, mailed: bool) -> Sequence[Check]:
        """Whether this person can be reminded and, where ``mailed``, be mailed by the CRM."""
        if not assignee.user:
            remedy = "Set the role's crm_user to the id at the end of the user's address in the CRM"
            return [point("the role has a CRM user", False, remedy)]
        try:
            user = self._api.record("User", assignee.user)
        except (CrmUnavailable, CrmRefused) as error:
            remedy = f"Let the API user's role read users: {error}"
            return [point("the user can be read", False, remedy)]
        exists = user is not None and user.get("isActive") is not False
        points = [point("the user exists and is active", exists, "Choose another user, or activate this one")]
        if mailed:
            address = bool(assignee.address or (user or {}).get("emailAddress"))
            points.append(point("the user has an address", address, "Give the user or the role an e-mail address"))
            points.append(point("mail_sender is set", bool(self._settings["mail_sender"]), "Set mail_sender"))
        return points

    # --- what the account may do -----------------------------------------------------------------------

    def _own_user(self, user: Mapping[str, Any]) -> Check:
        given, own = self._settings["own_user"], user.get("id")
        remedy = f"Set own_user to {own}, or leave it out"
        return point("own_user is the API user", given in (None, own), remedy)

    def _rights(self, me: Mapping[str, Any]) -> list[Check]:
        if me["user"].get("type") in _ADMIN:
            remedy = "Use an API user with a role of its own: the key of an administrator can do everything"
            return [point("the key is no administrator's", False, remedy)]
        acl = me.get("acl")
        acl = acl if isinstance(acl, dict) else {}
        wanted = {CARD_TYPES[kind]: ["read", "stream"] for kind in self._settings["card_types"]}
        for kind in self._settings["search_in"]:
            wanted.setdefault(CARD_TYPES[kind], ["read"])
        wanted |= {"Task": ["create", "read", "edit", "delete"], "User": ["read"]}
        if self._settings["mail_sender"]:
            wanted["Email"] = ["create", "read", "edit"]
        for webhook in self._settings["webhooks"]:
            wanted.setdefault(webhook.entity, ["read"])
        points = [self._may(acl, entity, actions) for entity, actions in wanted.items()]
        assigns = acl.get("assignmentPermission") not in (None, "no")
        remedy = "Set the role's Assignment Permission to all (or team, with the people in the API user's team)"
        return [*points, point("tasks may be given to others", assigns, remedy)]

    @staticmethod
    def _may(acl: Mapping[str, Any], entity: str, actions: Sequence[str]) -> Check:
        table = acl.get("table")
        rights = table.get(entity) if isinstance(table, dict) else None
        if isinstance(rights, dict):
            lacking = [action for action in actions if rights.get(action) in (None, "no", False)]
        else:
            lacking = [] if rights is True else list(actions)
        name = f"the role lets {entity} be used ({', '.join(actions)})"
        return point(name, not lacking, f"Allow in the API user's role, {entity}: {', '.join(lacking)}")

    # --- how the CRM is set up -------------------------------------------------------------------------

    def _configuration(self) -> list[Check]:
        try:
            scopes = self._metadata("scopes")
            task = self._metadata("entityDefs.Task.fields")
            return [*self._card_types(scopes, task), *self._external_id(task), *self._mapping()]
        except (CrmUnavailable, CrmRefused) as error:
            return [point("its metadata can be read", False, f"Try again, or see the CRM's log: {error}")]

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
        facts = self._settings["facts"].fields
        calls = {webhook.entity for webhook in self._settings["webhooks"]} or {"Call"}
        cards = {CARD_TYPES[kind] for kind in self._settings["card_types"]}
        needed = {entity for item in facts for entity in (cards if item.field.startswith(CARD_FIELD) else calls)}
        defs: dict[str, Fields] = {entity: self._metadata(f"entityDefs.{entity}.fields") for entity in sorted(needed)}
        return [
            point
            for item in facts
            for point in mapped_field(
                item, {e: defs[e] for e in sorted(cards if item.field.startswith(CARD_FIELD) else calls)}
            )
        ]

    def _mail(self, user: Mapping[str, Any]) -> list[Check]:
        sender = self._settings["mail_sender"]
        if not sender:
            return []
        addresses = user.get("emailAddressList")
        usable = isinstance(addresses, list) and sender.lower() in [str(address).lower() for address in addresses]
        remedy = (
            "Share the system's outbound address (Administration, Outbound Emails), or give the API user a group "
            "email account with SMTP, and set mail_sender to its address"
        )
        return [point("the CRM can send mail from mail_sender", usable, remedy)]

    def _events(self) -> list[Check]:
        if not self._settings["facts"].fields:
            return []
        remedy = "Create the webhooks that the README names and set `webhooks` to their ids and keys"
        return [point("its events can be verified", bool(self._settings["webhooks"]), remedy)]
