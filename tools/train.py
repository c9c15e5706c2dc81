#!/usr/bin/env python
"""Train a detector: dequity train."""
import sys

from dequity_mmdet3d.commands import run

if __name__ == '__main__':
    sys.exit(run('train'))
