#!/bin/sh
# Works requirements.txt (runtime) and requirements-dev.txt (checks) out of pyproject.toml: exact versions with the hashes
# of every file published for them, and no word about where to fetch them. Present pins stay unless --upgrade is given.
# One lock serves each Python named here: what ships no wheel for one of them, or would need another version there, ends
# this with an error, so that a set-up never compiles.
set -eu
cd "$(dirname "$0")/.."
oldest=3.11
newer='3.12 3.13'
tools=$(mktemp -d)
trap 'rm -rf "$tools"' EXIT
python3 -m venv "$tools"
"$tools/bin/pip" install --quiet --disable-pip-version-check uv 2>/dev/null

resolve() { # PYTHON FILE ARGS...
    version=$1 file=$2
    shift 2
    "$tools/bin/uv" pip compile pyproject.toml "$@" --quiet --no-header --only-binary :all: \
        --python-version "$version" --python-platform linux --no-annotate --output-file "$file" >/dev/null
}

compile() { # FILE ARGS...: FILE is also the record of what is pinned already
    file=$1
    shift
    resolve "$oldest" "$file" --generate-hashes "$@"
    { printf '# Written by `make lock`; edit pyproject.toml instead.\n'; cat "$file"; } >"$tools/out"
    cp "$tools/out" "$file"
    sed -n 's/^\([a-z0-9][^ ]*==[^ ]*\).*/\1/p' "$file" | sort >"$tools/locked"
    for version in $newer; do
        resolve "$version" "$tools/$version.txt" --constraint "$file" "$@"
        grep '==' "$tools/$version.txt" | sort | comm -13 "$tools/locked" - >"$tools/more"
        [ ! -s "$tools/more" ] || { echo "lock: Python $version needs also: $(tr '\n' ' ' <"$tools/more")" >&2; exit 1; }
    done
}

compile requirements.txt --group build "$@"
compile requirements-dev.txt --group dev --constraint requirements.txt "$@"
