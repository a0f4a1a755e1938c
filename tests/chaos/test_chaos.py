"""A short `make chaos`: under faults and kills nothing is lost and nothing doubled, on either database."""

from __future__ import annotations

from pathlib import Path

import pytest

from chaos.__main__ import main
from chaos.databases import KINDS, NoDatabase, ledger_url
from chaos.report import lines
from chaos.run import run
from tests.support.processes import processes_with

CALLS, KILLS, SEED = 200, 10, 4


@pytest.mark.parametrize("kind", KINDS)
def test_everything_accepted_is_in_the_crm_once(kind: str, tmp_path: Path) -> None:
    try:
        with ledger_url(kind, tmp_path) as url:
            result = run(kind, url, tmp_path, calls=CALLS, kills=KILLS, seed=SEED)
    except NoDatabase as why:
        pytest.skip(str(why))

    assert result.is_good, "\n".join(lines(result, SEED))
    assert result.kills.total() == KILLS
    assert all(result.kills.values()), "not everything was killed"
    assert result.tally.accepted > CALLS
    assert result.faults.total() > CALLS / 4
    assert result.settled.total() > 0
    assert processes_with(str(tmp_path)) == []


def test_the_same_seed_plays_the_same_calls(capsys: pytest.CaptureFixture[str]) -> None:
    def accepted() -> str:
        assert main(["--calls", "5", "--kills", "0", "--seed", "7", "--ledger", "sqlite"]) == 0
        return next(line for line in capsys.readouterr().out.splitlines() if line.startswith("  calls"))

    assert accepted() == accepted()


@pytest.mark.parametrize("arguments", [["--calls", "-1"], ["--kills", "many"], ["--ledger", "paper"]])
def test_a_wrong_option_is_refused(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as refused:
        main(arguments)
    assert refused.value.code == 2
