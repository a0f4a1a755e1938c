"""What EspoCRM sends and answers, from its documentation and source: ``fixtures/<event>__<variant>.json``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from connectors.base import Assignee, CardRef
from connectors.espocrm import EspoConnector
from tests.connectors.espocrm.rig import FACTS, WEBHOOK, WEBHOOK_SECRET

SITE = "https://crm.example.org"
URL = f"{SITE}/api/v1"
KEY = "ab" * 32
CONTACT = CardRef("contact", "65f1c0de000000b01")
PERSON = Assignee("65f1c0de000000001", "petrova@example.org")
OWN_USER = "65f1c0de000000f01"


def payload(name: str) -> Any:
    """The fixture of this name."""
    return json.loads(raw(name))


def raw(name: str) -> bytes:
    """The same as it stands in its file."""
    return (Path(__file__).parent / "fixtures" / f"{name}.json").read_bytes()


def settings(**overrides: Any) -> dict[str, Any]:
    """Loaded settings of the account at ``SITE``."""
    given: dict[str, Any] = {
        "base_url": SITE,
        "api_key": "an-api-key",
        "own_user": OWN_USER,
        "webhooks": f"Call.create {WEBHOOK} {WEBHOOK_SECRET}",
        "mail_sender": "crm@example.org",
        "facts": FACTS,
        "requests_per_second": 1000.0,
        "burst": 1000,
    }
    return dict(EspoConnector.Settings().load(given | overrides))
