#!/bin/sh
# deploy/setup.sh runtime|dev: leaves .venv with the locked packages and .venv/bin/ladderd.
# A stamp holds the hash of all that went in, so a second run costs a few milliseconds. The stamps go first and come
# last: an environment without one is what an interrupted run left, and is made anew. Needs no configuration of package
# sources: pip asks wherever this machine's pip asks, and refuses any file whose hash is not in the lock.
set -eu
cd "$(dirname "$0")/.."
want=${1:-runtime}
versions='3.11, 3.12 or 3.13' # deploy/lock.sh locks for these

say() { printf 'setup: %s\n' "$*" >&2; }
die() { # WHAT TODO: the one line of a set-up that fails
    say "$1; $2"
    exit 1
}
again="then type the same command again"
fingerprint() { cat - "$@" deploy/setup.sh | sha256sum | cut -c1-64; }
stamped() { [ "$(cat "$1" 2>/dev/null)" = "$2" ]; }
fits() { "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null; }
version() { "$1" -c 'import sys; print("%d.%d.%d" % sys.version_info[:3])'; }

# 1. the Python: the one that was named, else the first that fits
if [ "${PYTHON:-}" ]; then
    fits "$PYTHON" || die "$PYTHON is no Python $versions" "say PYTHON=/path/to/one, or leave PYTHON away"
    grep -qsx "version = $(version "$PYTHON")" .venv/pyvenv.cfg || rm -f .venv/stamp-*
fi
runtime=$(sed '/^\[tool\.ruff\]/,$d' pyproject.toml | fingerprint requirements.txt) # below that line: checks only
dev=$(fingerprint requirements-dev.txt requirements-conformance*.txt </dev/null)
if [ -x .venv/bin/ladderd ] && stamped .venv/stamp-runtime "$runtime"; then
    [ "$want" = runtime ] && exit 0
    stamped .venv/stamp-dev "$dev" && exit 0
fi
python=${PYTHON:-}
for name in python3.11 python3 python3.12 python3.13; do
    [ "$python" ] && break
    if fits "$name"; then python=$name; fi
done
[ "$python" ] || die "no Python $versions here" "as root type: apt-get install python3 python3-venv; $again"

# 2. the environment; Debian ships venv's other half (ensurepip) as a package of its own
if ! [ -s .venv/stamp-runtime ] || ! [ -x .venv/bin/python ]; then
    if ! "$python" -c 'import ensurepip' 2>/dev/null; then
        package=python$(version "$python" | cut -d. -f1,2)-venv
        by_hand="as root type: apt-get update && apt-get install $package; $again"
        [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1 || die "this Python has no ensurepip" "$by_hand"
        say "installing $package"
        { apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -q -y "$package"; } >/dev/null 2>&1 ||
            die "apt-get could not install $package" "$by_hand"
    fi
    [ -d .venv ] && say "making .venv anew" || say "making .venv"
    told=$("$python" -m venv --clear .venv 2>&1) ||
        die "no .venv could be made: $(printf '%s\n' "$told" | tail -n 1)" "mend that, $again"
fi

# 3. The packages, without asking pip to resolve (the locks are complete; `pip check` in the tests says so) and without
#    its one-core compiler; then the project itself, as a link to this folder; then all bytecode: it is most of start time.
pip_install() { # WHAT ARGS...: what pip says is kept, and told in one line when it fails
    what=$1
    shift
    .venv/bin/python -m pip -qq --disable-pip-version-check --no-input install --no-compile --no-deps "$@" \
        >.venv/pip.log 2>&1 && return
    told=$(sed -n 's/^ERROR: //p' .venv/pip.log | tail -n 1)
    todo="see .venv/pip.log, and $again"
    if grep -qs 'No space left' .venv/pip.log; then
        todo="free some room on this disk, $again"
    elif grep -qs 'from versions: none' .venv/pip.log; then
        todo="see that pip reaches a package index from here (type: .venv/bin/pip index versions pip), $again"
    elif grep -qs 'DO NOT MATCH THE HASHES' .venv/pip.log; then
        told="a file of the index is not the one that was locked"
        todo="see .venv/pip.log which, and ask whoever runs that index"
    fi
    die "pip could not install $what: ${told:-it said nothing}" "$todo"
}
install() { # LOCK: wheels only, so that no package needs a compiler or a build tool of its own
    pip_install "$1" --require-hashes --only-binary=:all: -r "$@"
}
if ! stamped .venv/stamp-runtime "$runtime" || ! [ -x .venv/bin/ladderd ]; then
    say "installing what the daemon needs"
    rm -f .venv/stamp-*
    install requirements.txt
    pip_install ladderd --no-index --no-build-isolation --editable .
fi
if [ "$want" = dev ]; then
    say "installing what the checks need"
    rm -f .venv/stamp-*
    install requirements-dev.txt
    # the official clients that judge the simulators; the exchange's says 3.13 and runs on 3.11
    install requirements-conformance.txt --ignore-requires-python
    if [ -f tests/official.py ]; then
        told=$(.venv/bin/python -m tests.official 2>&1) ||
            die "the vendor's client: $(printf '%s\n' "$told" | tail -n 1)" "mend that, $again"
    fi
fi
# On all cores; on one where a sandbox forbids shared memory. An error in there is not ours: some packages carry a file
# for another Python.
set -- .venv/bin/python -m compileall -q .venv/lib/python3*/site-packages
"$@" -j 0 >/dev/null 2>&1 || "$@" >/dev/null 2>&1 || :
.venv/bin/python -m compileall -q domain feeds guards pricing execution journal ops daemon sim ||
    die "a file of ours is no Python (above)" "type: git status"
printf '%s\n' "$runtime" >.venv/stamp-runtime
if [ "$want" = dev ]; then printf '%s\n' "$dev" >.venv/stamp-dev; fi
