"""Events are believed only with the CRM's proof: each variant of a signature and of a token, right and wrong."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from standardwebhooks import Webhook

from connectors.base import EventNotAuthentic
from connectors.rest import event_auth
from connectors.rest.model import EventProof

NOW = datetime(2026, 11, 22, 7, 15, tzinfo=UTC)
STAMP = str(int(NOW.timestamp()))
BODY = '{"call": "c-1", "имя": "x"}'.encode()
ADDRESS = "https://optout.example.org/events/rest?a=1"
SECRET = "0123456789abcdef0123456789abcdef"


def digest(signed: bytes, algorithm: str = "sha256", key: bytes = SECRET.encode()) -> bytes:
    return hmac.new(key, signed, algorithm).digest()


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def check(how: EventProof, **given: Any) -> None:
    said: dict[str, Any] = {"headers": {}, "path_secret": None, "query": {}, "body": BODY, "token_in_body": ""}
    said |= {"secret": SECRET, "now": NOW} | given
    event_auth.check(how, **said)


SIGNED: dict[str, tuple[EventProof, Mapping[str, str]]] = {
    "hex of the body": (EventProof("hmac", name="X-Sign"), {"X-Sign": digest(BODY).hex()}),
    "upper case hex": (EventProof("hmac", name="X-Sign"), {"x-sign": digest(BODY).hex().upper()}),
    "after a prefix": (EventProof("hmac", name="X-Sign", prefix="sha256="), {"X-Sign": "sha256=" + digest(BODY).hex()}),
    "base64": (EventProof("hmac", name="X-Sign", encoding="base64"), {"X-Sign": b64(digest(BODY))}),
    "sha1": (EventProof("hmac", name="X-Sign", algorithm="sha1"), {"X-Sign": digest(BODY, "sha1").hex()}),
    "sha384": (EventProof("hmac", name="X-Sign", algorithm="sha384"), {"X-Sign": digest(BODY, "sha384").hex()}),
    "sha512": (EventProof("hmac", name="X-Sign", algorithm="sha512"), {"X-Sign": digest(BODY, "sha512").hex()}),
    "a key in hex": (
        EventProof("hmac", name="X-Sign", secret_is="hex"),
        {"X-Sign": digest(BODY, key=bytes.fromhex(SECRET)).hex()},
    ),
    "a key in base64": (
        EventProof("hmac", name="X-Sign", secret_is="base64"),
        {"X-Sign": digest(BODY, key=base64.b64decode(SECRET)).hex()},
    ),
    "with a time": (
        EventProof("hmac", name="X-Sign", signed="{timestamp}.{body}", timestamp="X-Time"),
        {"X-Sign": digest(STAMP.encode() + b"." + BODY).hex(), "X-Time": STAMP},
    ),
    "over method and address, in milliseconds": (
        EventProof(
            "hmac",
            name="X-Sign",
            signed="{method}{address}{body}{timestamp}",
            timestamp="X-Time",
            address=ADDRESS,
            encoding="base64",
        ),
        {"X-Sign": b64(digest(f"POST{ADDRESS}".encode() + BODY + f"{STAMP}123".encode())), "X-Time": f"{STAMP}123"},
    ),
    "time and signature in one header": (
        EventProof("hmac", name="X-Sign", signed="{timestamp}.{body}", pairs=True),
        {"X-Sign": f"t={STAMP},v1={'0' * 64},v1={digest(STAMP.encode() + b'.' + BODY).hex()}"},
    ),
}


@pytest.mark.parametrize(("how", "headers"), SIGNED.values(), ids=SIGNED)
def test_a_signature_proves_the_body_and_nothing_else(how: EventProof, headers: Mapping[str, str]) -> None:
    check(how, headers=headers)
    wrong: dict[str, Any]
    for wrong in (
        {"headers": {}},
        {"headers": {name: "" for name in headers}},
        {"headers": {name: value[:-1] + ("0" if value[-1] != "0" else "1") for name, value in headers.items()}},
        {"headers": headers, "body": BODY + b" "},
        {"headers": headers, "body": b""},
        {"headers": headers, "secret": "f" * 32},
        {"headers": {name: "\udcff" for name in headers}},
    ):
        with pytest.raises(EventNotAuthentic) as caught:
            check(how, **wrong)
        assert SECRET not in str(caught.value)


@pytest.mark.parametrize("seconds", [-301, 301, 86_400])
@pytest.mark.parametrize("name", ["with a time", "time and signature in one header"])
def test_an_old_event_is_not_believed(name: str, seconds: int) -> None:
    how, headers = SIGNED[name]
    with pytest.raises(EventNotAuthentic, match="too far off"):
        check(how, headers=headers, now=datetime.fromtimestamp(int(STAMP) + seconds, UTC))


def test_a_time_that_was_not_signed_is_not_believed() -> None:
    how = EventProof("hmac", name="X-Sign", signed="{timestamp}.{body}", timestamp="X-Time")
    for stamp in ("", "x", "-5", "9" * 13, "٥"):
        signed = digest(stamp.encode() + b"." + BODY).hex()
        with pytest.raises(EventNotAuthentic):
            check(how, headers={"X-Sign": signed, "X-Time": stamp})


def test_standard_webhooks_can_be_described() -> None:
    secret = "whsec_" + b64(b"the signing key of a test source")
    how = EventProof(
        "hmac",
        name="webhook-signature",
        prefix="v1,",
        encoding="base64",
        secret_is="base64",
        signed="{id}.{timestamp}.{body}",
        timestamp="webhook-timestamp",
        id="webhook-id",
    )
    signature = Webhook(secret).sign("evt-1", NOW, BODY.decode())
    headers = {"webhook-id": "evt-1", "webhook-timestamp": STAMP, "webhook-signature": f"v1,AAAA {signature}"}
    check(how, headers=headers, secret=secret)
    with pytest.raises(EventNotAuthentic):
        check(how, headers=headers | {"webhook-id": "evt-2"}, secret=secret)


TOKENS: dict[str, tuple[EventProof, dict[str, Any]]] = {
    "header": (EventProof("token", name="X-Token"), {"headers": {"x-token": SECRET}}),
    "header after a prefix": (
        EventProof("token", name="Authorization", prefix="Bearer "),
        {"headers": {"Authorization": f"Bearer {SECRET}"}},
    ),
    "query": (EventProof("token", place="query", name="key"), {"query": {"key": SECRET}}),
    "path": (EventProof("token", place="path"), {"path_secret": SECRET}),
    "body": (EventProof("token", place="body", name="auth.token"), {"token_in_body": SECRET}),
}


@pytest.mark.parametrize(("how", "given"), TOKENS.values(), ids=TOKENS)
def test_a_token_proves_itself_in_its_place_only(how: EventProof, given: dict[str, Any]) -> None:
    check(how, **given)
    for other in (entry for name, (_, entry) in TOKENS.items() if entry is not given and not name.startswith("header")):
        with pytest.raises(EventNotAuthentic):
            check(how, **other)
    with pytest.raises(EventNotAuthentic):
        check(how)
    with pytest.raises(EventNotAuthentic):
        check(how, **given, secret=SECRET + "x")


def test_a_key_that_is_not_written_as_said_is_told_without_it() -> None:
    for written in ("hex", "base64"):
        with pytest.raises(ValueError, match="is not written in") as caught:
            event_auth.check_secret(EventProof("hmac", secret_is=written), "not ~ a key")
        assert "not ~ a key" not in str(caught.value)


def test_hashlib_has_every_algorithm_that_can_be_described() -> None:
    from connectors.rest.event_tables import ALGORITHMS

    assert set(ALGORITHMS) <= hashlib.algorithms_guaranteed
