"""Compares ways to a likelihood on embeddings whose likelihoods are known.

    python benchmarks/compare_methods.py [--n 3000] [--seeds 5]
        [--methods kmeans tsne-dbscan:cluster ...] [--families 'own/*' ...]
        [--out FILE]

Prints a Markdown table of families and methods. A cell is

    rho / gap / auroc / seconds     or     spread / seconds

with the scores of likelihood_families.py, means over the seeds; the second
form is for families in which nothing is rare. `own/` are the families of
likelihood_families.py. `bench/` are those of another file with the same
functions, `family(name, seed, n)` and `scores(truth, estimate)`, and
`FAMILIES`: --bench, or the environment variable DEQUITY_BENCH, or
../shared/bench/likelihood_fidelity.py beside the checkout if that is there.
If a real_images.py lies beside that file, `real/` are its sets of photographs
by stages and `pooled/` the same by the last layer (see real_images.py here);
a seed is a draw there, and a cell is  auroc / rho / seconds.

METHOD:NOISE says what becomes of samples that a method calls noise: see
`settle_noise`; `single` if nothing is said. Needs scikit-learn and faiss.
"""
import argparse
import fnmatch
import functools
import importlib.util
import os
import time
from pathlib import Path

import faiss
import likelihood_families as own
import numpy as np
import real_images
import sklearn
from machine import machine
from method_table import table
from tsne_dbscan import tsne_dbscan

from dequity_mmdet3d.likelihood import clustering
from dequity_mmdet3d.likelihood.choices import NOISE
from dequity_mmdet3d.likelihood.clustering import density
from dequity_mmdet3d.likelihood.embeddings.vectors import UnitVectors
from dequity_mmdet3d.likelihood.estimation.estimate import (
    likelihood_from_labels,
)

ROOT = Path(__file__).resolve().parents[1]
BENCH = ROOT.parent / 'shared/bench/likelihood_fidelity.py'


def labels_by(method):
    """A method of the package's, as a function of embeddings and seed."""
    return lambda x, seed: clustering.cluster(
        UnitVectors(x), clustering.ClusterSettings(method, seed=seed)).labels


# Every method that gives labels, (N,) integers with -1 for noise, or a
# likelihood, (N,) floats. Enter a new one here.
METHODS = {
    'soft': lambda x, seed: real_images.estimate(x, 'soft', seed),
    'modes': labels_by('modes'),
    'kmeans': labels_by('kmeans'),
    'tsne-dbscan': tsne_dbscan,
    'hdbscan': density.hdbscan,
    'knn': lambda x, seed: density.knn_density(x),
}
SLOW = ('tsne-dbscan', )
DEFAULT = ('soft', 'modes', 'kmeans', 'tsne-dbscan:cluster',
           'tsne-dbscan:single', 'tsne-dbscan:nearest', 'hdbscan:single',
           'hdbscan:nearest', 'knn')


def load_bench(path):
    """The module in a file, or None for None."""
    if path is None:
        return None
    if not Path(path).is_file():
        raise SystemExit(f'error: there is no file {path}; correct --bench '
                         'or DEQUITY_BENCH')
    spec = importlib.util.spec_from_file_location('bench', path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Runner:
    """Runs every method once a family and seed, whatever its noise.

    Args:
        modules (dict): Module by the first part of a family's name, SET/NAME.
        n (int): Samples of a family.
    """

    def __init__(self, modules, n):
        self.modules, self.n = modules, n
        self.draw = functools.lru_cache(maxsize=1)(self._draw)
        # of a family and seed all methods
        self.run = functools.lru_cache(maxsize=len(METHODS))(self._run)

    def _draw(self, family, seed):
        module, _, name = family.partition('/')
        return self.modules[module].family(name, seed, self.n)

    def _run(self, family, seed, method):
        x, _ = self.draw(family, seed)
        start = time.perf_counter()
        found = METHODS[method](x, seed=seed)
        return found, time.perf_counter() - start

    def scores(self, family, seed, method):
        """Scores and seconds of METHOD:NOISE."""
        method, _, noise = method.partition(':')
        found, seconds = self.run(family, seed, method)
        x, truth = self.draw(family, seed)
        if found.dtype.kind == 'i':
            found = density.settle_noise(found, x, noise or 'single')
            found = likelihood_from_labels(found)[0]
        module = self.modules[family.partition('/')[0]]
        return dict(module.scores(truth, found), seconds=seconds)


def parse():
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--n', type=int, default=3000)
    parser.add_argument('--seeds', type=int, default=5)
    parser.add_argument(
        '--slow-seeds', type=int, default=1, help=f'of {", ".join(SLOW)}')
    parser.add_argument('--methods', nargs='+', default=DEFAULT)
    parser.add_argument(
        '--families', nargs='+', default=['*'], help='patterns of SET/NAME')
    parser.add_argument(
        '--bench',
        default=os.environ.get('DEQUITY_BENCH',
                               BENCH if BENCH.is_file() else None))
    parser.add_argument(
        '--cache', type=Path, help='where embeddings of photographs are kept')
    parser.add_argument('--out', type=Path)
    args = parser.parse_args()
    if min(args.n, args.seeds, args.slow_seeds) < 1:
        parser.error('--n, --seeds and --slow-seeds must be 1 or more')
    for method in args.methods:
        name, _, noise = method.partition(':')
        if name not in METHODS or (noise or 'single') not in NOISE:
            parser.error(f'--methods: METHOD or METHOD:NOISE of {[*METHODS]} '
                         f'and {NOISE}, but got {method!r}')
    return parser, args


def main():
    parser, args = parse()
    modules = {'own': own, 'bench': load_bench(args.bench or None)}
    if args.bench and Path(args.bench).with_name('real_images.py').is_file():
        for key, features in (('real', 'stages'), ('pooled', 'pooled')):
            modules[key] = real_images.RealSets(
                Path(args.bench).parent, features, args.cache)
    known = [
        f'{key}/{name}' for key, module in modules.items() if module
        for name in module.FAMILIES
    ]
    families = [
        f for f in known
        if any(fnmatch.fnmatch(f, pattern) for pattern in args.families)
    ]
    if not families:
        parser.error(f'--families: nothing matches; known are {known}')

    def seeds(method):
        slow = method.partition(':')[0] in SLOW
        return min(args.slow_seeds, args.seeds) if slow else args.seeds

    lines = [
        machine(np, faiss, sklearn),
        '',
        f'{args.n} samples a family; seeds: ' + ', '.join(
            f'{m} {seeds(m)}' for m in args.methods) + '. A cell is '
        'rho / gap / auroc / seconds, or spread / seconds where nothing is '
        'rare. A constant estimate has no rho; it counts as 0.',
        '',
    ]
    print('\n'.join(lines))
    scores = Runner(modules, args.n).scores
    for line in table(scores, families, args.methods, seeds):
        print(line, flush=True)
        lines.append(line)
    if args.out:
        args.out.write_text('\n'.join(lines) + '\n', encoding='utf-8')


if __name__ == '__main__':
    main()
