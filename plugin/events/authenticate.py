"""Authenticates an event: which source signed it (Standard Webhooks), before anything in its body is believed.

Every way in which a signature can be missing, malformed, too old or wrong ends in the same 401.
"""

from __future__ import annotations

import base64
import hmac
import time
from collections.abc import Mapping, Sequence

from standardwebhooks.webhooks import Webhook, hmac_data

from plugin.common.webhook_secret import UnusableWebhookSecret, webhook_keys
from plugin.config.settings import Source
from plugin.errors import ConfigError, EventError

#: How far the time of signing may be from this machine's clock, in seconds; the package's own tolerance.
_TOLERANCE = 300.0


class Signatures:
    """The secrets of all sources. Thread-safe. Raises ConfigError for a secret that holds no key."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self._verifiers = [
            (source, _Verifier(key)) for source in sources for secret in source.secrets for key in _keys(source, secret)
        ]

    def verify(self, headers: Mapping[str, str], body: bytes) -> tuple[Source, str]:
        """The source whose secret signed this body, and the signed ``webhook-id``. Raises EventError 401."""
        own = {name.lower(): _as_sent(value) for name, value in headers.items() if name.lower().startswith("webhook-")}
        for source, verifier in self._verifiers:
            if verifier.accepts(own, body):
                return source, own["webhook-id"]
        raise EventError(
            401,
            "bad_signature",
            "no secret of any source verifies this event's signature",
            hint="Sign id, timestamp and body by the Standard Webhooks scheme, within 5 minutes, with a secret of "
            "plugin.toml's event sources",
        )


class _Verifier:
    def __init__(self, key: bytes) -> None:
        self._key = key
        self._webhook = Webhook(key)

    def accepts(self, headers: Mapping[str, str], body: bytes) -> bool:
        # The package raises half a dozen kinds of errors on malformed headers, all of which mean the same.
        try:
            text = body.decode("utf-8")
        except UnicodeDecodeError:
            return self._accepts_bytes(headers, body)
        try:
            self._webhook.verify(text, dict(headers), json_parse=False)
        except Exception:
            return False
        return True

    def _accepts_bytes(self, headers: Mapping[str, str], body: bytes) -> bool:
        """The same for a body that is not text, which the package cannot sign: it may be authentic and not JSON."""
        try:
            signed_at = float(headers["webhook-timestamp"])
            if not abs(time.time() - signed_at) <= _TOLERANCE:
                return False
            signed = f"{headers['webhook-id']}.{int(signed_at)}.".encode() + body
            expected = hmac_data(self._key, signed)
            given = [part.split(",", 1) for part in headers["webhook-signature"].split(" ")]
            return any(
                version == "v1" and hmac.compare_digest(expected, base64.b64decode(mac)) for version, mac in given
            )
        except (KeyError, ValueError):
            return False


def _as_sent(value: str) -> str:
    """A header as the sender wrote it: WSGI hands over its UTF-8 bytes as Latin-1."""
    if value.isascii():
        return value
    try:
        return value.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return value


def _keys(source: Source, secret: str) -> tuple[bytes, ...]:
    try:
        return webhook_keys(secret)
    except UnusableWebhookSecret as error:
        raise ConfigError(
            f"event source {source.name}: a secret {error}",
            hint="Use the form whsec_<base64>, e.g. from `openssl rand -base64 32`",
        ) from error
