"""Seconds and memory from embeddings on disk to a table.

    python benchmarks/clustering.py [--n 28130 1000000]

Runs tools/compute_likelihoods.py on embeddings drawn into a temporary file:
60 modes with a power law of sizes, in a subspace of 24 dimensions and in one
of 200, where the clustering has most to do. Beside it, in the same run, the
plain way: --method kmeans. Times are of the whole command, start included.
"""
import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import faiss
import numpy as np
from machine import cpu_name

TOOL = Path(__file__).resolve().parents[1] / 'tools/compute_likelihoods.py'
DIM = 512
BLOCK = 20_000


def draw(path, n, rank, seed=0):
    """Write (n, DIM) float32 unit embeddings, block by block."""
    rng = np.random.default_rng(seed)
    basis = rng.standard_normal((rank, DIM)) / np.sqrt(rank)
    share = 1 / np.arange(1, 61)**1.2
    centres = rng.standard_normal((60, rank))
    out = np.lib.format.open_memmap(path, 'w+', np.float32, (n, DIM))
    for i in range(0, n, BLOCK):
        m = min(BLOCK, n - i)
        mode = rng.choice(60, m, p=share / share.sum())
        x = centres[mode] + 0.7 * rng.standard_normal((m, rank))
        x = x @ basis + 0.02 * rng.standard_normal((m, DIM))
        out[i:i + m] = x / np.linalg.norm(x, axis=1, keepdims=True)
    out.flush()


def run(embeddings, folder, *args):
    """Seconds and peak resident GiB of one run of the tool."""
    start = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, TOOL, '--embeddings', embeddings, '--out',
         Path(folder, 't.parquet'), *args],
        stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f'the tool failed with status {status}')
    return time.perf_counter() - start, usage.ru_maxrss / 2**20


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--n', type=int, nargs='+',
                        default=[28130, 1_000_000], metavar='N',
                        help='embeddings (default: 28130 1000000)')
    args = parser.parse_args()
    print(f'{cpu_name()}, '
          f'{len(os.sched_getaffinity(0))} cores, faiss {faiss.__version__}, '
          f'numpy {np.__version__}, {faiss.get_num_gpus()} GPUs for faiss\n')
    print('| N | dimensions | method | s | GiB | times plain k-means |')
    print('| --- | --- | --- | --- | --- | --- |')
    for n in args.n:
        for rank in (24, 200):
            with tempfile.TemporaryDirectory() as folder:
                embeddings = Path(folder, 'e.npy')
                draw(embeddings, n, rank)
                for method in ('kmeans', 'soft', 'modes'):
                    took, peak = run(embeddings, folder, '--method', method)
                    if method == 'kmeans':
                        plain = took
                    print(f'| {n} | {rank} | {method} | {took:.1f} | '
                          f'{peak:.2f} | {took / plain:.2f} |', flush=True)


if __name__ == '__main__':
    main()
