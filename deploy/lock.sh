#!/bin/sh
# Works requirements.txt (runtime) and requirements-dev.txt (checks) out of pyproject.toml: exact versions with the hashes
# of every file published for them, and no word about where to fetch them. Present pins stay unless --upgrade is given.
set -eu
cd "$(dirname "$0")/.."
tools=$(mktemp -d)
trap 'rm -rf "$tools"' EXIT
python3 -m venv "$tools"
"$tools/bin/pip" install --quiet --disable-pip-version-check uv 2>/dev/null

compile() { # FILE ARGS...: FILE is also the record of what is pinned already
    file=$1
    shift
    "$tools/bin/uv" pip compile pyproject.toml "$@" --quiet --no-header --generate-hashes \
        --python-version 3.11 --python-platform linux --no-annotate --output-file "$file"
    { printf '# Written by `make lock`; edit pyproject.toml instead.\n'; cat "$file"; } >"$tools/out"
    cp "$tools/out" "$file"
}

compile requirements.txt --group build "$@"
compile requirements-dev.txt --group dev --constraint requirements.txt "$@"
