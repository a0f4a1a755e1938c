"""``optout doctor`` on a real embedded CRM and mail server: what holds, what has failed, and how it is told."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connectors.base import Check
from plugin.cli.main import main
from tests.support.crm import TOKEN, WEBHOOK_SECRET, RunningCrm, embedded_crm
from tests.support.mail import MailSink, mail_sink
from tests.support.plugin import SECRET, RunningPlugin, running_plugin
from tests.support.postgres import Databases
from tests.support.webhook import webhook_receiver

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def mail() -> Iterator[MailSink]:
    with mail_sink() as sink:
        yield sink


@pytest.fixture(scope="module")
def crm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCrm]:
    with embedded_crm(tmp_path_factory.mktemp("crm")) as running:
        yield running


@pytest.fixture
def plugin(tmp_path: Path, crm: RunningCrm, mail: MailSink) -> Iterator[RunningPlugin]:
    """A configuration that holds; nothing runs."""
    with running_plugin(tmp_path, crm, mail.port, start=False) as configured:
        yield configured


def change(plugin: RunningPlugin, file: str, *pairs: tuple[str, str]) -> None:
    path = plugin.home / file
    text = path.read_text(encoding="utf-8")
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new)
    path.write_text(text, encoding="utf-8")


def told(plugin: RunningPlugin, *arguments: str, status: int = 0) -> str:
    """The page; no line is wider than 80 columns, and no secret or address in it."""
    ended = plugin.run("doctor", *arguments)
    assert ended.returncode == status, ended.stdout + ended.stderr
    out = ended.stdout
    assert all(len(line) <= 80 for line in out.splitlines())
    for secret in (TOKEN, WEBHOOK_SECRET, SECRET, "coordinator@dealer.example", "Иванов"):
        assert secret not in out + ended.stderr
    return out


def failed(plugin: RunningPlugin, *arguments: str) -> dict[str, str]:
    """The points that have failed, with their remedies."""
    found: Any = json.loads(told_json(plugin, *arguments))
    assert found["ok"] is False
    return {f"{point['area']}: {point['name']}": point["remedy"] for point in found["points"] if point["ok"] is False}


def told_json(plugin: RunningPlugin, *arguments: str) -> str:
    ended = plugin.run("doctor", "--json", *arguments)
    assert ended.returncode == 1, ended.stdout + ended.stderr
    return ended.stdout


# --- what has failed -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--write"], "--write and --card belong together"),
        (["--card", "contact:42"], "--write and --card belong together"),
        (["--write", "--card", "contact"], "is no card"),
        (["--write", "--card", "contact:42", "--role", "nobody"], "unknown role 'nobody'"),
    ],
)
def test_a_trial_that_is_not_said_whole_is_refused(plugin: RunningPlugin, arguments: list[str], words: str) -> None:
    ended = plugin.run("doctor", *arguments)
    assert ended.returncode == 2
    assert words in ended.stderr


def test_a_plugin_toml_that_cannot_be_read_is_all_there_is_to_say(plugin: RunningPlugin) -> None:
    (plugin.home / "plugin.toml").write_text("[plugin\n", encoding="utf-8")
    assert "plugin.toml" in told(plugin, status=1)


def test_a_secret_that_is_missing_is_named_and_what_needs_none_is_still_tried(plugin: RunningPlugin) -> None:
    without = {name: value for name, value in plugin.environ.items() if name != "OPTOUT_CRM_TOKEN"}
    out = told(RunningPlugin(plugin.home, environ=without, log_file=plugin.log_file), status=1)
    assert "OPTOUT_CRM_TOKEN is not set" in " ".join(out.split())
    assert "  да      правила в папке проходят все проверки" in out
    assert "embedded\n" not in out


def test_faults_of_the_rules_are_counted_and_left_to_their_own_command(plugin: RunningPlugin) -> None:
    change(plugin, "rules/survey_opt_out/rules.toml", ("[[question]]", "[[qestion]]"))
    remedy = failed(plugin)["rules: the folder's rules pass every check"]
    assert re.fullmatch(r"\d+ faults, in Russian for the admin: optout rules check", remedy)


def test_a_default_script_that_is_not_there_is_named_with_those_that_are(plugin: RunningPlugin) -> None:
    change(plugin, "plugin.toml", ('default_script = "survey_opt_out"', 'default_script = "survey"'))
    found = failed(plugin)["rules: the default script is there: survey"]
    assert "survey_opt_in, survey_opt_out" in found


def test_a_crm_that_is_not_there_fails_and_the_mail_server_is_tried_all_the_same(
    plugin: RunningPlugin, crm: RunningCrm
) -> None:
    change(plugin, "plugin.toml", (crm.base_url, "http://127.0.0.1:9"))
    assert list(failed(plugin)) == [
        "embedded: the CRM answers",
    ]


def test_a_wrong_token_fails_without_being_shown(plugin: RunningPlugin) -> None:
    wrong = RunningPlugin(
        plugin.home, environ=dict(plugin.environ) | {"OPTOUT_CRM_TOKEN": "wr0ng-token"}, log_file=plugin.log_file
    )
    out = told(wrong, status=1)
    assert "НЕТ     ключ принят" in out
    assert "wr0ng-token" not in out


def test_a_mail_server_that_is_not_there_fails(plugin: RunningPlugin, mail: MailSink) -> None:
    change(plugin, "plugin.toml", (f"port = {mail.port}", "port = 9"))
    assert list(failed(plugin)) == ["smtp: the mail server answers"]


def test_a_recipient_whom_the_mail_server_refuses_fails_and_so_does_a_mail_to_an_admin(
    plugin: RunningPlugin, mail: MailSink
) -> None:
    change(plugin, "plugin.toml", ("[smtp]", '[alerts]\nto = ["admin@dealer.example"]\n\n[smtp]'))
    mail.rcpt_replies[:] = ["550 5.1.1 no such user"]
    assert list(failed(plugin)) == ["smtp: mail to role survey_coordinator is accepted (RCPT TO)"]
    # Two roles and the admin are tried first, then the admin is mailed.
    mail.data_replies[:] = ["554 5.7.1 rejected as spam"]
    found = failed(plugin, "--write", "--card", "contact:42")
    assert list(found) == ["alerts: a whole mail to admin 1 is accepted (DATA)"]
    assert "554 to DATA" in next(iter(found.values()))


def test_a_role_that_is_to_be_mailed_over_smtp_needs_a_server(plugin: RunningPlugin) -> None:
    text = (plugin.home / "plugin.toml").read_text(encoding="utf-8")
    (plugin.home / "plugin.toml").write_text(text.partition("[smtp]")[0], encoding="utf-8")
    found = failed(plugin)
    assert found["role survey_coordinator: is mailed by the plugin over SMTP"] == "Add [smtp] to plugin.toml"


def test_a_recipient_whom_the_crm_does_not_know_or_cannot_mail_fails(plugin: RunningPlugin, crm: RunningCrm) -> None:
    crm.api.send("POST", "users", {"id": "mute", "name": "Без почты"})
    change(
        plugin,
        "rules/roles.toml",
        ('crm_user = "coordinator"', 'crm_user = "cordinator"'),
        ('crm_user = "sms"', 'crm_user = "mute"'),
        ('email = "smtp"', 'email = "both"'),
    )
    assert failed(plugin) == {
        "role survey_coordinator: is a user of the CRM": "The CRM has no user cordinator: correct crm_user",
        "role supervisor: is a user of the CRM": "The CRM has no user cordinator: correct crm_user",
        "role sms_manager: has an address in the CRM": "Give the user an e-mail there",
    }


def test_a_field_of_cards_that_the_crm_has_not_got_fails(plugin: RunningPlugin, crm: RunningCrm) -> None:
    card = crm.api.send("POST", "cards", {"name": "Петрова Анна", "phones": [], "fields": {"VIP": "да"}})
    assert card["fields"] == {"VIP": "да"}
    vocabulary = plugin.home / "rules/survey_opt_out/vocabulary.toml"
    facts = {"brand": "text", "vip": "bool"}
    added = [f'[fact.{name}]\ntype = "{kind}"\nfrom = "card.{name}"\nlabel = "{name}"' for name, kind in facts.items()]
    vocabulary.write_text("\n\n".join([vocabulary.read_text(encoding="utf-8"), *added, ""]), encoding="utf-8")
    outcomes = plugin.home / "rules/survey_opt_out/outcomes.toml"
    when = [
        f'[[outcome.none.action]]\nid = "{name}"\nkind = "comment"\ntext = "."\nwhen = {{ {name} = {value} }}'
        for name, value in (("brand", '"Kia"'), ("vip", "true"))
    ]
    outcomes.write_text("\n\n".join([outcomes.read_text(encoding="utf-8"), *when, ""]), encoding="utf-8")
    declared = (
        '[crm.embedded.card_fields.brand]\nfield = "Марка"\n\n'
        '[crm.embedded.card_fields.vip]\nfield = "VIP"\nvalues = { "да" = true, "нет" = false }\n'
    )
    path = plugin.home / "plugin.toml"
    path.write_text(f"{path.read_text(encoding='utf-8')}\n{declared}", encoding="utf-8")

    name = "facts: the CRM has no field Марка, from which card.brand is read"
    assert failed(plugin) == {name: "Correct field in [crm.embedded.card_fields.brand], or make the field in the CRM"}
    crm.api.send("PATCH", f"cards/{card['id']}", {"fields": {"VIP": "да", "Марка": "Kia"}})
    assert "поля карточек (2) есть в CRM и подходят правилам" in " ".join(told(plugin).split())


def test_a_ledger_that_cannot_be_reached_fails(plugin: RunningPlugin) -> None:
    (plugin.home / "folder").mkdir()
    change(plugin, "plugin.toml", ("sqlite:///ledger.db", "sqlite:///folder"))
    assert list(failed(plugin)) == ["ledger: it can be reached"]


def test_old_tables_on_postgresql_fail_with_what_to_run(
    tmp_path: Path, crm: RunningCrm, mail: MailSink, postgres: Databases
) -> None:
    with (
        postgres.database(migrated=False) as url,
        running_plugin(tmp_path, crm, mail.port, start=False, ledger_url=url) as empty,
    ):
        assert failed(empty) == {"ledger: its tables are of this version": "Run: optout db upgrade"}
        assert empty.run("db", "upgrade").returncode == 0
        assert "да      в него можно писать" in told(empty)


def test_a_card_that_is_not_there_is_not_written_to(plugin: RunningPlugin, crm: RunningCrm) -> None:
    before = len(crm.api.reminders())
    found = failed(plugin, "--write", "--card", "contact:999")
    assert found == {"trial: the test card is there": "The CRM has no contact 999: name a card that may be written to"}
    assert len(crm.api.reminders()) == before


def test_a_trial_without_an_account_says_what_comes_first(plugin: RunningPlugin) -> None:
    without = {name: value for name, value in plugin.environ.items() if name != "OPTOUT_CRM_TOKEN"}
    found = failed(
        RunningPlugin(plugin.home, environ=without, log_file=plugin.log_file), "--write", "--card", "contact:42"
    )
    assert found["trial: a trial can be made"] == "Mend the points above first"


# --- what holds ------------------------------------------------------------------------------------


def test_a_configuration_that_holds_is_told_so_and_nothing_is_written_or_mailed(
    plugin: RunningPlugin, crm: RunningCrm, mail: MailSink
) -> None:
    before = (len(crm.api.comments("42")), len(crm.api.reminders()), len(mail.messages))
    out = told(plugin)
    assert re.search(r"^в порядке: \d+, не в порядке: 0, не удалось проверить: 0$", out, re.MULTILINE)
    assert "его ещё нет: заведёт первый запуск" in out
    assert not (plugin.home / "ledger.db").exists()
    assert (len(crm.api.comments("42")), len(crm.api.reminders()), len(mail.messages)) == before


def test_beside_a_running_service_the_active_rules_count(plugin: RunningPlugin) -> None:
    plugin.start()
    before = plugin.run("rules", "history", "--json").stdout
    change(plugin, "rules/roles.toml", ("Координатор опросов", "Координатор всех опросов"))
    out = told(plugin)
    assert "В папке другие правила" in out
    revision = re.search(r"действует редакция (\w{12})", out)
    assert revision is not None
    assert revision[1] in before


def test_with_write_each_admin_gets_a_mail_and_the_webhook_a_request(plugin: RunningPlugin, mail: MailSink) -> None:
    alerts = '[alerts]\nto = ["admin@dealer.example"]\nwebhook = "{url}"\nwebhook_secret = {{ env = "ALERTS_KEY" }}\n\n'
    with webhook_receiver() as receiver:
        change(plugin, "plugin.toml", ("[smtp]", alerts.format(url=receiver.url) + "[smtp]"))
        environ = dict(plugin.environ) | {"ALERTS_KEY": SECRET}
        keyed = RunningPlugin(plugin.home, environ=environ, log_file=plugin.log_file)
        assert "отправляются: почтой, получателей: 1, и вебхуком" in " ".join(told(keyed).split())
        assert receiver.posted == []
        before = len(mail.messages)
        told(keyed, "--write", "--card", "contact:43")
        assert [posted.event["type"] for posted in receiver.posted] == ["alert.test"]
        assert [mail.recipients for mail in mail.messages[before:]] == [("admin@dealer.example",)]


def test_a_trial_writes_finds_and_takes_back_and_names_what_stays(plugin: RunningPlugin, crm: RunningCrm) -> None:
    before = len(crm.api.comments("43"))
    out = told(plugin, "--write", "--card", "contact:43")
    for name in ("комментарий записан", "комментарий находится по ключу", "напоминание открыто"):
        assert f"  да      {name}" in out
    assert len(crm.api.comments("43")) - before == out.count("- комментарий ")
    assert {one["state"] for one in crm.api.reminders(card="43")} <= {"withdrawn"}


def test_it_speaks_english_where_that_is_set(plugin: RunningPlugin) -> None:
    change(plugin, "plugin.toml", ('timezone = "Europe/Moscow"', 'timezone = "Europe/Moscow"\nlanguage = "en"'))
    out = told(plugin)
    assert "  ok      the folder's rules pass every check" in out
    assert re.search(r"^\d+ ok, 0 failed, 0 not tried$", out, re.MULTILINE)


def test_what_could_not_be_tried_has_a_status_of_its_own(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, plugin: RunningPlugin
) -> None:
    """As while the CRM throttles the account."""
    unsure = [Check("the token is accepted", None, "Try again later: CRM answered 429")]
    monkeypatch.setattr("connectors.embedded.checks.EmbeddedChecks.account", lambda _: unsure)
    for name, value in plugin.environ.items():
        monkeypatch.setenv(name, value)
    assert main(["--config", str(plugin.home), "doctor"]) == 3
    out = capsys.readouterr().out
    assert "  ?       ключ принят" in out
    assert "-> Повторите позже: CRM ответил 429" in out
    assert main(["--config", str(plugin.home), "doctor", "--json"]) == 3
    found = json.loads(capsys.readouterr().out)
    assert found["ok"] is None
    assert [point["state"] for point in found["points"] if point["area"] == "embedded"] == ["not_tried"]


def test_events_that_no_secret_is_set_for_are_not_said_to_come_in(plugin: RunningPlugin) -> None:
    change(plugin, "plugin.toml", ('webhook_secret = { env = "OPTOUT_CRM_EVENTS_SECRET" }', ""))
    ended = plugin.run("doctor")
    assert "события самой CRM принимает" not in ended.stdout
    assert "события самой CRM не принимаются (POST /events/embedded)" in " ".join(ended.stdout.split())
