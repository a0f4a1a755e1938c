"""A wrong description is refused with the key and what was meant: one small file in ``bad/`` for each fault."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from marshmallow import ValidationError

from connectors.rest import RestConnector
from connectors.rest.profiles import laid_over, names, over_profile
from plugin.config.load import load_settings
from plugin.errors import ConfigError
from tests.connectors.rest.rig import EVENT_SECRET, README, SECRETS, example, without

BAD = sorted((Path(__file__).parent / "bad").glob("*.toml"))


def header(text: str, name: str) -> str:
    found = re.search(rf"^# {name}: (.+)$", text, re.MULTILINE)
    return found[1] if found else ""


def leaves(messages: Any, place: str = "") -> Iterator[tuple[str, str]]:
    """marshmallow's messages by the keys as they stand in the file."""
    if not isinstance(messages, Mapping):
        for message in messages if isinstance(messages, list) else [messages]:
            yield place, str(message)
        return
    for key, inner in messages.items():
        step = "" if key == "_schema" or (key == "value" and set(messages) <= {"key", "value"}) else str(key)
        yield from leaves(inner, ".".join(filter(None, (place, step))))


def test_there_is_a_file_for_each_fault() -> None:
    assert len(BAD) > 60


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_a_fault_is_told_with_its_key_and_what_was_meant(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    given = laid_over(without(example() | SECRETS, header(text, "without")), tomllib.loads(text))
    with pytest.raises(ValidationError) as caught:
        RestConnector.Settings().load(given)
    found = list(leaves(caught.value.messages))
    assert [key for key, _ in found] == [header(text, "key")], found
    assert header(text, "says") in found[0][1]
    assert not any(secret in str(found) for secret in (*SECRETS.values(), "user:secret"))


def test_the_description_that_the_faults_are_put_into_is_good() -> None:
    assert RestConnector.Settings().load(example() | SECRETS)


def test_all_faults_are_told_at_once() -> None:
    wrong = {"comment": {"json": {"body": "{{ txt }}", "ref": "{{ kee }}"}}, "auth": {"kind": "magic"}}
    with pytest.raises(ValidationError) as caught:
        RestConnector.Settings().load(laid_over(example() | SECRETS, wrong))
    assert {key for key, _ in leaves(caught.value.messages)} == {"comment.json.body", "comment.json.ref", "auth.kind"}


def test_plugin_toml_names_file_line_and_key(tmp_path: Path) -> None:
    block = next(part for part in README.read_text(encoding="utf-8").split("```") if "[crm.rest.comment]" in part)
    text = block.removeprefix("toml\n").replace('body = "{{ text }}", ref', 'body = "{{ txt }}", ref')
    head = '[plugin]\nid = "o"\nversion = "1"\nevents = []\ndefault_script = "s"\ntimezone = "Europe/Moscow"\n'
    head += '[sources.rest]\n[ledger]\nurl = "sqlite:///l.db"\n'
    (tmp_path / "plugin.toml").write_text(head + text, encoding="utf-8")
    (tmp_path / "polka-event-secret").write_text(EVENT_SECRET, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_settings(tmp_path, {"POLKA_CLIENT_SECRET": "x"})
    (line,) = [line for line in str(caught.value).splitlines() if "crm.rest" in line]
    number = (head + text).splitlines().index(next(row for row in text.splitlines() if "{{ txt }}" in row)) + 1
    assert line.startswith(f"{tmp_path / 'plugin.toml'}:{number}: crm.rest.comment.json.body: ")
    assert "did you mean text?" in line


# --- profiles ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", names())
def test_a_profile_is_good_and_needs_no_more_than_the_account(name: str) -> None:
    account: dict[str, Any] = {"base_url": "https://crm.example.org/api", "token": "t", "time_zone": "Europe/Moscow"}
    if name == "odata":
        del account["token"]
        token = {"token_url": "https://login.example.org/token", "client_id": "x"}
        account |= {"client_secret": "s", "auth": token}
    loaded = RestConnector.Settings().load({"profile": name, **account})
    assert RestConnector(loaded).settings["profile"] == name


def test_an_accounts_own_keys_go_before_the_profiles() -> None:
    over = over_profile("bottlecrm", {"reminder": {"json": {"priority": "Low"}}, "burst": 3, "check": []})
    assert over["reminder"]["json"]["priority"] == "Low"
    assert over["reminder"]["json"]["status"] == "New"
    assert (over["burst"], over["check"]) == (3, [])
    assert over_profile("bottlecrm", {})["reminder"]["json"]["priority"] == "High"
