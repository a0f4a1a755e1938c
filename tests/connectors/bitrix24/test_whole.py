"""The plugin as a process, connected as a local application: from the portal's event to what stands in the card."""

from __future__ import annotations

import re
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest

from tests.connectors.bitrix24 import server
from tests.connectors.bitrix24.conftest import fixture
from tests.connectors.bitrix24.rig import CHANGED, RELATED, SURVEYS, call_end, with_call, with_client
from tests.connectors.bitrix24.server import Portal
from tests.support.fake_api import Fault
from tests.support.home import lay_out
from tests.support.plugin import RunningPlugin, plugin_at
from tests.support.processes import wait_until

pytestmark = pytest.mark.slow

WARNED = "UF_CRM_1700000003"
CALL = "externalCall.7b0c7de811455ef32b18dc5917e4306a.1773239327"
_MARK = re.compile(r"\[ref:[0-9a-f]{16}\]$")

_SETTINGS = """
[crm]
connector = "bitrix24"

[crm.bitrix24]
portal = "{url}"
oauth_server = "{url}"
client_id = "{client_id}"
client_secret = {{ env = "BITRIX24_SECRET" }}
refresh_token = {{ env = "BITRIX24_REFRESH" }}
application_token = {{ env = "BITRIX24_EVENTS" }}
own_user = "1"
member_id = "{member}"
connect_seconds = 1.0
read_seconds = 1.0
settling_seconds = 0.5
facts_changed_field = "{changed}"

[crm.bitrix24.facts.related_to_car]
field = "{related}"
values = {{ "Y" = true, "N" = false }}

[crm.bitrix24.facts.survey_type]
field = "{surveys}"
values = {{ "45" = "calls", "46" = "online", "47" = "all" }}

[crm.bitrix24.facts.agreed_to_warning]
field = "{warned}"
values = {{ "51" = "yes", "52" = "changed_mind" }}

[page]
public_url = "https://optout.example.org"
secret = {{ env = "OPTOUT_PAGE_SECRET" }}
frame_ancestors = ["https://portal.example.org"]

"""


class Office:
    """The portal and the plugin."""

    def __init__(self, portal: Portal, plugin: RunningPlugin) -> None:
        self.portal, self.plugin = portal, plugin
        self.started = datetime.now(UTC) - timedelta(minutes=6)
        with_client(portal)
        with_call(portal, CALL_START_DATE=self.started.isoformat(timespec="seconds"))

    def answer(self, **answers: str) -> None:
        """The operator fills these in on the contact; the portal's own rule notes when."""
        names = {"related": RELATED, "surveys": SURVEYS, "warned": WARNED}
        given: dict[str, Any] = {names[name]: value for name, value in answers.items()}
        with self.portal.lock:
            changed = (self.started + timedelta(minutes=2)).isoformat(timespec="seconds")
            self.portal.records.items[3]["42"] |= given | {CHANGED: changed}

    def tell(self, **changed: str) -> None:
        """An event, as the portal's queue sends it."""
        request = urllib.request.Request(f"{self.plugin.url}/events/bitrix24", call_end(**changed))
        with urllib.request.urlopen(request, timeout=10) as answer:
            assert answer.status in (200, 202)

    def card_changed(self) -> None:
        self.tell(event="ONCRMCONTACTUPDATE", **{"data[FIELDS][ID]": "42"})

    @property
    def comments(self) -> list[str]:
        return [one["COMMENT"] for one in self.portal.records.comments.values()]

    @property
    def todos(self) -> list[dict[str, Any]]:
        return [one for one in self.portal.records.activities.values() if one["PROVIDER_ID"] == "CRM_TODO"]

    @property
    def notified(self) -> list[str]:
        return sorted(str(one["USER_ID"]) for one in self.portal.records.notifications.values())


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    portal = Portal()
    with portal.running():
        home = tmp_path / "plugin"
        fields = {"changed": CHANGED, "related": RELATED, "surveys": SURVEYS, "warned": WARNED}
        own = {"client_id": server.CLIENT_ID, "member": server.MEMBER}
        lay_out(home, _SETTINGS.format(url=portal.url, **own, **fields), ("5", "7"))
        secrets = {
            "BITRIX24_SECRET": server.CLIENT_SECRET,
            "BITRIX24_REFRESH": server.FIRST_REFRESH,
            "BITRIX24_EVENTS": server.APPLICATION_TOKEN,
            "OPTOUT_PAGE_SECRET": "a secret of the page for this test alone",
        }
        with plugin_at(home, secrets) as plugin:
            yield Office(portal, plugin)


def test_a_refusal_filled_in_during_a_call_is_written_once_whatever_breaks(office: Office) -> None:
    office.portal.fault(Fault.DROP_AFTER, Fault.THROTTLED, Fault.TIME_OUT_AFTER, Fault.TOKEN_EXPIRED)
    office.answer(related="Y", surveys="47", warned="51")
    office.tell()
    # The portal tells of the card as well, and of the same call again.
    office.card_changed()
    office.tell()

    wait_until(lambda: len(office.todos) == 2 and office.notified == ["5", "7"], 40)
    wait_until(lambda: office.plugin.is_settled(CALL), 40)

    assert len(office.comments) == 1
    assert _MARK.search(office.comments[0])
    assert sorted(one["RESPONSIBLE_ID"] for one in office.todos) == ["5", "7"]
    assert {one["SUBJECT"] for one in office.todos} == {"ИСКЛЮЧИТЬ"}
    assert {(one["OWNER_TYPE_ID"], one["OWNER_ID"]) for one in office.todos} == {("3", "42")}
    for one in office.portal.records.notifications.values():
        assert str(one["MESSAGE_OUT"]).startswith("ИСКЛЮЧИТЬ\n")


def test_a_call_is_one_writing_request(office: Office) -> None:
    office.answer(related="Y", surveys="47", warned="51")
    office.tell()
    wait_until(lambda: office.plugin.is_settled(CALL), 30)
    assert (len(office.comments), len(office.todos), office.notified) == (1, 2, ["5", "7"])
    writes = [request for request in office.portal.requests if office.portal.is_write(request)]
    assert [len(request.data["cmd"]) for request in writes] == [9]


def test_a_call_without_answers_waits_for_them_and_old_ones_do_nothing(office: Office) -> None:
    office.answer(related="Y", surveys="45")
    # As they have stood there since last month.
    office.portal.records.items[3]["42"][CHANGED] = "2026-10-22T10:00:00+03:00"
    office.tell()
    office.card_changed()
    # The answers of this call come in after its end.
    office.answer(related="Y", surveys="45")
    office.card_changed()
    wait_until(lambda: len(office.comments) == 1, 30)
    wait_until(lambda: office.plugin.is_settled(CALL), 30)
    assert len(office.todos) == 1


def test_the_pair_outlives_the_process_and_a_correction_withdraws(office: Office) -> None:
    office.answer(related="Y", surveys="45")
    office.tell()
    wait_until(lambda: office.plugin.is_settled(CALL) and len(office.todos) == 1, 30)
    office.plugin.stop()
    office.portal.access = "access-of-another-day"
    office.plugin.start()

    office.answer(surveys="46", warned="52")
    office.card_changed()
    wait_until(lambda: len(office.comments) == 2, 30)
    wait_until(lambda: office.plugin.is_settled(CALL), 30)

    (todo,) = office.todos
    assert todo["COMPLETED"] == "Y"
    above, _, below = todo["DESCRIPTION"].partition("\n\n")
    assert "отменяется" in above
    assert _MARK.search(below)
    assert office.portal.renewals == 2, "the settings' token once, the one that came with it once"
    secrets = (server.CLIENT_SECRET, server.FIRST_REFRESH, server.APPLICATION_TOKEN, "access0", "9161234567")
    for secret in (*secrets, "access-of-another-day", "refresh1"):
        assert secret not in office.plugin.log


@pytest.mark.parametrize(("token", "status"), [(server.FRAME_AUTH, 303), ("0" * 32, 403)])
def test_the_page_opens_in_the_portals_frame_for_whom_the_portal_knows(office: Office, token: str, status: int) -> None:
    given = fixture("placement__call_card")
    query = given["query"] | {"DOMAIN": office.portal.url.partition("://")[2]}
    address = urlsplit(office.plugin.url)
    body = urlencode(given["form"] | {"AUTH_ID": token})
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Host": "optout.example.org"}
    with closing(HTTPConnection(str(address.hostname), address.port, timeout=10)) as connection:
        connection.request("POST", f"/operator/frame/bitrix24?{urlencode(query)}", body, headers)
        answer = connection.getresponse()
        told = answer.read().decode()
    assert answer.status == status, told
    where = answer.headers.get("Location") or ""
    assert ("externalCall.c3ee67f1a63f6e6117c230ab59cc49ea.1723556778" in where) == (status == 303)
    assert token not in office.plugin.log
