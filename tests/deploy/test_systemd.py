"""The units of deploy/systemd: complete, hardened, and the plugin works under what they withhold."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from tests.deploy.tools import DEPLOY, program

pytestmark = pytest.mark.slow

UNITS = sorted(path.name for path in (DEPLOY / "systemd").glob("*.service"))
TIMERS = sorted(path.name for path in (DEPLOY / "systemd").glob("*.timer"))
#: 2.0, in tenths.
MOST_EXPOSED = "20"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root folder with systemd's own units, ours, and programs where ours look for them."""
    program("systemd-analyze", "systemd")
    root = tmp_path_factory.mktemp("root")
    shutil.copytree("/usr/lib/systemd/system", root / "usr/lib/systemd/system", symlinks=True)
    own = root / "etc/systemd/system"
    shutil.copytree(DEPLOY / "systemd", own, ignore=shutil.ignore_patterns("*.conf.d", "optout.*", "optout-backup"))
    for name in ("opt/optout/bin/optout", "opt/optout/lib/optout-backup", "bin/true", "sbin/init"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("#!/bin/sh\n")
        (root / name).chmod(0o755)
    return root


def analyze(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = ["systemd-analyze", *arguments, f"--root={root}"]
    return subprocess.run(command, capture_output=True, encoding="utf-8", timeout=120, check=False)


@pytest.mark.parametrize("unit", UNITS + TIMERS)
def test_systemd_finds_nothing_wrong_with_a_unit(root: Path, unit: str) -> None:
    done = analyze(root, "verify", "--man=no", str(root / "etc/systemd/system" / unit))
    ours = [line for line in (done.stdout + done.stderr).splitlines() if "optout" in line]
    assert (done.returncode, ours) == (0, [])


@pytest.mark.parametrize("unit", UNITS)
def test_a_unit_is_exposed_to_less_than_two_of_ten(root: Path, unit: str) -> None:
    done = analyze(root, "security", "--offline=true", "--no-pager", f"--threshold={MOST_EXPOSED}", unit)
    assert done.returncode == 0, done.stdout[-2500:] + done.stderr
    assert "Overall exposure level" in done.stdout


def test_without_what_hardens_them_the_units_would_not_pass(root: Path, tmp_path: Path) -> None:
    shutil.copytree(root, tmp_path / "root", symlinks=True)
    shutil.rmtree(tmp_path / "root/etc/systemd/system/optout-.service.d")
    done = analyze(tmp_path / "root", "security", "--offline=true", f"--threshold={MOST_EXPOSED}", UNITS[0])
    assert done.returncode != 0


@pytest.mark.parametrize("unit", UNITS)
def test_what_a_unit_sets_is_not_set_again_by_what_holds_for_all(unit: str) -> None:
    """That goes before it: a timer's unit would be started again and again where it fails, as the services are."""
    common = settings_of((DEPLOY / "systemd/optout-.service.d/10-common.conf").read_text(encoding="utf-8"))
    assert settings_of((DEPLOY / "systemd" / unit).read_text(encoding="utf-8")) & common == set()


def settings_of(text: str) -> set[str]:
    return set(re.findall(r"^(\w+)=", text, re.MULTILINE))


@pytest.mark.parametrize("timer", TIMERS)
def test_a_timer_starts_a_unit_that_is_there_and_catches_up_what_was_missed(timer: str) -> None:
    assert timer.replace(".timer", ".service") in UNITS
    assert "Persistent=true" in (DEPLOY / "systemd" / timer).read_text(encoding="utf-8")


# --- the copies of the ledger ------------------------------------------------------------------------


@pytest.fixture
def home(tmp_path: Path) -> Path:
    home = tmp_path / "home"
    run_optout("init", str(home))
    connection = sqlite3.connect(home / "optout.db")
    connection.close()
    run_optout("--config", str(home), "db", "upgrade")
    (tmp_path / "copies").mkdir()
    return home


def run_optout(*arguments: str) -> None:
    subprocess.run([Path(sys.executable).with_name("optout"), *arguments], check=True, capture_output=True)


def back_up(home: Path, **more: str) -> subprocess.CompletedProcess[str]:
    environ = {
        "OPTOUT": str(Path(sys.executable).with_name("optout")),
        "OPTOUT_HOME": str(home),
        "COPIES": str(home.parent / "copies"),
        "PATH": os.environ["PATH"],
    } | more
    command = [DEPLOY / "systemd" / "optout-backup"]
    return subprocess.run(command, env=environ, capture_output=True, encoding="utf-8", timeout=120, check=False)


def copies(home: Path) -> list[str]:
    return sorted(path.name for path in (home.parent / "copies").iterdir())


def test_the_last_copies_are_kept_and_nothing_else_is_removed(home: Path) -> None:
    kept = home.parent / "copies"
    old = [f"ledger-2026-11-{day:02}-023000.db" for day in range(1, 6)]
    for name in (*old, "notes.txt", "ledger-2026-11-01-023000.db.gz", "ledger-2026-11-01-023000.dump"):
        (kept / name).touch()
    done = back_up(home, KEEP="3")
    assert done.returncode == 0, done.stderr
    left = [name for name in copies(home) if re.fullmatch(r"ledger-[0-9-]+\.db", name)]
    assert left[:2] == old[-2:]
    assert len(left) == 3
    assert set(copies(home)) - set(left) == {
        "notes.txt", "ledger-2026-11-01-023000.db.gz", "ledger-2026-11-01-023000.dump",
    }  # fmt: skip
    assert (kept / left[2]).stat().st_mode & 0o777 == 0o600


def test_where_no_copy_can_be_made_the_old_ones_are_left(home: Path) -> None:
    for day in range(1, 6):
        (home.parent / "copies" / f"ledger-2026-11-{day:02}-023000.db").touch()
    (home / "optout.db").write_bytes(b"not a ledger" * 1000)
    assert back_up(home, KEEP="1").returncode != 0
    assert len([name for name in copies(home) if name.startswith("ledger-2026-11-0")]) == 5


@pytest.mark.parametrize("keep", ["0", "-1", "all", ""])
def test_a_number_of_copies_that_would_remove_all_is_refused(home: Path, keep: str) -> None:
    done = back_up(home, KEEP=keep)
    if keep:
        assert (done.returncode, copies(home)) == (2, [])
    else:
        assert done.returncode == 0


def test_a_ledger_on_postgresql_is_dumped_without_the_password_in_sight(home: Path, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    fake = tmp_path / "bin" / "pg_dump"
    fake.write_text(
        '#!/bin/sh\necho "$PGPASSWORD|$*" > "$SEEN"\nfor a; do case $a in --file=*) : > "${a#--file=}";; esac; done\n'
    )
    fake.chmod(0o755)
    url = "postgresql://optout:s3cr%40t@db1.example.org/optout"
    done = back_up(home, OPTOUT_LEDGER_URL=url, SEEN=str(tmp_path / "seen"), PATH=f"{fake.parent}:{os.environ['PATH']}")
    assert done.returncode == 0, done.stderr
    password, _, arguments = (tmp_path / "seen").read_text().partition("|")
    assert password == "s3cr@t"
    assert "s3cr" not in arguments
    assert "postgresql://optout@db1.example.org/optout" in arguments
    (copy,) = copies(home)
    assert copy.endswith(".dump")
