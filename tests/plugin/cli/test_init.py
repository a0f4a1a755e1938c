"""``optout init``: what it lays out works as it is, and nothing that is there is touched."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from plugin.authoring.revisions.shipped import read_base, shipped_rules
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
    assert copies.pop("plugin.toml") == (shipped_dir() / "plugin.toml").read_bytes()
    # What was shipped, for telling later what an upgrade changed.
    assert read_base(tmp_path / "rules") == shipped_rules()
    del copies["rules/.shipped.json"]
    assert copies == {f"rules/{name}": content for name, content in shipped.items()}
    said = capsys.readouterr().out
    for name in ("plugin.toml", *copies):
        assert f"wrote {tmp_path / name}" in said
    assert "optout serve" in said


def test_new_folders_are_made_on_the_way_and_what_is_laid_out_is_editable_and_decides(tmp_path: Path) -> None:
    folder = tmp_path / "new one" / "deeper"
    assert main(["init", str(folder)]) == 0
    assert all(os.access(path, os.W_OK) for path in folder.rglob("*"))
    settings = load_settings(folder, {}, secrets=False)
    assert settings.rules_dir == folder / "rules"
    rulebook = Rulebook.load(settings.rules_dir)
    rulebook.script(settings.default_script)
    rulebook.close()
