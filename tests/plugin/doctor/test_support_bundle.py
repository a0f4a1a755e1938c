"""A support bundle says what a helper needs, and nothing of what was planted: no phone, name, address or secret."""

from __future__ import annotations

import base64
import json
import zipfile
from pathlib import Path

import pytest

from plugin.cli.main import main
from plugin.doctor.support_bundle import BundleParts
from plugin.errors import InputError
from plugin.ledger.versions import HEAD
from tests.plugin.events.support import ALL, RULES, call_result, office_at

KEY = base64.b64encode(b"a webhook secret that is planted").decode()
#: Each as it may turn up in settings, roles, ledger or log.
PLANTED = [
    *("crm-token-s3cret", KEY, "smtp-passw0rd", "page-secret-that-is-long-enough-for-it", "metrics-t0ken-planted"),
    *("plain-token-in-the-file", "db-passw0rd", "mail.user", "path-s3cret"),
    *("Карточкина", "Координатор", "ivanova", "Smith", "Сидоров"),
    *("9161234567", "916 123-45-67", "9160000042"),
    *("coordinator@example.org", "boss@example.org", "robot@example.org"),
]
SETTINGS = """
[plugin]
id = "optout"
version = "1.0.0"
events = ["call-result"]
default_script = "survey_opt_out"
timezone = "Europe/Moscow"
rules = "{rules}"
[crm]
connector = "embedded"
[crm.embedded]
base_url = "http://127.0.0.1:9"
token = {{ env = "CRM_TOKEN" }}
[sources.telephony]
secrets = [{{ env = "HOOK" }}]
[ledger]
url = "sqlite:///ledger.db"
[smtp]
host = "127.0.0.1"
port = 9
sender = "Smith <robot@example.org>"
user = "mail.user"
password = {{ file = "mail-password" }}
[alerts]
to = ["boss@example.org"]
webhook = "http://127.0.0.1:9/hooks/path-s3cret"
webhook_secret = {{ env = "HOOK" }}
[web]
metrics_token = {{ env = "METRICS" }}
[page]
secret = {{ env = "PAGE" }}
"""
LOG = [
    '{"event": "delivery.parked", "level": "error", "delivery": 7, "why": "no card of Сидоров, +7 916 123-45-67"}',
    '{"event": "page.signed_in", "operator": "ivanova", "client": "Smith", "level": "info"}',
    "Traceback of something else: +79160000042 Smith",
    '["Smith"]',
]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    with office_at(tmp_path) as office:
        for number in (1, 2):
            office.send(call_result(ALL, id=f"e-{number}", call={"id": f"c-{number}"}))
        office.deliver(state="done", number=1)
    secrets = ("crm-token-s3cret", KEY, "metrics-t0ken-planted", "page-secret-that-is-long-enough-for-it")
    for name, secret in zip(("CRM_TOKEN", "HOOK", "METRICS", "PAGE"), secrets, strict=True):
        monkeypatch.setenv(name, secret)
    (tmp_path / "mail-password").write_text("smtp-passw0rd")
    (tmp_path / "plugin.toml").write_text(SETTINGS.format(rules=RULES), encoding="utf-8")
    (tmp_path / "optout.log").write_text("\n".join(LOG), encoding="utf-8")
    return tmp_path


def bundled(home: Path, *arguments: str) -> dict[str, str]:
    file = home / "bundle.zip"
    assert main(["--config", str(home), "support-bundle", str(file), *arguments]) == 0
    assert file.stat().st_mode & 0o777 == 0o600
    with zipfile.ZipFile(file) as archive:
        return {name: archive.read(name).decode() for name in archive.namelist()}


def test_nothing_that_was_planted_is_in_it(home: Path) -> None:
    parts = bundled(home, "--log", str(home / "optout.log"))
    assert [(name, one) for name, text in parts.items() for one in PLANTED if one in text] == []


def test_it_says_what_a_helper_needs(home: Path) -> None:
    parts = bundled(home, "--log", str(home / "optout.log"))
    assert json.loads(parts["versions.json"])["ledger"] == HEAD
    settings = json.loads(parts["settings.json"])
    assert settings["crm"]["embedded"] == {"base_url": "http://127.0.0.1:9", "token": {"env": "CRM_TOKEN"}}
    ledger = json.loads(parts["ledger.json"])
    assert (ledger["tables"], ledger["calls"]) == (HEAD, {"exclude_all": 2})
    assert ledger["deliveries"]["done comment"] == 2
    assert "optout_ledger_up 1.0" in parts["metrics.txt"]
    points = json.loads(parts["doctor.json"])["points"]
    assert ("embedded", "the CRM answers", False) in {(one["area"], one["name"], one["ok"]) for one in points}
    first, second, rest = parts["log.jsonl"].splitlines()
    assert json.loads(first) | {"why": ""} == {"event": "delivery.parked", "level": "error", "delivery": 7, "why": ""}
    assert json.loads(second)["operator"] == "‹…›"
    assert rest == "(2 lines that are no JSON of the plugin's are left out)"


def test_a_secret_that_stands_in_the_file_itself_is_left_out_too(home: Path) -> None:
    file = home / "plugin.toml"
    text = file.read_text(encoding="utf-8")
    text = text.replace('{ env = "CRM_TOKEN" }', '"plain-token-in-the-file"')
    file.write_text(text.replace("sqlite:///ledger.db", "postgresql://optout:db-passw0rd@127.0.0.1:9/x"), "utf-8")
    parts = bundled(home)
    assert [(name, one) for name, text in parts.items() for one in PLANTED if one in text] == []
    assert json.loads(parts["settings.json"])["ledger"]["url"] == "postgresql://127.0.0.1:9"
    assert "log.jsonl" not in parts


def test_settings_that_are_no_toml_make_a_bundle_all_the_same(home: Path) -> None:
    (home / "plugin.toml").write_text("token = plain-token-in-the-file", encoding="utf-8")
    parts = bundled(home)
    assert "plain-token-in-the-file" not in "".join(parts.values())
    assert "fault" in json.loads(parts["settings.json"])


def test_a_file_that_is_there_is_never_overwritten(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "bundle.zip").write_text("mine")
    assert main(["--config", str(home), "support-bundle", str(home / "bundle.zip")]) == 2
    assert "exists already" in capsys.readouterr().err
    assert (home / "bundle.zip").read_text() == "mine"


def test_a_log_that_cannot_be_read_is_named_and_nothing_is_written(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--config", str(home), "support-bundle", str(home / "b.zip"), "--log", str(home / "gone")]) == 2
    assert "--log" in capsys.readouterr().err
    assert not (home / "b.zip").exists()


def test_a_place_that_cannot_be_written_is_one_message(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be written"):
        BundleParts({}).write(tmp_path / "nowhere" / "b.zip")
