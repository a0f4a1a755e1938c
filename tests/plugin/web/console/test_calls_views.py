"""Views of the calls that a person keeps by name, and a search that goes through so many calls at a time."""

from __future__ import annotations

import pytest

from plugin.ledger.views import saved_views
from tests.plugin.events.support import ALL, CALLS
from tests.plugin.web.console.console_site import ConsoleSite

VIEWS = "/console/calls/views"
FILTERS = "outcome=exclude_calls&state=parked&since=7d"


@pytest.mark.parametrize(
    ("query", "name", "told"),
    [
        (FILTERS, " ", "Вид не назван"),
        ("", "Пусто", "Сохранять нечего"),
        ("phone=9161112233&name=Орлова&card=7", "Клиент", "Сохранять нечего"),
        ("state=none", "Нет такого", "такого нет"),
    ],
)
def test_a_view_without_a_name_or_filters_or_of_a_client_is_not_kept(
    console: ConsoleSite, query: str, name: str, told: str
) -> None:
    answer = console.person("supervisor").post(f"{VIEWS}?{query}", name=name)
    assert (answer.status, told in answer.text) == (422, True), answer.text
    assert console.rows(saved_views) == []


def test_a_view_is_kept_by_name_for_its_person_and_opens_as_a_link(console: ConsoleSite) -> None:
    anna, boris = console.person("supervisor", "anna"), console.person("supervisor", "boris")

    page = anna.done(f"{VIEWS}?{FILTERS}&phone=9161112233", name="Стоят  за неделю")

    assert "Стоят за неделю" in page.text
    assert 'href="/console/calls?outcome=exclude_calls&amp;state=parked&amp;since=7d"' in page.html
    assert [row["filters"] for row in console.rows(saved_views)] == [
        {"outcome": "exclude_calls", "state": "parked", "since": "7d"}
    ]
    assert "Стоят за неделю" not in boris.get("/console/calls").text
    anna.done(f"{VIEWS}?state=waiting", name="Стоят за неделю")
    assert [row["filters"] for row in console.rows(saved_views)] == [{"state": "waiting"}]
    number = console.rows(saved_views)[0]["id"]
    boris.done(VIEWS, out=str(number))
    assert len(console.rows(saved_views)) == 1
    anna.done(VIEWS, out=str(number))
    assert console.rows(saved_views) == []


def test_what_a_view_is_called_is_shown_as_text(console: ConsoleSite) -> None:
    anna = console.person("supervisor")
    page = anna.done(f"{VIEWS}?state=parked", name='<script>alert(1)</script>"><img src=x>')
    assert "<script>alert" not in page.html
    assert "<img" not in page.html


def test_only_so_many_calls_are_gone_through_at_a_time(console: ConsoleSite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("plugin.web.console.calls._LOOKED_AT", 2)
    old = console.report("old", ALL, ago=9, card={"name": "Орлова Анна"})
    for hours in range(1, 5):
        console.report(f"new-{hours}", CALLS, ago=hours, card={"name": "Белый Олег"})
    anna = console.person("supervisor")

    def searched(query: str) -> tuple[list[str], str | None]:
        """The calls' links, and where the search goes on."""
        html = anna.get(f"/console/calls?{query}").html
        links = [part.partition('"')[0] for part in html.split('class="row-link" href="')[1:]]
        _, _, rest = html.partition('<a href="/console/calls?')
        rest = rest.partition('" rel="next"')[0] if "Искать среди более ранних" in html else ""
        return links, rest.replace("&amp;", "&") or None

    links, further = searched("name=орлова")
    seen = [links]
    while further:
        links, further = searched(further)
        seen.append(links)
    assert seen == [[], [], [f"/console/calls/{old}"]]
    # What an index leads to is found at once.
    assert searched("operator=nobody") == ([], None)
    assert len(searched("")[0]) == 5
