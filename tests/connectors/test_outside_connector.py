"""A connector of another package, written against ``connectors.base`` alone and offered as an entry point."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from connectors import base
from tests.support.processes import ROOT

#: Every name that ``connectors.base`` has offered to other packages; none of them may go.
NAMES = [
    "Assignee",
    "CallResult",
    "Card",
    "CardRef",
    "CatchUpPage",
    "Check",
    "CommentWrite",
    "Connector",
    "ConnectorError",
    "CrmRefused",
    "CrmUnavailable",
    "Done",
    "EmailWrite",
    "EventMalformed",
    "EventNotAuthentic",
    "FrameCall",
    "Kind",
    "Limits",
    "NotDone",
    "NotMapped",
    "Outcome",
    "Quota",
    "Reference",
    "ReminderState",
    "ReminderWrite",
    "Store",
    "Unknown",
    "Write",
]

CONNECTOR = """
from marshmallow import Schema, fields

from connectors.base import (
    Card, CardRef, Check, Connector, CrmRefused, Done, EventMalformed, EventNotAuthentic, Kind, Limits, NotDone,
    Reference, ReminderState,
)


class Settings(Schema):
    token = fields.String(required=True, metadata={"secret": True})


class OutsideConnector(Connector):
    name = "outside"
    Settings = Settings
    most_writes = 5
    sends_mail = False
    removes = frozenset[Kind]({"comment"})

    def __init__(self, settings):
        super().__init__(settings)
        self.quota = self.store = None

    def limits(self):
        return Limits(requests_per_second=2.0, burst=3, requests_per_write=2)

    def share_quota(self, quota):
        self.quota = quota

    def keep_in(self, store):
        self.store = store

    def check(self):
        return [Check("the CRM answers", True)]

    def read_card(self, card):
        return Card(card, name="Анна") if card.id == "1" else None

    def find_contact(self, phone=None, name=None):
        raise CrmRefused("it cannot be searched", status=403)

    def add_comment(self, card, text, key):
        return Done("7") if card.type == "contact" else NotDone("no such card", permanent=True)

    def create_reminder(self, card, assignee, subject, text, due, key):
        return Done("8")

    def notify_email(self, assignee, subject, text, key):
        return NotDone("it mails nobody", permanent=True)

    def find(self, kind, card, key):
        return None

    def reminder_state(self, remote_id):
        return ReminderState.OPEN

    def withdraw_reminder(self, remote_id, why, key):
        return Done(remote_id)

    def parse_event(self, headers, path_secret, query, body):
        if path_secret != "s3cret":
            raise EventNotAuthentic("wrong secret")
        if not body:
            raise EventMalformed("an empty event")
        return [Reference("call", body.decode())]

    def resolve(self, reference):
        return {"id": reference.id, "facts": {}}
"""

USE = """
from connectors import registry
from connectors.base import CardRef, CommentWrite, CrmRefused, EventNotAuthentic

assert "outside" in registry.names()
kind = registry.connector_class("outside")
connector = kind(kind.Settings().load({"token": "t"}))
card = CardRef("contact", "1")
print(connector.write([CommentWrite(card, "text", "k"), CommentWrite(CardRef("deal", "1"), "text", "k")]))
print(connector.read_card(card).name, connector.limits().settling_seconds, connector.facts())
try:
    connector.open_frame({}, {})
except EventNotAuthentic as error:
    print(error)
try:
    connector.probe()
except CrmRefused as error:
    print(error)
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder of packages with the connector installed in it."""
    (tmp_path / "outside_crm.py").write_text(CONNECTOR, encoding="utf-8")
    info = tmp_path / "outside_crm-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: outside-crm\nVersion: 1.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text(
        "[optout.connectors]\noutside = outside_crm:OutsideConnector\n", encoding="utf-8"
    )
    return tmp_path


def run(site: Path, *arguments: str) -> str:
    environ = {**os.environ, "PYTHONPATH": f"{site}{os.pathsep}{ROOT}", "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(
        [sys.executable, *arguments], env=environ, cwd=ROOT, capture_output=True, encoding="utf-8", check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_base_keeps_every_name_that_it_has_offered() -> None:
    assert [name for name in NAMES if not hasattr(base, name)] == []
    assert set(NAMES) <= set(base.__all__)


def test_a_connector_of_another_package_is_found_loaded_and_used(site: Path) -> None:
    written, read, frame, probe = run(site, "-c", USE).splitlines()
    assert written == (
        "[Done(remote_id='7'), NotDone(why='no such card', permanent=True, after=None, status=None, code=None, "
        "blocked=False, at_fault='record')]"
    )
    assert read == "Анна 30.0 {}"
    assert probe == "it cannot be searched"
    assert frame == "this CRM has no place of its own for the page: use signed links"


def test_a_connector_of_another_package_is_listed_by_the_command(site: Path) -> None:
    assert "outside" in run(site, "-m", "plugin", "connectors", "list")
