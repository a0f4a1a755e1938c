"""Signed links to a call: what a CRM's button needs to open the operators' page, true for some minutes.

The signature is HMAC-SHA256, in hex, over the values themselves and not over their spelling in a URL, so that it does
not matter how a CRM escapes them: the parameters that are given, sorted by name, ``name=value`` each, joined by line
feeds, in UTF-8. docs/operators-page.md has the recipe for CRM templates.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode, urlsplit

from connectors.base import CardRef
from plugin.auth.digests import is_same, keyed_digest
from plugin.auth.visitor import LinkedCall
from plugin.common.clock import Now
from plugin.common.text import clean
from plugin.config.settings import PageSettings
from plugin.errors import InputError

#: The parameters of a link in the order they are signed in. Others in the address are not looked at.
NAMES = ("call", "card", "expires", "name", "operator", "phone", "script", "url")
#: Where they lead.
PATH = "/operator/open"
#: The parameter that holds the signature.
SIGN = "sign"
#: An hour's difference between clocks would make a longest life pointless; some minutes are usual.
_CLOCK_SKEW = timedelta(minutes=2)
_LONGEST = {"url": 1000}
_LONGEST_USUAL = 200
#: Control characters, and halves of characters that no UTF-8 holds.
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_SCRIPT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


class LinkFault(enum.Enum):
    """Why a link is refused."""

    #: It is genuine, and too old.
    EXPIRED = "link_expired"
    #: Forged, cut off, malformed, or made to be valid for too long: the answer does not say which.
    INVALID = "link_invalid"


@dataclass(frozen=True, slots=True)
class OpenedLink:
    """A genuine link that has not expired: its operator and its call."""

    operator: str
    call: LinkedCall


class Links:
    """Makes and reads the links of a deployment. ``keys``: the first one signs, any of them verifies.

    No link is valid for more than ``longest``, whatever expiry it states.
    """

    def __init__(self, keys: Sequence[str], address: str, longest: timedelta, now: Now) -> None:
        self._keys = [key.encode() for key in keys]
        self._address = address
        self._longest = longest
        self._now = now

    @classmethod
    def of(cls, page: PageSettings, now: Now, path: str = "") -> Links:
        """The links of a page that is switched on, below ``path`` of its host."""
        keys = [key for key in (page.secret, page.old_secret) if key is not None]
        return cls(keys, f"{page.public_url}{path}{PATH}", timedelta(minutes=page.link_minutes), now)

    def make(self, operator: str, call: LinkedCall, life: timedelta | None = None) -> str:
        """The link's URL. Raises InputError for what no link can hold; its message names the parameter."""
        life = self._longest if life is None else life
        if not timedelta() < life <= self._longest:
            longest = f"{self._longest / timedelta(minutes=1):g}"
            raise InputError(f"minutes: a link may live up to {longest}", hint="[page] link_minutes in plugin.toml")
        expires = (self._now() + life).astimezone(UTC)
        values = _values(call) | {"operator": operator, "expires": str(int(expires.timestamp()))}
        for name, value in {"call": "", **values}.items():
            if fault := _fault(name, value):
                raise InputError(f"{name}: {fault}")
        return f"{self._address}?{urlencode(values | {SIGN: self._sign(values)[0]})}"

    def read(self, given: Mapping[str, Sequence[str]]) -> OpenedLink | LinkFault:
        """What a link's decoded parameters open; takes the same time for any wrong signature."""
        values = _read(given)
        sign = given.get(SIGN, ())
        if values is None or len(sign) != 1:
            return LinkFault.INVALID
        if not is_same(sign[0].lower(), *self._sign(values)):
            return LinkFault.INVALID
        return self._in_time(values)

    def _in_time(self, values: Mapping[str, str]) -> OpenedLink | LinkFault:
        call, operator = call_of(values), values.get("operator", "")
        if call is None or not operator or not re.fullmatch(r"[0-9]{1,11}", values.get("expires", "")):
            return LinkFault.INVALID
        left = datetime.fromtimestamp(int(values["expires"]), UTC) - self._now()
        if left > self._longest + _CLOCK_SKEW:
            return LinkFault.INVALID
        return OpenedLink(operator, call) if left > timedelta() else LinkFault.EXPIRED

    def _sign(self, values: Mapping[str, str]) -> list[str]:
        return [keyed_digest(key, signed_text(values)) for key in self._keys]


def signed_text(values: Mapping[str, str]) -> str:
    """What is signed: ``call=c-77⏎expires=1800000000⏎operator=ivanova``; what is empty is left out."""
    return "\n".join(f"{name}={values[name]}" for name in NAMES if values.get(name))


def read_plain(given: Mapping[str, Sequence[str]]) -> LinkedCall | None:
    """The call that an unsigned button names, for a signed-in operator; None where it cannot be read."""
    values = _read(given)
    return None if values is None else call_of(values)


def call_of(values: Mapping[str, str]) -> LinkedCall | None:
    """The call of checked parameters; None without an id, or with a card that is not ``TYPE:ID``."""
    if not values.get("call"):
        return None
    type_, separator, id_ = values.get("card", "").partition(":")
    if values.get("card") and not (type_ and separator and id_):
        return None
    card = CardRef(type_, id_) if separator else None
    name = clean(values.get("name", "")).or_none
    return LinkedCall(
        values["call"], values.get("phone") or None, card, name, values.get("url") or None, values.get("script") or None
    )


def _values(call: LinkedCall) -> dict[str, str]:
    values = {
        "call": call.id,
        "phone": call.phone,
        "card": f"{call.card.type}:{call.card.id}" if call.card else None,
        "name": call.name,
        "url": call.card_url,
        "script": call.script,
    }
    return {name: value for name, value in values.items() if value}


def _read(given: Mapping[str, Sequence[str]]) -> dict[str, str] | None:
    """The known parameters that are not empty; None where one is given twice or is malformed."""
    found = {}
    for name in NAMES:
        several = given.get(name, ())
        if len(several) > 1:
            return None
        value = several[0] if several else ""
        if name == "phone" and value.startswith(" "):
            # A template that does not escape the plus of +7…: it arrives as a space.
            value = "+" + value[1:]
        if value and _fault(name, value):
            return None
        if value:
            found[name] = value
    return found


def _fault(name: str, value: str) -> str | None:
    longest = _LONGEST.get(name, _LONGEST_USUAL)
    if len(value) > longest:
        return f"longer than {longest} characters"
    if not value.strip() or _UNPRINTABLE.search(value):
        return "blank, or with control characters in it"
    is_right, what = _FORMS.get(name, (_anything, ""))
    return None if is_right(value) else f"not {what}"


def _is_web_address(value: str) -> bool:
    try:
        parts = urlsplit(value)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.netloc)


def _anything(_value: str) -> bool:
    return True


#: What a parameter must look like, and what that is called.
_FORMS: dict[str, tuple[Callable[[str], object], str]] = {
    "url": (_is_web_address, "an address of http or https"),
    "script": (_SCRIPT.fullmatch, "the name of a script's folder"),
    "card": (lambda value: all(value.partition(":")), "TYPE:ID, such as contact:42"),
}
