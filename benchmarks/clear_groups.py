"""Where are groups clear? R^2 of every set and family, and what follows.

    python benchmarks/clear_groups.py --bench ../shared/bench [--n 3000]
        [--cache DIR]

--bench as for default_likelihood.py. Prints a Markdown table: R^2, the part
of the variance of a plain count that lies between groups, and w, the weight of
the groups' sizes in the likelihood (docs/likelihood.md): the lowest and the
highest of a real set's draws, of a set as a whole, and of each drawn family.
"""
import sys
from pathlib import Path

import faiss
import likelihood_families as own
import numpy as np
from compare_methods import load_bench
from machine import machine
from real_images import SETS, RealSets, bench_parser

from dequity_mmdet3d.cli import positive, run_cli
from dequity_mmdet3d.likelihood.clustering import cluster
from dequity_mmdet3d.likelihood.embeddings.vectors import UnitVectors


def row_text(name, many):
    """A row: lowest and highest R^2 and w of some embeddings."""
    used = [cluster(UnitVectors(x)).used for x in many]
    texts = [' to '.join(dict.fromkeys(
        f'{pick(u[key] for u in used):.2f}' for pick in (min, max)))
        for key in ('clear', 'weight')]
    return f'| {name} | ' + ' | '.join(texts) + ' |'


def main():
    parser = bench_parser(__doc__)
    parser.add_argument('--n', type=positive, default=3000)
    args = parser.parse_args()
    print(f'{machine(np, faiss)}\n\n| | R² | w |\n| --- | --- | --- |')
    sets = RealSets(args.bench, cache=args.cache)
    for name in SETS:
        x = sets.embeddings(name)
        print(row_text(f'{name}, {len(sets.draws(name))} draws', [
            x[rows] for rows, *_ in sets.draws(name)]), flush=True)
        print(row_text(f'{name}, all', [x]), flush=True)
    drawn = load_bench(Path(args.bench, 'likelihood_fidelity.py'))
    for title, module in dict(own=own, bench=drawn).items():
        for name in module.FAMILIES:
            print(row_text(f'{title}/{name}', [
                module.family(name, 0, args.n)[0]]), flush=True)


if __name__ == '__main__':
    sys.exit(run_cli(main))
