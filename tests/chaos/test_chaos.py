"""A short `make chaos`: under faults and kills nothing is lost and nothing doubled, on either database."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from chaos.__main__ import main
from chaos.databases import KINDS, NoDatabase, ledger_url
from chaos.outages import run_outages
from chaos.report import lines
from chaos.run import Result, run
from tests.support.processes import processes_with

CALLS, KILLS, SEED = 200, 10, 4


@pytest.mark.parametrize("kind", KINDS)
def test_everything_accepted_is_in_the_crm_once(kind: str, tmp_path: Path) -> None:
    try:
        with ledger_url(kind, tmp_path) as url:
            played = run(kind, url, tmp_path, calls=CALLS, kills=KILLS, seed=SEED)
    except NoDatabase as why:
        pytest.skip(str(why))

    assert played.is_good, "\n".join(lines(played, SEED))
    # Once more each while people finish their reminders.
    assert played.kills.total() == KILLS + len(played.kills)
    assert {"kept", "written"} <= set(played.promises)
    assert played.suppressed > 0
    assert all(played.kills.values()), "not everything was killed"
    assert played.tally.accepted > CALLS
    assert played.faults.total() > CALLS / 4
    assert played.settled.total() > 0
    assert processes_with(str(tmp_path)) == []


#: Outages longer than EspoCRM's repeats, and bad hours of the mail server: some on each database.
STORMS = {
    "sqlite": ("way to the plugin closed", "crm away", "mail refused"),
    "postgres": ("proxy answers 502", "single faults", "mail server closed"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_no_call_is_lost_with_the_reports_that_espocrm_gives_up(kind: str, tmp_path: Path) -> None:
    try:
        with ledger_url(kind, tmp_path) as url:
            played = run_outages(kind, url, tmp_path, calls=24, kills=0, seed=SEED, storms=STORMS[kind])
    except NoDatabase as why:
        pytest.skip(str(why))

    assert played.is_good, "\n".join(lines(played, SEED))
    assert played.faults["reports given up"] > 0, "every report came through"
    assert all(played.faults[storm] for storm in STORMS[kind])
    assert played.mails > 0
    assert {"kept", "written"} <= set(played.promises)
    assert processes_with(str(tmp_path)) == []


def result(**found: Any) -> dict[str, Callable[..., Result]]:
    """A run that comes to this."""
    return {"embedded": lambda kind, *_args, **_options: Result(kind, **found)}


@pytest.mark.parametrize("figure", ["lost", "doubled", "off"])
def test_any_figure_that_is_not_as_it_must_be_exits_with_1(figure: str, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--ledger", "sqlite", "--seed", "7"]
    assert main(arguments, result()) == 0
    capsys.readouterr()

    assert main(arguments, result(**{figure: ["call-1: something"]})) == 1

    said = capsys.readouterr().out
    assert "call-1: something" in said
    assert "python -m chaos --seed 7 --calls 2000 --kills 50 --ledger sqlite --keep" in said


@pytest.mark.parametrize("arguments", [["--calls", "-1"], ["--kills", "many"], ["--ledger", "paper"]])
def test_a_wrong_option_is_refused(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as refused:
        main(arguments)
    assert refused.value.code == 2
