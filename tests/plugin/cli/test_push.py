"""A dialler in plugin.toml: its table checked, tried by hand, examined, pushed to by the service, and told of."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest

from plugin.config.load import load_settings
from plugin.doctor.diallers import dialler_points
from plugin.errors import ConfigError
from plugin.service.pushing import push_loop
from tests.plugin.events.support import CALLS
from tests.plugin.operations.harness import BY, PHONE, Firm
from tests.support.uis import TOKEN, Uis

SECRET = base64.b64encode(b"x" * 32).decode()
ENVIRON = {"NOWHERE": SECRET, "UIS_TOKEN": TOKEN}


@pytest.fixture
def uis() -> Iterator[Uis]:
    made = Uis()
    with made.running():
        yield made


def configured(firm: Firm, uis: Uis, more: str = "", table: str = "uis") -> None:
    toml = f"""
[suppression.push.{table}]
profile = "uis"
base_url = "{uis.url}"
token = {{ env = "UIS_TOKEN" }}
requests_per_second = 1000
burst = 1000
{more}
"""
    with (firm.folder / "plugin.toml").open("a", encoding="utf-8") as file:
        file.write(toml)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ('scope = "all"', "suppression.push.uis.scope: given 'all'"),
        ('number = "9"', "suppression.push.uis.number"),
        ('add.json.params.phone_number = "{{ nomber }}"', "did you mean number"),
        ('auth = { kind = "header" }\nadd.json.params.access_token = "{{ token }}"', "auth of the kind body"),
        ('profil = "x"', "unknown key"),
    ],
)
def test_what_is_wrong_with_its_table_is_told_with_its_place(firm: Firm, uis: Uis, more: str, said: str) -> None:
    configured(firm, uis, more)
    with pytest.raises(ConfigError) as refused:
        load_settings(firm.folder, ENVIRON)
    assert said in str(refused.value)


def test_a_secret_that_lacks_or_an_unknown_profile_is_told(firm: Firm, uis: Uis) -> None:
    configured(firm, uis)
    with pytest.raises(ConfigError, match="UIS_TOKEN is not set"):
        load_settings(firm.folder, {"NOWHERE": SECRET})
    text = (firm.folder / "plugin.toml").read_text(encoding="utf-8").replace('profile = "uis"', 'profile = "uiss"')
    (firm.folder / "plugin.toml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match="did you mean uis"):
        load_settings(firm.folder, ENVIRON)


def test_an_unknown_dialler_is_told(firm: Firm, uis: Uis, monkeypatch: pytest.MonkeyPatch) -> None:
    configured(firm, uis)
    for name, value in ENVIRON.items():
        monkeypatch.setenv(name, value)
    assert "Есть: uis" in firm.refused("suppression", "push", "other")
    assert "There are: uis" in firm.refused("connectors", "try", "--dialler", "other", "has")
    assert "needs --phone" in firm.refused("connectors", "try", "--dialler", "uis", "has", "--send")


def test_one_request_is_tried_by_hand(firm: Firm, uis: Uis, monkeypatch: pytest.MonkeyPatch) -> None:
    configured(firm, uis)
    for name, value in ENVIRON.items():
        monkeypatch.setenv(name, value)
    uis.black_list = {7: "79161234567"}
    monkeypatch.setattr("plugin.cli.connectors.click.echo", print)
    status, shown, _ = run(firm, "connectors", "try", "--dialler", "uis", "has", "--phone", PHONE, "--send")
    assert status == 0
    assert TOKEN not in shown
    assert "id: 7" in shown
    status, shown, _ = run(firm, "connectors", "try", "--dialler", "uis", "add", "--phone", PHONE)
    assert '"phone_number": "79161234567"' in shown
    assert uis.called("create") == 0


def run(firm: Firm, *arguments: str) -> tuple[int, str, str]:
    """A command whose lines are as long as what it shows."""
    from plugin.cli.main import main

    firm.capsys.readouterr()
    status = main(["--config", str(firm.folder), *arguments])
    said = firm.capsys.readouterr()
    return status, said.out, said.err


def test_the_service_pushes_and_what_was_before_goes_by_a_person_s_word(firm: Firm, uis: Uis) -> None:
    configured(firm, uis)
    settings = load_settings(firm.folder, ENVIRON)
    (dialler,) = settings.diallers
    firm.report("c-1", CALLS)
    loop = push_loop(firm.ledger, dialler, settings, firm.clock, "test")
    assert loop.step(lambda: False) > 0
    loop.step(lambda: False)
    assert uis.numbers == []
    points = list(dialler_points(dialler, firm.ledger))
    assert [(point.ok, point.remedy) for point in points if not point.ok] == [
        (False, "1 numbers were never pushed, 0 not taken out: optout suppression push uis --yes")
    ]
    assert "ещё не поставлено в очередь: добавить 1, убрать 0" in firm.out("suppression", "push", "uis")
    assert "Поставлено в очередь номеров: 1" in firm.out("suppression", "push", "uis", "--yes", *BY)
    firm.clock.pass_(seconds=60)
    for _ in range(3):
        loop.step(lambda: False)
    assert uis.numbers == ["79161234567"]
    shown = firm.out("suppression", "push", "uis")
    assert "передано 1, в очереди 0, отклонено 0" in shown
    assert "Это план" not in shown
    assert "проверить заново: 1" in firm.out("suppression", "push", "uis", "--again")
    points = list(dialler_points(dialler, firm.ledger))
    assert [point.name for point in points if not point.ok] == []
    told = firm.json("person", PHONE)
    assert [(one["dialler"], one["wanted"], one["state"]) for one in told["diallers"]] == [("uis", True, "done")]
    assert "uis: внести с" in firm.out("person", PHONE)


def test_the_doctor_tells_what_the_dialler_answers(firm: Firm, uis: Uis) -> None:
    configured(firm, uis)
    (dialler,) = load_settings(firm.folder, ENVIRON).diallers
    uis.complains = "ip_not_whitelisted"
    failed = [point for point in dialler_points(dialler, None) if not point.ok]
    assert failed
    assert "ip_not_whitelisted" in failed[0].remedy
    uis.complains = None
    assert [point.ok for point in dialler_points(dialler, None)] == [True, True, True]


def test_the_shipped_settings_have_none(firm: Firm, tmp_path: Path) -> None:
    assert load_settings(firm.folder, ENVIRON).diallers == ()
