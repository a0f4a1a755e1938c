"""``optout connectors``: what there is, told by the classes themselves, within 80 columns."""

from __future__ import annotations

import json
import tomllib

import pytest

from connectors import registry
from connectors.embedded import EmbeddedConnector
from plugin.cli.main import main
from plugin.doctor import catalogue


def run(capsys: pytest.CaptureFixture[str], *arguments: str, status: int = 0) -> str:
    capsys.readouterr()
    assert main(["connectors", *arguments]) == status
    told = capsys.readouterr()
    return told.err if status else told.out


def test_an_unknown_connector_is_refused_with_the_closest(capsys: pytest.CaptureFixture[str]) -> None:
    told = run(capsys, "describe", "embeded", status=2)
    assert "did you mean 'embedded'?" in told


def test_all_are_listed_with_what_they_can_do(capsys: pytest.CaptureFixture[str]) -> None:
    lines = run(capsys, "list").splitlines()
    assert all(len(line) <= 80 for line in lines)
    rows = {line.split()[0]: line.split()[1:] for line in lines[1 : 1 + len(registry.names())]}
    assert tuple(rows) == registry.names()
    for name, cells in rows.items():
        kind = registry.connector_class(name)
        assert cells[0] in ({True: "yes", False: "no"}[kind.sends_mail], "set")
        assert cells[1] == str(kind.most_writes)


def test_programs_get_one_object_a_connector(capsys: pytest.CaptureFixture[str]) -> None:
    found = [json.loads(line) for line in run(capsys, "list", "--json").splitlines()]
    assert [one["name"] for one in found] == list(registry.names())
    embedded = next(one for one in found if one["name"] == "embedded")
    assert (embedded["repeats_events"], embedded["most_writes"], embedded["sends_mail"]) == (True, 1, True)


@pytest.mark.parametrize("name", registry.names())
def test_each_is_described_within_80_columns(capsys: pytest.CaptureFixture[str], name: str) -> None:
    told = run(capsys, "describe", name)
    assert all(len(line) <= 80 or "/" in line for line in told.splitlines())
    schema = registry.connector_class(name).Settings()
    for attribute, field in schema.fields.items():
        mark = "*" if field.required else " "
        kind = "secret" if field.metadata.get("secret") else ""
        assert f"\n {mark} {field.data_key or attribute}: {kind}" in told
    json.loads(run(capsys, "describe", name, "--json"))


def test_a_description_says_types_defaults_bounds_secrets_and_limits(capsys: pytest.CaptureFixture[str]) -> None:
    told = run(capsys, "describe", "embedded")
    assert " * token: secret" in told
    assert "   read_seconds: number, above 0 to 300, default 20.0" in told
    assert "      A file of certificates to trust, for a CRM with a private authority." in told
    assert "at most 200 requests a second, 50 at once" in told


@pytest.mark.parametrize(
    ("name", "removed"),
    [("amocrm", "nothing"), ("bitrix24", "comment and reminder"), ("espocrm", "comment and reminder"), ("rest", "set")],
)
def test_a_description_says_what_a_trial_removes_again(
    capsys: pytest.CaptureFixture[str], name: str, removed: str
) -> None:
    assert f"\n  trial removes     {removed}\n" in run(capsys, "describe", name)
    (row,) = (line for line in run(capsys, "list").splitlines() if line.startswith(name))
    assert row.endswith(f"  {removed}")


def test_no_secrets_default_is_ever_shown() -> None:
    for name in registry.names():
        for one in catalogue.settings_of(registry.connector_class(name)):
            assert not (one.secret and one.default is not None)


def test_what_each_account_says_itself_is_not_claimed_by_the_class() -> None:
    class Depends(EmbeddedConnector):
        name = "depends"

        def __init__(self, settings: dict[str, object]) -> None:
            super().__init__(settings)
            self.sends_mail = bool(settings.get("mail"))
            self.removes = frozenset()

    ability = catalogue.ability_of(Depends)
    assert (ability.sends_mail, ability.repeats_events, ability.removes) == (None, True, None)


@pytest.mark.parametrize(
    ("text", "state", "why"),
    [
        ('[item.writing]\ndone = true\nby = "tests/test_writing.py"', "done", ""),
        ('[item.writing]\nexempt = "the CRM has none"', "exempt", "the CRM has none"),
        ('[item.writing]\ntodo = "later"', "todo", "later"),
        ("[item.writing]\ndone = false", "todo", ""),
    ],
)
def test_a_checklists_item_is_done_or_says_why_not(text: str, state: str, why: str) -> None:
    assert catalogue.items_of(tomllib.loads(text)) == [catalogue.Item("writing", state, why)]


@pytest.mark.parametrize("name", registry.names())
def test_each_item_of_a_connectors_own_checklist_is_shown(capsys: pytest.CaptureFixture[str], name: str) -> None:
    kind = registry.connector_class(name)
    told = " ".join(run(capsys, "describe", name).split())
    for item in catalogue.checklist_of(kind):
        assert item.name.replace("_", " ") in told


def test_a_connector_without_a_checklist_has_none(capsys: pytest.CaptureFixture[str]) -> None:
    class Bare(EmbeddedConnector):
        name = "bare"

    assert catalogue.checklist_of(Bare) == []
