"""Frames or drives: what each count says of real frames.

    python benchmarks/drives.py --bench PATH [--cache DIR]

PATH as for real_images.py. Prints, mean of ten draws unless said:

    drives      the bench's, whose truth counts frames; stability of tables
                from 80 % of the frames
    red light   roads, every photograph a drive of its own, but one of the
                rarest kind seen 78 times by a standing car: its embedding,
                moved as those of the standing drive move
    passes      once: two drives cut into passes of 8 frames, and the standing
                one of 78; truth: it was there once, all others often

and how near the nearest other image is, a quantile of the images' square
distances over the mean of two of their set; see near_duplicates.py.
"""
import time

import numpy as np
from real_images import PAIRS, RealSets, bench_parser
from scipy.stats import spearmanr

from dequity_mmdet3d.likelihood.choices import COUNTS
from dequity_mmdet3d.likelihood.clustering import ClusterSettings, cluster
from dequity_mmdet3d.likelihood.clustering.subspace import principal_subspace
from dequity_mmdet3d.likelihood.embeddings.vectors import (
    UnitVectors,
    unit_rows,
)
from dequity_mmdet3d.likelihood.estimation.near_duplicates import (
    NEAR,
    nearest_other,
)

QUANTILES = .01, .05, .5, .95
STANDING, PASS = 'kitti_bridge', 8


def likelihoods(x, drives, count):
    drives = np.unique(drives, return_inverse=True)[1].reshape(-1)
    return cluster(UnitVectors(x), ClusterSettings(count=count),
                   drives).likelihood


def stability(x, drives, count):
    rng, tables = np.random.default_rng(5), []
    for _ in range(PAIRS):
        rows = np.sort(rng.choice(len(x), int(.8 * len(x)), replace=False))
        p = np.full(len(x), np.nan)
        p[rows] = likelihoods(x[rows], drives[rows], count)
        tables.append(p)
    return np.mean([
        spearmanr(a[both], b[both])[0] for i, a in enumerate(tables)
        for b in tables[:i] for both in [np.isfinite(a + b)]])


def nearest(x):
    """(N,) of the nearest other, over the mean square distance of two."""
    rows = principal_subspace(UnitVectors(x)).project(UnitVectors(x))
    square = nearest_other(rows, np.arange(len(rows)))[1]
    return square / (2 * rows.var(axis=0, dtype=np.float64).sum())


def print_nearest(sets):
    print('\n| nearest other | '
          + ' | '.join(f'{q:.0%}' for q in QUANTILES)
          + f' | nearer than {NEAR} |\n'
          + '| --- ' * (len(QUANTILES) + 2) + '|')
    for name in sets.FAMILIES:
        square = nearest(sets.embeddings(name))
        label = sets.bench.images(name)[1]
        for kind in np.unique(label) if name == 'drives' else [None]:
            of = slice(None) if kind is None else label == kind
            print(f'| {kind or name} | ' + ' | '.join(
                f'{q:.3f}' for q in np.quantile(square[of], QUANTILES))
                + f' | {(square[of] < NEAR).mean():.1%} |', flush=True)


def main():
    args = bench_parser(__doc__).parse_args()
    sets = RealSets(args.bench, cache=args.cache)
    x, label = sets.embeddings('drives'), sets.bench.images('drives')[1]
    standing = np.flatnonzero(label == STANDING)
    moves = x[standing] - x[standing[0]]
    part = label.astype(object)
    for kind in np.unique(label):
        of = np.flatnonzero(label == kind)
        if kind != STANDING:
            part[of] = [f'{kind}/{i // PASS}' for i in range(len(of))]
    part = part.astype(str)
    print('| case | score | frames | drives |\n| --- | --- | --- | --- |')

    def row(case, score, values):
        print(f'| {case} | {score} | '
              + ' | '.join(f'{v:.3f}' for v in values) + ' |', flush=True)

    def each(function):
        return [function(count) for count in COUNTS]

    def bench(count):
        return np.mean([
            sets.bench.scores(t, likelihoods(x[r], label[r], count),
                              rare)['auroc']
            for r, t, rare in sets.draws('drives')])

    row('drives', 'auroc', each(bench))
    row('drives', 'stability', each(lambda c: stability(x, label, c)))
    roads = sets.embeddings('roads')
    found = {}
    for rows, truth, rare in sets.draws('roads'):
        one = np.flatnonzero(truth == truth.min())[0]
        more = unit_rows(roads[rows[one]] + moves[1:])
        both = np.concatenate([roads[rows], more])
        drives = np.append(np.arange(len(rows)), np.full(len(more), one))
        scored = np.flatnonzero(drives[:len(rows)] >= 0)
        for count in COUNTS:
            p = likelihoods(both, drives, count)[scored]
            s = sets.bench.scores(truth, p, rare)
            found.setdefault('auroc', {}).setdefault(count, []).append(
                s['auroc'])
            found.setdefault('rho', {}).setdefault(count, []).append(s['rho'])
            found.setdefault('rank of the red light', {}).setdefault(
                count, []).append((p < p[one]).mean())
            kind = truth == truth.min()
            kind[one] = False
            ranks = (p[:, None] > p[None]).mean(axis=1)
            found.setdefault('rank of its kind', {}).setdefault(
                count, []).append(ranks[kind].mean())
    for score, values in found.items():
        row('red light', score, [np.mean(values[c]) for c in COUNTS])
    rare = label == STANDING
    row('passes', 'auroc', each(lambda c: sets.bench.scores(
        np.where(rare, .05, 1.), likelihoods(x, part, c), rare)['auroc']))
    row('passes', 'stability', each(lambda c: stability(x, part, c)))
    print_nearest(sets)
    start = time.perf_counter()
    likelihoods(x, part, 'drives')
    print(f'\n{len(x)} frames: {time.perf_counter() - start:.2f} s')


if __name__ == '__main__':
    main()
