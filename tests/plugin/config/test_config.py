"""plugin.toml: where it is looked for, what it comes to, and what is said of each mistake in it."""

from __future__ import annotations

import base64
import shutil
from datetime import time
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from plugin.config.load import find_home, load_settings, shipped_dir
from plugin.config.settings import (
    AlertPolicy,
    DeliveryPolicy,
    LogSettings,
    PageSettings,
    Retention,
    SmtpServer,
    Source,
    WebSettings,
    WorkingTime,
)
from plugin.errors import ConfigError

BAD = sorted((Path(__file__).parent / "bad_config").glob("*.toml"))
KEY = "whsec_" + base64.b64encode(b"k" * 32).decode()
OLD_KEY = base64.b64encode(b"o" * 24).decode()
ENVIRON = {"CRM_TOKEN": "c0ffee", "WEBHOOK": KEY, "EMPTY": " "}

MINIMAL = """
[plugin]
id = "optout"
version = "1.0"
events = ["call-result"]
default_script = "survey_opt_out"
timezone = "Europe/Moscow"

[crm]
connector = "embedded"

[crm.embedded]
base_url = "http://127.0.0.1:1"
token = { env = "CRM_TOKEN" }
"""


def write(folder: Path, text: str = "", *, base: str = MINIMAL) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "plugin.toml"
    file.write_text(base + text, encoding="utf-8")
    return file


@pytest.mark.parametrize("file", BAD, ids=lambda file: file.stem)
def test_each_mistake_is_told_with_its_place_and_remedy(file: Path) -> None:
    heads = [line for line in file.read_bytes().decode("utf-8", "replace").splitlines() if "# expect: " in line]
    expected = [head.split("# expect: ")[1].split(": ", 1) for head in heads]
    with pytest.raises(ConfigError) as caught:
        load_settings(file, ENVIRON)
    told = str(caught.value).split("\n")
    assert len(told) == len(expected), told
    for line, (number, fragments) in zip(told, expected, strict=True):
        assert line.startswith(f"{file}: " if number == "0" else f"{file}:{number}: ")
        for fragment in fragments.split(" | "):
            assert fragment in line
    assert "hunter2" not in str(caught.value)


def test_a_file_that_is_not_there_is_named_with_the_option_that_named_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"--config: no such file or folder: .*nowhere.*optout init"):
        find_home(Path("nowhere"), {}, tmp_path)
    with pytest.raises(ConfigError, match=r"OPTOUT_HOME: no plugin.toml in .*optout init"):
        find_home(None, {"OPTOUT_HOME": str(tmp_path)}, tmp_path)


def test_a_folder_named_like_the_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "plugin.toml").mkdir()
    with pytest.raises(ConfigError, match="cannot be read"):
        load_settings_in(tmp_path)


def load_settings_in(folder: Path) -> object:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        return load_settings(None, ENVIRON)


def test_the_option_goes_before_the_variable_before_the_current_folder_before_the_shipped(tmp_path: Path) -> None:
    option, variable, current, empty = (tmp_path / name for name in ("option", "variable", "current", "empty"))
    for folder in (option, variable, current):
        write(folder)
    empty.mkdir()
    environ = {"OPTOUT_HOME": str(variable)}
    assert find_home(option / "plugin.toml", environ, current).folder == option
    assert find_home(option, environ, current).folder == option
    assert find_home(None, environ, current).folder == variable
    assert find_home(None, {"OPTOUT_HOME": ""}, current).folder == current
    shipped = find_home(None, {}, empty)
    assert shipped.file == shipped_dir() / "plugin.toml"


def test_shipped_defaults_keep_what_is_written_in_the_current_folder(tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        settings = load_settings(None, {}, secrets=False)
    assert settings.ledger_url == f"sqlite:///{tmp_path}/optout.db"
    assert settings.rules_dir == shipped_dir() / "rules"
    assert settings.rules_dir.is_dir()


def test_the_shipped_file_is_good_once_its_secrets_are_set(tmp_path: Path) -> None:
    shutil.copy(shipped_dir() / "plugin.toml", tmp_path)
    settings = load_settings(tmp_path, {"OPTOUT_CRM_TOKEN": "t", "OPTOUT_WEBHOOK_SECRET": KEY})
    assert settings.sources == (Source("telephony", (KEY,), "telephony"),)
    assert settings.crm.settings["token"] == "t"
    assert settings.delivery == DeliveryPolicy()
    assert settings.web == WebSettings()
    assert settings.page == PageSettings("http://127.0.0.1:8080", "embedded")
    assert settings.alerts == AlertPolicy()
    assert settings.retention == Retention()
    assert settings.log == LogSettings()
    assert settings.smtp is None


def test_a_minimal_file_gets_the_defaults(tmp_path: Path) -> None:
    settings = load_settings(write(tmp_path), ENVIRON)
    assert settings.home == tmp_path
    assert settings.rules_dir == tmp_path / "rules"
    assert settings.ledger_url == f"sqlite:///{tmp_path}/optout.db"
    assert settings.timezone == ZoneInfo("Europe/Moscow")
    assert (settings.manifest.id, settings.manifest.events) == ("optout", ("call-result",))
    assert settings.sources == ()
    assert (settings.delivery, settings.web) == (DeliveryPolicy(), WebSettings())


@pytest.mark.parametrize(
    "url", ["sqlite:////var/lib/optout.db", "postgresql+psycopg://db/optout", "postgresql+psycopg://optout@db/optout"]
)
def test_an_absolute_ledger_url_is_kept(tmp_path: Path, url: str) -> None:
    assert load_settings(write(tmp_path, f'[ledger]\nurl = "{url}"\n'), ENVIRON).ledger_url == url


def test_a_ledger_url_with_a_password_comes_from_the_environment(tmp_path: Path) -> None:
    url = "postgresql+psycopg://optout:s3cret@db/optout"
    file = write(tmp_path, '[ledger]\nurl = { env = "LEDGER" }\n')
    settings = load_settings(file, ENVIRON | {"LEDGER": url}, secrets=False)
    assert settings.ledger_url == url
    assert "s3cret" not in repr(settings)


def test_several_secrets_verify_at_once_so_that_keys_can_be_rotated(tmp_path: Path) -> None:
    (tmp_path / "old.key").write_text(OLD_KEY + "\n")
    file = write(
        tmp_path, '[sources.pbx]\nsecrets = [{ env = "WEBHOOK" }, { file = "old.key" }]\nnamespace = "calls"\n'
    )
    settings = load_settings(file, ENVIRON)
    assert settings.sources == (Source("pbx", (KEY, OLD_KEY), "calls"),)


def test_a_secret_file_may_have_an_absolute_path(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text(KEY)
    file = write(tmp_path / "home", f'[sources.pbx]\nsecrets = [{{ file = "{secret}" }}]\n')
    assert load_settings(file, ENVIRON).sources[0].secrets == (KEY,)


@pytest.mark.parametrize(
    ("content", "told"), [(b"\n", "is empty"), (b"\xff\xfe", "is empty"), (b"\xff\xfa", "is not UTF-8 text.*")]
)
def test_a_secret_file_without_a_secret_is_told(tmp_path: Path, content: bytes, told: str) -> None:
    (tmp_path / "secret").write_bytes(content)
    file = write(tmp_path, '[sources.pbx]\nsecrets = [{ file = "secret" }]\n')
    with pytest.raises(ConfigError, match=f"secrets.0.: the file .*secret {told} — write the secret into it"):
        load_settings(file, ENVIRON)


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbf" + KEY.encode() + b"\r\n",
        (KEY + "\r\n").encode("utf-16"),
        f"\u200b {KEY}\u00a0\n".encode(),
    ],
    ids=["UTF-8 with its mark", "UTF-16", "invisible signs around it"],
)
def test_a_secret_file_counts_whatever_program_wrote_it(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "secret").write_bytes(content)
    file = write(tmp_path, '[sources.pbx]\nsecrets = [{ file = "secret" }]\n')
    assert load_settings(file, ENVIRON).sources[0].secrets == (KEY,)


def test_a_secret_with_a_character_that_cannot_be_seen_is_told_by_it(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(f"{KEY[:9]}\u200b{KEY[9:]}", encoding="utf-8")
    file = write(tmp_path, '[sources.pbx]\nsecrets = [{ file = "secret" }]\n')
    with pytest.raises(ConfigError, match=r"holds U\+200B ZERO WIDTH SPACE as character 10") as refused:
        load_settings(file, ENVIRON)
    assert KEY[9:] not in str(refused.value)


@pytest.mark.parametrize("secret", [KEY.upper()[:6] + KEY[6:], f"v1,{KEY}", f'"{KEY}"', "_-" * 22, "ab" * 32])
def test_a_webhook_secret_in_another_spelling_is_understood(tmp_path: Path, secret: str) -> None:
    file = write(tmp_path, '[sources.pbx]\nsecrets = [{ env = "WEBHOOK" }]\n')
    assert load_settings(file, ENVIRON | {"WEBHOOK": secret}).sources[0].secrets == (secret,)


def test_a_webhook_secret_that_is_none_is_told_by_what_is_wrong_with_it(tmp_path: Path) -> None:
    file = write(tmp_path, '[sources.pbx]\nsecrets = [{ env = "WEBHOOK" }]\n')
    with pytest.raises(ConfigError, match=r"it holds U\+0021 EXCLAMATION MARK as character 21"):
        load_settings(file, ENVIRON | {"WEBHOOK": "a" * 20 + "!" + "a" * 20})


def test_the_source_of_the_crms_own_events_needs_no_secret(tmp_path: Path) -> None:
    file = write(tmp_path, '[sources.embedded]\nnamespace = "calls"\n')
    assert load_settings(file, ENVIRON).sources == (Source("embedded", (), "calls"),)


def test_without_secrets_nothing_is_looked_up_and_the_rest_is_still_checked(tmp_path: Path) -> None:
    secrets = '[sources.pbx]\nsecrets = [{ env = "NONE" }]\n[smtp]\nhost = "m"\nsender = "a@b"\n'
    settings = load_settings(write(tmp_path, secrets), {}, secrets=False)
    assert settings.sources == (Source("pbx", (), "pbx"),)
    assert (settings.crm.connector, settings.crm.settings) == ("embedded", {})
    with pytest.raises(ConfigError, match=r"web\.prot: unknown key"):
        load_settings(write(tmp_path, "[web]\nprot = 1\n"), {}, secrets=False)


@pytest.mark.parametrize(("security", "port"), [("none", 25), ("starttls", 587), ("tls", 465)])
def test_the_mail_port_follows_from_the_security(tmp_path: Path, security: str, port: int) -> None:
    table = f'[smtp]\nhost = "mail"\nsender = "a@example.org"\nsecurity = "{security}"\n'
    assert load_settings(write(tmp_path, table), ENVIRON).smtp == SmtpServer("mail", port, "a@example.org", security)


def test_the_mail_password_is_looked_up_and_never_shown(tmp_path: Path) -> None:
    table = '[smtp]\nhost = "mail"\nport = 2525\nsender = "a@example.org"\nuser = "a"\npassword = { env = "MAIL" }\n'
    settings = load_settings(write(tmp_path, table), ENVIRON | {"MAIL": "s3cret"})
    assert settings.smtp is not None
    assert (settings.smtp.port, settings.smtp.user, settings.smtp.password) == (2525, "a", "s3cret")
    assert "s3cret" not in repr(settings)


def test_alerts_and_silent_sources_are_read(tmp_path: Path) -> None:
    text = """
[alerts]
to = ["a@example.org", "b@example.org", "a@example.org"]
at_risk_hours = 2
working_days = ["sat", "sun"]
working_from = "08:30"

[sources.pbx]
secrets = [{ env = "WEBHOOK" }]
silent_after_hours = 3

[smtp]
host = "mail"
sender = "optout@example.org"
"""
    settings = load_settings(write(tmp_path, text), ENVIRON)
    working = WorkingTime(frozenset({5, 6}), time(8, 30), time(18))
    assert settings.alerts == AlertPolicy(to=("a@example.org", "b@example.org"), at_risk_hours=2, working=working)
    assert settings.sources[0].silent_after_hours == 3


def test_retention_log_metrics_and_sources_on_trial_are_read(tmp_path: Path) -> None:
    text = """
[ledger]
url = "sqlite:///optout.db"
retention_days = 90
purge_daily = true

[sources.pbx]
secrets = [{ env = "WEBHOOK" }]
dry_run = true

[web]
metrics_token = { env = "CRM_TOKEN" }

[log]
format = "json"
level = "warning"
"""
    settings = load_settings(write(tmp_path, text), ENVIRON)
    assert settings.retention == Retention(90, daily=True)
    assert settings.log == LogSettings("json", "warning")
    assert settings.web.metrics_token == "c0ffee"
    assert "c0ffee" not in repr(settings)
    (source,) = settings.sources
    assert (source.dry_run, source.recorded_as) == (True, "pbx (dry run)")
    assert load_settings(write(tmp_path, text), {}, secrets=False).web.metrics_token is None


def test_no_secret_stands_in_the_text_of_the_settings(tmp_path: Path) -> None:
    settings = load_settings(write(tmp_path, '[sources.pbx]\nsecrets = [{ env = "WEBHOOK" }]\n'), ENVIRON)
    assert KEY not in repr(settings)
    assert "c0ffee" not in repr(settings)


def test_the_operators_page_is_off_without_a_secret_and_shares_the_connectors_calls(tmp_path: Path) -> None:
    file = write(tmp_path, "[web]\nport = 8099\n[page]\nsession_hours = 1\n")
    page = load_settings(file, ENVIRON).page
    assert not page.is_on
    assert (page.source, page.public_url, page.session_hours) == ("embedded", "http://127.0.0.1:8099", 1.0)
    assert load_settings(write(tmp_path), ENVIRON).page == PageSettings("http://127.0.0.1:8080", "embedded")


def test_the_operators_page_as_it_is_set_up_for_a_crm(tmp_path: Path) -> None:
    file = write(
        tmp_path,
        """
[sources.telephony]
secrets = [{ env = "WEBHOOK" }]
[page]
secret = { env = "PAGE" }
old_secret = { file = "old.key" }
public_url = "https://optout.example.org"
frame_ancestors = ["https://crm.example.org", "https://*.example.org:8443", "https://crm.example.org"]
source = "telephony"
link_minutes = 5
trusted_proxies = 2
""",
    )
    (tmp_path / "old.key").write_text("o" * 43 + "\n")
    page = load_settings(file, ENVIRON | {"PAGE": "n" * 43}).page
    assert page == PageSettings(
        "https://optout.example.org",
        "telephony",
        "n" * 43,
        "o" * 43,
        ("https://crm.example.org", "https://*.example.org:8443"),
        link_minutes=5.0,
        trusted_proxies=2,
    )
    assert "nnn" not in repr(page)
    assert "ooo" not in repr(page)
    without = load_settings(file, {}, secrets=False).page
    assert (without.secret, without.old_secret) == (None, None)


@pytest.mark.parametrize("origin", ["http://localhost:8080", "http://127.0.0.1", "http://page.localhost"])
def test_frames_need_no_https_on_this_machine_itself(tmp_path: Path, origin: str) -> None:
    text = f'[page]\npublic_url = "{origin}"\nframe_ancestors = ["http://127.0.0.1:9000"]\n'
    assert load_settings(write(tmp_path, text), ENVIRON).page.frame_ancestors == ("http://127.0.0.1:9000",)


def test_a_secret_that_is_in_no_variable_is_the_credential_of_that_name(tmp_path: Path) -> None:
    (tmp_path / "credentials").mkdir()
    (tmp_path / "credentials" / "CRM_TOKEN").write_bytes(b"\xef\xbb\xbfc0ffee\n")
    given = {"CREDENTIALS_DIRECTORY": str(tmp_path / "credentials")}
    assert load_settings(write(tmp_path), given).crm.settings["token"] == "c0ffee"
    variable = given | {"CRM_TOKEN": "tea"}
    assert load_settings(write(tmp_path), variable).crm.settings["token"] == "tea"


@pytest.mark.parametrize("given", [{}, {"CREDENTIALS_DIRECTORY": "/nowhere"}], ids=["no credentials", "not this one"])
def test_a_secret_that_is_neither_in_a_variable_nor_a_credential_is_told_as_a_missing_variable(
    tmp_path: Path, given: dict[str, str]
) -> None:
    with pytest.raises(ConfigError, match="the environment variable CRM_TOKEN is not set"):
        load_settings(write(tmp_path), given)


def test_an_unusable_credential_is_told_by_its_file(tmp_path: Path) -> None:
    (tmp_path / "CRM_TOKEN").write_bytes(b"two\nlines\n")
    with pytest.raises(ConfigError, match=r"the file .*CRM_TOKEN .*alone and on one line"):
        load_settings(write(tmp_path), {"CREDENTIALS_DIRECTORY": str(tmp_path)})
