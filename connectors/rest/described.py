"""What every account that is described in TOML has: how it proves itself, its constants, and the faults of a whole."""

from __future__ import annotations

import zoneinfo
from collections.abc import Iterator, Mapping
from importlib.resources.abc import Traversable
from typing import Any, ClassVar

from marshmallow import ValidationError, fields, pre_load, validates_schema
from marshmallow.validate import Length, OneOf

from connectors.http.settings import HttpAccount
from connectors.rest import profiles, quoting, samples
from connectors.rest.defaults import defaults_table
from connectors.rest.fields import words
from connectors.rest.places import merged, nested, templates_at
from connectors.rest.syntax import suggestion
from connectors.rest.tables import check_effect, error_table, rule_table, table

#: What each way of proving the account needs: keys of [auth], and secrets of [crm.rest].
_NEEDS: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "none": ((), ()),
    "header": ((), ("token",)),
    "query": (("name",), ("token",)),
    "basic": (("user",), ("password",)),
    "body": ((), ("token",)),
    "oauth2": (("token_url", "client_id"), ("client_secret",)),
}


_AUTH_KEYS: Mapping[str, tuple[str, ...]] = {
    "none": (),
    "header": ("name", "prefix"),
    "query": ("name",),
    "basic": ("user",),
    "body": (),
    "oauth2": ("name", "prefix", "token_url", "client_id", "client_by", "scope", "grant"),
}


def account_secret() -> fields.String:
    """A secret of the account."""
    return fields.String(load_default=None, allow_none=True, validate=Length(min=1), metadata={"secret": True})


def _auth(data: dict[str, Any]) -> dict[str, Any]:
    check_effect(data, {"kind", *_AUTH_KEYS[data["kind"]]}, f"with auth of the kind {data['kind']}")
    if data["kind"] == "query":
        data.setdefault("prefix", "")
    given = {
        "name": "Authorization",
        "prefix": "Bearer ",
        "scope": "",
        "client_by": "body",
        "grant": "client_credentials",
        **data,
    }
    return given if data["kind"] != "query" else {**given, "name": data.get("name", "")}


def auth_table() -> fields.Nested:
    """``[auth]``."""
    return table(
        _auth,
        kind=fields.String(required=True, validate=OneOf(tuple(_NEEDS))),
        name=words(),
        prefix=fields.String(),
        user=words(),
        token_url=words(),
        client_id=words(),
        client_by=fields.String(validate=OneOf(("body", "header"))),
        scope=fields.String(),
        grant=fields.String(validate=OneOf(("client_credentials", "refresh_token"))),
        required=True,
    )


class DescribedAccount(HttpAccount):
    """An account with its description; without ``profile`` the description stands there in full."""

    #: Where the profiles that come along lie.
    profiles_folder: ClassVar[Traversable] = profiles.FOLDER

    profile = words(load_default=None, allow_none=True)
    token = account_secret()
    password = account_secret()
    client_secret = account_secret()
    refresh_token = account_secret()
    auth = auth_table()
    time_zone = words(load_default=None, allow_none=True)
    defaults = defaults_table()
    constants = fields.Dict(keys=words(), values=fields.Raw(), load_default=dict)
    answers = fields.List(rule_table(), load_default=list)
    error = error_table()

    @pre_load
    def _whole(self, data: Any, **_: Any) -> Any:
        return self._in_full(self._over_profile(data))

    def _over_profile(self, data: Any) -> Any:
        name = data.get("profile") if isinstance(data, Mapping) else None
        if not isinstance(name, str):
            return data
        try:
            return profiles.over_profile(name, data, self.profiles_folder)
        except ValueError as error:
            raise ValidationError({"profile": [str(error)]}) from None

    def _in_full(self, data: Any) -> Any:
        """The description without its short forms."""
        return data

    def _faults(self, data: Mapping[str, Any], unresolved: frozenset[str]) -> Iterator[tuple[str, Any]]:
        """Faults of the kind's own tables, by key."""
        raise NotImplementedError

    @validates_schema
    def _check_whole(self, data: Mapping[str, Any], *, partial: Any = None, **_: Any) -> None:
        unresolved = frozenset(partial) if isinstance(partial, tuple | list | set) else frozenset()
        wrong: dict[str, Any] = {}
        account = (*_auth_faults(data, unresolved), *_constant_faults(data))
        for key, what in (*account, *self._faults(data, unresolved), *_template_faults(data)):
            wrong.setdefault(key, what)
        if not wrong:
            for place, said in (*quoting.faults(data), *samples.faults(data)):
                wrong = merged(wrong, nested(place, said))
        if wrong:
            raise ValidationError(wrong)


def _secrets_of(auth: Mapping[str, Any]) -> tuple[str, ...]:
    needed = _NEEDS[auth["kind"]][1]
    return (*needed, "refresh_token") if auth.get("grant") == "refresh_token" else needed


def _auth_faults(data: Mapping[str, Any], unresolved: frozenset[str]) -> Iterator[tuple[str, Any]]:
    """What lacks for the way in which the account proves itself, or is given and has no effect there."""
    auth = data["auth"]
    keys, secrets = _NEEDS[auth["kind"]][0], _secrets_of(auth)
    missing = [key for key in keys if not auth.get(key)]
    if missing:
        yield "auth", {key: [f"missing: auth of the kind {auth['kind']} needs it"] for key in missing}
    for key in secrets:
        if not data.get(key) and key not in unresolved:
            yield key, [f"missing: auth of the kind {auth['kind']} needs it, as {{ env = 'NAME' }}"]
    for key in ("token", "password", "client_secret", "refresh_token"):
        if data.get(key) and key not in _secrets_of(auth):
            yield key, [f"has no effect with auth of the kind {auth['kind']}"]


def _constant_faults(data: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """What is wrong with the time zone and the constants."""
    zone = data["time_zone"]
    if zone is not None and zone not in zoneinfo.available_timezones():
        yield "time_zone", [f"unknown time zone {zone!r}; expected e.g. Europe/Moscow"]
    braces = sorted(name for name, value in data["constants"].items() if isinstance(value, str) and "{{" in value)
    if braces:
        yield "constants", {braces[0]: ["a constant is no template"]}
    odd = sorted(name for name, value in data["constants"].items() if not isinstance(value, str | bool | int | float))
    if odd:
        yield "constants", [f"{odd[0]!r} is not a text, a number, true, false"]


def _template_faults(data: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """What only the whole description tells of its templates."""
    for place, template in templates_at(data):
        if template.local and data["time_zone"] is None:
            yield "time_zone", [f"missing: {template.source!r} needs it, e.g. Europe/Moscow"]
        for use in template.uses:
            if use.name == "token" and data["auth"]["kind"] != "body":
                told = nested(place[1:], f"{template.source!r} has a value with auth of the kind body only")
                yield str(place[0]), told
            if use.name != "constants":
                continue
            known = [f"constants.{name}" for name in data["constants"]]
            whole = f"constants.{use.attribute}" if use.attribute else "constants"
            if whole not in known:
                said = f"unknown placeholder {whole!r} in {template.source!r}{suggestion(whole, known)}"
                yield str(place[0]), nested(place[1:], said)
