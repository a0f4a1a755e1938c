#!/usr/bin/env bash
# Writes requirements.lock: what production installs, each release with the digests of all its files, for every Python and
# platform. Releases are those of .venv, which the tests ran with; uv resolves them, in an environment of its own.
set -euo pipefail
cd "$(dirname "$0")/.."

UV="uv==0.13.9"

tools=$(mktemp -d)
trap 'rm -rf "$tools"' EXIT
python3 -m venv "$tools/venv"
"$tools/venv/bin/pip" install --quiet --disable-pip-version-check "$UV"
.venv/bin/python -m pip freeze --exclude-editable >"$tools/tested.txt"
"$tools/venv/bin/uv" pip compile pyproject.toml --extra postgres --extra stamps --universal --python-version 3.11 --generate-hashes \
    --no-annotate --no-config --quiet --constraint "$tools/tested.txt" \
    --custom-compile-command "make lock" --output-file requirements.lock >/dev/null
