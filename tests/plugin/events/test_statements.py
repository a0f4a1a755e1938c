"""Taking an event in is quick: how many statements its transaction has."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Engine, Pool, event

from tests.plugin.events.support import ALL, CALLS, OTHER_CLIENT, Office, call_result


@contextmanager
def statements() -> Iterator[list[str]]:
    """What is executed meanwhile: on SQLite as the database itself sees it, else by any engine."""
    seen: list[str] = []

    def trace(connection: Any, *_rest: object) -> None:
        if isinstance(connection, sqlite3.Connection):
            connection.set_trace_callback(seen.append)

    def note(_connection: object, cursor: object, statement: str, *_rest: object) -> None:
        if not isinstance(cursor, sqlite3.Cursor):
            seen.append(statement)

    event.listen(Pool, "checkout", trace)
    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(Pool, "checkout", trace)
        event.remove(Engine, "before_cursor_execute", note)


@pytest.mark.parametrize("facts", [CALLS, ALL, OTHER_CLIENT], ids=["calls", "all", "another client"])
def test_a_new_complete_call_takes_at_most_six_statements_and_one_each_for_number_promise_and_chain(
    office: Office, facts: dict[str, object]
) -> None:
    office.taken(facts, call={"id": "before"})
    result = call_result(facts)
    with statements() as seen:
        answer = office.send(result)
    assert answer.status == 202
    own = [one for one in seen if not one.startswith(("BEGIN", "COMMIT", "SET", "PRAGMA"))]
    assert sum("INTO suppressions" in one for one in own) == 1
    assert sum("INTO promises" in one for one in own) == 1
    assert sum("INTO chain_queue" in one for one in own) == 1
    assert 5 <= len(own) <= 9, own


def test_the_answer_to_a_new_call_is_what_a_repeat_of_it_is_told(office: Office) -> None:
    result = call_result(ALL)
    first, again = office.send(result).body, office.send(result).body
    assert first["deliveries"]
    assert again == first | {"duplicate": True}
