"""Likelihoods of real photographs, against how often their kind was drawn.

    python benchmarks/real_images.py --bench ../shared/bench
        [--features stages pooled] [--method soft] [--seed 0] [--cache DIR]

PATH is a folder with a `real_images.py`, which has `SIZES`, `images(name)`,
`draws(labels, name)` and `scores(truth, p, rare)`, and the images that it
names. Nothing of it is copied; embeddings are kept in --cache, so that a
second run encodes nothing. Prints a Markdown table: for every set the mean
over its draws of

    auroc   do rare kinds come out rare: 1 right, .5 chance
    rho     Spearman's correlation with the truth

and the stability: the rank correlation of tables from two random 80 % of all
images, on those that both hold. `must` and `aim` are what the project asks
of its default. `compare_methods.py --families 'real/*'` sets other methods
beside it.
"""
import argparse
import hashlib
import importlib.util
import itertools
import tempfile
from pathlib import Path

import faiss
import numpy as np
from machine import machine
from scipy.stats import spearmanr

from dequity_mmdet3d.likelihood import clustering
from dequity_mmdet3d.likelihood.choices import FEATURES, METHODS
from dequity_mmdet3d.likelihood.embeddings.vectors import (
    UnitVectors,
    unit_rows,
)

SETS = ('roads', 'weather', 'drives')
# (must, aim) of the project's plan; rho means nothing on drives
BARS = {
    ('roads', 'auroc'): (.73, .79),
    ('roads', 'rho'): (.42, .60),
    ('weather', 'auroc'): (.85, .88),
    ('weather', 'rho'): (.58, .70),
    ('drives', 'auroc'): (.97, .99),
}
STABLE = (.90, .97)
BATCH = 16
PAIRS = 3  # subsets of 80 %, each compared with the others


class RealSets:
    """Real sets in the form of likelihood_families.py: a family, a seed.

    Args:
        bench (str | Path): Folder with real_images.py.
        features (str): One of ``FEATURES``.
        cache (str | Path, optional): Where embeddings are kept.
    """
    FAMILIES = SETS

    def __init__(self, bench, features=FEATURES[0], cache=None):
        path = Path(bench, 'real_images.py')
        if not path.is_file():
            raise SystemExit(f'error: there is no {path}; correct --bench')
        spec = importlib.util.spec_from_file_location('real_bench', path)
        self.bench = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(self.bench)
        self.features = features
        self.cache = cache
        self._draws, self._embedded, self._last = {}, {}, None

    def embeddings(self, name):
        """(N, D) float32, in the order of the set's labels."""
        if name not in self._embedded:
            self._embedded[name] = embeddings_of(
                self.bench.images(name)[0], name, self.features, self.cache)
        return self._embedded[name]

    def draws(self, name):
        """(rows, truth, rare) of every draw."""
        if name not in self._draws:
            labels = self.bench.images(name)[1]
            self._draws[name] = [
                d[1:] for d in self.bench.draws(labels, name)]
        return self._draws[name]

    def family(self, name, seed, n=None):
        """Embeddings and truth of a draw; the bench says how many."""
        draws = self.draws(name)
        rows, truth, rare = draws[seed % len(draws)]
        self._last = name, rare
        return self.embeddings(name)[rows], truth

    def scores(self, truth, estimate):
        """Of the draw that :meth:`family` returned last."""
        name, rare = self._last
        found = self.bench.scores(truth, estimate, rare)
        return {key: found[key] for key in ('auroc', 'rho')
                if (name, key) in BARS}


def embeddings_of(paths, name, features=FEATURES[0], cache=None):
    """Embeddings of image files, kept for the next time.

    Args:
        paths (Sequence[str | Path]): N image files.
        name (str): Of these images, for the file that keeps the embeddings.
        features (str): One of ``FEATURES``.
        cache (str | Path, optional): Where they are kept. Defaults to a
            folder in that for temporary files.

    Returns:
        np.ndarray: (N, D) float32, rows of length 1.
    """
    from dequity_mmdet3d.likelihood.encoding.encoders import build_encoder
    from dequity_mmdet3d.likelihood.encoding.images import load_rgb
    encoder = build_encoder(features=features, precision='float32')
    about = '\n'.join([encoder.fingerprint, features, str(encoder.dim),
                       *map(str, paths)])
    key = hashlib.sha256(about.encode()).hexdigest()[:12]
    cache = Path(cache or cache_folder())
    file = cache / f'{name}_{features}_{key}.npy'
    if not file.is_file():
        cache.mkdir(parents=True, exist_ok=True)
        np.save(file, encode(encoder, (
            load_rgb(path, encoder.preprocess.size) for path in paths)))
    return unit_rows(np.load(file))


def cache_folder():
    """Where embeddings are kept if nothing is said."""
    return Path(tempfile.gettempdir(), 'dequity_real_images')


def encode(encoder, images):
    """(N, D) float32 of N RGB images, from an iterable."""
    import torch
    images, found = iter(images), []
    with torch.inference_mode():
        while some := [encoder.preprocess(image)
                       for image in itertools.islice(images, BATCH)]:
            batch = torch.stack(some)
            found.append(encoder.encode(batch.to(encoder.device)).cpu())
    return torch.cat(found).numpy()


def estimate(x, method, seed=0):
    """(N,) likelihoods by a method of the package."""
    found = clustering.cluster(
        UnitVectors(x), clustering.ClusterSettings(method, seed=seed))
    if found.likelihood is not None:
        return found.likelihood
    return np.append(np.bincount(found.labels[found.labels >= 0]),
                     1)[found.labels] / len(x)


def stability(x, method):
    """Mean rank correlation of tables from random 80 % of the samples."""
    rng, tables = np.random.default_rng(5), []
    for _ in range(PAIRS):
        rows = np.sort(rng.choice(len(x), int(.8 * len(x)), replace=False))
        p = np.full(len(x), np.nan)
        p[rows] = estimate(x[rows], method)
        tables.append(p)
    found = []
    for i, a in enumerate(tables):
        for b in tables[:i]:
            both = np.isfinite(a + b)
            found.append(np.nan_to_num(spearmanr(a[both], b[both])[0]))
    return float(np.mean(found))


def rows_of(sets, method, estimate_seed=0):
    """Rows (set, score, value, must, aim) of the table."""
    for name in SETS:
        scores = []
        for seed in range(len(sets.draws(name))):
            x, truth = sets.family(name, seed)
            scores.append(sets.scores(
                truth, estimate(x, method, estimate_seed)))
        for key in scores[0]:
            yield (name, key, np.mean([s[key] for s in scores]),
                   *BARS[name, key])
        yield (name, 'stability', stability(sets.embeddings(name), method),
               *STABLE)


TABLE = ('| set | score | value | must | aim | to the aim |\n'
         '| --- | --- | --- | --- | --- | --- |')


def row_text(name, key, value, must, aim):
    """A row of ``TABLE``."""
    return (f'| {name} | {key} | {value:.3f} | {must} '
            f'{"reached" if value >= must else "MISSED"} | {aim} | '
            f'{max(aim - value, 0):.3f} |')


def bench_parser(text):
    """A parser of --bench and --cache, which benchmarks on PATH take."""
    parser = argparse.ArgumentParser(
        description=text,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--bench', required=True, metavar='PATH')
    parser.add_argument('--cache', type=Path, metavar='DIR')
    return parser


def parse():
    parser = bench_parser(__doc__)
    parser.add_argument('--features', nargs='+', choices=FEATURES,
                        default=FEATURES[:1])
    parser.add_argument('--method', choices=METHODS, default=METHODS[0])
    parser.add_argument('--seed', type=int, default=0,
                        help='of the estimates of draws, which stay the same')
    return parser.parse_args()


def main():
    args = parse()
    print(machine(np, faiss))
    for features in args.features:
        print(f'\n{features}, {args.method}\n\n{TABLE}')
        sets = RealSets(args.bench, features, args.cache)
        for row in rows_of(sets, args.method, args.seed):
            print(row_text(*row), flush=True)


if __name__ == '__main__':
    main()
