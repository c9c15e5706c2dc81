"""What test modules of several stages call."""
import subprocess
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]


def run_tool(name, *args, timeout=600, **kwargs):
    """Run a tool as a user would; its output is in the result."""
    return subprocess.run(
        [sys.executable, '-W', 'ignore', str(ROOT / 'tools' / name),
         *map(str, args)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=timeout,
        **kwargs)


def save_table(path, likelihood_of, **metadata):
    """A likelihood table with given values, for tests of training."""
    from dequity_mmdet3d.table import LikelihoodTable
    n = len(likelihood_of)
    LikelihoodTable(
        np.array(list(likelihood_of)), np.array(list(likelihood_of.values())),
        np.zeros(n, int), np.full(n, n), metadata).save(path)
    return str(path)
