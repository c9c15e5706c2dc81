"""Test a detector: MMDetection3D's own tools/test.py, with all its flags."""
from ..machine import tune_for_cpu


def main():
    tune_for_cpu()
    from ..plugin.launch import run_host_tool
    run_host_tool('test.py')
