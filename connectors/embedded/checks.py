"""The account tried before it is used: reachable, token, mail, events. Writes nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from connectors.base import Assignee, Check, CrmRefused, CrmUnavailable
from connectors.embedded.client import EmbeddedClient
from connectors.kit.checks import stays_private
from connectors.protocol.check import is_throttled, point, read_failed, untried

_USER = "is a user of the CRM"


class EmbeddedChecks:
    """The points of ``optout doctor`` for one account."""

    def __init__(self, api: EmbeddedClient, settings: Mapping[str, Any]) -> None:
        self._api = api
        self._settings = settings

    def account(self) -> Sequence[Check]:
        """All points of the account, as far as it can be asked."""
        points = [stays_private(self._api.http.base_url)]
        try:
            me = self._api.get("me").data
        except (CrmUnavailable, CrmRefused) as error:
            if is_throttled(error):
                return [*points, untried("the token is accepted", error)]
            if error.status not in (401, 403):
                return [*points, point("the CRM answers", False, f"Start the CRM or correct base_url: {error}")]
            remedy = "Give the plugin the token that the CRM was started with"
            return [*points, point("the CRM answers", True), point("the token is accepted", False, remedy)]
        if not isinstance(me, dict) or me.get("crm") != "embedded":
            return [*points, point("the CRM answers", False, "base_url leads to something else; correct it")]
        return [*points, point("the CRM answers", True), point("the token is accepted", True), *self._rights(me)]

    def assignee(self, assignee: Assignee, *, mailed: bool) -> Sequence[Check]:
        """Whether this person can be reminded and, where ``mailed``, be mailed by the CRM."""
        if not assignee.user:
            return [point(_USER, False, "Give the role a crm_user")]
        try:
            user = self._api.record("users", assignee.user)
        except (CrmUnavailable, CrmRefused) as error:
            return [read_failed(_USER, error, f"The CRM does not show its users: {error}")]
        if user is None:
            return [point(_USER, False, f"The CRM has no user {assignee.user}: correct crm_user")]
        points = [point(_USER, True)]
        if mailed:
            points.append(point("has an address in the CRM", bool(user.get("email")), "Give the user an e-mail there"))
        return points

    def _rights(self, me: Mapping[str, Any]) -> Sequence[Check]:
        no_mail = "Start the CRM with --outbox or --smtp, or let no role's mail go through the CRM"
        no_secret = "Set webhook_secret to the secret that the CRM was started with"
        verifiable = bool(self._settings.get("webhook_secret")) or not me.get("webhook")
        return [
            point("the CRM can send mail", me.get("mail") != "none", no_mail),
            point("its events can be verified", verifiable, no_secret),
        ]
