"""Whom the call is with: looked up when it is opened, chosen or mended by the operator, asked for where needed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext
from playwright.sync_api import Page as Tab

from connectors.base import Card, CardRef, CrmUnavailable
from plugin.config.settings import Settings
from tests.browser.page_site import PASSWORD, Site, exact, phrase, press, running_site, saved, screen, type_answer
from tests.plugin.web.harness import Crm

ONE, TWO, NONE = "+79161234567", "+79160000109", "+79031112233"


class Cards(Crm):
    """A CRM with three cards. It answers once ``open`` is set; ``away``: not at all."""

    def __init__(self) -> None:
        super().__init__({})
        self.open = threading.Event()
        self.open.set()
        self.away = False
        self.cards = [
            Card(CardRef("contact", "42"), "Иванов Иван", "https://crm.example.org/contact/42", (ONE,)),
            Card(CardRef("contact", "91"), "Девятый Пётр", None, (TWO,)),
            Card(CardRef("contact", "92"), "Соседов Олег", None, (TWO,)),
        ]

    def read_card(self, card: object) -> Card | None:
        self._answer()
        return next((one for one in self.cards if one.ref == card), None)

    def find_contact(self, phone: str | None = None, name: str | None = None) -> Sequence[Card]:
        self._answer()
        return [one for one in self.cards if phone in one.phones]

    def _answer(self) -> None:
        self.open.wait(30)
        if self.away:
            raise CrmUnavailable("away")


@pytest.fixture
def crm() -> Cards:
    return Cards()


@pytest.fixture
def looking(settings: Settings, rules_folder: Path, ledger_file: str, crm: Cards) -> Iterator[Site]:
    """The page with that CRM, and an account."""
    with running_site(settings, rules_folder, ledger_file, connector=crm) as site:
        site.users.add("ivanova", "operator", PASSWORD)
        yield site


def opened(site: Site, tab: Tab, phone: str | None, **more: object) -> str:
    call = site.call(phone=phone, **{"card": None, "name": None, "card_url": None, **more})
    tab.goto(site.link(call))
    screen(tab, "question")
    return str(call.id)


def test_the_card_found_is_shown_and_written_to(looking: Site, tab: Tab) -> None:
    call = opened(looking, tab, ONE)
    tab.locator("#client-name").get_by_text("Иванов Иван").wait_for()
    press(tab, "1", "1")
    exact(tab)
    assert "Клиент карточки: Иванов Иван" in tab.locator(".result").inner_text()
    press(tab, "Enter")
    screen(tab, "done")

    (row,) = looking.rows_of_calls(call)
    assert (row["card_id"], row["phone"]) == ("42", ONE)


def test_of_several_cards_one_is_chosen_and_stays_after_a_reload(looking: Site, tab: Tab) -> None:
    call = opened(looking, tab, TWO)
    tab.get_by_text("Карточек с этим номером: 2").wait_for()
    press(tab, "1")
    saved(tab)
    tab.get_by_role("button", name="Изменить номер или карточку").click()
    tab.get_by_label("Соседов Олег").check()
    tab.keyboard.press("Enter")
    tab.locator("#client-name").get_by_text("Соседов Олег").wait_for()
    tab.reload()
    tab.locator("#client-name").get_by_text("Соседов Олег").wait_for()
    press(tab, "1", "Enter")
    screen(tab, "done")

    (row,) = looking.rows_of_calls(call)
    assert (row["card_id"], row["outcome"]) == ("92", "exclude_calls")


def test_a_number_without_a_card_is_told_and_can_be_mended_before_the_end(looking: Site, tab: Tab) -> None:
    call = opened(looking, tab, NONE)
    tab.get_by_text("Карточка по этому номеру не найдена").wait_for()
    press(tab, "1", "1")
    saved(tab)
    assert "комментарий записать некуда" in tab.locator(".missing").inner_text()
    tab.locator(".missing").get_by_role("button").click()
    tab.get_by_label("Телефон клиента").fill("8 916 123-45-67")
    tab.keyboard.press("Enter")
    tab.locator("#client-name").get_by_text("Иванов Иван").wait_for()
    assert tab.locator(".missing").count() == 0
    press(tab, "Enter")
    screen(tab, "done")

    (row,) = looking.rows_of_calls(call)
    assert (row["phone"], row["card_id"], row["outcome"]) == (ONE, "42", "exclude_calls")


@pytest.mark.parametrize("typed", ["123", "8916000010", "нет"])
def test_what_cannot_be_a_number_is_refused_at_the_field(looking: Site, tab: Tab, typed: str) -> None:
    opened(looking, tab, ONE)
    tab.get_by_role("button", name="Изменить номер или карточку").click()
    tab.get_by_label("Телефон клиента").fill(typed)
    tab.keyboard.press("Enter")
    tab.get_by_text("Это не похоже на номер телефона").wait_for()

    assert tab.locator("#client-phone-field").evaluate("field => field === document.activeElement")


@pytest.mark.parametrize("typed", ["123", "8916000010"])
def test_the_form_refuses_what_cannot_be_a_number(looking: Site, tab: Tab, typed: str) -> None:
    sign_in(looking, tab)
    tab.get_by_label("Телефон клиента").fill(typed)
    tab.get_by_label("Номер карточки").fill("42")
    tab.keyboard.press("Enter")
    tab.get_by_text("Это не похоже на номер телефона").wait_for()

    assert tab.locator("#phone").get_attribute("aria-invalid") == "true"


def test_a_card_that_is_not_there_is_refused_at_the_field(looking: Site, tab: Tab) -> None:
    opened(looking, tab, NONE)
    tab.get_by_role("button", name="Изменить номер или карточку").click()
    tab.get_by_label("Номер карточки в CRM").fill("777")
    tab.keyboard.press("Enter")

    tab.get_by_text("Карточки с таким номером в CRM нет").wait_for()


@pytest.mark.parametrize(("keys", "card"), [(("2", "2"), CardRef("contact", "42")), (("1", "1"), None)])
def test_an_outcome_that_needs_the_number_asks_for_it(
    looking: Site, tab: Tab, keys: tuple[str, ...], card: CardRef | None
) -> None:
    call = opened(looking, tab, None, card=card)
    press(tab, *keys)
    screen(tab, "ending")
    exact(tab)
    press(tab, "Enter")
    tab.get_by_label("Телефон клиента").fill("8 916 123-45-67")
    tab.keyboard.press("Enter")
    tab.locator("#client-phone").get_by_text("+7 916 123-45-67").wait_for()
    press(tab, "Enter")
    screen(tab, "done")

    assert looking.rows_of_calls(call)[-1]["phone"] == ONE


def test_another_client_without_a_number_is_never_a_null(looking: Site, tab: Tab) -> None:
    opened(looking, tab, None, card=CardRef("contact", "42"))
    press(tab, "2", "1")
    type_answer(tab, "Петрова Анна")
    press(tab, "1")
    screen(tab, "ending")

    assert "null" not in tab.locator("#stage").inner_text()
    assert "Укажите номер" in tab.locator("#stage").inner_text()


def test_a_name_typed_by_hand_stays(looking: Site, tab: Tab) -> None:
    sign_in(looking, tab)
    tab.get_by_label("Телефон клиента").fill(NONE)
    tab.get_by_label("Имя клиента").fill("Новиков Антон")
    tab.keyboard.press("Enter")
    screen(tab, "question")
    press(tab, "1", "1")
    exact(tab)

    assert "Клиент карточки: Новиков Антон" in tab.locator(".result").inner_text()


def test_the_first_phrase_does_not_wait_for_the_crm(looking: Site, tab: Tab, crm: Cards) -> None:
    crm.open.clear()
    opened(looking, tab, ONE)
    press(tab, "1", "1", "Enter")
    screen(tab, "done")
    crm.open.set()


def test_a_crm_that_is_away_stops_nothing(looking: Site, tab: Tab, crm: Cards) -> None:
    crm.away = True
    call = opened(looking, tab, ONE)
    tab.get_by_text("CRM сейчас не отвечает").wait_for()
    press(tab, "1", "1", "Enter")
    screen(tab, "done")

    assert looking.outcome(call) == "exclude_calls"


def test_what_the_number_asked_for_before_is_shown(looking: Site, open_context: Callable[..., BrowserContext]) -> None:
    tab = open_context().new_page()
    opened(looking, tab, ONE)
    press(tab, "1", "1", "Enter")
    screen(tab, "done")
    other = open_context().new_page()
    opened(looking, other, ONE)
    other.get_by_text("Уже просил: ").wait_for()

    assert "исключить из звонков с опросом" in other.locator("#notices").inner_text()
    assert phrase(other).startswith("Выясните")


def test_once_it_is_recorded_the_client_stays(looking: Site, tab: Tab) -> None:
    opened(looking, tab, ONE)
    press(tab, "1", "1", "Enter")
    screen(tab, "done")

    assert not tab.locator("#client-change").is_visible()


def sign_in(site: Site, tab: Tab) -> None:
    tab.goto(f"{site.url}/operator/")
    tab.get_by_label("Логин").fill("ivanova")
    tab.get_by_label("Пароль").fill(PASSWORD)
    tab.keyboard.press("Enter")
    tab.get_by_role("button", name="Начать разговор").wait_for()
