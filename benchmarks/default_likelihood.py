"""The default likelihood on every bench, beside what the project asks of it.

    python benchmarks/default_likelihood.py --bench ../shared/bench
        [--mini-kitti FOLDER] [--n 3000 30000] [--seeds 1] [--cache DIR]

Prints one Markdown table: the real sets of real_images.py; the drawn families
of PATH/likelihood_fidelity.py, mean and lowest rank correlation at each number
of samples; and mini KITTI's six modes (tools/make_mini_kitti.py FOLDER). Exit
status 1 if a `must` is missed.
"""
import csv
import sys
from functools import partial
from pathlib import Path

import faiss
import numpy as np
import real_images
from compare_methods import load_bench
from machine import machine
from scipy.stats import spearmanr

from dequity_mmdet3d.cli import positive, run_cli
from dequity_mmdet3d.likelihood.choices import FEATURES, METHODS

# (must, aim) of the project's plan
DRAWN = {'mean rho': (.96, .99), 'lowest rho': (.88, .95)}
MINI_KITTI = (.95, .99)


def drawn_rows(module, n, seeds, estimate=None):
    """Rows (set, score, value, must, aim) of the drawn families.

    Args:
        module (ModuleType): With ``FAMILIES``, ``family(name, seed, n)`` and
            ``scores(truth, estimate)``.
        n (int): Samples of a family.
        seeds (int): A family's score is the mean over so many.
        estimate (Callable, optional): From embeddings to likelihoods.
            Defaults to the default.
    """
    estimate = estimate or partial(real_images.estimate, method=METHODS[0])
    found = {}
    for name in module.FAMILIES:
        scores = []
        for seed in range(seeds):
            x, truth = module.family(name, seed, n)
            scores.append(module.scores(truth, estimate(x)))
        if 'rho' in scores[0]:  # where all is common nothing has ranks
            found[name] = np.mean([np.nan_to_num(s['rho']) for s in scores])
    lowest = min(found, key=found.get)
    yield (f'drawn, N = {n}', 'mean rho', np.mean([*found.values()]),
           *DRAWN['mean rho'])
    yield (f'drawn, N = {n}', f'lowest rho ({lowest})', found[lowest],
           *DRAWN['lowest rho'])


def mini_kitti_row(folder, cache=None):
    """Row (set, score, value, must, aim) of mini KITTI's modes."""
    with open(Path(folder, 'modes.csv'), newline='', encoding='utf-8') as f:
        mode = {row['sample_id']: row['mode'] for row in csv.DictReader(f)}
    paths = [Path(folder, f'training/image_2/{i}.png') for i in mode]
    p = real_images.estimate(
        real_images.embeddings_of(paths, 'mini_kitti', FEATURES[0], cache),
        METHODS[0])
    _, inverse, count = np.unique(
        [*mode.values()], return_inverse=True, return_counts=True)
    return 'mini KITTI', 'rho', spearmanr(count[inverse], p)[0], *MINI_KITTI


def rows(args):
    """All rows of the table, each as soon as it is known."""
    sets = real_images.RealSets(args.bench, FEATURES[0], args.cache)
    yield from real_images.rows_of(sets, METHODS[0])
    if args.mini_kitti:
        yield mini_kitti_row(args.mini_kitti, args.cache)
    module = load_bench(Path(args.bench, 'likelihood_fidelity.py'))
    for n in args.n:
        yield from drawn_rows(module, n, args.seeds)


def main():
    parser = real_images.bench_parser(__doc__)
    parser.add_argument('--mini-kitti', metavar='FOLDER')
    parser.add_argument('--n', type=positive, nargs='+',
                        default=[3000, 30_000])
    parser.add_argument('--seeds', type=positive, default=1)
    args = parser.parse_args()
    print(f'{machine(np, faiss)}; {FEATURES[0]}, {METHODS[0]}\n\n'
          f'{real_images.TABLE}')
    missed = 0
    for row in rows(args):
        print(real_images.row_text(*row), flush=True)
        missed += row[2] < row[3]
    return int(missed > 0)


if __name__ == '__main__':
    sys.exit(run_cli(main))
