"""``optout deliveries``: the plan comes first, the act is on record, and nobody is told what is not known."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from plugin.cli.main import main
from tests.plugin.delivery.harness import BreakableLedger, House
from tests.plugin.events.support import ALL, RULES
from tests.plugin.operations.harness import BY, DO, PHONE, PLUGIN_TOML, Firm

# --- refusals --------------------------------------------------------------------------------------


def test_without_a_ledger_nothing_is_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    toml = PLUGIN_TOML % {"rules": RULES, "url": "sqlite:///ledger.db", "more": ""}
    (tmp_path / "plugin.toml").write_text(toml, encoding="utf-8")
    assert main(["--config", str(tmp_path), "deliveries", "list"]) == 2
    assert "Журнала ещё нет" in capsys.readouterr().err
    assert not (tmp_path / "ledger.db").exists()


@pytest.mark.parametrize("act", ["retry", "cancel"])
def test_an_act_on_everything_by_mistake_is_refused(firm: Firm, act: str) -> None:
    firm.report("c-1")
    assert "Не сказано, какие доставки" in firm.refused("deliveries", act, *DO)
    assert set(firm.states()) == {"pending"}


@pytest.mark.parametrize("by", [("--by", "иванова"), ("--reason", "починили"), ("--by", " ", "--reason", "x"), ()])
def test_an_act_needs_somebody_and_a_reason(firm: Firm, by: tuple[str, ...]) -> None:
    firm.report("c-1")
    assert "пусто" in firm.refused("deliveries", "cancel", "1", "--yes", *by)
    assert set(firm.states()) == {"pending"}


@pytest.mark.parametrize(
    "arguments", [("show", "99"), ("retry", "99"), ("cancel", "1", "99"), ("list", "--call", "no")]
)
def test_what_is_not_there_is_named_with_a_remedy(firm: Firm, arguments: tuple[str, ...]) -> None:
    firm.report("c-1")
    said = firm.refused("deliveries", *arguments)
    assert "optout deliveries list" in said or "optout calls list" in said


def test_a_single_delivery_that_cannot_be_retried_says_why_and_is_status_2(firm: Firm) -> None:
    firm.report("c-1")
    firm.change(1, state="done", finished_at=firm.clock())
    status, out, _ = firm.run("deliveries", "retry", "1", *DO)
    assert status == 2
    assert "1 — уже сделано" in out
    assert firm.row(1)["state"] == "done"
    assert firm.acts() == []


# --- the list --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        ((), [6, 5, 4, 3, 2, 1]),
        (("--state", "parked"), [2]),
        (("--state", "parked", "--state", "done"), [3, 2]),
        (("--state", "pending"), [6, 5, 4, 1]),
        (("--kind", "comment"), [4, 1]),
        (("--call", "c-2"), [6, 5, 4]),
        (("--call", "1"), [3, 2, 1]),
        (("--late",), [3, 2, 1]),
        (("--late", "--kind", "comment"), [1]),
        (("--since", "3h"), [6, 5, 4]),
        (("--why", "FORBIDDEN"), [2]),
        (("--why", "НЕТ прав"), [3]),
        (("--why", "%"), []),
        (("--limit", "2"), [6, 5]),
    ],
)
def test_the_list_can_be_narrowed(either_firm: Firm, arguments: tuple[str, ...], found: list[int]) -> None:
    firm = either_firm
    firm.report("c-1", ago=timedelta(hours=26))
    firm.report("c-2")
    firm.change(2, state="parked", why="the CRM says: forbidden")
    firm.change(3, state="done", finished_at=firm.clock(), why="нет прав")
    shown = firm.out("deliveries", "list", *arguments, "--json").splitlines()
    assert [json.loads(line)["id"] for line in shown] == found


def test_the_table_is_russian_and_masked_and_marks_what_is_late(firm: Firm) -> None:
    assert firm.out("deliveries", "list") == "Доставок ещё не было.\n"
    firm.report("c-1", ago=timedelta(hours=23))
    firm.change(2, state="parked", why=f"no user for {PHONE} in the CRM's account of the dealership")
    firm.change(1, deadline_at=firm.clock() - timedelta(hours=1))
    out = firm.out("deliveries", "list")
    for shown in ("комментарий", "напоминание", "письмо", "остановлено", "***4567", "! — обещанный"):
        assert shown in out
    assert PHONE not in out
    assert firm.out("deliveries", "list", "--state", "done") == "Под эти условия доставок нет.\n"


@pytest.mark.parametrize("language", ["ru", "en"])
def test_why_it_was_parked_is_told_in_the_admins_language(firm: Firm, language: str) -> None:
    firm.report("c-1")
    why = {"en": "the CRM has no card contact 5 (any more)", "ru": "карточки contact 5 в CRM нет (или больше нет)"}
    firm.change(2, state="parked", why=why["en"])
    settings = firm.folder / "plugin.toml"
    toml = settings.read_text(encoding="utf-8").replace("[plugin]\n", f'[plugin]\nlanguage = "{language}"\n', 1)
    settings.write_text(toml, encoding="utf-8")
    for command in (["deliveries", "list"], ["deliveries", "show", "2"], ["calls", "show", "1"]):
        assert why[language] in " ".join(firm.out(*command).split()), command


def test_one_delivery_is_told_with_its_text_and_attempts(firm: Firm) -> None:
    firm.report("c-1")
    firm.attempt(2, why="timed out", status=504, code="GATEWAY")
    firm.change(2, state="unknown", sent_at=firm.clock(), cancel=True, assignee={"user": "7", "address": None})
    out = firm.out("deliveries", "show", "2")
    for shown in (
        *("№ 2 напоминание, survey_coordinator: проверяется", "Звонок:    № 1: c-1 (dealership)", "***4567"),
        *("исключить из звонков с опросом", "Обещано:", "кому: 7", "тема: ИСКЛЮЧИТЬ", "[ref:", "останавливается"),
        "неизвестно, дошло ли (504, GATEWAY, timed out), 0.50 с",
    ):
        assert shown in " ".join(out.split()) or shown in out
    assert PHONE not in out
    assert PHONE in firm.out("deliveries", "show", "2", "--full")
    told = firm.json("deliveries", "show", "2")
    assert (told["phone"], told["tries"][0]["code"], told["acts"]) == ("***4567", "GATEWAY", [])


# --- plan and act ----------------------------------------------------------------------------------


def test_a_plan_counts_and_changes_nothing(firm: Firm) -> None:
    firm.report("c-1")
    firm.report("c-2")
    firm.change_all(state="parked", why="forbidden")
    firm.change(1, sent_at=firm.clock())
    firm.change(6, sent_at=firm.clock())
    out = firm.out("deliveries", "retry", "--state", "parked")
    for shown in ("Повторить: 6", "4 — отправить", "1 — искать в CRM", "1 — отправить письмо ещё раз", "Это план"):
        assert shown in out
    assert set(firm.states()) == {"parked"}
    assert firm.acts() == []
    assert firm.json("deliveries", "retry", "--state", "parked")["steps"] == {
        "looks_up": 1,
        "sends": 4,
        "mails_again": 1,
    }


def test_a_retry_by_filter_acts_on_all_and_each_is_on_record(either_firm: Firm) -> None:
    firm = either_firm
    firm.report("c-1")
    firm.report("c-2")
    firm.change_all(state="parked", why="forbidden", finished_at=firm.clock())
    firm.change(1, sent_at=firm.clock())
    firm.change(2, attempts=4)
    firm.change(5, why="card is gone")
    out = firm.out("deliveries", "retry", "--state", "parked", "--why", "forbidden", *DO)
    assert "Поставлено на повтор: 5" in out
    assert "Это план" not in out
    assert firm.states() == ["unknown", "waiting", "pending", "pending", "parked", "pending"]
    assert (firm.row(2)["why"], firm.row(2)["finished_at"]) == (None, None)
    assert [(act["delivery_ref"], act["by"], act["why"]) for act in firm.acts()] == [
        (id_, "иванова", "CRM починили") for id_ in (1, 2, 3, 4, 6)
    ]
    shown = firm.out("deliveries", "show", "1")
    assert "повтор доставки № 1: остановлено → проверяется" in shown
    assert "иванова: CRM починили" in shown
    assert "повтор доставки № 2: остановлено → ждёт повтора" in firm.out("calls", "show", "c-1")


def test_many_are_done_in_several_transactions(firm: Firm) -> None:
    for number in range(70):
        firm.report(f"c-{number}")
    firm.change_all(state="parked")
    told = firm.json("deliveries", "retry", "--state", "parked", *DO)
    assert (told["count"], told["done"]) == (210, True)
    assert len(firm.acts()) == 210


def test_cancelling_says_which_promises_are_broken(firm: Firm) -> None:
    firm.report("c-1")
    firm.report("c-2", ALL)
    firm.change(1, state="done", finished_at=firm.clock())
    firm.change(2, state="leased", not_before=firm.clock() + timedelta(minutes=2))
    plan = firm.out("deliveries", "cancel", "--call", "c-1", "--call", "c-1")
    for shown in (
        *("Отменить: 2", "1 — отменить: наружу не ушло", "1 — остановить: могло уйти", "1 — уже сделано"),
        *("Обещания клиентам, которые этим нарушаются, звонков: 1", "звонок № 1 (c-1, ***4567): обещано до"),
        "не уйдёт: напоминание, письмо",
    ):
        assert shown in " ".join(plan.split())
    out = firm.out("deliveries", "cancel", "--call", "c-1", *DO)
    assert "Отменено и остановлено: 2" in out
    assert "нарушаются" in out
    assert (firm.row(2)["state"], firm.row(2)["cancel"]) == ("leased", True)
    assert (firm.row(3)["state"], firm.row(3)["why"]) == ("cancelled", "отменено вручную")
    assert firm.row(4)["state"] == "pending"
    again = firm.json("deliveries", "cancel", "--call", "c-1", *DO)
    assert (again["count"], again["refused"]) == (0, {"done": 1, "stopping": 1, "cancelled": 1})


def test_more_broken_promises_than_can_be_read_are_counted(firm: Firm) -> None:
    for number in range(12):
        firm.report(f"c-{number}")
    out = firm.out("deliveries", "cancel", "--kind", "comment")
    assert "звонков: 12" in out
    assert "и ещё: 2" in out
    assert len(firm.json("deliveries", "cancel", "--kind", "comment")["promises"]) == 12


def test_cancelling_a_withdrawal_says_that_the_reminder_stays(firm: Firm) -> None:
    firm.report("c-1")
    firm.office.deliver()
    firm.clock.pass_(minutes=1)
    firm.report("c-1", {"related_to_car": True, "survey_type": "online", "agreed_to_warning": "changed_mind"})
    out = firm.out("deliveries", "cancel", "--kind", "withdrawal")
    assert "останутся в силе: 1" in out
    assert "нарушаются" not in out


def test_what_a_command_logs_is_not_in_what_it_prints(firm: Firm) -> None:
    firm.report("c-1")
    status, out, err = firm.run("deliveries", "cancel", "1", *DO)
    assert (status, err) == (0, "")
    assert "operations.deliveries" not in out


# --- together with delivery ------------------------------------------------------------------------


@pytest.fixture
def house(tmp_path: Path, sqlite_template: Path) -> Iterator[House]:
    path = tmp_path / "ledger.db"
    path.write_bytes(sqlite_template.read_bytes())
    (tmp_path / "plugin.toml").write_text(
        PLUGIN_TOML % {"rules": RULES, "url": "sqlite:///ledger.db", "more": ""}, encoding="utf-8"
    )
    ledger = BreakableLedger(f"sqlite:///{path}")
    yield House(ledger)
    ledger.close()


def act(house: House, tmp_path: Path, *arguments: str) -> int:
    status = main(["--config", str(tmp_path), "deliveries", *arguments, "--yes", *BY])
    # The command goes by the machine's clock; then the CRM's settling time passes.
    house.clock.advance(max(0.0, house.until_due(1)) + 60)
    return status


def test_a_parked_one_that_had_arrived_is_found_and_not_written_again(house: House, tmp_path: Path) -> None:
    delivery = house.one()
    house.worker().run_once()
    house.change(delivery, state="parked", remote_id=None, finished_at=house.clock())
    assert act(house, tmp_path, "retry", str(delivery)) == 0
    house.worker().run_once()
    assert (house.row(delivery).state, house.written(delivery)) == ("done", 1)


def test_a_stopped_one_that_had_arrived_is_done_and_not_called_cancelled(house: House, tmp_path: Path) -> None:
    delivery = house.one()
    house.worker().run_once()
    house.change(delivery, state="parked", remote_id=None, finished_at=house.clock())
    assert act(house, tmp_path, "cancel", str(delivery)) == 0
    house.worker().run_once()
    assert (house.row(delivery).state, house.written(delivery)) == ("done", 1)


def test_a_stopped_one_that_never_arrived_is_cancelled_by_the_look_up(house: House, tmp_path: Path) -> None:
    delivery = house.one(state="parked", sent_at=house.clock() - timedelta(hours=1))
    assert act(house, tmp_path, "cancel", str(delivery)) == 0
    house.worker().run_once()
    assert (house.row(delivery).state, house.written(delivery)) == ("cancelled", 0)


def test_a_restored_ledger_finds_what_was_written_after_the_copy(house: House, tmp_path: Path) -> None:
    delivery = house.one()
    house.worker().run_once()
    # As the copy, made before, has it.
    house.change(delivery, state="pending", remote_id=None, sent_at=None, finished_at=None, attempts=0)
    assert act(house, tmp_path, "retry", "--state", "pending", "--look-first") == 0
    house.worker().run_once()
    assert (house.row(delivery).state, house.written(delivery)) == ("done", 1)
