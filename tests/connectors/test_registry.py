"""Which classes may be connectors, and how they are found."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest
from marshmallow import Schema

from connectors import registry
from connectors.base import Card, Connector
from connectors.embedded import EmbeddedConnector
from connectors.registry import ConnectorMisfit, Registry, UnknownConnector

ROOT = Path(__file__).parents[2]


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
        (variant(write=lambda self: []), r"Variant: write is write\(self\), expected write\(self, writes"),
        (
            variant(keep_in=lambda self, where: None),
            r"keep_in is .*\(self, where\), expected keep_in\(self, store",
        ),
        (variant(probe=None), r"probe is None, expected probe\("),
        (variant(facts={}), r"Variant: facts is {}, expected facts\(self\)"),
        (
            variant(check_assignee=lambda self, assignee: ()),
            r"check_assignee is .*, expected check_assignee\(self, assignee: 'Assignee', \*, mailed: 'bool'\)",
        ),
        (variant(remove=lambda self, kind, remote_id: None), r"remove is .*, expected remove\(self, kind"),
        (variant(open_frame=lambda self, query: None), r"open_frame is .*, expected open_frame\(self, query"),
        (variant(share_quota="much"), r"share_quota is 'much', expected share_quota\(self, quota"),
        (variant(most_writes=0), "most_writes is 0, expected a whole number of 1 or more"),
        (variant(most_writes=True), "most_writes is True, expected a whole number"),
        (variant(most_writes="many"), "most_writes is 'many', expected a whole number"),
        (variant(sends_mail="yes"), "sends_mail is 'yes', expected True or False"),
        (variant(repeats_events=None), "repeats_events is None, expected True or False"),
        (variant(catches_up="yes"), "catches_up is 'yes', expected True or False"),
        (variant(catch_up=lambda self, since: None), r"catch_up is .*, expected catch_up\(self, since"),
        (variant(check_by_writing=lambda self, card: ()), r"check_by_writing is .*, expected check_by_writing\(self\)"),
        (variant(removes=True), "removes is True, expected a frozenset of comment, reminder, email"),
        (variant(removes=frozenset({"task"})), r"removes is frozenset\({'task'}\), expected a frozenset"),
        (
            variant(__init__=lambda self, settings, token: None),
            r"Variant: __init__\(settings, token\), expected __init__\(self, settings\)",
        ),
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
def test_a_bad_entry_point_is_named_when_it_is_asked_for(name: str, value: str, what: str) -> None:
    known = Registry()
    known.offer([EntryPoint(name, value, registry.ENTRY_POINTS)])
    with pytest.raises(ConnectorMisfit, match=what):
        known.connector_class(name)


def test_a_misfit_of_another_package_does_not_keep_anybody_from_the_others() -> None:
    known = Registry()
    known.offer(EntryPoint(name, f"{__name__}:{kind}", registry.ENTRY_POINTS) for name, kind in OFFERED.items())
    with pytest.raises(ConnectorMisfit, match="TakesTooLittle: add_comment is"):
        known.connector_class("too_little")
    assert known.connector_class("takes_more") is TakesMore


OFFERED = {"too_little": "TakesTooLittle", "takes_more": "TakesMore"}


def test_two_packages_cannot_offer_one_name() -> None:
    known = Registry()
    known.offer([EntryPoint("mine", "a:A", registry.ENTRY_POINTS)])
    known.offer([EntryPoint("mine", "a:A", registry.ENTRY_POINTS)])
    with pytest.raises(ConnectorMisfit, match="connector b:B: the name 'mine' is taken by connector a:A"):
        known.offer([EntryPoint("mine", "b:B", registry.ENTRY_POINTS)])
    with pytest.raises(ConnectorMisfit, match="the name 'mine' is taken by connector a:A"):
        known.add(variant("mine"))


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
    known.offer([EntryPoint("takes_more", f"{__name__}:TakesMore", registry.ENTRY_POINTS)])
    assert known.connector_class("takes_more").name == "takes_more"


@pytest.mark.parametrize("name", registry.names())
def test_every_connector_that_comes_along_fits(name: str) -> None:
    assert registry.connector_class(name).name == name


def test_an_account_may_say_itself_whether_it_mails() -> None:
    Registry().add(variant(sends_mail=property(lambda self: False), repeats_events=property(lambda self: True)))


def test_knowing_the_names_imports_no_connector() -> None:
    code = "import sys; from connectors import registry; print(*registry.names()); print('requests' in sys.modules)"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT).stdout
    assert told == " ".join(registry.names()) + "\nFalse\n"


def test_the_embedded_connector_comes_along() -> None:
    assert "embedded" in registry.names()
    assert registry.connector_class("embedded") is EmbeddedConnector


def test_secrets_are_marked_in_the_settings() -> None:
    fields: Mapping[str, Any] = EmbeddedConnector.Settings().fields
    assert {name for name, field in fields.items() if field.metadata.get("secret")} == {"token", "webhook_secret"}
