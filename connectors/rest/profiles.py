"""Descriptions that come along, each a TOML file beside this module, and an account's own keys laid over one."""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from connectors.rest.syntax import suggestion

_FOLDER = files("connectors.rest") / "profiles"


def names() -> tuple[str, ...]:
    """The profiles there are."""
    found = (entry.name for entry in _FOLDER.iterdir())
    return tuple(sorted(name.removesuffix(".toml") for name in found if name.endswith(".toml")))


def over_profile(name: str, account: Mapping[str, Any]) -> dict[str, Any]:
    """The account's keys over the profile's. Raises ValueError for a name that is none."""
    if name not in names():
        raise ValueError(f"unknown profile {name!r}{suggestion(name, names())}")
    profile = dict(_profile(name))
    auth = account.get("auth")
    if isinstance(auth, Mapping) and "kind" in auth:
        # Another way to prove the account has other keys.
        profile.pop("auth", None)
    return laid_over(profile, account)


def laid_over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Tables key by key; anything else that ``above`` has replaces what is below."""
    merged = dict(below)
    for key, value in above.items():
        under = merged.get(key)
        both = isinstance(under, Mapping) and isinstance(value, Mapping)
        merged[key] = laid_over(under, value) if both else value  # type: ignore[arg-type]
    return merged


@functools.cache
def _profile(name: str) -> dict[str, Any]:
    return tomllib.loads((_FOLDER / f"{name}.toml").read_text(encoding="utf-8"))
