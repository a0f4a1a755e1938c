"""Who is let in and what the API user may do: log-ins, levels of the role, fields that are closed (9.1's source)."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections import deque
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from tests.connectors.espocrm.search import Record
from tests.support.fake_api import ApiAnswer, ApiRequest

API_KEY = "0f3c5b7d9e1a2c4b6d8f0a1c3e5b7d9f"
HMAC_SECRET = "4b6d8f0a1c3e5b7d9f0f3c5b7d9e1a2c"
OWN_USER = "65f0000000000a001"

_MOST_FAILED = 10
_FAILED_PERIOD = timedelta(seconds=60)
#: Fields that have another name than their attributes.
_FIELD_OF = {"assignedUserId": "assignedUser", "parentId": "parent", "parentType": "parent"}
_CARDS = ("Contact", "Lead", "Account", "Opportunity", "Case")


class Refusal(Exception):
    """An error answer: its status, what stands in X-Status-Reason, and its body."""

    def __init__(self, status: int, reason: str | None = None, body: Any = None) -> None:
        super().__init__(reason)
        self.answer = ApiAnswer(status, body, {} if reason is None else {"X-Status-Reason": reason})


class Access:
    """``role`` is what the API user may do, by entity and action; the fields that it may not use are closed."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.role: dict[str, Any] = {
            **{entity: dict.fromkeys(("read", "stream"), "all") for entity in _CARDS},
            "Task": dict.fromkeys(("read", "edit", "delete"), "all") | {"create": "yes"},
            "Email": {"create": "yes", "read": "own", "edit": "own", "delete": "own"},
            "Call": {"read": "all"},
            "User": {"read": "all"},
            "Webhook": True,
        }
        self.assignment_permission = "all"
        #: Fields that the role may not fill in: taken out of what comes in, without a word.
        self.not_editable: dict[str, set[str]] = {}
        self.not_readable: dict[str, set[str]] = {}
        self.user_type = "api"
        self.hmac = False
        self.active = True
        self._failed: deque[datetime] = deque()

    # --- who is let in (``Core/Authentication/Authentication.php``) --------------------------------------

    def log_in(self, request: ApiRequest) -> None:
        """Raises Refusal. Failed log-ins shut out all of the address, by a 403 that says nothing."""
        if self.is_shut_out():
            raise Refusal(403)
        path = request.path.removeprefix("/api/v1")
        digest = hmac.new(HMAC_SECRET.encode(), f"{request.method} {path}".encode(), hashlib.sha256).hexdigest()
        signed = base64.b64encode(f"{API_KEY}:{digest}".encode()).decode()
        name, expected = ("x-hmac-authorization", signed) if self.hmac else ("x-api-key", API_KEY)
        if request.headers.get(name) != expected or not self.active:
            self._failed.append(self.now)
            raise Refusal(401)

    def is_shut_out(self) -> bool:
        """``FailedAttemptsLimit.php``: more than so many failures within the last minute."""
        return sum(moment > self.now - _FAILED_PERIOD for moment in self._failed) > _MOST_FAILED

    def fail_log_ins(self, times: int = _MOST_FAILED + 1) -> None:
        """Another program at the same address gets its password wrong."""
        self._failed.extend([self.now] * times)

    # --- what the role may (``Core/Acl``) ----------------------------------------------------------------

    def level(self, entity: str, action: str) -> str:
        """The role's level. An entity without levels of its own is allowed or not."""
        rights = self.role.get(entity)
        if entity == "Note":
            return "all" if action in ("create", "read") else "own"
        if isinstance(rights, Mapping):
            return str(rights.get(action) or "no")
        return "own" if rights is True else "no"

    def may(self, entity: str, action: str, record: Record | None = None) -> None:
        """Raises Refusal where the role does not allow it, to this record where one is given."""
        if not self.allows(entity, action, record):
            raise Refusal(403, "No 'read' access." if action == "read" else f"No {action} access.")

    def allows(self, entity: str, action: str, record: Record | None = None) -> bool:
        """Whether it may; nobody but administrators reads users who are inactive."""
        level = self.level(entity, action)
        if entity == "User" and record is not None and record.get("isActive") is False:
            return False
        return level != "no" and (record is None or level in ("all", "yes") or is_own(entity, record))

    def acl(self) -> Record:
        """As ``App/user`` tells it: of the fields only those that are closed in some way."""
        table = {scope: rights for scope, rights in self.role.items() if rights not in (None, False)}
        fields: Record = {scope: {} for scope in table}
        for scope in {*self.not_editable, *self.not_readable}:
            unread = self.not_readable.get(scope, set())
            for name in self.not_editable.get(scope, set()) | unread:
                rights = {"read": "no" if name in unread else "yes", "edit": "no"}
                fields.setdefault(scope, {})[_FIELD_OF.get(name, name)] = rights
        return {"table": table, "fieldTable": fields, "assignmentPermission": self.assignment_permission}


def is_own(entity: str, record: Record) -> bool:
    """*Own* is the assigned user wherever a record has one; of mails and webhooks others count (``Classes/Acl``)."""
    if entity == "Webhook":
        return bool(record.get("userId") == OWN_USER)
    owner = record.get("assignedUserId") if entity in ("Task", "Call", *_CARDS) else record.get("createdById")
    return bool(owner == OWN_USER)
