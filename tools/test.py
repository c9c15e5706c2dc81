#!/usr/bin/env python
"""Test a detector: dequity test."""
import sys

from dequity_mmdet3d.commands import run

if __name__ == '__main__':
    sys.exit(run('test'))
