"""The CRM goes away from under a running service and comes back: the admin hears of both, the promise is kept."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.client import CALLS, Client
from tests.support.crm import RunningCrm, embedded_crm
from tests.support.mail import MailSink, mail_sink
from tests.support.plugin import RunningPlugin, running_plugin
from tests.support.processes import wait_until

ADMIN = "admin@dealer.example"
_ALERTS = f"""
[alerts]
to = ["{ADMIN}"]
away_after_minutes = 0
gather_minutes = 0
check_seconds = 0.1
"""


@pytest.fixture
def crm(tmp_path: Path) -> Iterator[RunningCrm]:
    with embedded_crm(tmp_path) as running:
        yield running


@pytest.fixture
def mail() -> Iterator[MailSink]:
    with mail_sink() as sink:
        yield sink


@pytest.fixture
def plugin(tmp_path: Path, crm: RunningCrm, mail: MailSink) -> Iterator[RunningPlugin]:
    with running_plugin(tmp_path, crm, mail.port, start=False) as running:
        with (running.home / "plugin.toml").open("a", encoding="utf-8") as settings:
            settings.write(_ALERTS)
        running.start()
        yield running


def told(mail: MailSink) -> list[str]:
    """The subjects of what the admin got, but for the chain's mark, which comes once a day."""
    subjects = [str(one.message["Subject"]) for one in mail.messages if ADMIN in one.recipients]
    return [subject for subject in subjects if "Отметка цепочки" not in subject]


def test_the_admin_is_told_of_the_outage_and_of_its_end_once_each(
    crm: RunningCrm, mail: MailSink, plugin: RunningPlugin
) -> None:
    client = Client(crm, mail, plugin)
    crm.stop()
    client.report(CALLS)
    wait_until(lambda: told(mail), 30)
    listed = plugin.run("alerts", "list")
    assert "нет связи: с" in listed.stdout, listed.stderr
    assert "ещё не закончилось" in listed.stdout
    crm.start()
    client.settle()
    wait_until(lambda: len(told(mail)) == 2, 30)
    assert told(mail) == ["[optout] Нет связи", "[optout] Связь восстановлена"]
    assert plugin.run("alerts", "list").stdout.startswith("Тревог нет.")
    assert len(client.crm.api.comments(client.card)) == 1
    assert plugin.log.count("account.away") == plugin.log.count("account.back") == 1
    assert client.phone not in "".join(one.text for one in mail.messages if ADMIN in one.recipients)
