"""Seconds, memory and what is found, from 100,000 to ten million embeddings.

    python benchmarks/large_sets.py --folder DIR [--n N ...] [--plot FILE.png]

Draws (N, 512) float16 embeddings into DIR (1 GB a million; removed after each
N unless --keep is given): 60 modes with a power law of sizes in a subspace of
32 dimensions, noise in all 512, so that the reduction keeps its most, 128
axes, and four rare modes of 20, 50, 200 and 1,000 samples whatever N. Runs
the whole command on each in a process of its own, and prints wall and CPU
seconds, the peak of resident memory, the rank correlation with the true sizes
of the modes, and the median likelihood of the rare ones over the true one.
"""
import argparse
import os
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import faiss
import numpy as np
from machine import machine

from dequity_mmdet3d.likelihood.estimation.ranks import rank_correlation
from dequity_mmdet3d.table import LikelihoodTable

TOOL = Path(__file__).resolve().parents[1] / 'tools/compute_likelihoods.py'
DIM, RANK, MODES = 512, 32, 60
RARE = (20, 50, 200, 1000)
BLOCK = 50_000


def draw(path, n, seed=0):
    """Write (n, DIM) float16 embeddings block by block; the mode of each."""
    rng = np.random.default_rng(seed)
    basis = (rng.standard_normal((RANK, DIM)) / np.sqrt(RANK)).astype('f4')
    share = 1 / np.arange(1, MODES + 1)**1.2
    centres = rng.standard_normal((MODES + len(RARE), RANK)).astype('f4')
    mode = rng.choice(MODES, n, p=share / share.sum()).astype(np.int16)
    where = rng.choice(n, sum(RARE), replace=False)
    mode[where] = MODES + np.repeat(np.arange(len(RARE)), RARE)
    out = np.lib.format.open_memmap(path, 'w+', np.float16, (n, DIM))
    for i in range(0, n, BLOCK):
        m = mode[i:i + BLOCK]
        x = rng.standard_normal((len(m), RANK), dtype=np.float32)
        x = (centres[m] + np.float32(.7) * x) @ basis
        x += np.float32(.3) * rng.standard_normal(x.shape, dtype=np.float32)
        out[i:i + len(m)] = x / np.sqrt(np.einsum('ij,ij->i', x, x))[:, None]
    out.flush()
    return mode


def run(embeddings, out):
    """Wall seconds, CPU seconds and peak resident GiB of the tool.

    To be called in a small process: Linux counts the peak of the process
    that starts another as the other's, too.
    """
    start = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, TOOL, '--embeddings', embeddings, '--out', out],
        stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f'the tool failed with status {status}')
    return (time.perf_counter() - start, usage.ru_utime + usage.ru_stime,
            usage.ru_maxrss / 2**20)


def plot(rows, path):
    """Seconds and GiB over N, with lines through the first in proportion."""
    import matplotlib
    matplotlib.use('agg')
    from matplotlib import pyplot
    figure, axes = pyplot.subplots(1, 2, figsize=(9, 3.6))
    n = [row[0] for row in rows]
    axes[0].loglog(n, [row[1] for row in rows], 'o-', label='wall')
    axes[0].loglog(n, [row[2] for row in rows], 's-', label='CPU')
    axes[0].loglog(n, [rows[0][2] * m / n[0] for m in n], ':', color='gray',
                   label='in proportion to N')
    axes[0].set(xlabel='N', ylabel='seconds')
    axes[1].semilogx(n, [row[3] for row in rows], 'o-')
    axes[1].axhline(4, linestyle=':', color='gray')
    axes[1].set(xlabel='N', ylabel='peak resident GiB', ylim=(0, None))
    axes[0].legend()
    figure.tight_layout()
    figure.savefig(path)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--folder', type=Path, required=True, metavar='DIR',
                        help='where embeddings and tables are written')
    parser.add_argument('--n', type=int, nargs='+', metavar='N',
                        default=[100_000, 300_000, 1_000_000, 3_000_000,
                                 10_000_000])
    parser.add_argument('--plot', type=Path, metavar='FILE.png')
    parser.add_argument('--keep', action='store_true',
                        help='leave the embeddings there')
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    print(machine(faiss, np))
    print('| N | wall s | CPU s | CPU s a million | peak GiB | rho | rare '
          f'modes of {", ".join(map(str, RARE))}: likelihood over the true '
          'one | load |\n| --- | --- | --- | --- | --- | --- | --- | --- |')
    rows = []
    for n in args.n:
        embeddings = args.folder / f'{n}.npy'
        mode = draw(embeddings, n)
        out = args.folder / f'{n}.parquet'
        with ProcessPoolExecutor(1, get_context('spawn')) as pool:
            wall, cpu, peak = pool.submit(run, embeddings, out).result()
        p = LikelihoodTable.load(out).likelihood
        size = np.bincount(mode)
        found = ', '.join(
            f'{np.median(p[mode == MODES + i]) * size.max() / r:.2f}'
            for i, r in enumerate(RARE))
        print(f'| {n} | {wall:.0f} | {cpu:.0f} | {cpu / n * 1e6:.0f} | '
              f'{peak:.2f} | {rank_correlation(size[mode], p):.3f} | {found} '
              f'| {os.getloadavg()[0]:.1f} |', flush=True)
        rows.append((n, wall, cpu, peak))
        if not args.keep:
            embeddings.unlink()
    if args.plot:
        plot(rows, args.plot)


if __name__ == '__main__':
    main()
