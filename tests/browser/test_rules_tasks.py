"""The first tasks of a call centre's head, done in the console from signing in to «Опубликовано»: few clicks, and the
published files differ from those before in the lines that the task is about.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Locator, expect
from playwright.sync_api import Page as Tab

from plugin.authoring.revisions.archive import activation_history
from plugin.authoring.revisions.export import files_of
from plugin.authoring.revisions.working_copy import rule_texts
from plugin.config.settings import Settings
from tests.browser.kept_site import RULES
from tests.browser.page_site import PASSWORD, Site, running_site

pytestmark = pytest.mark.slow

#: Clicks that a simple task may take.
MOST_CLICKS = 12
#: Where pictures of each step are put, for looking at.
PICTURES = os.environ.get("OPTOUT_TEST_PICTURES")


@dataclass
class Head:
    """The head of a call centre at the console; counts what she clicks."""

    tab: Tab
    site: Site
    name: str
    clicks: int = 0
    seen: list[str] = field(default_factory=list)

    def sign_in(self) -> None:
        self.tab.goto(f"{self.site.url}/console/")
        self.tab.get_by_label("Логин").fill("anna")
        self.tab.get_by_label("Пароль").fill(PASSWORD)
        self.click(self.tab.get_by_role("button", name="Войти"))

    def rules(self, page: str = "") -> None:
        self.click(self.tab.get_by_role("link", name="Правила", exact=True).first)
        script = self.tab.locator("li.script", has_text="Просьбы клиентов исключить из опросов")
        self.click(script.get_by_role("link", name="Изменить"))
        if page:
            self.click(self.tab.get_by_role("navigation", name="Страницы скрипта").get_by_role("link", name=page))

    def click(self, what: Locator) -> None:
        what.click()
        self.clicks += 1
        self.picture()

    def write(self, where: Locator, text: str) -> None:
        where.click()
        where.fill(text)
        self.clicks += 1

    def choose(self, where: Locator, label: str) -> None:
        where.select_option(label=label)
        self.clicks += 2

    def publish(self, reason: str) -> None:
        self.click(self.tab.get_by_role("link", name="Опубликовать…"))
        self.tab.wait_for_url("**/publish")
        accept = self.tab.get_by_role("button", name="поправить случаи тоже")
        if accept.count():
            self.click(accept)
        # The field has the focus.
        self.tab.get_by_label("Зачем это изменение").fill(reason)
        self.picture()
        self.click(self.tab.get_by_role("button", name="Опубликовать", exact=True))
        expect(self.tab.get_by_text("Опубликовано.")).to_be_visible()

    def picture(self) -> None:
        if PICTURES:
            for width in (1366, 360):
                self.tab.set_viewport_size({"width": width, "height": 1300})
                self.tab.screenshot(path=Path(PICTURES) / f"{self.name}-{self.clicks:02}-{width}.png")

    def published(self) -> list[str]:
        """The lines that differ between the shipped files and the published ones."""
        with self.site.ledger.read() as connection:
            newest = activation_history(connection, 1)[0]
            after = files_of(connection, newest.revision)
        assert newest.by == "anna"
        before = rule_texts(RULES)
        found: list[str] = []
        for name in sorted({*before, *after}):
            lines = difflib.unified_diff(before.get(name, "").split("\n"), after.get(name, "").split("\n"), n=0)
            found += [f"{name}: {line}" for line in lines if line[0] in "+-" and line[:3] not in ("+++", "---")]
        return found


@pytest.fixture
def site(settings: Settings, rules_folder: Path, ledger_file: str) -> Iterator[Site]:
    with running_site(settings, rules_folder, ledger_file) as running:
        running.users.add("anna", "admin", PASSWORD)
        yield running


@pytest.fixture
def head(site: Site, open_context: Callable[..., BrowserContext], request: pytest.FixtureRequest) -> Head:
    head = Head(open_context(viewport={"width": 1366, "height": 800}).new_page(), site, request.node.name[5:25])
    head.sign_in()
    return head


def of(lines: list[str], file: str) -> list[str]:
    return [line.partition(": ")[2] for line in lines if line.startswith(f"{file}: ")]


def test_a_phrase_is_changed(head: Head) -> None:
    head.rules()
    phrase = head.tab.get_by_role("textbox", name="Фраза, читать дословно").first
    old = phrase.input_value()
    head.write(phrase, "Подскажите, пожалуйста, являетесь ли Вы клиентом нашей Компании?")
    head.publish("Так вежливее")

    assert head.clicks <= MOST_CLICKS
    told = head.published()
    assert of(told, "survey_opt_out/rules.toml") == [
        f'-say = "{old}"',
        '+say = "Подскажите, пожалуйста, являетесь ли Вы клиентом нашей Компании?"',
    ]
    assert {line.partition(": ")[0] for line in told} == {"survey_opt_out/rules.toml", "survey_opt_out/cases.toml"}


def test_another_coordinator_and_a_deputy(head: Head) -> None:
    head.rules("Получатели")
    head.click(head.tab.get_by_role("link", name="Заместитель, отпуск, ещё человек").first)
    head.tab.get_by_label("Как зовут нынешнего получателя").fill("Соколова")
    head.click(head.tab.get_by_role("button", name="Добавить"))
    person = head.tab.locator("section.inner").first
    head.write(person.get_by_label("Пользователь CRM", exact=True), "o.sokolova")
    # From field to field by Tab.
    for label, text in (
        ("Почта", "o.sokolova@example.org"),
        ("Дни отсутствия", "2026-12-24/2027-01-08"),
        ("Заместитель: имя", "Орлова"),
        ("Заместитель: пользователь CRM", "a.orlova"),
        ("Заместитель: почта", "a.orlova@example.org"),
    ):
        person.get_by_label(label, exact=True).fill(text)
    head.publish("Новый координатор с заменой")

    assert head.clicks <= MOST_CLICKS
    assert {line for line in of(head.published(), "roles.toml") if line != "+"} == {
        '-crm_user = "coordinator"',
        '-address = "coordinator@example.org"',
        "+[[role.survey_coordinator.person]]",
        '+name = "Соколова"',
        '+crm_user = "o.sokolova"',
        '+address = "o.sokolova@example.org"',
        '+away = ["2026-12-24/2027-01-08"]',
        '+deputy = { name = "Орлова", crm_user = "a.orlova", address = "a.orlova@example.org" }',
    }


def test_twelve_hours_instead_of_a_day(head: Head) -> None:
    head.rules("Сроки и тексты")
    head.write(head.tab.get_by_label("Новый срок, часов"), "12")
    head.click(head.tab.get_by_role("button", name="Изменить везде"))
    head.publish("Обещаем исключить за 12 часов")

    assert head.clicks <= MOST_CLICKS
    told = head.published()
    assert "+promise_hours = 12" in of(told, "survey_opt_out/script.toml")
    assert "+promise_hours = 12" in of(told, "survey_opt_in/script.toml")
    assert any("в течение 12 часов" in line for line in of(told, "survey_opt_out/outcomes.toml"))
    assert all(line.count("\n") == 0 and ("12" in line or "24" in line or "суток" in line) for line in told)


def test_a_fourth_kind_of_survey(head: Head) -> None:
    head.rules()
    card = head.tab.locator("li.card.question", has_text="От каких опросов отказывается").first
    head.click(card.get_by_role("link", name="+ ответ"))
    head.tab.get_by_label("Надпись ответа").fill("Только от анкет в мессенджерах")
    # From field to field by Tab.
    head.tab.get_by_label("Название итога").fill("исключить из анкет в мессенджерах")
    head.tab.get_by_label("Что сказать клиенту в конце").fill(
        "Спасибо, в течение суток Вас исключат из анкет в мессенджерах"
    )
    head.tab.get_by_label("Комментарий в карточку").fill("Клиент просит исключить из анкет в мессенджерах")
    head.tab.get_by_label("Текст напоминания").fill("Исключить клиента из анкет в мессенджерах.")
    head.click(head.tab.get_by_label("Координатор опросов"))
    head.click(head.tab.get_by_role("button", name="Добавить ответ"))
    head.publish("Анкеты в мессенджерах")

    assert head.clicks <= MOST_CLICKS
    told = head.published()
    rules = of(told, "survey_opt_out/rules.toml")
    assert [line for line in rules if line[0] == "-"] == []
    assert '+    { value = "tolko_ot_anket_v_messendzherakh", label = "Только от анкет в мессенджерах" },' in rules
    assert len(of(told, "survey_opt_out/outcomes.toml")) < 20
    assert of(told, "survey_opt_in/rules.toml") == []


def test_calls_under_ten_seconds_never_exclude(head: Head) -> None:
    head.rules()
    head.click(head.tab.get_by_role("link", name="+ правило важнее остальных"))
    head.write(head.tab.get_by_label("с числом"), "10")
    head.choose(head.tab.get_by_label("Тогда всегда итог"), "исключать не требуется")
    head.click(head.tab.get_by_role("button", name="Добавить правило"))
    head.publish("Слишком короткие звонки не исключают")

    assert head.clicks <= MOST_CLICKS
    told = head.published()
    assert '+from = "call.duration"' in of(told, "survey_opt_out/vocabulary.toml")
    assert any("less_than = 10" in line for line in of(told, "survey_opt_out/rules.toml"))
    assert of(told, "survey_opt_out/outcomes.toml") == []


def test_what_was_typed_is_kept_by_reload_back_and_a_second_tab(head: Head) -> None:
    head.rules()
    typed = "Подскажите, клиент ли Вы?"
    head.tab.get_by_role("textbox", name="Фраза, читать дословно").first.fill(typed)
    # The field was never left.
    head.tab.reload()
    head.tab.wait_for_function(
        "async (typed) => (await (await fetch(location.href)).text()).includes(typed)", arg=typed
    )
    second = head.tab.context.new_page()
    second.goto(head.tab.url)
    expect(second.get_by_role("textbox", name="Фраза, читать дословно").first).to_have_value(typed)
    second.get_by_role("button", name="Отменить").click()
    expect(second.get_by_role("textbox", name="Фраза, читать дословно").first).not_to_have_value(typed)
    second.go_back()
    second.reload()
    expect(second.get_by_role("textbox", name="Фраза, читать дословно").first).not_to_have_value(typed)


def test_a_page_that_another_tab_has_overtaken_shows_both_values(head: Head) -> None:
    head.rules("Получатели")
    second = head.tab.context.new_page()
    second.goto(head.tab.url)
    address = second.get_by_label("Почта").first
    address.fill("one@example.org")
    address.blur()
    expect(second.get_by_text("Сохранено").first).to_be_visible()

    mine = head.tab.get_by_label("Почта").first
    mine.fill("two@example.org")
    mine.blur()
    expect(head.tab.get_by_role("heading", name="Это поле уже изменили в другой вкладке")).to_be_visible()
    expect(head.tab.get_by_label("Ваше")).to_have_value("two@example.org")
    expect(head.tab.get_by_text("one@example.org")).to_be_visible()
    head.tab.get_by_role("button", name="Записать моё").click()
    expect(head.tab.get_by_label("Почта").first).to_have_value("two@example.org")


def test_a_phrase_is_changed_without_any_script(site: Site, open_context: Callable[..., BrowserContext]) -> None:
    head = Head(open_context(java_script_enabled=False).new_page(), site, "no-script")
    head.sign_in()
    head.rules()
    card = head.tab.locator("li.card.question", has_text="Является клиентом Компании").first
    card.get_by_role("textbox", name="Фраза, читать дословно").fill("Подскажите, клиент ли Вы?")
    head.click(card.get_by_role("button", name="Сохранить"))
    expect(head.tab.get_by_text("Есть неопубликованные изменения.")).to_be_visible()
    head.publish("Короче")
    assert '+say = "Подскажите, клиент ли Вы?"' in of(head.published(), "survey_opt_out/rules.toml")
