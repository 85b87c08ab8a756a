#!/bin/sh
# Makes .venv exactly as uv.lock says: with the uv that is installed, else with a pinned one that pip puts into .tools.
# `bootstrap.sh accuracy` makes .venv-accuracy instead, with what the accuracy table compares memreg with.
set -eu
cd "$(dirname "$0")/.."

uv_version=0.13.8
case "${1:-}" in
    "") environment=.venv groups= ;;
    accuracy) environment=.venv-accuracy groups="--no-default-groups --group accuracy" ;;
    *) echo "bootstrap.sh knows no environment called $1: call it with nothing, or with accuracy." >&2; exit 2 ;;
esac

find_python() {
    for name in "${PYTHON:-}" python3 python3.14 python3.13 python3.12 python3.11; do
        # A version manager's shim can exist and still not run, so each one is tried.
        if [ -n "$name" ] && "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            "$name" -c 'import sys; print(sys.executable)'
            return
        fi
    done
    echo "memreg needs Python 3.11 or newer and found none: install one, or name it with \`make PYTHON=/path/to/python3\`." >&2
    exit 1
}

sync() {
    echo "Installing memreg and its tools into $environment (once, and again when uv.lock changes) ..."
    # shellcheck disable=SC2086 # groups are words
    UV_PROJECT_ENVIRONMENT=$environment UV_PYTHON_DOWNLOADS=never \
        "$1" sync --frozen --all-extras $groups --quiet --python "$python"
}

pinned_uv() {
    tool=.tools/bin/uv
    if [ "$("$tool" --version 2>/dev/null | cut -d' ' -f2)" != "$uv_version" ]; then
        rm -rf .tools
        # Debian's Python comes without ensurepip unless python3-venv is installed; its pip can fill a folder all the same.
        if "$python" -m venv .tools >/dev/null 2>&1; then
            .tools/bin/python -m pip install --quiet --disable-pip-version-check "uv==$uv_version"
        elif "$python" -m pip --version >/dev/null 2>&1; then
            rm -rf .tools
            "$python" -m pip install --quiet --disable-pip-version-check --target .tools "uv==$uv_version"
        else
            rm -rf .tools
            echo "$python has neither venv nor pip: install them (on Debian \`apt install python3-venv\`), or install uv." >&2
            exit 1
        fi
    fi
}

# Another environment that happens to be active is not ours to fill.
unset VIRTUAL_ENV CONDA_PREFIX
python=$(find_python)
if command -v uv >/dev/null && uv --version >/dev/null 2>&1; then
    sync uv && exit 0
    echo "The installed uv could not do it; trying with uv $uv_version." >&2
fi
pinned_uv
sync "$tool"
