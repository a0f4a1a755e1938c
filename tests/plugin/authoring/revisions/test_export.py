"""A stored revision comes out of the ledger as the files that were published, to the byte."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import select, update

from plugin.deciding.decision.compiled_rules import Rulebook
from plugin.ledger.schema import revisions
from tests.plugin.authoring.revisions.conftest import Home, Rules


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.toml")}


def revision(folder: Path) -> str:
    with closing(Rulebook.load(folder)) as rulebook:
        return rulebook.revision


def test_without_a_ledger_nothing_is_written(home: Home, rules: Rules, tmp_path: Path) -> None:
    assert rules("export", "active", str(tmp_path / "out")).status == 2
    assert not (tmp_path / "out").exists()


def test_an_unknown_revision_writes_nothing(home: Home, rules: Rules, tmp_path: Path) -> None:
    known = home.activate()
    said = rules("export", "ffff", str(tmp_path / "out"))
    assert said.status == 2
    assert known in said.err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("taken", ["file", "link", "folder"])
def test_what_is_there_is_never_overwritten(home: Home, rules: Rules, tmp_path: Path, taken: str) -> None:
    home.activate()
    out = tmp_path / "out"
    if taken == "file":
        out.write_text("mine")
    elif taken == "link":
        out.symlink_to(tmp_path / "nowhere")
    else:
        out.mkdir()
        (out / "roles.toml").write_text("mine")
    before = sorted(tmp_path.rglob("*"))
    said = rules("export", "active", str(out))
    assert said.status == 2
    assert "уже существует" in said.err
    assert sorted(tmp_path.rglob("*")) == before
    assert not (tmp_path / "nowhere").exists()
    if taken == "folder":
        assert (out / "roles.toml").read_text() == "mine"


def test_a_folder_that_cannot_be_written_leaves_nothing_behind(home: Home, rules: Rules, tmp_path: Path) -> None:
    home.activate()
    (tmp_path / "file").write_text("")
    said = rules("export", "active", str(tmp_path / "file" / "out"))
    assert said.status == 2
    assert said.err.count("\n") == 1


def test_files_that_say_something_else_than_the_revision_are_not_handed_out(
    home: Home, rules: Rules, tmp_path: Path
) -> None:
    home.activate()
    with home.ledger.write() as connection:
        connection.execute(update(revisions).values(files={"roles.toml": "damaged = true\n"}))
    said = rules("export", "active", str(tmp_path / "out"))
    assert said.status == 2
    assert "повреждена" in said.err
    assert [path.name for path in tmp_path.iterdir()] == ["home"]


@pytest.mark.parametrize(
    "name",
    [
        "../x.toml",
        "../../x.txt",
        "{outside}/x.txt",
        "roles.toml/../../x.txt",
        "script/../../x.txt",
        "../script.toml",
        "./script.toml",
        "script/deeper/script.toml",
        "script\\..\\script.toml",
        "C:x/script.toml",
        "\x00/script.toml",
        "/script.toml",
        "script/roles.toml",
        "script.toml",
        "x" * 300 + "/script.toml",
        "",
    ],
)
@pytest.mark.parametrize("kept_in", ["files", "content"])
def test_a_name_that_no_rules_folder_can_hold_writes_nothing_anywhere(
    home: Home, rules: Rules, tmp_path: Path, name: str, kept_in: str
) -> None:
    home.activate()
    name = name.format(outside=tmp_path / "elsewhere")
    with home.ledger.write() as connection:
        row = connection.execute(select(revisions.c.files, revisions.c.content)).one()
        if kept_in == "files":
            values: dict[str, object] = {"files": {**row.files, name: "planted"}}
        else:
            values = {"files": None, "content": {**row.content, name: {"a": 1}}}
        connection.execute(update(revisions).values(**values))
    before = sorted(tmp_path.rglob("*"))
    said = rules("export", "active", str(tmp_path / "new" / "out"))
    assert said.status == 2
    assert "повреждена" in said.err
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("content", [[], "x", {"roles.toml": 1}, {"roles.toml": {"a": None}}, {"roles.toml": []}])
def test_content_that_is_none_writes_nothing(home: Home, rules: Rules, tmp_path: Path, content: object) -> None:
    home.activate()
    with home.ledger.write() as connection:
        connection.execute(update(revisions).values(files=None, content=content))
    assert rules("export", "active", str(tmp_path / "out")).status == 2
    assert [path.name for path in tmp_path.iterdir()] == ["home"]


def test_a_planted_link_is_not_followed(home: Home, rules: Rules, tmp_path: Path) -> None:
    home.activate()
    (tmp_path / "victim").mkdir()
    (tmp_path / f".out.{os.getpid()}").symlink_to(tmp_path / "victim")
    assert rules("export", "active", str(tmp_path / "out")).status == 0
    assert list((tmp_path / "victim").iterdir()) == []


def test_the_files_are_to_the_byte_what_was_published(home: Home, rules: Rules, tmp_path: Path) -> None:
    text = (home.rules / "roles.toml").read_text(encoding="utf-8")
    odd = ("# Комментарий — с тире\r\n" + text + "\n\n# конец без перевода строки").replace("\n", "\r\n")
    (home.rules / "roles.toml").write_bytes(odd.replace("\r\r", "\r").encode())
    published, active = files(home.rules), home.activate()
    home.say("Другой")
    home.activate()
    said = rules("export", active[:8], str(tmp_path / "deep" / "out"))
    assert (said.status, said.err) == (0, "")
    assert files(tmp_path / "deep" / "out") == published
    assert revision(tmp_path / "deep" / "out") == active


def test_an_empty_folder_is_filled(home: Home, rules: Rules, tmp_path: Path) -> None:
    home.activate()
    (tmp_path / "out").mkdir()
    assert rules("export", "active", str(tmp_path / "out")).status == 0
    assert files(tmp_path / "out") == files(home.rules)


def test_comments_are_those_of_the_last_time_it_was_made_active(home: Home, rules: Rules, tmp_path: Path) -> None:
    first = home.activate()
    home.say("Другой")
    home.activate()
    home.say("Координатор опросов")
    (home.rules / "roles.toml").write_text(
        "# новый комментарий\n" + (home.rules / "roles.toml").read_text(encoding="utf-8"), encoding="utf-8"
    )
    again = home.activate()
    rules("export", again, str(tmp_path / "out"))
    assert (tmp_path / "out/roles.toml").read_text(encoding="utf-8").startswith("# новый комментарий")
    assert first != ""


def test_a_revision_whose_texts_were_not_kept_is_written_anew_and_says_so(
    home: Home, rules: Rules, tmp_path: Path
) -> None:
    active = home.activate()
    with home.ledger.write() as connection:
        connection.execute(update(revisions).values(files=None))
    said = rules("export", "active", str(tmp_path / "out"))
    assert said.status == 0
    assert "без комментариев" in " ".join(said.out.split())
    assert revision(tmp_path / "out") == active


def test_the_ledgers_own_way_out_leads_back_in(home: Home, rules: Rules, tmp_path: Path) -> None:
    active = home.activate()
    rules("export", "active", str(tmp_path / "out"))
    home.rules.rename(home.folder / "old")
    (tmp_path / "out").rename(home.rules)
    assert home.activate() == active
