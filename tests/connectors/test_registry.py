"""Which classes may be connectors, and how they are found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import EntryPoint
from typing import Any

import pytest
from marshmallow import Schema

from connectors import registry
from connectors.base import Card, Connector
from connectors.embedded import EmbeddedConnector
from connectors.registry import ConnectorMisfit, Registry, UnknownConnector


def variant(name: str = "other", **members: Any) -> type[Connector]:
    """A connector like the embedded one but for these members."""
    return type("Variant", (EmbeddedConnector,), {"name": name, **members})


class Unfinished(Connector):
    name = "unfinished"
    Settings = Schema


class TakesTooLittle(EmbeddedConnector):
    name = "too_little"

    def add_comment(self, card: Any, text: Any) -> Any:  # type: ignore[override]
        return None


class NamedOtherwise(EmbeddedConnector):
    name = "otherwise"

    def find_contact(self, number: str | None = None, name: str | None = None) -> Sequence[Card]:
        return []


class TakesMore(EmbeddedConnector):
    name = "takes_more"

    def find_contact(self, phone: str | None = None, name: str | None = None, *, fuzzy: bool = False) -> Sequence[Card]:
        return []


@pytest.mark.parametrize(
    ("candidate", "what"),
    [
        (
            Unfinished,
            r"connector tests\.connectors\.test_registry\.Unfinished: add_comment is missing, expected add_comment\(",
        ),
        (
            TakesTooLittle,
            r"TakesTooLittle: add_comment is add_comment\(.*\) -> 'Any', expected add_comment\(self, card",
        ),
        (NamedOtherwise, r"NamedOtherwise: find_contact is .*expected find_contact\(self, phone"),
        (variant(resolve=None), r"Variant: resolve is None, expected resolve\("),
        (variant(name=""), "name is '', expected lower-case"),
        (variant(name="../x"), "name is '../x', expected"),
        (variant(Settings=dict), "Settings is <class 'dict'>, expected a marshmallow Schema class"),
        (variant(Settings=Schema()), "Settings is .*, expected a marshmallow Schema class"),
        (Schema, "expected a subclass of connectors.base.Connector"),
        ("embedded", "expected a subclass of connectors.base.Connector"),
    ],
)
def test_a_misfit_is_refused_with_what_was_expected(candidate: Any, what: str) -> None:
    with pytest.raises(ConnectorMisfit, match=what):
        Registry().add(candidate)


def test_a_name_is_given_once() -> None:
    known = Registry()
    known.add(EmbeddedConnector)
    known.add(EmbeddedConnector)
    with pytest.raises(ConnectorMisfit, match="the name 'embedded' is taken by connector connectors"):
        known.add(variant("embedded"))


@pytest.mark.parametrize(
    ("name", "value", "what"),
    [
        ("absent", "no_such_package:Connector", r"connector 'absent' \(no_such_package:Connector\) cannot be imported"),
        ("absent", "connectors.embedded:Absent", "cannot be imported"),
        ("alias", "connectors.embedded:EmbeddedConnector", "offered as 'alias', its name is 'embedded'"),
    ],
)
def test_a_bad_entry_point_is_named(name: str, value: str, what: str) -> None:
    with pytest.raises(ConnectorMisfit, match=what):
        Registry().add_entry_points([EntryPoint(name, value, registry.ENTRY_POINTS)])


def test_an_unknown_name_lists_the_known_and_the_closest() -> None:
    with pytest.raises(UnknownConnector) as caught:
        registry.connector_class("embeded")
    assert isinstance(caught.value, KeyError)
    assert str(caught.value).startswith("unknown connector 'embeded'; known: ")
    assert "embedded" in caught.value.known
    assert str(caught.value).endswith("did you mean 'embedded'?")


def test_a_class_may_take_more_than_is_asked() -> None:
    known = Registry()
    known.add(TakesMore)
    assert known.names() == ("takes_more",)


def test_other_packages_offer_connectors() -> None:
    known = Registry()
    known.add_entry_points([EntryPoint("takes_more", f"{__name__}:TakesMore", registry.ENTRY_POINTS)])
    assert known.connector_class("takes_more").name == "takes_more"


def test_the_embedded_connector_comes_along() -> None:
    assert "embedded" in registry.names()
    assert registry.connector_class("embedded") is EmbeddedConnector


def test_secrets_are_marked_in_the_settings() -> None:
    fields: Mapping[str, Any] = EmbeddedConnector.Settings().fields
    assert {name for name, field in fields.items() if field.metadata.get("secret")} == {"token", "webhook_secret"}
