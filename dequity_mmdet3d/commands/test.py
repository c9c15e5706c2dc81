"""Test a detector: MMDetection3D's own tools/test.py, with all its flags."""
import sys

from ..config_files import check_first_argument
from ..machine import tune_for_cpu


def main():
    check_first_argument(sys.argv[1:])
    tune_for_cpu()
    from ..plugin.launch import run_host_tool
    run_host_tool('test.py')
