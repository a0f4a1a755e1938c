#!/usr/bin/env bash
# Makes .venv with the project and the extras named as arguments (demo, dev, bench), or does nothing if it is up to date.
# PYTHON chooses the interpreter. What pip said is in .venv/setup.log; it is shown only when something fails.
set -euo pipefail
cd "$(dirname "$0")/.."

MINIMUM="3.11"

fail() {
    printf 'setup: %s\n' "$1" >&2
    exit 1
}

is_new_enough() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

find_python() {
    local candidate
    if [ -n "${PYTHON:-}" ]; then
        command -v "$PYTHON" >/dev/null || fail "PYTHON=$PYTHON: no such program"
        is_new_enough "$PYTHON" || fail "PYTHON=$PYTHON is not a Python $MINIMUM or newer"
        printf '%s\n' "$PYTHON"
        return
    fi
    for candidate in python3 python3.13 python3.12 python3.11 python3.14 python; do
        if command -v "$candidate" >/dev/null && is_new_enough "$candidate"; then
            printf '%s\n' "$candidate"
            return
        fi
    done
    fail "no Python $MINIMUM or newer was found. Debian, Ubuntu: apt-get install python3 python3-venv python3-dev; or name one: PYTHON=/path/to/python3.12 make ..."
}

# durable-rules is built from source, so each of these would otherwise end in pages of pip and compiler output.
check_tools() {
    local python=$1 version
    version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    "$python" -c 'import ensurepip, venv' 2>/dev/null ||
        fail "Python $version has no venv module. Debian, Ubuntu: apt-get install python3-venv (or python$version-venv)"
    "$python" - <<'P' || fail "no C compiler, which durable-rules is built with. Debian, Ubuntu: apt-get install gcc"
import os, shlex, shutil, sys, sysconfig
compiler = os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc"
sys.exit(shutil.which(shlex.split(compiler)[0]) is None)
P
    "$python" - <<'P' || fail "the headers of Python $version are missing, which durable-rules is built with. Debian, Ubuntu: apt-get install python3-dev (or python$version-dev)"
import os, sys, sysconfig
sys.exit(not os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h")))
P
}

# Python 3.13 has no PyEval_CallObject any more, which durable-rules calls; its set-up heeds CPPFLAGS alone.
install() {
    CPPFLAGS="-DPyEval_CallObject=PyObject_CallObject ${CPPFLAGS:-}" \
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
wanted=$({ cat scripts/setup.sh pyproject.toml && pwd; } | cksum)
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
