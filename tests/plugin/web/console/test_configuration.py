"""The set-up in the console: settings without secrets, the examination with remedies, what there is to download."""

from __future__ import annotations

import io
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from plugin.doctor.for_console import setup_tools, shown_settings
from plugin.ledger.schema import acts
from plugin.web import create_app
from tests.plugin.web.console.console_site import ConsoleSite
from tests.plugin.web.harness import ENVIRON, SECRET

HIDDEN = "hunter2-hunter2"


@pytest.fixture
def equipped(console: ConsoleSite, tmp_path: Path) -> ConsoleSite:
    """A console whose process knows its set-up."""
    tools = setup_tools(tmp_path / "plugin.toml", ENVIRON, console.clock)
    made = replace(console)
    made.app = create_app(
        console.intake, console.ledger, console.settings, console.rules, None, now=console.clock, tools=tools
    )
    return made


def test_a_process_that_does_not_know_its_set_up_says_so(console: ConsoleSite) -> None:
    admin = console.person("admin")
    assert "Прочитать их отсюда нельзя." in admin.get("/console/setup").text
    for path in ("/console/setup/check", "/console/setup/bundle"):
        assert admin.post(path).status == 422


def test_settings_are_shown_without_what_is_secret() -> None:
    data = {
        "crm": {"token": HIDDEN, "base_url": f"https://u:{HIDDEN}@crm.example.org/rest/{HIDDEN}/?k={HIDDEN}"},
        "smtp": {"password": {"env": "SMTP"}, "host": "mail.example.org", "tls": True},
        "sources": {"a": {"secrets": [{"env": "A"}, {"file": "/run/a"}, HIDDEN]}},
        "ledger": {"url": f"postgresql://optout:{HIDDEN}@db/optout"},
    }
    shown = {f"{one.table}.{one.name}": one.value for one in shown_settings(data, {"A": HIDDEN})}
    assert HIDDEN not in str(shown)
    assert shown["crm.base_url"] == "https://crm.example.org/…"
    assert shown["smtp.password"] == "из переменной SMTP — она не задана"
    assert shown["smtp.tls"] == "да"
    assert shown["sources.a.secrets"] == "из переменной A, из файла /run/a, скрыто"


def test_the_examination_tells_each_point_with_its_remedy(equipped: ConsoleSite) -> None:
    page = equipped.person("admin").post("/console/setup/check")
    assert page.status == 200
    assert "Не в порядке" in page.text
    assert "→" in page.text
    assert SECRET not in page.html


def test_the_bundle_is_an_archive_and_on_record(equipped: ConsoleSite) -> None:
    admin = equipped.person("admin")
    answer = admin.client.post("/console/setup/bundle", data={"csrf": admin.csrf})
    assert "doctor.json" in zipfile.ZipFile(io.BytesIO(answer.data)).namelist()
    assert [row["details"]["what"] for row in equipped.rows(acts)] == ["support-bundle"]


def test_guides_are_read_in_the_browser(console: ConsoleSite) -> None:
    admin = console.person("admin")
    guide = admin.get("/console/setup/guide/admin")
    assert guide.status == 200
    assert guide.headers["Content-Type"].startswith("text/plain")
    assert admin.get("/console/setup/guide/none").status == 404
