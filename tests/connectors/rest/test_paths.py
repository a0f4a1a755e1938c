"""Where a value stands in a CRM's JSON, and conditions on it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marshmallow import ValidationError

from connectors.rest.fields import ConditionsField
from connectors.rest.paths import Path, as_text, records_in
from connectors.rest.placeholders import FIND, with_record

DATA: dict[str, Any] = {
    "task": {"people": [{"id": 1}, {"id": "2"}, {"name": "x"}], "open": True, "none": None},
    "data[FIELDS][ID]": "7",
    "a.b": "dotted",
}
KEY = "0123456789abcdef" * 4

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@pytest.mark.parametrize(
    "source", ["a..b", ".a", "a.", "a[x]", "a[", "a]", "a b", '["', "a[1]b", "x" * 501, "[*].", "a[[0]]"]
)
def test_a_path_that_cannot_be_read_is_refused(source: str) -> None:
    with pytest.raises(ValueError, match=r"character|longer"):
        Path.parse(source)


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("", DATA),
        ("task.people[0].id", 1),
        ("task.people[-1].name", "x"),
        ("task.people[9].id", None),
        ("task.people[*].id", [1, "2"]),
        ("task.people.id", None),
        ("task.nowhere[*].id", []),
        ("task.open", True),
        ("task.none", None),
        ('["data[FIELDS][ID]"]', "7"),
        ('["a.b"]', "dotted"),
    ],
)
def test_a_path_leads_to_its_value_or_to_nothing(source: str, value: Any) -> None:
    assert Path.parse(source).get(DATA) == value


@given(JSON, st.sampled_from(["", "a", "a.b[0]", "[0].a", "a[*].b", "[*][*]", "a[-3]"]))
def test_no_data_makes_a_path_raise(data: Any, source: str) -> None:
    path = Path.parse(source)
    path.get(data)
    records = records_in(data, path)
    assert records is None or all(isinstance(record, dict) for record in records)


def test_values_are_compared_as_texts() -> None:
    assert [as_text(value) for value in (None, True, False, 12, " x ")] == ["", "true", "false", "12", "x"]


# --- conditions --------------------------------------------------------------------------------------


def condition(**table: Any) -> Any:
    return ConditionsField(with_record(FIND)).deserialize([table])[0]


@pytest.mark.parametrize(
    ("table", "holds"),
    [
        ({"path": "task.people[0].id", "equals": "1"}, True),
        ({"path": "task.people[0].id", "equals": 1}, True),
        ({"path": "task.people[0].id", "equals": 2}, False),
        ({"path": "task.open", "equals": True}, True),
        ({"path": "task.people[0].id", "one_of": ["5", 1]}, True),
        ({"path": "task.people[0].id", "one_of": ["5"]}, False),
        ({"path": "task.people[*].id", "contains": "2"}, True),
        ({"path": "task.people[*].id", "contains": "12"}, False),
        ({"path": '["a.b"]', "contains": "otte"}, True),
        ({"path": '["a.b"]', "contains": ["nothing", "otte"]}, True),
        ({"path": "task.none", "present": True}, False),
        ({"path": "task.none", "present": False}, True),
        ({"path": "task.people[*].none", "present": True}, False),
        ({"path": "text", "marked": True}, True),
        ({"path": "a", "marked": True}, False),
        ({"path": "text", "equals": "{{ card.id }}"}, False),
    ],
)
def test_a_condition_holds_or_not(table: dict[str, Any], holds: bool) -> None:
    data = DATA | {"text": f"x [ref:{KEY[:16]}]"}
    assert condition(**table).holds(data, {"key": KEY, "card": {"id": ""}}) is holds


def test_an_empty_wish_is_never_fulfilled() -> None:
    assert not condition(path="empty", equals="{{ card.id }}").holds({"empty": ""}, {"card": {"id": ""}})
    assert not condition(path="full", contains="{{ card.id }}").holds({"full": "x"}, {"card": {"id": ""}})


@pytest.mark.parametrize(
    ("table", "complaint"),
    [
        ({"path": "a"}, "exactly one of"),
        ({"equals": "a"}, "exactly one of"),
        ({"path": "a", "equals": "a", "present": True}, "exactly one of"),
        ({"path": "a", "equal": "a"}, "did you mean equals"),
        ({"path": "a", "equals": ""}, "something in it"),
        ({"path": "a", "one_of": []}, "a list of values"),
        ({"path": "a", "one_of": "a"}, "a list of values"),
        ({"path": "a", "present": "yes"}, "true, false"),
        ({"path": "a..b", "present": True}, "cannot be read at character 2"),
        ({"path": "a", "equals": "{{ cart.id }}"}, "did you mean card"),
        ({"path": 5, "present": True}, "not a path"),
        ({"path": "a", "present": True, "problem": 5}, "unknown key"),
    ],
)
def test_a_condition_that_cannot_be_meant_is_refused(table: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValidationError) as caught:
        condition(**table)
    assert complaint in str(caught.value.messages)
