#!/usr/bin/env bash
# Makes .venv with the project and the extras named as arguments (demo, dev, bench), or does nothing if it is up to date.
# PYTHON chooses the interpreter. What pip said is in .venv/setup.log; it is shown only when something fails.
set -euo pipefail
cd "$(dirname "$0")/.."

. scripts/python.sh

install() {
    .venv/bin/python -m pip install --disable-pip-version-check --editable "$1" >.venv/setup.log 2>&1 || {
        tail -n 40 .venv/setup.log >&2
        fail "the installation failed; all of its log is in $PWD/.venv/setup.log"
    }
    # A compiled durable-rules that does not import would otherwise be noticed by the first decision only.
    .venv/bin/python -W ignore -c 'import durable.engine' ||
        fail "durable-rules was built but does not import under $(.venv/bin/python --version)"
}

# The environment holds for this script, these requirements, this folder and, where one was chosen, this Python.
version_of() { "$1" -VV 2>/dev/null | cksum; }
wanted=$({ cat scripts/setup.sh scripts/python.sh pyproject.toml && pwd; } | cksum)
is_current() {
    [ "$(cat .venv/ready 2>/dev/null)" = "$wanted" ] && .venv/bin/python -c '' 2>/dev/null &&
        { [ -z "${PYTHON:-}" ] || [ "$(version_of "$PYTHON")" = "$(version_of .venv/bin/python)" ]; }
}

if ! is_current; then
    python=$(find_python)
    check_tools "$python"
    rm -rf .venv
    "$python" -m venv .venv
fi
missing=""
for extra in "$@"; do
    [ -e ".venv/ready-$extra" ] || missing="$missing,$extra"
done
if [ -e .venv/ready ] && [ -z "$missing" ]; then
    exit 0
fi
echo "setup: installing into .venv (${missing:+extras ${missing#,}, }$(.venv/bin/python --version))" >&2
install ".${missing:+[${missing#,}]}"
for extra in "$@"; do
    touch ".venv/ready-$extra"
done
printf '%s\n' "$wanted" >.venv/ready
