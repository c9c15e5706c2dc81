#!/usr/bin/env python
"""The main job on embedded data: see ``demo/main.py``."""
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from demo.main import main
from dequity_mmdet3d.cli import run_cli

if __name__ == '__main__':
    sys.exit(run_cli(main, packages=('demo', )))
