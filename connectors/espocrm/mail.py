"""Mails that EspoCRM sends: an Email created with the status Sending goes out while the request waits.

Where that fails, the Email stays as a draft (``Tools/Email/SendService.php``). A draft is sent by setting it to
Sending; where that fails as well, it stays Sending, and to set Sending again does nothing (``Core/Record/Service.php``,
``RecordHooks/Email/BeforeUpdate.php``). So an unsent Email is read before it is sent again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from connectors.base import Assignee, Check, CrmRefused, CrmUnavailable, Done, NotDone, Outcome, Unknown
from connectors.espocrm.client import EspoClient, Where, any_of, contains, equals, moment, search
from connectors.espocrm.errors import GONE, SENDING_FAILED
from connectors.espocrm.unsent_mail import UnsentMails
from connectors.espocrm.users import EspoUsers
from connectors.http.client import HttpAnswer, done
from connectors.kit.reference_mark import reference_mark
from connectors.protocol.check import point, untried
from connectors.protocol.outcomes import not_done_because

_SENT = "Sent"
_SENDING = "Sending"
_DRAFT = "Draft"
_UNSENT = (_DRAFT, _SENDING)
#: How long a mail waits at least for settings to be mended; seconds.
_UNTIL_MENDED = 60.0
_TRIAL = "Проверка связи с плагином. Этот черновик можно удалить."


class Mails:
    """The CRM's own mails of one account."""

    def __init__(
        self,
        api: EspoClient,
        settings: Mapping[str, Any],
        users: EspoUsers,
        unsent: UnsentMails,
        now: Callable[[], datetime],
    ) -> None:
        self._api = api
        self._users = users
        self._unsent = unsent
        self._now = now
        self._sender: str | None = settings["mail_sender"]
        self._own_user: str | None = settings["own_user"]
        self._settling: float = settings["settling_seconds"]

    def send(self, assignee: Assignee, subject: str, text: str, key: str) -> Outcome:
        """Mail this person, plain text, the subject as it is; an Email of this key that was not sent is sent now."""
        if self._sender is None:
            return NotDone("mail_sender is not set, so the CRM cannot send mail", after=_UNTIL_MENDED)
        draft = self._unsent.get(key)
        if draft is not None:
            outcome = self._send_again(draft, key)
            if outcome is not None:
                return outcome
            self._unsent.drop(key)
        address = self._address(assignee)
        if isinstance(address, NotDone):
            return address
        mail = {"from": self._sender, "to": address, "name": subject, "subject": subject, "body": text}
        return self._sent(self._api.write("POST", "Email", mail | {"isHtml": False, "status": _SENDING}), key)

    def find(self, key: str) -> str | None:
        """The id of the mail with this key's mark that was sent; one that was not is kept in mind, to be sent.

        The CRM gives each mail a Message-ID of its own making, so that it cannot be found by one of ours.
        """
        where: list[Where] = [
            contains("body", reference_mark(key).strip("[]")),
            any_of(*(equals("status", status) for status in (_SENT, *_UNSENT))),
        ]
        where += [equals("createdById", self._own_user)] if self._own_user else []
        mails = self._api.page("Email", search(where, select=("id", "status"), newest_first=True), most=10)
        for status in (_SENT, *_UNSENT):
            for mail in mails:
                if mail.get("status") != status or not mail.get("id"):
                    continue
                if status == _SENT:
                    self._unsent.drop(key)
                    return str(mail["id"])
                self._unsent.put(key, str(mail["id"]))
                return None
        return None

    def try_sender(self) -> list[Check]:
        """Whether the CRM takes a draft from ``mail_sender``; the draft is deleted again. Nobody is mailed."""
        if self._sender is None:
            return []
        name = f"the CRM takes a draft from {self._sender} (no mail was tried)"
        draft = {"from": self._sender, "name": _TRIAL, "subject": _TRIAL, "body": _TRIAL, "status": _DRAFT}
        outcome = done(self._api.write("POST", "Email", draft | {"isHtml": False}), "id")
        if isinstance(outcome, Unknown):
            return [untried(name, f"{outcome.why}; a draft «{_TRIAL}» may be left: delete it by hand")]
        if isinstance(outcome, NotDone) and not outcome.permanent:
            return [untried(name, outcome.why)]
        if not isinstance(outcome, Done):
            remedy = f"Give mail_sender a mail server that the API user may use, as the README says: {outcome.why}"
            return [point(name, False, remedy)]
        removed = self._api.write("DELETE", f"Email/{outcome.remote_id}")
        left = "" if isinstance(removed, HttpAnswer) else f"Delete the Email {outcome.remote_id} by hand: {removed.why}"
        return [point(name, True), point("the draft is removed again", not left, left)]

    # --- an Email that was not sent --------------------------------------------------------------------

    def _send_again(self, draft: str, key: str) -> Outcome | None:
        """What became of it; None where there is none any more that could be sent."""
        try:
            record = self._api.record("Email", draft)
        except CrmUnavailable as error:
            return not_done_because(error)
        except CrmRefused as error:
            # It may have been sent by now, so to write another one is no answer to that.
            return Unknown(str(error), status=error.status, code=error.code)
        status = None if record is None else record.get("status")
        if record is None or status not in (_SENT, *_UNSENT):
            return None
        if status == _SENT:
            self._unsent.drop(key)
            return Done(draft)
        if status != _DRAFT:
            held = self._made_draft(draft, record)
            if held is not None:
                return held
        result = self._api.write("PUT", f"Email/{draft}", {"status": _SENDING})
        return None if isinstance(result, NotDone) and result.code == GONE else self._sent(result, key)

    def _made_draft(self, draft: str, record: Mapping[str, Any]) -> NotDone | Unknown | None:
        """None once it is a draft again. Not before the settling time: it may be on its way this very moment."""
        changed = moment(record.get("modifiedAt") or record.get("createdAt"))
        left = 0.0 if changed is None else self._settling - (self._now() - changed).total_seconds()
        if left > 0:
            return NotDone("the CRM may still be sending the mail", after=min(left, self._settling))
        result = self._api.write("PUT", f"Email/{draft}", {"status": _DRAFT})
        return None if isinstance(result, HttpAnswer) else result

    # --- what came of it -------------------------------------------------------------------------------

    def _sent(self, result: HttpAnswer | NotDone | Unknown, key: str) -> Outcome:
        if isinstance(result, Unknown) and result.code == SENDING_FAILED:
            return self._kept(result, key)
        outcome = done(result, "id")
        if not isinstance(result, HttpAnswer) or not isinstance(outcome, Done):
            return outcome
        if result.data.get("status") != _SENT:
            self._unsent.put(key, outcome.remote_id)
            why = "the CRM took the mail and did not send it; let the API user's role edit an Email's status"
            return NotDone(why, status=result.status, code="cut")
        self._unsent.drop(key)
        return outcome

    def _kept(self, failed: Unknown, key: str) -> Outcome:
        """The mail did not go out. Its draft's id is in the answer's body, which a failed write does not show."""
        if self._unsent.get(key) is None:
            try:
                found = self.find(key)
            except (CrmUnavailable, CrmRefused):
                found = None
            if found is not None:
                return Done(found)
        return NotDone(failed.why, status=failed.status, code=failed.code, at_fault="part")

    def _address(self, assignee: Assignee) -> str | NotDone:
        if assignee.address:
            return assignee.address
        if not assignee.user:
            return NotDone("the role has neither a CRM user nor an address to mail to", permanent=True)
        try:
            user = self._users.record(assignee.user)
        except (CrmUnavailable, CrmRefused) as error:
            return not_done_because(error)
        address = user.get("emailAddress") if user else None
        if not isinstance(address, str) or not address:
            return NotDone("the role's CRM user does not exist or has no address to mail to", after=_UNTIL_MENDED)
        return address
