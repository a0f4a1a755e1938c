"""Descriptions that come along, each a TOML file beside this module, and an account's own keys laid over one."""

from __future__ import annotations

import itertools
import re
import tomllib
from collections.abc import Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

from connectors.rest.syntax import suggestion

#: A key of a table within the account's, as a profile's head shows it: ``constants.user = "3"``.
_DOTTED = re.compile(r"(\w+)\.(\w+ = .*)")
_HEADER = re.compile(r"(\[{1,2})([\w.]+\]{1,2})$")
FOLDER = files("connectors.rest") / "profiles"


def names(folder: Traversable = FOLDER) -> tuple[str, ...]:
    """The profiles there are."""
    found = (entry.name for entry in folder.iterdir())
    return tuple(sorted(name.removesuffix(".toml") for name in found if name.endswith(".toml")))


def over_profile(name: str, account: Mapping[str, Any], folder: Traversable = FOLDER) -> dict[str, Any]:
    """The account's keys over the profile's. Raises ValueError for a name that is none."""
    if name not in names(folder):
        raise ValueError(f"unknown profile {name!r}{suggestion(name, names(folder))}")
    profile = dict(_profile(folder, name))
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


def beginning(name: str) -> str:
    """A profile as a piece of plugin.toml to be changed: the account's keys, then every table in full."""
    lines = (FOLDER / f"{name}.toml").read_text(encoding="utf-8").splitlines()
    head = list(itertools.takewhile(lambda line: line.startswith("#"), lines))
    given = [line.removeprefix("#   ") for line in head if line.startswith("#   ")]
    account = [line for line in given if not line.startswith(("[", "profile =")) and not _DOTTED.match(line)]
    inner = [match.groups() for line in given if (match := _DOTTED.match(line))]
    made = [line for line in head if not line.startswith("#   ")]
    made = ["[crm]", 'connector = "rest"', "", *made, "[crm.rest]", *account]
    for line in lines[len(head) :]:
        table = _HEADER.match(line)
        made.append(f"{table[1]}crm.rest.{table[2]}" if table else line)
        here = table[2].strip("]") if table else None
        made += [rest for of, rest in inner if of == here]
    return "\n".join(_without_repeats(made)) + "\n"


def _without_repeats(lines: list[str]) -> list[str]:
    """Of two lines of one table that give the same key, the first: the account's."""
    kept, keys = [], set[str]()
    for line in lines:
        if line.startswith("["):
            keys = set()
        key = line.partition(" =")[0] if " = " in line and line[:1].isalpha() else ""
        if not key or key not in keys:
            kept.append(line)
        keys.add(key)
    return kept


def _profile(folder: Traversable, name: str) -> dict[str, Any]:
    return tomllib.loads((folder / f"{name}.toml").read_text(encoding="utf-8"))
