"""The README's own steps from an empty environment, on each Python there is; and the wheel is always the same."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from plugin import VERSION
from tests.deploy.pythons import RELEASES, pythons
from tests.deploy.tools import ROOT, lacking

# The wheelhouse is made once.
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("installation")]

README = (ROOT / "README.md").read_text(encoding="utf-8")
#: What git would have; it is not asked, for the tests also run from the source archive.
_LEFT_OUT = shutil.ignore_patterns(
    ".git", ".venv", "dist", "build", "__pycache__", ".*_cache", ".hypothesis", "*.db", "*.db-*", "*.egg-info"
)


def steps() -> list[str]:
    """The commands of the README's first step to run it with one's own CRM."""
    step = README.split("1. Make the wheelhouse")[1].split("\n2. ")[0]
    return [line.strip() for line in step.splitlines() if line.startswith("       ") and line.strip()]


def run(command: str, cwd: Path, environ: dict[str, str]) -> str:
    done = subprocess.run(command, shell=True, cwd=cwd, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}:\n{done.stdout[-2000:]}{done.stderr[-4000:]}"
    return done.stdout


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    return copy_of_the_project(tmp_path / "checkout")


def copy_of_the_project(folder: Path) -> Path:
    return Path(shutil.copytree(ROOT, folder, ignore=_LEFT_OUT))


def test_the_steps_are_found() -> None:
    assert [step.split()[0].rsplit("/")[-1] for step in steps()] == ["make", "python3", "pip", "optout"]


@pytest.fixture(scope="module")
def surroundings() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("OPTOUT", "PYTHON", "VIRTUAL"))}


@pytest.fixture(scope="module")
def wheelhouse(tmp_path_factory: pytest.TempPathFactory, surroundings: dict[str, str]) -> Path:
    """The folder from which the README's first step has made ``dist/``, for every Python that is here."""
    folder = copy_of_the_project(tmp_path_factory.mktemp("wheelhouse") / "checkout")
    run(steps()[0], folder, surroundings | {"PYTHONS": " ".join(map(str, pythons().values()))})
    return folder


@pytest.mark.parametrize("release", RELEASES)
def test_the_readmes_steps_install_what_decides_without_compiler_and_index(
    tmp_path: Path, wheelhouse: Path, surroundings: dict[str, str], release: str
) -> None:
    python = pythons().get(release)
    if python is None:
        pytest.skip(f"no Python {release} with venv and headers on this machine")
    environ = surroundings | {"CC": "/bin/false", "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "", "PIP_NO_COMPILE": "1"}
    for step in steps()[1:]:
        command = step.replace("/opt/optout", f"{tmp_path}/opt").replace("/srv/optout", f"{tmp_path}/srv")
        run(re.sub(r"^python3 ", f"{python} ", command), wheelhouse, environ)
    optout = tmp_path / "opt" / "bin" / "optout"
    facts = '{"related_to_car": true, "survey_type": "calls"}'
    decision = json.loads(run(f"{optout} decide --facts '{facts}'", tmp_path, environ))
    assert decision["outcome"] == "exclude_calls"
    assert run(f"{optout} rules check {tmp_path}/srv/rules", tmp_path, environ)
    _check_digests(Path(shutil.copytree(wheelhouse / "dist", tmp_path / "dist")), tmp_path, python, environ)
    _check_bill(wheelhouse / "dist", release)


def _check_digests(dist: Path, folder: Path, python: Path, environ: dict[str, str]) -> None:
    """What requirements.txt pins is installed, and a wheel that was changed is not."""
    run(f"{python} -m venv --without-pip {folder}/pinned", folder, environ)
    pip = f"{folder}/opt/bin/pip --python {folder}/pinned/bin/python install --no-index --find-links {dist} --no-deps"
    run(f"{pip} --require-hashes -r {dist}/requirements.txt", folder, environ)
    for wheel in dist.glob("durable_rules-*.whl"):
        with wheel.open("ab") as file:
            file.write(b"changed")
    again = f"{pip} --require-hashes --force-reinstall -r {dist}/requirements.txt"
    done = subprocess.run(again, shell=True, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "DO NOT MATCH THE HASHES" in done.stderr


def _check_bill(dist: Path, release: str) -> None:
    """The bill of materials names each wheel with its digest, and nothing of this machine."""
    (file,) = dist.glob(f"optout-plugin-*-py{release}.cdx.json")
    text = file.read_text(encoding="utf-8")
    bill = json.loads(text)
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    product = bill["metadata"]["component"]
    assert (product["name"], product["version"]) == ("optout-plugin", VERSION)
    own = re.compile(
        rf"(?!optout_plugin|durable_rules).*-(py3|py2\.py3|cp{release.replace('.', '')}|cp3\d+-abi3)-.*\.whl"
    )
    others = [wheel for wheel in dist.glob("*.whl") if own.fullmatch(wheel.name)]
    digests = {hashlib.sha256(wheel.read_bytes()).hexdigest() for wheel in others}
    billed = {one["hashes"][0]["content"] for one in bill["components"] if one["name"] != "durable_rules"}
    assert billed == digests
    assert len(others) > 20
    assert str(dist.parent) not in text
    (needs,) = [one for one in bill["dependencies"] if one["ref"] == "root-component"]
    assert any(ref.startswith("durable_rules==") for ref in needs["dependsOn"])


def test_the_wheel_is_the_same_bytes_in_another_folder_at_another_time(checkout: Path, tmp_path: Path) -> None:
    other = Path(shutil.copytree(checkout, tmp_path / "elsewhere" / "at work", copy_function=shutil.copy))
    for path in other.rglob("*"):
        os.utime(path, (1_000_000_000, 1_000_000_000))
        if path.is_file():
            path.chmod(0o600 if path.stat().st_mode & 0o100 == 0 else 0o700)
    built = []
    for folder, stamp in ((checkout, {}), (other, {"TZ": "Asia/Kamchatka", "LC_ALL": "C"})):
        command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path / f"out{len(built)}")]
        environ = os.environ | stamp
        environ.pop("SOURCE_DATE_EPOCH", None)
        subprocess.run(command, cwd=folder, env=environ, check=True, capture_output=True)
        (wheel,) = (tmp_path / f"out{len(built)}").glob("*.whl")
        built.append((wheel.name, hashlib.sha256(wheel.read_bytes()).hexdigest()))
    assert built[0] == built[1]


def test_one_release_of_the_build_tool_is_named_everywhere() -> None:
    named = re.findall(r"hatchling==[\d.]+", (ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    named += re.findall(r"hatchling==[\d.]+", (ROOT / "scripts" / "dist.sh").read_text(encoding="utf-8"))
    assert len(named) == 3
    assert len(set(named)) == 1


def test_in_ci_there_are_several_pythons_to_try() -> None:
    if len(pythons()) < 2:
        lacking(f"only {', '.join(pythons())} can be built with here")
