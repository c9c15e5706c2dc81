#!/usr/bin/env python
"""Write down how common every training image looks: dequity likelihoods."""
import sys

from dequity_mmdet3d.commands import run

if __name__ == '__main__':
    sys.exit(run('likelihoods'))
