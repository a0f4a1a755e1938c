"""EspoCRM's error answers in its own terms: the words of ``X-Status-Reason``, or a body with a translated message.

``Core/Api/ErrorOutput.php``, ``Core/Record/Access/LinkCheck.php`` and ``Core/Authentication/Authentication.php``, the
same from 8.4 to 10.0.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from connectors.http.client import Complaint

#: The codes of answers that the connector tells apart.
GONE = "notFound"
DUPLICATE = "duplicate"
SENDING_FAILED = "sendingFail"
#: A link to a record that is not there, or that the API user may not read; the record's type follows a colon.
NOT_EXISTING = "cannotRelateNonExisting"
NOT_READABLE = "cannotRelateForbidden"
#: A 403 with no word: the whole account may be meant by it, or one record.
UNEXPLAINED = "noReason"
#: Nobody at this machine's address is let in for now.
SHUT_OUT = "shutOut"

_REASON = "X-Status-Reason"
#: EspoCRM logs these words and keeps them to itself; a proxy or a later version may add them.
_TOO_MANY_LOGINS = "Max failed login attempts exceeded"
#: An address that leads nowhere is no missing record.
_NO_SUCH_ADDRESS = ("Controller", "Action")
_IP_ADDRESS = re.compile(r" for IP address \S+")


def explain(status: int, data: Any, headers: Mapping[str, str]) -> Complaint:
    """What an error of EspoCRM says. It has no rate limit; maintenance is a refusal before anything was done."""
    reason = _IP_ADDRESS.sub("", headers.get(_REASON) or "")
    if status == 403 and reason.startswith(_TOO_MANY_LOGINS):
        return Complaint(SHUT_OUT, reason)
    if status == 403 and not reason and not isinstance(data, dict):
        return Complaint(UNEXPLAINED)
    if status == 503 and _REASON in headers:
        return Complaint(message=reason, throttled=True)
    if status == 404 and _REASON in headers and not reason.startswith(_NO_SUCH_ADDRESS):
        return Complaint(GONE, reason)
    label, of_what = _translated(data)
    if label is None and status in (409, 500) and reason in (DUPLICATE, SENDING_FAILED):
        said = data.get("message") if isinstance(data, dict) else None
        return Complaint(reason, said if isinstance(said, str) else None)
    return Complaint(label, of_what or reason or None)


def _translated(data: Any) -> tuple[str | None, str | None]:
    """The label of ``messageTranslation`` and what it speaks of; of a link, the other record's type is in the label."""
    told = data.get("messageTranslation") if isinstance(data, dict) else None
    if not isinstance(told, dict) or not isinstance(told.get("label"), str):
        return None, None
    label, details = told["label"], told.get("data")
    if not isinstance(details, dict):
        return label, None
    if label in (NOT_EXISTING, NOT_READABLE):
        return f"{label}:{details.get('foreignEntityType')}", None
    return label, ", ".join(
        f"{name} {details[name]}" for name in ("field", "type", "link", "action") if name in details
    )
