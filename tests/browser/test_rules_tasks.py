"""The fifteen tasks of a call centre's head, done in the console from signing in to «Опубликовано» without a file or a
command: few clicks, and the exported files differ from those before in the lines that the task is about.

With ``OPTOUT_WRITE_PICTURES=1`` the pictures of the admin's guide are taken anew.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from playwright.sync_api import BrowserContext, expect
from sqlalchemy import insert

from plugin.ledger.trails import trails
from tests.browser.call_centre import LAPTOP, OPT_OUT, SHIPPED, CallCentre, Head, differing
from tests.plugin.web.console.busy_day import journal

pytestmark = pytest.mark.slow

#: Clicks that a task may take, a simple one and one that builds something.
FEW, MANY = 12, 30
SAY, BETTER = "Уточните, пожалуйста, являетесь ли Вы", "Подскажите, пожалуйста, являетесь ли Вы"
RULES, OUTCOMES, CASES = (f"survey_opt_out/{name}.toml" for name in ("rules", "outcomes", "cases"))
VOCABULARY, SCRIPT = "survey_opt_out/vocabulary.toml", "survey_opt_out/script.toml"


def come(lines: list[str]) -> list[str]:
    return [line for line in lines if line[0] == "+" and line != "+"]


def gone(lines: list[str]) -> list[str]:
    return [line for line in lines if line[0] == "-" and line != "-"]


def test_01_a_phrase_is_changed(head: Head) -> None:
    head.rules()
    phrase = head.tab.get_by_role("textbox", name="Фраза, читать дословно").first
    old = phrase.input_value()
    head.write("Фраза, читать дословно", old.replace(SAY, BETTER))
    head.picture("01-phrase", phrase)
    head.publish("Так вежливее", "01-publish")

    assert head.clicks <= FEW
    changed = head.changed()
    assert changed[RULES] == [f'-say = "{old}"', f'+say = "{old.replace(SAY, BETTER)}"']
    assert changed.keys() == {RULES, CASES}
    assert all("являетесь ли Вы" in line for line in changed[CASES])


def test_02_another_coordinator_and_a_deputy(head: Head) -> None:
    head.rules("Получатели")
    head.follow("Заместитель, отпуск, ещё человек")
    head.fill({"Как зовут нынешнего получателя": "Соколова"})
    head.press("Добавить")
    person = head.tab.locator("section.inner").first
    head.write("Пользователь CRM", "o.sokolova")
    head.fill(
        {
            "Почта": "o.sokolova@example.org",
            "Дни отсутствия": "24.12.2026–08.01.2027",
            "Заместитель: имя": "Орлова",
            "Заместитель: пользователь CRM": "a.orlova",
            "Заместитель: почта": "a.orlova@example.org",
        }
    )
    head.picture("02-deputy", person)
    head.publish("Новый координатор с заменой")

    assert head.clicks <= FEW
    assert {line for line in head.changed()["roles.toml"] if line != "+"} == {
        '-crm_user = "coordinator"',
        '-address = "coordinator@example.org"',
        "+[[role.survey_coordinator.person]]",
        '+name = "Соколова"',
        '+crm_user = "o.sokolova"',
        '+address = "o.sokolova@example.org"',
        '+away = ["2026-12-24/2027-01-08"]',
        '+deputy = { name = "Орлова", crm_user = "a.orlova", address = "a.orlova@example.org" }',
    }


def test_03_twelve_hours_instead_of_a_day(head: Head) -> None:
    head.rules("Сроки и тексты")
    head.write("Новый срок, часов", "12")
    head.picture("03-term")
    head.press("Изменить везде")
    head.publish("Обещаем исключить за 12 часов")

    assert head.clicks <= FEW
    changed = head.changed()
    assert "+promise_hours = 12" in changed[SCRIPT]
    assert "+promise_hours = 12" in changed["survey_opt_in/script.toml"]
    assert any("в течение 12 часов" in line for line in changed[OUTCOMES])
    assert all("12" in line or "24" in line or "суток" in line for lines in changed.values() for line in lines)


def test_04_a_fourth_kind_of_survey(head: Head) -> None:
    head.rules()
    card = head.tab.locator("li.card.question", has_text="От каких опросов отказывается").first
    head.click(card.get_by_role("link", name="+ ответ"))
    head.fill(
        {
            "Надпись ответа": "Только от анкет в мессенджерах",
            "Название итога": "исключить из анкет в мессенджерах",
            "Что сказать клиенту в конце": "Спасибо, в течение суток Вас исключат из анкет в мессенджерах",
            "Комментарий в карточку": "Клиент просит исключить из анкет в мессенджерах",
            "Текст напоминания": "Исключить клиента из анкет в мессенджерах.",
        }
    )
    head.click(head.tab.get_by_label("Координатор опросов"))
    head.picture("04-answer")
    head.press("Добавить ответ")
    head.publish("Анкеты в мессенджерах")

    assert head.clicks <= FEW
    changed = head.changed()
    assert gone(changed[RULES]) == []
    value = "tolko_ot_anket_v_messendzherakh"
    assert f'+    {{ value = "{value}", label = "Только от анкет в мессенджерах" }},' in changed[RULES]
    assert len(come(changed[RULES])) == 6
    assert gone(changed[OUTCOMES]) == []
    assert gone(changed[VOCABULARY]) == ['-values = ["calls", "online", "all"]']
    assert come(changed[VOCABULARY]) == [f'+values = ["calls", "online", "all", "{value}"]']
    assert changed.keys() == {RULES, OUTCOMES, VOCABULARY, CASES}


def test_05_calls_under_ten_seconds_never_exclude(head: Head) -> None:
    head.rules()
    head.follow("+ правило важнее остальных")
    head.write("с числом", "10")
    head.choose("Тогда всегда итог", "исключать не требуется")
    head.picture("05-short-calls")
    head.press("Добавить правило")
    head.publish("Слишком короткие звонки не исключают")

    assert head.clicks <= FEW
    changed = head.changed()
    assert '+from = "call.duration"' in changed[VOCABULARY]
    assert any("less_than = 10" in line for line in changed[RULES])
    assert all("when = " in line for line in gone(changed[RULES]))
    assert OUTCOMES not in changed


def test_06_of_a_vip_the_head_is_reminded_too(head: Head) -> None:
    head.rules("Получатели")
    head.follow("+ получатель")
    head.fill({"Должность": "Руководитель отдела", "Пользователь CRM": "head", "Почта": "head@example.org"})
    head.press("Добавить получателя")
    head.page("Разговор")
    head.follow("+ поле звонка или карточки")
    head.fill({"Название для людей": "VIP", "Поле звонка или карточки": "card.vip"})
    head.choose("Что в нём", "да или нет")
    head.press("Добавить поле")
    head.follow("+ дополнительное действие")
    head.choose("Если", "да", "VIP")
    head.fill({"Текст напоминания": "Особый клиент: проверить запись в карточке."})
    head.click(head.tab.get_by_label("Руководитель отдела"))
    head.picture("06-vip")
    head.press("Добавить действие")
    head.publish("О VIP знает руководитель")

    assert head.clicks <= MANY
    changed = head.changed()
    assert [line for lines in changed.values() for line in gone(lines)] == []
    assert come(changed["roles.toml"])[0] == "+[role.rukovoditel_otdela]"
    assert come(changed[VOCABULARY]) == ["+[fact.vip]", '+type = "bool"', '+from = "card.vip"', '+label = "VIP"']
    assert come(changed[OUTCOMES])[0] == "+[[action]]"
    assert {"+when = { vip = true }", '+add = ["vip"]'} < set(come(changed[RULES]))
    assert changed.keys() == {"roles.toml", VOCABULARY, OUTCOMES, RULES}


def test_07_the_reason_is_asked_and_need_not_be_told(head: Head) -> None:
    head.rules()
    head.click(head.tab.locator("section.more").get_by_role("link", name="+ вопрос"))
    head.fill(
        {"Что выясняем": "Причина отказа", "Фраза, читать дословно": "Подскажите, пожалуйста, почему Вы так решили?"}
    )
    head.choose("Вид ответа", "свободный текст")
    head.click(head.tab.get_by_label("Можно не отвечать"))
    head.choose("Спрашивать, если", "известно", "От каких опросов отказывается")
    head.picture("07-reason")
    head.press("Добавить вопрос")
    head.publish("Хотим знать причину")

    assert head.clicks <= MANY
    changed = head.changed()
    assert come(changed[RULES]) == [
        "+[[question]]",
        '+id = "prichina_otkaza"',
        '+paragraph = "Причина отказа"',
        "+when = { survey_type = { known = true } }",
        '+fact = "prichina_otkaza"',
        '+say = "Подскажите, пожалуйста, почему Вы так решили?"',
        "+optional = true",
    ]
    assert come(changed[VOCABULARY]) == ["+[fact.prichina_otkaza]", '+type = "text"', '+label = "Причина отказа"']
    assert [line for lines in changed.values() for line in gone(lines)] == []
    assert changed.keys() == {RULES, VOCABULARY}


def test_08_a_coordinator_by_the_brand_of_the_car(head: Head) -> None:
    head.rules("Получатели")
    head.follow("Разные люди по городу, марке…")
    head.fill(
        {
            "Поле звонка или карточки": "card.brand",
            "Как это поле назвать для людей": "Марка автомобиля",
            "Если в поле, строка 1": "Kia",
            "Имя, строка 1": "Соколова",
            "Пользователь CRM, строка 1": "o.sokolova",
            "Почта, строка 1": "o.sokolova@example.org",
            "Если в поле, строка 2": "Lada, УАЗ",
            "Имя, строка 2": "Белова",
            "Пользователь CRM, строка 2": "n.belova",
            "Почта, строка 2": "n.belova@example.org",
            "Как зовут нынешнего получателя: ему — всё остальное": "Иванова",
        }
    )
    head.picture("08-brands")
    head.press("Разделить")
    head.publish("Координаторы по маркам")

    assert head.clicks <= MANY
    changed = head.changed()
    # The user and the address go on below, as those of the one who had the role alone.
    assert gone(changed["roles.toml"]) == ['-email = "smtp"']
    assert [line for line in come(changed["roles.toml"]) if "when" in line] == [
        '+when = { card.brand = "Kia" }',
        '+when = { card.brand = ["Lada", "УАЗ"] }',
        '+when = { card.brand = { not = ["Kia", "Lada", "УАЗ"] } }',
        "+when = { card.brand = { unknown = true } }",
    ]
    declared = ["+[fact.brand]", '+type = "text"', '+from = "card.brand"', '+label = "Марка автомобиля"']
    assert come(changed[VOCABULARY]) == come(changed["survey_opt_in/vocabulary.toml"]) == declared
    told = {name: lines for name, lines in changed.items() if name.endswith("cases.toml")}
    assert changed.keys() - told.keys() == {"roles.toml", VOCABULARY, "survey_opt_in/vocabulary.toml"}
    assert all("survey_coordinator" in line for lines in told.values() for line in gone(lines))


def test_09_nothing_is_due_on_days_off(head: Head) -> None:
    head.rules("Сроки и тексты")
    head.follow("+ рабочие дни и праздники")
    head.click(head.tab.get_by_label("сб"))
    head.fill({"Праздники и выходные, по одному в строке": "31.12.2026–08.01.2027"})
    head.picture("09-calendar")
    head.press("Добавить календарь")
    head.publish("В воскресенье никого нет")

    assert head.clicks <= MANY
    assert head.changed() == {
        "calendar.toml": [
            "+[calendar]",
            '+days = ["mon", "tue", "wed", "thu", "fri", "sat"]',
            '+from = "09:00"',
            '+to = "18:00"',
            '+holidays = ["2026-12-31/2027-01-08"]',
        ],
        "survey_opt_in/script.toml": ['+due = "working"'],
        SCRIPT: ['+due = "working"'],
    }


def test_10_a_script_for_callbacks(head: Head) -> None:
    head.open("Правила")
    head.click(head.tab.get_by_text("Новый скрипт из копии"))
    head.fill({"Как он называется": "Обратный звонок"})
    head.choose("Из чего сделать копию", OPT_OUT)
    head.picture("10-copy")
    head.press("Сделать копию")
    phrase = head.tab.get_by_role("textbox", name="Фраза, читать дословно").first
    old = phrase.input_value()
    head.write("Фраза, читать дословно", old.replace(SAY, BETTER))
    head.publish("Скрипт обратного звонка")

    assert head.clicks <= MANY
    files = head.exported("obratnyy_zvonok")
    assert differing(SHIPPED, files).keys() == {f"obratnyy_zvonok/{name}.toml" for name in NEW}
    own = {name.partition("/")[2]: text for name, text in files.items() if name.startswith("obratnyy_zvonok/")}
    copied = {name.partition("/")[2]: text for name, text in SHIPPED.items() if name.startswith("survey_opt_out/")}
    changed = differing(copied, own)
    assert come(changed["rules.toml"]) == [f'+say = "{old.replace(SAY, BETTER)}"']
    assert come(changed["script.toml"]) == ['+title = "Обратный звонок"']
    assert changed.keys() == {"rules.toml", "script.toml", "cases.toml"}
    assert len(come(changed["cases.toml"])) == 2


NEW = ("cases", "outcomes", "rules", "script", "vocabulary")


def test_11_the_rules_as_of_last_tuesday(centre: CallCentre, open_context: Callable[..., BrowserContext]) -> None:
    clock = centre.site.clock
    clock.forward(days=(1 - clock().weekday()) % 7)
    centre.publish("Орлова", "Спрашиваем вежливее", (RULES, SAY, BETTER))
    clock.forward(days=1)
    centre.publish("Орлова", "Новый координатор", ("roles.toml", '"coordinator', '"o.sokolova'))
    clock.forward(days=1)
    centre.publish("Петров", "Короче вопрос", (RULES, BETTER, "Вы являетесь"))
    clock.forward(days=4)
    head = Head(open_context(viewport=LAPTOP).new_page(), centre)
    head.sign_in()
    head.open("Правила")
    head.follow("История публикаций")
    head.picture("11-history")
    head.click(head.tab.get_by_role("listitem").filter(has_text="Спрашиваем вежливее").get_by_role("link"))
    back = head.tab.locator("section", has_text="Вернуть всё, как было").last
    back.get_by_label("Зачем").fill("Клиенты не поняли вопроса")
    head.picture("11-back", back)
    head.press("Вернуть всё")
    head.is_published()

    assert head.clicks <= FEW
    changed = head.changed()
    assert [BETTER in line for line in changed[RULES]] == [False, True]
    # Who has become coordinator since stays it.
    assert come(changed["roles.toml"]) == ['+crm_user = "o.sokolova"', '+address = "o.sokolova@example.org"']


def test_12_why_he_was_not_excluded_and_how_it_would_have_been_last_month(head: Head, centre: CallCentre) -> None:
    site, now = centre.site, centre.site.clock()
    month = now.replace(day=1) - timedelta(days=10)
    said = {"related_to_car": True, "survey_type": "all", "agreed_to_warning": "changed_mind"}
    for number in range(3):
        ago = (now - month).total_seconds() / 3600 + number
        site.report(f"month-{number}", said, ago=ago, call={"phone": f"+7903111220{number}"})
    head.open("Звонки")
    head.tab.keyboard.press("/")
    head.tab.keyboard.type("903 111-22-01")
    head.tab.keyboard.press("Enter")
    head.follow("+7 903 111-22-01")
    why = head.tab.locator("section", has=head.tab.get_by_role("heading", name="Почему так"))
    expect(why).to_contain_text("Передумал")
    head.picture("12-why", why)
    head.rules()
    rule = head.tab.locator("li.card.rule", has_text="Пункт раздела 1: «3.3»")
    rule.get_by_label("Итог").select_option(label="исключить из звонков с опросом")
    head.clicks += 2
    head.to_publication()
    head.follow("За прошлый месяц")
    expect(head.tab.locator("#past")).to_have_text("3 звонка за прошлый месяц решились бы иначе.")
    head.picture("12-month", head.tab.get_by_text("На прошлых звонках"))
    head.publish("Кто передумал, того исключаем хотя бы из звонков")

    assert head.clicks <= FEW
    changed = head.changed()
    assert gone(changed[RULES]) == ['-outcome = "none"']
    assert come(changed[RULES]) == ['+outcome = "exclude_calls"']
    assert changed.keys() == {RULES, CASES}


def test_13_two_at_once(head: Head, centre: CallCentre, open_context: Callable[..., BrowserContext]) -> None:
    other = Head(open_context(viewport=LAPTOP).new_page(), centre, "boris")
    other.sign_in()
    for one, phrase in ((head, "Подскажите, клиент ли Вы?"), (other, "Вы наш клиент?")):
        one.rules()
        one.write("Фраза, читать дословно", phrase)
    other.page("Получатели")
    other.write("Почта", "new@example.org")
    head.publish("Короче")
    assert head.clicks <= FEW

    other.page("Сроки и тексты")
    expect(other.tab.get_by_text("Правила с тех пор опубликованы: anna")).to_be_visible()
    other.picture("13-published")
    other.press("Объединить")
    expect(other.tab.get_by_text("Вопрос «Является клиентом Компании», фраза, читать дословно")).to_be_visible()
    expect(other.tab.get_by_text("Вы наш клиент?")).to_be_visible()
    other.picture("13-merge")
    other.press("Взять значения: anna")
    expect(other.tab.get_by_role("button", name="Взять значения: anna")).to_be_hidden()
    other.publish("Новая почта координатора")

    assert other.clicks <= FEW
    changed = other.changed()
    assert come(changed[RULES]) == ['+say = "Подскажите, клиент ли Вы?"']
    assert come(changed["roles.toml"]) == ['+address = "new@example.org"']
    assert changed.keys() == {RULES, CASES, "roles.toml"}


def test_14_no_answer_fitted_and_from_now_on_one_does(head: Head, centre: CallCentre) -> None:
    with centre.site.ledger.write() as connection:
        connection.execute(insert(trails), journal(centre.site, "journal-14", "машину забрала жена, звоните ей"))
    head.open("Нет нужного ответа")
    head.picture("14-missing")
    head.follow("Сделать случаем…")
    head.fill({"Надпись нового ответа": "Машиной пользуется другой человек"})
    head.choose("Чем должен закончиться разговор", "исключить из звонков с опросом и рассылок")
    head.picture("14-case")
    head.press("Сделать случаем")
    # A link that is followed before that is answered would put an end to it.
    expect(head.tab.get_by_text("Есть неопубликованные изменения.")).to_be_visible()
    head.publish("Автомобиль передан другому")

    assert head.clicks <= FEW
    changed = head.changed()
    value = "mashinoy_polzuetsya_drugoy_chelo"
    assert f'+    {{ value = "{value}", label = "Машиной пользуется другой человек" }},' in changed[RULES]
    assert gone(changed[RULES]) == []
    assert come(changed[CASES])[-4:] == [
        "+[[case]]",
        '+name = "Нет нужного ответа: машину забрала жена, звоните ей"',
        '+facts = { related_to_car = "Да, имеет отношение", survey_type = "Машиной пользуется другой человек" }',
        '+outcome = "exclude_all"',
    ]
    assert changed.keys() == {RULES, VOCABULARY, CASES}
    head.open("Нет нужного ответа")
    expect(head.tab.get_by_text("Всё разобрано.")).to_be_visible()


def test_15_one_of_two_publications_is_taken_back(head: Head, centre: CallCentre) -> None:
    centre.publish("Орлова", "Спрашиваем вежливее", (RULES, SAY, BETTER))
    centre.publish("Петров", "Новый координатор", ("roles.toml", '"coordinator', '"o.sokolova'))
    head.open("Правила")
    head.follow("История публикаций")
    head.click(head.tab.get_by_role("listitem").filter(has_text="Спрашиваем вежливее").first.get_by_role("link"))
    only = head.tab.locator("section", has_text="Отменить только это").last
    only.get_by_label("Зачем").fill("Клиентам непонятно")
    head.picture("15-revert", only)
    head.press("Отменить только это")
    head.is_published()

    assert head.clicks <= FEW
    assert {name: come(lines) for name, lines in head.changed().items()} == {
        "roles.toml": ['+crm_user = "o.sokolova"', '+address = "o.sokolova@example.org"']
    }
