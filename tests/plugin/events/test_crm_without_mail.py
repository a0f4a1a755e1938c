"""Where the CRM cannot send mail, the mails that it was to send go over SMTP, once."""

from __future__ import annotations

from typing import Any

import pytest

from plugin.config.settings import CrmAccount
from plugin.deciding.decision.compiled_rules import Rulebook
from plugin.events.revision_cache import RevisionCache
from plugin.operations.replay import Replay, RulesOf
from plugin.resilience.noted import note_account, with_account
from tests.plugin.events.support import ALL, CALLS, HALF, NONE, SETTINGS, Office, at, edited_rules

WITHOUT = CrmAccount("testcrm", {}, sends_mail=False)
MAILS = ("smtp_email", "crm_email")


def modes(crm: str, sms: str) -> Rulebook:
    def edit(content: dict[str, Any]) -> None:
        roles = content["roles.toml"]["role"]
        roles["survey_coordinator"]["email"], roles["sms_manager"]["email"] = crm, sms

    return edited_rules(edit)


@pytest.fixture
def mixed(office: Office) -> Office:
    """The coordinator is mailed by the CRM, the SMS manager by both."""
    office.rules.activate(modes("crm", "both"), "test", "test")
    return office


def mails(office: Office, number: int | None = None) -> list[tuple[str, str | None]]:
    return [(kind, role) for kind, role in office.planned(number) if kind in MAILS]


def test_a_crm_that_can_mail_mails_by_itself(mixed: Office) -> None:
    mixed.taken(ALL)
    assert sorted(mails(mixed)) == [
        ("crm_email", "sms_manager"),
        ("crm_email", "survey_coordinator"),
        ("smtp_email", "sms_manager"),
    ]


def test_a_role_of_the_crm_or_of_both_is_mailed_once_over_smtp(mixed: Office) -> None:
    mixed.with_settings(crm=WITHOUT).taken(ALL)
    assert sorted(mails(mixed)) == [("smtp_email", "sms_manager"), ("smtp_email", "survey_coordinator")]


def test_the_mail_of_a_withdrawal_goes_over_smtp_too(mixed: Office) -> None:
    office = mixed.with_settings(crm=WITHOUT)
    office.taken(CALLS)
    office.deliver()
    office.taken(NONE, occurred_at=at(5))
    told = [row for row in office.deliveries(2) if row["kind"] in MAILS]
    assert [(row["kind"], row["role"]) for row in told] == [("smtp_email", "survey_coordinator")]


def test_the_mail_of_an_unfinished_call_goes_over_smtp_too(mixed: Office) -> None:
    office = mixed.with_settings(crm=WITHOUT)
    office.taken(HALF)
    office.clock.pass_(minutes=31)
    office.sweep()
    assert mails(office) == [("smtp_email", "survey_coordinator")]


def test_a_replay_by_a_command_uses_what_the_services_noted_of_the_account(mixed: Office) -> None:
    mixed.taken(CALLS)
    mixed.rules.activate(modes("crm", "crm"), "test", "test")
    assert with_account(SETTINGS, mixed.ledger).crm.sends_mail
    for sends in (True, False, False):
        note_account(mixed.ledger, SETTINGS.crm.connector, sends_mail=sends)
    settings = with_account(SETTINGS, mixed.ledger)
    assert not settings.crm.sends_mail
    replay = Replay(mixed.ledger, mixed.rules, settings, mixed.clock, RulesOf.TODAY)
    modes_now = replay._revisions.modes(mixed.rules.current())
    assert modes_now == dict.fromkeys(("survey_coordinator", "sms_manager", "supervisor"), "smtp")


def test_roles_that_only_a_pinned_revision_knows_are_mailed_over_smtp_too(office: Office) -> None:
    pinned = office.rules.current()
    office.rules.activate(modes("crm", "both"), "test", "test")
    revisions = RevisionCache(office.rules, crm_mails=False)
    assert set(revisions.modes(pinned).values()) == {"smtp"}
