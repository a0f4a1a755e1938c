"""``make demo`` plays every outcome and holds the CRM against the script."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from urllib.request import HTTPCookieProcessor, ProxyHandler, build_opener

from tests.support.processes import processes_with

ROOT = Path(__file__).parents[2]


def _environ(**extra: str) -> dict[str, str]:
    return {**os.environ, "PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8", **extra}


def test_the_demo_ends_well_in_eighty_columns_and_leaves_nothing_running() -> None:
    demo = subprocess.run(
        [sys.executable, "-m", "demo"],
        cwd=ROOT,
        env=_environ(),
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )

    assert demo.returncode == 0, demo.stdout[-2000:] + demo.stderr
    assert "Разговоров: 12, не так: 0, лишнего или потерянного в конце: 0" in demo.stdout
    assert max(len(line) for line in demo.stdout.splitlines()) <= 80
    assert processes_with("optout-demo-") == []


def test_a_kept_demo_stays_until_it_is_told_to_end() -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "demo"],
        cwd=ROOT,
        env=_environ(KEEP="1"),
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    ) as demo:
        try:
            _look_at(demo)
        finally:
            demo.send_signal(signal.SIGTERM)
        assert demo.wait(40) == 0
    assert processes_with("optout-demo-") == []


def _look_at(demo: subprocess.Popen[str]) -> None:
    assert demo.stdout is not None
    lines = []
    for line in demo.stdout:
        lines.append(line)
        if line.startswith("Ctrl-C"):
            break
    assert any(line.startswith("CRM:     http://127.0.0.1:") for line in lines)
    pages = [lines[at - 1] for at, line in enumerate(lines) if "вход: " in line]
    assert [line.split("/")[-2] for line in pages] == ["console", "operator"]
    assert any("вход: admin, пароль: " in line for line in lines)
    assert any("вход: operator, пароль: " in line for line in lines)
    link = next(line.strip() for line in lines if "/operator/open" in line)
    with build_opener(HTTPCookieProcessor(), ProxyHandler({})).open(link, timeout=10) as page:
        assert "Клиент Первый" in page.read().decode()

    time.sleep(0.5)
    assert demo.poll() is None
