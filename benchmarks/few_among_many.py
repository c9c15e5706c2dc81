"""Eight images of another kind among many: do they come out rare?

    python benchmarks/few_among_many.py --bench ../shared/bench [--cache DIR]
        [--n 600 1300 2683] [--draws 4]

The benches' rarest kinds are a hundredth of their sets. Here eight weather
images of a kind are among N photographs of roads, and the table says which
part of the roads they are rarer than (mean over the draws, in %), by the
default, without its last step (strays), and by nearest neighbours.
"""
from functools import partial

import faiss
import numpy as np
from held_out import auroc
from machine import machine
from real_images import RealSets, bench_parser, estimate
from soft_parts import ESTIMATES

from dequity_mmdet3d.cli import positive

FEW = 8
COLUMNS = {
    'default': partial(estimate, method='soft'),
    'no strays': ESTIMATES['no strays'],
    'neighbours not asked': ESTIMATES['neighbours not asked'],
    'nearest neighbours': partial(estimate, method='knn'),
}


def rarer_than(p, few):
    """Part of the others, in %, that the last ``few`` are rarer than."""
    return 100 * auroc(p[-few:], p[:-few])


def main():
    parser = bench_parser(__doc__)
    parser.add_argument('--n', type=positive, nargs='+',
                        default=[600, 1300, 2683])
    parser.add_argument('--draws', type=positive, default=4)
    args = parser.parse_args()
    sets = RealSets(args.bench, cache=args.cache)
    roads, weather = sets.embeddings('roads'), sets.embeddings('weather')
    kinds = sets.bench.images('weather')[1]
    print(machine(np, faiss) + '\n\n| 8 of | among roads | ' +
          ' | '.join(COLUMNS) + ' |')
    print('| --- ' * (2 + len(COLUMNS)) + '|')
    for kind in np.unique(kinds):
        for n in args.n:
            found = []
            for seed in range(args.draws):
                rng = np.random.default_rng([seed, 77])
                x = np.concatenate([
                    roads[rng.choice(len(roads), min(n, len(roads)),
                                     replace=False)],
                    weather[rng.choice(np.flatnonzero(kinds == kind), FEW,
                                       replace=False)]])
                found.append([rarer_than(by(x), FEW)
                              for by in COLUMNS.values()])
            print(f'| {kind} | {n} | ' + ' | '.join(
                f'{v:.0f}' for v in np.mean(found, axis=0)) + ' |',
                flush=True)


if __name__ == '__main__':
    main()
