"""The README tells every key, placeholder and filter there is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from marshmallow import Schema, fields

from connectors.rest import RestConnector, profiles
from connectors.rest.conditions import TESTS
from connectors.rest.error_map import MEANINGS
from connectors.rest.event_tables import ALGORITHMS
from connectors.rest.filters import FILTERS
from connectors.rest.placeholders import BY_TABLE
from connectors.rest.syntax import shown_names
from tests.connectors.rest.rig import README

TEXT = README.read_text(encoding="utf-8")
#: Every word that stands as code or in an example.
CODE = set(re.findall(r"[\w.]+", " ".join(re.findall(r"`[^`\n]+`|^```toml\n.*?^```", TEXT, re.MULTILINE | re.DOTALL))))
WORDS = CODE | {part for word in CODE for part in word.split(".")}


def keys(schema: Schema) -> Iterator[str]:
    """Every key of a schema and of the tables in it."""
    for name, field in schema.fields.items():
        yield field.data_key or name
        inner: Any = field
        while isinstance(inner, fields.List | fields.Dict):
            inner = inner.inner if isinstance(inner, fields.List) else inner.value_field
        if isinstance(inner, fields.Nested):
            yield from keys(inner.schema)


@pytest.mark.parametrize("key", sorted(set(keys(RestConnector.Settings()))))
def test_every_key_stands_in_the_readme(key: str) -> None:
    assert key in WORDS


@pytest.mark.parametrize("name", sorted({name for names in BY_TABLE.values() for name in shown_names(names)}))
def test_every_placeholder_stands_in_the_readme(name: str) -> None:
    assert name in CODE | {"constants"}


@pytest.mark.parametrize("word", sorted({*FILTERS, *TESTS, *MEANINGS, *ALGORITHMS, *profiles.names()}))
def test_every_filter_test_meaning_algorithm_and_profile_stands_in_the_readme(word: str) -> None:
    assert word in WORDS


def test_the_contents_lead_to_headings() -> None:
    headings = {
        re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-")
        for title in re.findall(r"^#+ (.+)$", TEXT, re.MULTILINE)
    }
    assert {link for link in re.findall(r"\]\(#([\w-]+)\)", TEXT)} <= headings
