"""One real CRM, one mail server and one plugin for all tests here."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from connectors.rest import RestConnector
from tests.real_crm.crm import Contact, RealCrm, real_crm
from tests.real_crm.plugin import plugin_on
from tests.real_crm.proxy import CuttingProxy
from tests.support.mail import MailSink, mail_sink
from tests.support.plugin import RunningPlugin


@pytest.fixture(scope="session")
def crm() -> Iterator[RealCrm]:
    with real_crm() as running:
        yield running


@pytest.fixture(scope="session")
def proxy(crm: RealCrm) -> Iterator[CuttingProxy]:
    between = CuttingProxy(crm.url)
    with between.running():
        yield between


@pytest.fixture(scope="session")
def mail() -> Iterator[MailSink]:
    with mail_sink() as sink:
        yield sink


@pytest.fixture(scope="session")
def plugin(
    crm: RealCrm, proxy: CuttingProxy, mail: MailSink, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningPlugin]:
    with plugin_on(crm, proxy.url, mail.port, tmp_path_factory.mktemp("real_crm") / "home") as running:
        yield running


@pytest.fixture
def contact(crm: RealCrm) -> Contact:
    """A contact that no other test touches."""
    return crm.new_contact()


@pytest.fixture
def connector(crm: RealCrm) -> Iterator[RestConnector]:
    given = {
        "profile": "bottlecrm",
        "base_url": f"{crm.url}/api",
        "token": crm.token,
        "time_zone": "Europe/Moscow",
        "constants": {"site": "https://crm.example.org"},
        "requests_per_second": 100,
        "burst": 100,
    }
    made = RestConnector(RestConnector.Settings().load(given))
    yield made
    made.close()
