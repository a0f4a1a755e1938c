"""The CRM, a mail server and the plugin as real processes, talking over real HTTP and SMTP."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.crm import RunningCrm, embedded_crm
from tests.support.mail import MailSink, mail_sink
from tests.support.plugin import RunningPlugin, running_plugin
from tests.support.postgres import Databases


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("end_to_end")


@pytest.fixture(scope="module")
def crm(folder: Path) -> Iterator[RunningCrm]:
    with embedded_crm(folder) as running:
        yield running


@pytest.fixture(scope="module")
def mail() -> Iterator[MailSink]:
    with mail_sink() as sink:
        yield sink


@pytest.fixture(scope="module")
def plugin(folder: Path, crm: RunningCrm, mail: MailSink) -> Iterator[RunningPlugin]:
    with running_plugin(folder, crm, mail.port) as running:
        yield running


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def either_plugin(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, crm: RunningCrm, mail: MailSink
) -> Iterator[RunningPlugin]:
    """The plugin on each database in turn."""
    home = tmp_path_factory.mktemp(request.param)
    if request.param == "sqlite":
        with running_plugin(home, crm, mail.port) as running:
            yield running
        return
    databases: Databases = request.getfixturevalue("postgres")
    with databases.database() as url, running_plugin(home, crm, mail.port, ledger_url=url) as running:
        yield running
