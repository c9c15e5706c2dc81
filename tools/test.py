#!/usr/bin/env python
"""Test a detector: the host's own tools/test.py, with all its flags."""
import sys

from dequity_mmdet3d.cli import run_cli
from dequity_mmdet3d.machine import tune_for_cpu


def main():
    tune_for_cpu()
    from dequity_mmdet3d.plugin.launch import run_host_tool
    run_host_tool('test.py')


if __name__ == '__main__':
    sys.exit(run_cli(main))
