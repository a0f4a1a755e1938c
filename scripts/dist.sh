#!/usr/bin/env bash
# Makes the wheelhouse in dist/ (or the folder that is named): all that is installed, for a machine without a compiler and
# without a network. PYTHONS names the interpreters it is for, by default the one that `make` uses; the platform is this one.
#
#   optout_plugin-VERSION-py3-none-any.whl      the same bytes wherever and whenever it is built
#   durable_rules-….whl                         built here, for each Python
#   the other wheels                            as requirements.lock has them
#   requirements.txt                            all of them with their digests, for pip install --require-hashes
#   optout-plugin-VERSION-PYTHON.cdx.json       bill of materials, CycloneDX
set -euo pipefail
cd "$(dirname "$0")/.."

. scripts/python.sh

# What builds, in one release each: other ones would write other bytes.
HATCHLING="hatchling==1.33.0"
SETUPTOOLS="setuptools==84.2.1"
SBOM="cyclonedx-bom==7.5.0"

out=${1:-dist}
mkdir -p "$out"
out=$(cd "$out" && pwd)
tools=$(mktemp -d)
trap 'rm -rf "$tools"' EXIT

say() { printf 'dist: %s\n' "$1" >&2; }

# What pip and the compiler print is pages long, and wanted only where something fails.
quietly() {
    "$@" >"$tools/log" 2>&1 || {
        tail -n 40 "$tools/log" >&2
        fail "failed: $*"
    }
}

pip_of() { "$1/bin/python" -m pip --disable-pip-version-check "${@:2}"; }

# What only one Python is needed for: the project's wheel, and the bills of materials.
prepare() {
    "$1" -m venv "$tools/all"
    quietly pip_of "$tools/all" install --quiet --no-compile "$HATCHLING" "$SETUPTOOLS" "$SBOM"
    say "building optout-plugin"
    quietly env -u SOURCE_DATE_EPOCH "$tools/all/bin/python" -m hatchling build -t wheel -d "$out"
}

build_for() {
    local python=$1 name=$2
    local building="$tools/all" installed="$tools/$name-installed"
    if ! [ "$python" = "$first" ]; then
        building="$tools/$name-building"
        "$python" -m venv "$building"
        quietly pip_of "$building" install --quiet --no-compile "$SETUPTOOLS"
    fi
    say "$name: building durable-rules, fetching the rest"
    quietly pip_of "$building" wheel --require-hashes --no-deps --no-build-isolation --wheel-dir "$out" \
        --find-links "$out" -r requirements.lock
    say "$name: trying it"
    "$python" -m venv --without-pip "$installed"
    quietly pip_of "$building" --python "$installed/bin/python" install --no-compile --no-index --find-links "$out" \
        'optout-plugin[postgres,stamps]'
    "$installed/bin/optout" decide --facts '{"related_to_car": false}' >"$tools/log" ||
        fail "$name: installed, but it does not decide"
    "$tools/all/bin/python" scripts/bill_of_materials.py "$installed/bin/python" "$out" "$name"
}

rm -f "$out"/*.whl "$out"/*.cdx.json "$out"/requirements.txt
first=""
for python in ${PYTHONS:-$(find_python)}; do
    is_new_enough "$python" || fail "$python is not a Python $MINIMUM or newer"
    check_tools "$python"
    [ -n "$first" ] || prepare "${first:=$python}"
    build_for "$python" "$("$python" -c 'import sys; print("py%d.%d" % sys.version_info[:2])')"
done
"$python" scripts/wheelhouse_digests.py "$out"
say "$(find "$out" -name '*.whl' | wc -l) wheels in $out: pip install --no-index --find-links $out optout-plugin"
