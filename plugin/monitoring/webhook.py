"""The way of alerts that does not depend on a mail server: signed requests to a webhook (Standard Webhooks)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from standardwebhooks.webhooks import Webhook

from connectors.base import Done, Limits, Outcome
from connectors.http.address import split_address
from connectors.http.client import HttpAnswer, HttpClient
from plugin.common.clock import Now
from plugin.common.webhook_secret import webhook_keys

#: Of one request, in seconds.
_CONNECT, _READ = 5.0, 20.0
_LIMITS = Limits(_CONNECT, _READ, settling_seconds=0.0, requests_per_second=5.0, burst=10)
#: What is known of the answer is its status; bodies are of no use.
_LONGEST_ANSWER = 100_000
#: The longest wait for the client's own turn; few requests are ever made.
_TURN = 5.0


class AlertWebhook:
    """One receiver. Thread-safe. Raises ValueError for an address that no request can go to."""

    total_seconds = _CONNECT + _READ + _TURN

    def __init__(self, url: str, secret: str, now: Now) -> None:
        base, self._query = split_address(url)
        # Of digits that may be hexadecimal or base64, the scheme means base64.
        self._key = webhook_keys(secret)[0]
        self._client = HttpClient(
            base, _LIMITS, secrets=(secret, *self._query.values()), max_answer_bytes=_LONGEST_ANSWER, longest_wait=_TURN
        )
        self._now = now

    def send(self, message_id: str, event: Mapping[str, Any]) -> Outcome:
        """Post one event. ``message_id`` is the same at each repeat, so that the receiver knows it as one.

        Any 2xx is Done. Never raises for what the receiver does.
        """
        body = json.dumps(event, ensure_ascii=False)
        # Signed anew each time: receivers refuse old timestamps.
        moment = self._now()
        signature = Webhook(self._key).sign(message_id, moment, body)
        headers = {
            "webhook-id": message_id,
            "webhook-timestamp": str(int(moment.timestamp())),
            "webhook-signature": signature,
        }
        answer = self._client.write(
            "POST", "", content=body.encode(), params=self._query, headers=headers, json_expected=False
        )
        return Done(message_id) if isinstance(answer, HttpAnswer) else answer
