#!/bin/sh
# deploy/setup.sh runtime|dev: leaves .venv with the locked packages and .venv/bin/ladderd.
# A stamp holds the hash of all that went in, so a second run costs a few milliseconds. Needs no configuration of
# package sources: pip asks wherever this machine's pip asks, and refuses any file whose hash is not in the lock.
set -eu
cd "$(dirname "$0")/.."
want=${1:-runtime}

say() { printf 'setup: %s\n' "$*" >&2; }
die() {
    say "$*"
    exit 1
}
fingerprint() { cat - "$@" deploy/setup.sh | sha256sum | cut -c1-64; }
stamped() { [ "$(cat "$1" 2>/dev/null)" = "$2" ]; }

runtime=$(sed '/^\[tool\.ruff\]/,$d' pyproject.toml | fingerprint requirements.txt) # below that line: checks only
dev=$(fingerprint requirements-dev.txt requirements-conformance*.txt </dev/null)
if [ -x .venv/bin/ladderd ] && stamped .venv/stamp-runtime "$runtime"; then
    [ "$want" = runtime ] && exit 0
    stamped .venv/stamp-dev "$dev" && exit 0
fi

# 1. a Python new enough
python=
for name in ${PYTHON:-} python3.11 python3 python3.12 python3.13; do
    if "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        python=$name
        break
    fi
done
[ -n "$python" ] || die "no Python 3.11 or newer found; install python3 and python3-venv, or say PYTHON=/path/to/python3"

# 2. the environment; Debian ships venv's other half (ensurepip) as a package of its own
if ! [ -x .venv/bin/python ] || ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
    if ! "$python" -c 'import ensurepip' 2>/dev/null; then
        if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
            say "installing python3-venv"
            { apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -q -y python3-venv; } >/dev/null 2>&1 ||
                die "apt-get could not install python3-venv; install it by hand, then run this again"
        else
            die "this Python has no ensurepip; as root: apt-get install python3-venv"
        fi
    fi
    say "making .venv"
    "$python" -m venv --clear .venv
fi

# 3. The packages, without asking pip to resolve (the locks are complete; `pip check` in the tests says so) and without
#    its one-core compiler; then the project itself, as a link to this folder; then all bytecode: it is most of start time.
pip_install() {
    .venv/bin/python -m pip -qq --disable-pip-version-check --no-input install --no-compile --no-deps "$@"
}
install() { # LOCK: wheels only, so that no package needs a compiler or a build tool of its own
    pip_install --require-hashes --only-binary=:all: -r "$@"
}
if ! stamped .venv/stamp-runtime "$runtime" || ! [ -x .venv/bin/ladderd ]; then
    say "installing what the daemon needs"
    rm -f .venv/stamp-runtime
    install requirements.txt || die "pip could not install requirements.txt (above)"
    pip_install --no-index --no-build-isolation --editable . || die "pip could not install ladderd (above)"
    compile=1
fi
if [ "$want" = dev ] && ! stamped .venv/stamp-dev "$dev"; then
    say "installing what the checks need"
    rm -f .venv/stamp-dev
    install requirements-dev.txt || die "pip could not install requirements-dev.txt (above)"
    # the official clients that judge the simulators; the exchange's says 3.13 and runs on 3.11
    install requirements-conformance.txt --ignore-requires-python ||
        die "pip could not install requirements-conformance.txt (above)"
    if [ -f tests/official.py ]; then .venv/bin/python -m tests.official || die "the vendor's client (above)"; fi
    compile=1
fi
if [ "${compile:-}" ]; then
    # On all cores; on one where a sandbox forbids shared memory. An error in there is not ours: some packages carry a
    # file for another Python.
    set -- .venv/bin/python -m compileall -q .venv/lib/python3*/site-packages
    "$@" -j 0 >/dev/null 2>&1 || "$@" >/dev/null 2>&1 || :
fi
.venv/bin/python -m compileall -q domain feeds guards pricing execution journal ops daemon sim || die "see the error above"
printf '%s\n' "$runtime" >.venv/stamp-runtime
if [ "$want" = dev ]; then printf '%s\n' "$dev" >.venv/stamp-dev; fi
