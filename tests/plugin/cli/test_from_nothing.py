"""From an empty folder to a green doctor on a described CRM, by the steps of the connector's README alone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from plugin.cli.main import main
from tests.connectors.rest.products import dolibarr
from tests.connectors.rest.rig import README
from tests.plugin.web.harness import SECRET
from tests.support.mail import MailSink, mail_sink

pytestmark = pytest.mark.slow


@pytest.fixture
def mail() -> Iterator[MailSink]:
    with mail_sink() as sink:
        yield sink


@pytest.fixture
def crm() -> Iterator[dolibarr.Dolibarr]:
    made = dolibarr.Dolibarr()
    with made.running():
        yield made


def from_readme(crm: dolibarr.Dolibarr) -> str:
    """``[crm]`` and ``[crm.rest]`` as the README's part on Dolibarr gives them, with this server's address."""
    part = README.read_text(encoding="utf-8").split("## Dolibarr\n")[1].split("\n## ")[0]
    block = re.search(r"(?:^    .*\n)(?:^    .*\n|^\n)*", part, re.MULTILINE)
    assert block is not None
    text = "\n".join(line.removeprefix("    ") for line in block[0].splitlines())
    return text.replace("https://crm.example.org/api", f"{crm.url}/api")


def begun(crm: dolibarr.Dolibarr, capsys: pytest.CaptureFixture[str]) -> str:
    """The same by ``optout connectors new``."""
    capsys.readouterr()
    assert main(["connectors", "new", "rest", "--like", "dolibarr"]) == 0
    return capsys.readouterr().out.replace("https://crm.example.org/api", f"{crm.url}/api")


@pytest.mark.parametrize("way", ["profile", "new"])
def test_the_steps_of_the_readme_lead_to_a_green_doctor(
    way: str,
    crm: dolibarr.Dolibarr,
    mail: MailSink,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPTOUT_CRM_TOKEN", dolibarr.KEY)
    monkeypatch.setenv("OPTOUT_WEBHOOK_SECRET", SECRET)
    home = tmp_path / "shop"

    def run(*arguments: str) -> str:
        capsys.readouterr()
        status = main(["--config", str(home), *arguments])
        told = capsys.readouterr()
        assert status == 0, told.out + told.err
        return told.out

    # 1. Begin.
    assert main(["init", str(home)]) == 0
    settings = (home / "plugin.toml").read_text(encoding="utf-8")
    described = from_readme(crm) if way == "profile" else begun(crm, capsys)
    old = re.search(r"^\[crm\]\n.*?^token = .*?\n", settings, re.MULTILINE | re.DOTALL)
    assert old is not None
    smtp = f'[smtp]\nhost = "127.0.0.1"\nport = {mail.port}\nsender = "opt-out@example.org"\nsecurity = "none"\n'
    (home / "plugin.toml").write_text(settings.replace(old[0], f"{described}\n{smtp}"), encoding="utf-8")
    roles = (home / "rules/roles.toml").read_text(encoding="utf-8")
    roles = roles.replace('"coordinator"', '"4"').replace('"sms.manager"', '"5"').replace('"supervisor"', '"4"')
    (home / "rules/roles.toml").write_text(roles, encoding="utf-8")
    # 2. Look at one table after the other.
    assert "name: О'Коннор-Ёлкин Шон (мл.)" in run("connectors", "try", "card", "--card", "contact:7", "--send")
    looked_up = run("connectors", "try", "contact_by_phone", "--phone", "+79161234567", "--send")
    assert "1 records at the answer" in looked_up
    written = run("connectors", "try", "comment", "--card", "contact:7", "--send")
    (number,) = crm.events
    assert f"id: {number}" in written
    assert f"id: {number}" in run("connectors", "try", "find.comment", "--card", "contact:7", "--send")
    run("connectors", "try", "remove.comment", "--id", number, "--send")
    run("connectors", "try", "reminder", "--card", "contact:7", "--user", "4", "--send")
    (number,) = crm.events
    read_back = ("connectors", "try", "reminder.verify", "--id", number, "--card", "contact:7", "--user", "4", "--send")
    assert run(*read_back).count(": true (there: ") == 3
    assert "percentage equals 100: false (there: 0)" in run(
        "connectors", "try", "reminder_state", "--id", number, "--send"
    )
    run("connectors", "try", "withdraw", "--id", number, "--send")
    assert "percentage equals 100: true" in run("connectors", "try", "reminder_state", "--id", number, "--send")
    run("connectors", "try", "remove.reminder", "--id", number, "--send")
    # 3. Ask the doctor.
    run("doctor")
    run("doctor", "--write", "--card", "contact:7")
    assert crm.events == {}
