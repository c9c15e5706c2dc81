"""Train a detector: the host's own tools/train.py, with all its flags."""
from ..machine import tune_for_cpu

AGAIN = 'go on from the last checkpoint with --resume'


def main():
    tune_for_cpu()
    from ..plugin.launch import run_host_tool
    run_host_tool('train.py')
