#!/usr/bin/env python
"""Compare training with and without equity: dequity compare."""
import sys

from dequity_mmdet3d.commands import run

if __name__ == '__main__':
    sys.exit(run('compare'))
