"""The webhooks as the CRM has them, held against plugin.toml: by a slip in one, its events are refused or lost."""

from __future__ import annotations

import hmac
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from connectors.base import Check, CrmRefused, CrmUnavailable
from connectors.espocrm.client import EspoClient
from connectors.espocrm.settings import Webhook
from connectors.protocol.check import point, untried

#: Where the plugin takes this CRM's events, below whatever address a proxy gives it.
_PATH = "/events/espocrm"


def webhook_points(api: EspoClient, webhooks: Sequence[Webhook]) -> list[Check]:
    """A point for each; neither ids nor keys are repeated. Writes nothing and never raises."""
    return [_point(api, number, webhook) for number, webhook in enumerate(webhooks, 1)]


def _point(api: EspoClient, number: int, webhook: Webhook) -> Check:
    name = f"webhook {number} in `webhooks` ({webhook.event}) is the CRM's"
    try:
        record = api.record("Webhook", webhook.id)
    except CrmUnavailable as error:
        return untried(name, error)
    except CrmRefused as error:
        # EspoCRM shows a webhook to the API user that is set in it, and to nobody else but administrators.
        remedy = (
            f"Set the API user as the webhook's User and allow Webhook in its role, so that it can be seen: {error}"
        )
        return point(name, False, remedy)
    if record is None:
        return point(name, False, "The CRM has none with this id: copy it from the end of the webhook's address")
    faults = list(_faults(record, webhook))
    return point(name, not faults, "; ".join(faults))


def _faults(record: Mapping[str, Any], webhook: Webhook) -> Iterator[str]:
    event, secret = record.get("event"), record.get("secretKey")
    if event != webhook.event:
        yield f"its event in the CRM is {event}: correct the line"
    if record.get("isActive") is False:
        yield "it is inactive: tick Active"
    if not urlsplit(str(record.get("url") or "")).path.rstrip("/").endswith(_PATH):
        yield f"its URL leads elsewhere: set it to the plugin's address with {_PATH}"
    if isinstance(secret, str) and not hmac.compare_digest(secret.encode(), webhook.secret.encode()):
        yield "its secret key is another one: copy it anew"
