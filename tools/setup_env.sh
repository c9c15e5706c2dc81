#!/usr/bin/env bash
# Build the environment of `make demo` and `make test` in the folder VENV.
#
#   [PYTHON=python3.11] bash tools/setup_env.sh [VENV]      (default .venv)
#
# Pinned versions come from requirements/. mmcv is built from source once and
# its wheel kept in the user's cache, so that the next environment takes
# seconds. Every step can be interrupted and repeated.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD

venv=${1:-.venv}
python=${PYTHON:-python3.11}
cache=${XDG_CACHE_HOME:-$HOME/.cache}/dequity_mmdet3d
started=$SECONDS

say() { printf 'setup: %s\n' "$*"; }
trap 'echo "setup: interrupted; repeat the same command" >&2; exit 130' INT
fail() { printf 'error: %s\n' "$*" >&2; exit 1; }
pin() { sed -n "s/^$1==//p" requirements/pinned.txt; }

# --- what the machine has to bring ---------------------------------------
command -v "$python" >/dev/null ||
    fail "expected Python 3.11 as '$python', found none;" \
         "install it (Debian: python3.11 python3.11-venv python3.11-dev)" \
         "or name it with PYTHON="
"$python" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' ||
    fail "the pinned versions are for Python 3.11, '$python' is" \
         "$("$python" -V 2>&1); name another with PYTHON="
"$python" -c 'import ensurepip, venv' 2>/dev/null ||
    fail "'$python' cannot make virtual environments;" \
         "install Debian's python3.11-venv"

# --- nothing to do? -------------------------------------------------------
want=$({ cat tools/setup_env.sh requirements/*.txt setup.py \
              pyproject.toml; pwd; } |
       sha256sum | cut -d' ' -f1)
stamp=$venv/.dequity-setup
stop_if_done() {
    if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$want" ] &&
            "$venv/bin/python" -c 'import sys' 2>/dev/null; then
        say "$venv is up to date"
        exit 0
    fi
}
stop_if_done
mkdir -p "$cache" || fail "cannot write to the cache folder $cache;" \
                          "name another with XDG_CACHE_HOME="
# one set-up at a time: two would build mmcv in the same folder
exec 9>"$cache/lock"
flock -n 9 || { say 'waiting for another set-up to end'; flock 9; }
stop_if_done

# --- packages -------------------------------------------------------------
say "virtual environment in $venv (about 7 GB on disk)"
[ -x "$venv/bin/python" ] && "$venv/bin/python" -m pip --version \
    >/dev/null 2>&1 || "$python" -m venv --clear "$venv"
rm -f "$stamp"
bin=$(cd "$venv/bin" && pwd)
pip() {
    "$bin/python" -m pip --disable-pip-version-check install -qq \
        -c requirements/constraints.txt "$@" \
        || fail "pip could not install: $*"
}
say "torch $(pin torch) and what mmcv's build needs (1 to 5 min)"
pip "torch==$(pin torch)" "torchvision==$(pin torchvision)" \
    'setuptools<81' wheel ninja

# --- mmcv: no wheel exists for this torch ---------------------------------
mmcv=$(pin mmcv)
key=mmcv-$mmcv-torch$(pin torch)-cp311-$(uname -m)
wheels=$cache/$key
if ! compgen -G "$wheels/mmcv-*.whl" >/dev/null; then
    cxx=${CXX:-c++}
    command -v "$cxx" >/dev/null ||
        fail "mmcv is built from source and '$cxx' was not found;" \
             "install a C++20 compiler (Debian: g++) or name it with CXX="
    echo '#include <Python.h>' | "$cxx" -std=c++20 -fsyntax-only -x c++ \
        "-I$("$bin/python" -c 'import sysconfig as s;
print(s.get_path("include"))')" - 2>/dev/null ||
        fail "'$cxx' cannot compile C++20 with Python's headers; install" \
             "g++ 10 or newer and Python's headers (Debian: python3.11-dev)"
    build=$cache/build-$key
    say "mmcv $mmcv from source, once (1 to 2 min on two cores)," \
        "log in $build/build.log"
    mkdir -p "$build"
    if [ ! -d "$build/mmcv-$mmcv" ]; then
        rm -rf "$build/unpack"
        mkdir "$build/unpack"
        "$bin/python" -m pip --disable-pip-version-check download -qq \
            --no-deps --no-build-isolation --no-binary=mmcv \
            -d "$build/unpack" "mmcv==$mmcv" ||
            fail "pip could not download the source of mmcv $mmcv"
        tar -xzf "$build/unpack/mmcv-$mmcv.tar.gz" -C "$build/unpack"
        mv "$build/unpack/mmcv-$mmcv" "$build/mmcv-$mmcv"
        rm -rf "$build/unpack"
    fi
    # in a folder that stays: an interrupted build goes on where it was
    (cd "$build/mmcv-$mmcv" && rm -rf dist &&
        PATH="$bin:$PATH" CXX="$cxx" MAX_JOBS="${MAX_JOBS:-$(nproc)}" \
        "$bin/python" "$root/tools/build_mmcv.py" 2>&1 9>&- |
        tee "$build/build.log" |
        sed -un 's/^\(\[[0-9]*\/[0-9]*\]\).*/setup:   mmcv \1/p') ||
        { tail -n 20 "$build/build.log" | cut -c1-200 >&2
          fail "mmcv did not build; the log is in $build/build.log"; }
    mkdir -p "$wheels"
    mv "$build/mmcv-$mmcv"/dist/mmcv-*.whl "$wheels/"
    rm -rf "$build"
fi
say "mmcv $mmcv from $wheels"
pip --no-deps "$wheels"/mmcv-*.whl

say 'MMDetection3D, FAISS, open_clip and this package (1 to 3 min)'
pip -r requirements/pinned.txt
pip --no-deps --no-build-isolation -e .

# --- system libraries behind OpenCV and Open3D ----------------------------
if ! "$bin/python" -c 'import cv2, open3d' >/dev/null 2>&1; then
    libs='libgl1 libegl1 libglib2.0-0 libgomp1 libx11-6 libusb-1.0-0'
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        say "system libraries ($libs)"
        { apt-get -qq update &&
          apt-get -qq install -y --no-install-recommends $libs; } \
            </dev/null >/dev/null ||
            fail "apt-get could not install $libs"
    else
        fail "OpenCV or Open3D misses a system library;" \
             "install (Debian): $libs"
    fi
fi
"$bin/python" -W ignore -c 'import cv2, open3d, mmcv.ops, mmdet3d.apis' ||
    fail "the environment in $venv does not import; remove it and repeat"
echo "$want" >"$stamp"
say "done in $((SECONDS - started)) s"
