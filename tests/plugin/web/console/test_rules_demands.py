"""Publishing in the console wants a yes where reminders go to another's address, or something would not be done."""

from __future__ import annotations

import re
from functools import partialmethod

import pytest

from plugin.authoring.revisions.working_copy import rule_texts
from plugin.console.rules_effect import NOT_SEEN, DraftEffects
from plugin.ledger.schema import activations
from tests.plugin.web.console.conftest import RULES
from tests.plugin.web.console.console_site import ConsoleSite, Person, Shown
from tests.plugin.web.console.test_rules_pages import COORDINATOR, HOURS, SCRIPT, bring, write
from tests.plugin.web.console.test_rules_pages import publish as publish_of

MANAGER = "roles.role.sms_manager.address"
SWAPPED = "Координатор опросов: напоминания пойдут на sms.manager@example.org, а сейчас это адрес роли «СМС-менеджер»"


def publish(person: Person, console: ConsoleSite, **sent: str) -> Shown:
    """Publish her draft, its cases accepted."""
    return publish_of(person, console, "anna", "Так решили", **sent)


def yes_on(page: Shown) -> str:
    """What a ticked «Так и задумано» of this page sends."""
    found = re.search(r'name="sure" value="(\w+)"', page.html)
    assert found
    return found[1]


def published(console: ConsoleSite) -> int:
    return len(console.rows(activations)) - 1


def test_people_who_get_what_was_anothers_want_a_yes(console: ConsoleSite) -> None:
    anna = console.person("admin", "anna")
    write(anna, "/people", COORDINATOR, "sms.manager@example.org")
    write(anna, "/people", MANAGER, "coordinator@example.org")

    assert SWAPPED in anna.get(f"{SCRIPT}/publish").text
    refused = publish(anna, console)
    assert (refused.status, published(console)) == (422, 0)
    assert "Сначала подтвердите, что так и задумано." in refused.text
    assert SWAPPED in refused.text
    assert (publish(anna, console, sure=yes_on(refused)).status, published(console)) == (303, 1)


def test_a_yes_to_other_reasons_is_none(console: ConsoleSite) -> None:
    anna = console.person("admin", "anna")
    write(anna, "/people", COORDINATOR, "sms.manager@example.org")
    write(anna, "/people", MANAGER, "new@example.org")
    one = yes_on(anna.get(f"{SCRIPT}/publish"))
    write(anna, "/people", MANAGER, "coordinator@example.org")

    refused = publish(anna, console, sure=one)
    assert (refused.status, published(console)) == (422, 0)
    assert "напоминания пойдут на coordinator@example.org" in refused.text
    assert publish(anna, console, sure="yes").status == 422
    assert (publish(anna, console, sure=yes_on(refused)).status, published(console)) == (303, 1)


def test_a_recipient_who_is_no_longer_reminded_wants_a_yes(console: ConsoleSite) -> None:
    anna = console.person("admin", "anna")
    file, shipped = "survey_opt_out/outcomes.toml", dict(rule_texts(RULES))
    fewer = shipped[file].replace('["survey_coordinator", "sms_manager"]', '["survey_coordinator"]', 1)
    bring(anna, shipped | {file: fewer})

    assert (publish(anna, console).status, published(console)) == (422, 0)
    page = anna.get(f"{SCRIPT}/publish")
    assert "Пропадёт: Координатор опросов, СМС-менеджер" in page.text
    assert (publish(anna, console, sure=yes_on(page)).status, published(console)) == (303, 1)


def test_nothing_is_asked_where_nothing_vanishes(console: ConsoleSite) -> None:
    anna = console.person("admin", "anna")
    write(anna, "/people", COORDINATOR, "new@example.org")

    assert "Нужно подтверждение" not in anna.get(f"{SCRIPT}/publish").text
    assert (publish(anna, console).status, published(console)) == (303, 1)


def test_past_calls_that_take_too_long_to_look_at_want_a_yes(
    console: ConsoleSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(DraftEffects, "past", lambda *_: None)
    monkeypatch.setattr(DraftEffects, "demands", partialmethod(DraftEffects.demands, waits=0.0))
    anna = console.person("admin", "anna")
    write(anna, "/people", COORDINATOR, "new@example.org")

    assert NOT_SEEN not in anna.get(f"{SCRIPT}/publish").text  # it may be seen by the time she has read the page
    refused = publish(anna, console)
    assert (refused.status, published(console)) == (422, 0)
    assert NOT_SEEN in refused.text
    assert (publish(anna, console, sure=yes_on(refused)).status, published(console)) == (303, 1)


def test_rules_with_faults_are_refused_for_those_and_not_for_a_yes(console: ConsoleSite) -> None:
    anna = console.person("admin", "anna")
    write(anna, "/settings", HOURS, "0")

    refused = publish(anna, console)
    assert refused.status == 422
    assert "Не опубликовано" in refused.text
