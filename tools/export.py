#!/usr/bin/env python
"""A likelihood table for other tools: dequity export."""
import sys

from dequity_mmdet3d.commands import run

if __name__ == '__main__':
    sys.exit(run('export'))
