"""``optout guide``: every guide is there, as a text and as a path."""

from __future__ import annotations

from pathlib import Path

import pytest

from plugin.cli.main import main
from plugin.console.guides import GUIDES


@pytest.mark.parametrize("name", GUIDES)
def test_a_guide_is_printed_or_its_path(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["guide", name]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("# ")
    assert main(["guide", name, "--path"]) == 0
    assert Path(capsys.readouterr().out.strip()).read_text(encoding="utf-8") == printed


def test_without_a_name_all_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["guide"]) == 0
    listed = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in listed] == list(GUIDES)


def test_an_unknown_guide_is_refused_with_those_that_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["guide", "admins"]) == 2
    assert "'admin', 'operator'" in capsys.readouterr().err


def test_a_guide_that_was_left_out_is_named(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("plugin.console.guides.shipped_dir", lambda: tmp_path)
    assert main(["guide", "admin"]) == 2
    assert str(tmp_path / "docs" / "admin-guide.ru.md") in capsys.readouterr().err
