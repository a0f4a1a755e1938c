"""A secret of Standard Webhooks is understood in every spelling that names one key, and refused by name otherwise."""

from __future__ import annotations

import base64

import pytest

from plugin.common.webhook_secret import UnusableWebhookSecret, webhook_keys

#: Its base64 holds both characters that base64url spells otherwise.
KEY = b"\xfb\xff\xfe" * 10
STANDARD = base64.b64encode(KEY).decode()
URL_SAFE = base64.urlsafe_b64encode(KEY).decode()


@pytest.mark.parametrize(
    ("secret", "told"),
    [
        ("", "holds no key"),
        ("whsec_", "holds no key"),
        ('""', "holds no key"),
        ("whsec_AAAAA", "is not base64"),
        ("whsec_AAA\u0410", "holds U+0410 CYRILLIC CAPITAL LETTER A as character 10, which base64 does not have"),
        ("AAAA AAAA", "holds U+0020 SPACE as character 5"),
        ("secret!", "holds U+0021 EXCLAMATION MARK as character 7"),
        ('"whsec_AAAA', "holds U+0022 QUOTATION MARK as character 1"),
    ],
)
def test_what_is_no_secret_is_refused_without_being_shown(secret: str, told: str) -> None:
    with pytest.raises(UnusableWebhookSecret) as refused:
        webhook_keys(secret)

    assert str(refused.value).startswith(told)
    assert len(secret) < 8 or secret not in str(refused.value)


@pytest.mark.parametrize(
    "secret",
    [
        STANDARD,
        URL_SAFE,
        STANDARD.rstrip("="),
        f"whsec_{STANDARD}",
        f"whsec_{URL_SAFE}",
        f"v1,whsec_{STANDARD}",
        f"v1, {STANDARD}",
        f"WHSEC_{STANDARD}",
        f"Whsec_{STANDARD}",
        f'"whsec_{STANDARD}"',
        f"'v1,whsec_{STANDARD}'",
        f"«{STANDARD}»",
        f"“whsec_{URL_SAFE}”",
        f"  whsec_{STANDARD}\n",
    ],
)
def test_one_key_is_understood_however_it_is_written(secret: str) -> None:
    assert webhook_keys(secret) == (KEY,)


def test_hexadecimal_digits_are_taken_for_either_key_that_they_spell() -> None:
    digits = bytes(range(32)).hex()

    assert webhook_keys(f"whsec_{digits}") == (base64.b64decode(digits), bytes(range(32)))
