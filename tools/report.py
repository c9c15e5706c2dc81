#!/usr/bin/env python
"""A page of a likelihood table: dequity report."""
import sys

from dequity_mmdet3d.commands import run

if __name__ == '__main__':
    sys.exit(run('report'))
