"""EspoCRM's webhooks: proven by their signature, they name a record that is then read again over the API.

https://docs.espocrm.com/administration/webhooks/; ``Core/Webhook/Sender.php`` and ``Core/Webhook/Queue.php``.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from typing import Any

from connectors.base import EventMalformed, EventNotAuthentic, EventsUnverifiable, Reference
from connectors.espocrm.settings import CARD_FIELD, Webhook, is_record_id
from connectors.kit.mapping import FactFields

#: ``Reference.data``: the fields that the event says were emptied.
CLEARED = "cleared"
#: ``Reference.data`` of a call that was changed after it was made, and whose events are not known: which fields were
#: emptied is not known either, so that every empty one counts.
MISSED = "missed"


def references(
    webhooks: Sequence[Webhook], facts: FactFields, headers: Mapping[str, str], body: bytes
) -> list[Reference]:
    """The records that an event tells of, each once. Raises EventNotAuthentic, EventMalformed."""
    webhook = _sender(webhooks, headers, body)
    try:
        items = json.loads(body)
    except (ValueError, RecursionError):
        raise EventMalformed("the event is not JSON") from None
    if not isinstance(items, list) or not items:
        raise EventMalformed("the event is not a list of records")
    changed: dict[str, dict[str, Any]] = {}
    for item in items:
        if not isinstance(item, dict) or not is_record_id(item.get("id")):
            raise EventMalformed("the event names a record without an id")
        changed.setdefault(item["id"], {}).update(item)
    if webhook.event.endswith(".delete"):
        return []
    fields = [] if webhook.event.endswith(".create") else [n for n in facts.names if not n.startswith(CARD_FIELD)]
    return [_reference(webhook.entity, record_id, change, fields) for record_id, change in changed.items()]


def _reference(entity: str, record_id: str, change: Mapping[str, Any], fields: Sequence[str]) -> Reference:
    cleared = [name for name in fields if name in change and change[name] in (None, "", [])]
    return Reference(entity, record_id, {CLEARED: cleared} if cleared else None)


def _sender(webhooks: Sequence[Webhook], headers: Mapping[str, str], body: bytes) -> Webhook:
    """The webhook that signed this body. Raises EventNotAuthentic."""
    if not webhooks:
        raise EventsUnverifiable("no webhooks are set, so no event can be verified")
    given = {name.lower(): value for name, value in headers.items()}
    # X-Signature is the older form, which goes in EspoCRM 11.
    name, sign = ("signature", _signature) if "signature" in given else ("x-signature", _legacy_signature)
    signature = given.get(name, "").encode("utf-8", "surrogateescape")
    # All are compared, so that the time it takes does not tell which webhook came close.
    genuine = [webhook for webhook in webhooks if hmac.compare_digest(sign(webhook, body), signature)]
    if not genuine:
        raise EventNotAuthentic("the event's signature is that of no webhook in the settings")
    return genuine[0]


def _signature(webhook: Webhook, body: bytes) -> bytes:
    digest = hmac.new(webhook.secret.encode(), body, hashlib.sha256).hexdigest()
    return base64.b64encode(f"{webhook.id}:{digest}".encode())


def _legacy_signature(webhook: Webhook, body: bytes) -> bytes:
    digest = hmac.new(webhook.secret.encode(), body, hashlib.sha256).digest()
    return base64.b64encode(f"{webhook.id}:".encode() + digest)
