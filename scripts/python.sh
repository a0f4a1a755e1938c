# Sourced by the scripts that need a Python to build with: finds one, and says in a line what it lacks.

MINIMUM="3.11"

fail() {
    printf '%s: %s\n' "$(basename "$0" .sh)" "$1" >&2
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
export CPPFLAGS="-DPyEval_CallObject=PyObject_CallObject ${CPPFLAGS:-}"
