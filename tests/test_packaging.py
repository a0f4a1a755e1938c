"""What is built from the project holds all it needs: the installed wheel works from an empty folder."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest

from connectors import registry
from plugin import VERSION

# The wheel and its environment are made once.
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("packaging")]

ROOT = Path(__file__).parents[1]


def run(*command: str | Path, cwd: Path) -> str:
    """Run to the end without what the surroundings would make of it: no PYTHONPATH, no OPTOUT_HOME."""
    environ = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "OPTOUT_HOME"}}
    done = subprocess.run(
        command, cwd=cwd, env=environ, capture_output=True, encoding="utf-8", timeout=300, check=False
    )
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


def build_wheel(source: Path, folder: Path) -> Path:
    pip = (sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-cache-dir")
    run(*pip, "--no-index", "--wheel-dir", folder, source, cwd=folder)
    (wheel,) = folder.glob("*.whl")
    return wheel


def names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(ROOT, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def optout(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command of an environment that holds this wheel, and the dependencies of the one that runs the tests."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False, symlinks=True)
    python = folder / "bin" / "python"
    pip = (sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-deps", "--no-index")
    run(*pip, wheel, cwd=folder)
    site = run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=folder).strip()
    (Path(site) / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    return folder / "bin" / "optout"


def test_the_wheel_holds_every_file_of_both_packages_and_the_shipped_rules(wheel: Path) -> None:
    files = [path for folder in ("plugin", "connectors", "rules", "docs") for path in (ROOT / folder).rglob("*")]
    expected = {str(path.relative_to(ROOT)) for path in files if path.is_file() and "__pycache__" not in path.parts}
    shipped = {f"plugin/_shipped/{name}" if name.startswith(("rules/", "docs/")) else name for name in expected}
    assert shipped | {"plugin/_shipped/plugin.toml"} == {name for name in names(wheel) if ".dist-info/" not in name}


def test_the_source_distribution_builds_the_same_wheel(wheel: Path, tmp_path: Path) -> None:
    run(sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", tmp_path, cwd=ROOT)
    (archive,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(archive) as source:
        source.extractall(tmp_path, filter="data")
    (unpacked,) = (path for path in tmp_path.iterdir() if path.is_dir())
    (tmp_path / "again").mkdir()
    assert names(build_wheel(unpacked, tmp_path / "again")) == names(wheel)


def test_the_installed_command_decides_from_an_empty_folder_by_the_shipped_rules(optout: Path, tmp_path: Path) -> None:
    facts = '{"related_to_car": true, "survey_type": "calls"}'
    decision = json.loads(run(optout, "decide", "--facts", facts, cwd=tmp_path))
    assert (decision["complete"], decision["outcome"]) == (True, "exclude_calls")
    assert list(tmp_path.iterdir()) == []


def test_the_installed_command_lays_out_copies_that_it_then_goes_by(optout: Path, tmp_path: Path) -> None:
    assert "wrote mine/plugin.toml" in run(optout, "init", "mine", cwd=tmp_path)
    outcomes = tmp_path / "mine" / "rules" / "survey_opt_out" / "outcomes.toml"
    outcomes.write_text(outcomes.read_text(encoding="utf-8").replace("Спасибо, ", "Благодарим, "), encoding="utf-8")
    facts = '{"related_to_car": true, "survey_type": "calls"}'
    for command in ((optout, "--config", "mine", "decide"), (optout, "decide", "--rules", "mine/rules")):
        assert json.loads(run(*command, "--facts", facts, cwd=tmp_path))["say"].startswith("Благодарим, ")


@pytest.mark.parametrize("name", registry.names())
def test_the_installed_command_describes_each_connector_with_what_lies_beside_it(
    optout: Path, tmp_path: Path, name: str
) -> None:
    told = json.loads(run(optout, "connectors", "describe", name, "--json", cwd=tmp_path))
    page = Path(told["readme"])
    assert page.is_relative_to(optout.parents[1])
    assert page.read_text(encoding="utf-8").startswith("# ")
    assert {item["state"] for item in told["checklist"]} <= {"done", "exempt"}
    assert len(told["checklist"]) > 20


def test_the_installed_command_proves_an_account_by_a_profile_that_comes_along(optout: Path, tmp_path: Path) -> None:
    run(optout, "init", "mine", cwd=tmp_path)
    manifest = tmp_path / "mine" / "plugin.toml"
    before, _, after = manifest.read_text(encoding="utf-8").partition('connector = "embedded"')
    account = 'profile = "bottlecrm"\nbase_url = "http://127.0.0.1:9/api"\ntoken = { env = "CRM_TOKEN" }\n'
    account += 'time_zone = "Europe/Moscow"\n'
    _, _, after = after.partition("[sources.telephony]")
    manifest.write_text(f'{before}connector = "rest"\n\n[crm.rest]\n{account}\n[sources.telephony]{after}', "utf-8")
    secrets = {"CRM_TOKEN": "s3cret-t0ken", "OPTOUT_WEBHOOK_SECRET": base64.b64encode(bytes(32)).decode()}
    told = subprocess.run(
        [optout, "--config", "mine", "doctor", "--json"],
        cwd=tmp_path,
        env=os.environ | secrets,
        capture_output=True,
        text=True,
        check=False,
    )
    points = {(point["area"], point["name"]): point for point in json.loads(told.stdout)["points"]}
    assert points["settings", "plugin.toml and every secret it refers to can be read"]["ok"]
    assert any("refused" in point["remedy"] for (area, _), point in points.items() if area == "rest")


def test_the_version_is_the_same_everywhere(wheel: Path, optout: Path, tmp_path: Path) -> None:
    assert run(optout, "--version", cwd=tmp_path) == f"optout {VERSION}\n"
    assert wheel.name.startswith(f"optout_plugin-{VERSION}-")
    manifest = tomllib.loads((ROOT / "plugin.toml").read_text(encoding="utf-8"))["plugin"]
    assert manifest["version"] == VERSION
