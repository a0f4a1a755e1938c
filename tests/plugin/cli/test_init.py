"""``optout init``: what it lays out works as it is, and nothing that is there is touched."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path

import pytest

from plugin.authoring.revisions.copy_base import noted_revision, texts_revision
from plugin.authoring.revisions.shipped import read_base, shipped_rules
from plugin.cli.init import OWNERS
from plugin.cli.main import main
from plugin.config.load import load_settings, shipped_dir
from plugin.deciding.decision.compiled_rules import Rulebook


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("taken", ["plugin.toml", "rules"])
def test_what_is_there_already_is_never_overwritten(
    tmp_path: Path, taken: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / taken).write_text("mine")
    assert main(["init", str(tmp_path)]) == 2
    assert capsys.readouterr().err.startswith(f"optout: {tmp_path / taken} exists already")
    assert contents(tmp_path) == {taken: b"mine"}


def test_a_dangling_link_is_not_written_through(tmp_path: Path) -> None:
    (tmp_path / "plugin.toml").symlink_to(tmp_path / "elsewhere")
    assert main(["init", str(tmp_path)]) == 2
    assert not (tmp_path / "elsewhere").exists()


def test_a_folder_that_cannot_be_made_is_one_message(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert main(["init", str(tmp_path / "file" / "folder")]) == 2
    err = capsys.readouterr().err
    assert "cannot be written (Not a directory)" in err
    assert err.count("\n") == 1


def test_a_folder_with_other_things_in_it_gets_copies_of_everything_shipped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    assert main(["init", str(tmp_path)]) == 0
    copies = contents(tmp_path)
    assert copies.pop("notes.txt") == b"mine"
    shipped = contents(shipped_dir() / "rules")
    settings = (shipped_dir() / "plugin.toml").read_text(encoding="utf-8")
    named = settings.replace('{ env = "OPTOUT_WEBHOOK_SECRET" }', '{ file = "secrets/telephony" }')
    assert copies.pop("plugin.toml").decode() == named != settings
    assert len(base64.b64decode(copies.pop("secrets/telephony"))) == 32
    # What was shipped, for telling later what an upgrade changed.
    assert read_base(tmp_path / "rules") == shipped_rules()
    del copies["rules/.shipped.json"]
    # What they are a copy of, for merging later what others published.
    assert noted_revision(tmp_path / "rules") == texts_revision(shipped_rules().files)
    del copies["rules/.revision.json"]
    assert copies == {f"rules/{name}": content for name, content in shipped.items()}
    said = capsys.readouterr().out
    for name in ("plugin.toml", "secrets/telephony", *copies):
        assert f"wrote {tmp_path / name}" in said
    assert f"optout --config {tmp_path} serve" in said


def test_new_folders_are_made_on_the_way_and_what_is_laid_out_is_editable_and_decides(tmp_path: Path) -> None:
    folder = tmp_path / "new one" / "deeper"
    assert main(["init", str(folder)]) == 0
    assert all(os.access(path, os.W_OK) for path in folder.rglob("*"))
    settings = load_settings(folder, {}, secrets=False)
    assert settings.rules_dir == folder / "rules"
    rulebook = Rulebook.load(settings.rules_dir)
    rulebook.script(settings.default_script)
    rulebook.close()


def test_the_secret_is_its_owners_alone_and_another_one_each_time(tmp_path: Path) -> None:
    made = []
    for name in ("first", "second"):
        assert main(["init", str(tmp_path / name)]) == 0
        secret = tmp_path / name / "secrets" / "telephony"
        assert (secret.stat().st_mode & 0o777, secret.parent.stat().st_mode & 0o777) == (0o600, 0o700)
        made.append(secret.read_text())
    assert made[0] != made[1]


def test_the_doctor_finds_wanting_only_what_is_listed_as_known_to_the_owner(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPTOUT_CRM_TOKEN", raising=False)
    folder = tmp_path / "new"
    assert main(["init", str(folder)]) == 0
    listed = capsys.readouterr().out.split("What only you know:")[1]
    assert all(place in listed and what in listed for place, what in OWNERS)
    assert main(["--config", str(folder), "doctor", "--json"]) == 1
    failed = [point for point in json.loads(capsys.readouterr().out)["points"] if point["ok"] is False]
    assert [(point["area"], "crm.embedded.token" in point["remedy"]) for point in failed] == [("settings", True)]
    # With a token there is no CRM to be reached, and nobody to mail by.
    monkeypatch.setenv("OPTOUT_CRM_TOKEN", "a-token-of-the-owner")
    assert main(["--config", str(folder), "doctor", "--json"]) == 1
    failed = [point for point in json.loads(capsys.readouterr().out)["points"] if point["ok"] is False]
    assert {point["area"] for point in failed} == {
        "embedded",
        "role survey_coordinator",
        "role sms_manager",
        "role supervisor",
    }
