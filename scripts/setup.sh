#!/bin/sh
# Make .venv and install a locked set of packages and this project in it.
#
#   scripts/setup.sh requirements.txt        what running needs
#   scripts/setup.sh requirements-dev.txt    that, and what testing needs
#
# PYTHON names the interpreter; without it the first of python3, python3.13 ... that is new
# enough is taken. uv installs; where it does not work, pip does, more slowly. Both, and setuptools,
# are pinned by hash in requirements-setup.txt, and are removed where only running is wanted.
set -eu

lock=$1

fail() {
    printf '%s\n' "$@" >&2
    exit 1
}

new_enough() {
    "$1" -c 'import sys; raise SystemExit(sys.version_info < (3, 11))' 2>/dev/null
}

find_python() {
    for name in ${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11}; do
        if new_enough "$name"; then
            printf '%s' "$name"
            return
        fi
    done
    fail "OpenSlot needs Python 3.11 or newer, and ${PYTHON:-python3} is not." \
        "Install one, or name it: make setup PYTHON=/path/to/python3"
}

make_environment() {
    python=$(find_python)
    if "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        "$python" -m venv --clear .venv
    elif command -v virtualenv >/dev/null; then
        virtualenv --quiet --clear --python "$python" .venv
    else
        fail "This Python cannot make a virtual environment yet." \
            "On Debian or Ubuntu: apt-get install python3-venv"
    fi
}

install() {
    if ! .venv/bin/python -m pip install --quiet --require-hashes -r requirements-setup.txt; then
        sed '/^uv==/,$d' requirements-setup.txt >.venv/requirements-setup.txt # no uv for this machine
        .venv/bin/python -m pip install --quiet --require-hashes -r .venv/requirements-setup.txt
    fi
    if .venv/bin/uv --version >/dev/null 2>&1 &&
        .venv/bin/uv pip install --quiet --python .venv/bin/python --compile-bytecode \
            --require-hashes -r "$lock" &&
        .venv/bin/uv pip install --quiet --python .venv/bin/python --no-deps \
            --no-build-isolation -e .; then
        return
    fi
    echo "uv did not work here; pip goes on, which takes longer."
    .venv/bin/python -m pip install --quiet --require-hashes -r "$lock"
    .venv/bin/python -m pip install --quiet --no-deps --no-build-isolation -e .
}

remove_installers() {
    # What only installs would be one more thing to keep up to date.
    .venv/bin/python -m pip uninstall --quiet --yes uv setuptools pip
}

cd "$(dirname "$0")/.."
.venv/bin/python -m pip --version >/dev/null 2>&1 || make_environment
echo "Installing $lock into .venv"
install
[ "$lock" != requirements.txt ] || remove_installers
