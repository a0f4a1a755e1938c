"""Values in texts of another language are told where they are not quoted for it, and else never leave their place."""

from __future__ import annotations

import re
import string
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marshmallow import ValidationError

from connectors.rest import RestConnector
from connectors.rest.placeholders import BY_NAME
from connectors.rest.profiles import laid_over
from connectors.rest.template import TextTemplate
from tests.connectors.rest.rig import SECRETS, example
from tests.connectors.rest.test_templates import context

TEXTS = st.text(max_size=40) | st.text(string.punctuation + "аЁ'\"\\()% \n", max_size=20)


def loaded(**changes: Any) -> Any:
    return RestConnector.Settings().load(laid_over(example() | SECRETS, changes))


@pytest.mark.parametrize(
    "written",
    [
        "lastname eq '{{ word | odata }}'",
        "contains(fullname,'{{ word | lower | odata }}')",
        "SELECT Id FROM Contact WHERE Name = '{{ word | soql }}'",
        "(t.lastname:like:'%{{ word | like }}%')",
        "name = '{{ word | like | sql | upper }}'",
        '{{ "name = \'" ~ (word | sql) ~ "\'" }}',
        "x = '{{ word | replace(\"'\", '’') }}'",
        'title: "{{ word | text }}"',
        "number eq '{{ name | digits }}' and now gt {{ now | utc }}",
        "team eq '{{ constants.team }}'",
        "{{ word }}",
        "don't ask {{ word }} why it isn't",
        '{{ word }} "or so"',
    ],
)
def test_a_value_that_is_quoted_or_in_no_query_is_no_fault(written: str) -> None:
    assert loaded(contact_by_name={"query": {"name": written}})


@pytest.mark.parametrize(
    "written",
    [
        "lastname eq '{{ word }}'",
        "lastname eq '{{ word | lower }}'",
        "x '{{ 'a' if word else word }}'",
        "'{{ word or name | odata }}'",
        "'a' or '{{ word[0:3] }}'",
        "name like {{ word }}",
        "number>={{ name }}",
    ],
)
def test_a_value_in_a_query_that_is_not_quoted_for_it_is_a_fault(written: str) -> None:
    with pytest.raises(ValidationError, match="stands in a query"):
        loaded(contact_by_name={"query": {"name": written}})


#: A string of the language, from its first quote to its last, and nothing after it.
STRINGS = {
    "odata": re.compile(r"'(?:[^']|'')*'\Z"),
    "sql": re.compile(r"'(?:[^'\\]|''|\\\\)*'\Z"),
    "soql": re.compile(r"'(?:[^'\\\n\r]|\\['\"\\nr])*'\Z"),
    "like": re.compile(r"'[\w\s.@+-]*'\Z"),
}


@pytest.mark.parametrize("language", STRINGS)
@given(value=TEXTS)
def test_a_quoted_value_is_one_string_of_its_language(language: str, value: str) -> None:
    made = TextTemplate(f"'{{{{ word | {language} }}}}'", BY_NAME).text(context(word=value))
    assert STRINGS[language].match(made)


@given(value=st.text(max_size=40))
def test_what_odata_soql_and_sql_quote_reads_as_it_was(value: str) -> None:
    def made(language: str) -> str:
        return TextTemplate(f"{{{{ word | {language} }}}}", BY_NAME).text(context(word=value))

    assert made("odata").replace("''", "'") == value
    assert made("sql").replace("''", "'").replace("\\\\", "\\") == value
    known = {"n": "\n", "r": "\r"}
    assert re.sub(r"\\(.)", lambda found: known.get(found[1], found[1]), made("soql")) == value


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("{{ word | like }}", "О_Коннор _мл._ 100__"),
        ("{{ word | replace(\"'\", '’') | replace('(мл.)', '') }}", "О’Коннор  100%_"),
        ("{{ word | odata }}", "О''Коннор (мл.) 100%_"),
    ],
)
def test_a_quoting_filter_makes_its_text(source: str, value: str) -> None:
    assert TextTemplate(source, BY_NAME).value(context(word="О'Коннор (мл.) 100%_")) == value
