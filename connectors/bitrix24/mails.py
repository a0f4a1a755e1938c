"""Mails that the portal sends from a mailbox connected to it, with an exact subject and at most once a day for a key.

Each goes out alone: the key that keeps a repeat from being a second mail belongs to one request. Many in one go would
hold up everything else that was taken with them, so what is more is left for the next time.
Sources: https://apidocs.bitrix24.ru/api-reference/mail/message/mail-message-send.html,
/api-reference/rest-v3.html#idempotency
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from connectors.base import Done, EmailWrite, NotDone, Outcome, Unknown
from connectors.bitrix24.client import Bitrix24Client
from connectors.bitrix24.texts import as_html
from connectors.http.client import HttpAnswer

SEND = "mail.message.send"
#: Stands before what a mail is known by; the portal gives none of its mails an id.
MAIL = "mail-"
_SENT_BEFORE = "BITRIX_REST_V3_EXCEPTION_IDEMPOTENCYKEYREUSEDEXCEPTION"
#: The portal answers, and the mailbox that it sends from does not take the mail.
_NOT_SENT = "MESSAGE_SEND_FAILED"

#: Mails that one ``write`` sends, and how it ends for the others.
MOST_MAILS = 6
LATER = NotDone("left for the next time: enough mails were sent in one go", after=1.0)


def send(portal: Bitrix24Client, item: EmailWrite, sender: str) -> Outcome:
    """Send this mail."""
    if not item.assignee.address:
        return NotDone("the role has no address to mail to", permanent=True)
    body = {"from": sender, "to": [item.assignee.address], "subject": item.subject, "body": as_html(item.text)}
    result = portal.write_v3(SEND, body, item.key)
    if isinstance(result, NotDone) and result.code == _SENT_BEFORE:
        # Answers are kept under a key only where the mail went out; it went out with another wording.
        return Done(MAIL + item.key[:16])
    if isinstance(result, NotDone) and result.code == _NOT_SENT:
        return replace(result, at_fault="part")
    return _said(result, portal.host, item.key) if isinstance(result, HttpAnswer) else result


def _said(result: HttpAnswer, host: str, key: str) -> Outcome:
    inner = result.data.get("result") if isinstance(result.data, Mapping) else None
    success = inner.get("success") if isinstance(inner, Mapping) else None
    if success is True:
        return Done(MAIL + key[:16])
    if success is False:
        return NotDone(f"{host}: {SEND} did not send it and does not say why", status=result.status)
    return Unknown(f"{host} answered {SEND} without saying whether it was sent", status=result.status)
