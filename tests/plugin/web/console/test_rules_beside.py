"""A draft beside the active rules by a button: what it came to stands on the page that publishes it."""

from __future__ import annotations

from contextlib import closing

from plugin.authoring.shadow.watch import ShadowWatch
from plugin.ledger.schema import activations, acts
from plugin.ledger.shadows import shadows
from tests.plugin.events.support import CALLS
from tests.plugin.web.console.console_site import ConsoleSite
from tests.plugin.web.console.test_rules_pages import SCRIPT, write


def test_an_editor_sees_it_and_may_not_begin_it(console: ConsoleSite) -> None:
    editor = console.person("editor", "anna")
    write(editor, "/settings", "script.title", "Другое")
    assert "Рядом с действующими правилами" in editor.get(f"{SCRIPT}/publish").text
    assert "Пустить рядом" not in editor.get(f"{SCRIPT}/publish").text
    assert editor.post(f"{SCRIPT}/beside", act="begin").status == 403


def test_nothing_is_let_beside_that_differs_in_nothing_or_is_at_fault(console: ConsoleSite) -> None:
    anna = console.person("admin", "anna")
    assert anna.post(f"{SCRIPT}/beside", act="begin").status == 422
    assert anna.post(f"{SCRIPT}/beside", act="stop").status == 422
    write(anna, "/settings", "script.promise_hours", "0")
    assert anna.post(f"{SCRIPT}/beside", act="begin").status == 422
    assert console.rows(shadows) == []


def test_what_live_calls_would_come_to_stands_where_it_is_published(console: ConsoleSite) -> None:
    anna, boris = console.person("admin", "anna"), console.person("admin", "boris")
    assert write(anna, "", "rules.rule[1].outcome", "none").status == 303
    console.report("before", CALLS)
    assert anna.post(f"{SCRIPT}/beside", act="begin", here="rules_publish").status == 303
    assert "Звонков пока не было" in anna.get(f"{SCRIPT}/publish").text

    console.report("after", CALLS)
    with closing(ShadowWatch(console.ledger, console.clock)) as watch:
        watch.step()
        watch.step()

    page = anna.get(f"{SCRIPT}/publish")
    assert "Звонков: 1; решений, которые вышли бы иначе: 1." in page.text
    assert "другой итог" in page.text
    assert "последний такой звонок" in page.text
    # Cases decide nothing: with others it is what these rules came to all the same.
    anna.post(f"{SCRIPT}/cases/accept")
    assert "решений, которые вышли бы иначе: 1." in anna.get(f"{SCRIPT}/publish").text
    # Somebody else with other rules is told that there is no room, and by whom.
    write(boris, "/settings", "script.title", "Другое")
    assert "пустил(а) anna" in boris.get(f"{SCRIPT}/publish").text
    assert boris.post(f"{SCRIPT}/beside", act="begin").status == 422
    anna.done(f"{SCRIPT}/beside", act="stop", here="rules_publish")
    assert "Пустить рядом ещё раз" in anna.get(f"{SCRIPT}/publish").text
    assert [row["act"] for row in console.rows(acts)] == ["shadow", "shadow"]
    assert len(console.rows(activations)) == 1
