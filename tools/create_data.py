#!/usr/bin/env python
"""Make info files and ground-truth database: dequity create-data."""
import sys

from dequity_mmdet3d.commands import run

if __name__ == '__main__':
    sys.exit(run('create-data'))
