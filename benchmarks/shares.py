"""Simulates the estimate on many processes: what each does, and is sent.

    python benchmarks/shares.py --folder DIR [--n 1000000] [--world 1 8 64]

Runs the estimate of the drawn embeddings of large_sets.py as process 0 of as
many processes would, and does the shares of all of them one after another, by
the code that torchrun's processes run. Prints by step: the seconds of the
slowest share, those of all shares together, the bytes that process 0 tells
each of the others and those that it gets from one; and last what process 0
does alone. That the result does not depend on the number is checked.

The seconds are CPU seconds. With a share of at least one block (65,536 rows)
a process has as much to do whatever the others have, so that a run of R
processes and N rows tells of one of k R processes and k N rows.
"""
import argparse
import pickle
import time
from pathlib import Path

import faiss
import numpy as np
from large_sets import draw
from machine import machine

from dequity_mmdet3d.likelihood.clustering import shares
from dequity_mmdet3d.likelihood.clustering.soft import find_soft
from dequity_mmdet3d.likelihood.clustering.stored_rows import (
    Room,
    StoredRows,
)
from dequity_mmdet3d.likelihood.embeddings.vectors import UnitVectors
from dequity_mmdet3d.processes import Alone


class Simulated(Alone):
    """Process 0 of as many as are asked for.

    Args:
        world (int): Number of processes.
    """

    def __init__(self, world):
        self.world = world
        self.steps = []


def do_all(task, team):
    """All shares of a task, in the place of :func:`.shares._do`."""
    bounds = shares.share_bounds(task.shape[0], team.world)
    seconds, parts = [], []
    for a, b in zip(bounds[:-1], bounds[1:]):
        start = time.process_time()
        stored = np.memmap(task.path, np.float16, 'r', shape=task.shape)
        parts.append(task.function(StoredRows(stored[a:b], task.seen),
                                   *[c[a:b] for c in task.columns]))
        seconds.append(time.process_time() - start)
    name = getattr(task.function, 'func', task.function).__name__
    team.steps.append((
        name, max(seconds), sum(seconds), len(pickle.dumps(task)),
        max(sum(p.nbytes for p in found) for found in parts)))
    together = sum if task.adds else np.concatenate
    return tuple(together(found) for found in zip(*parts))


def estimate(path, folder, world):
    """Likelihoods, the steps, and the seconds outside of them."""
    team = Simulated(world)
    start = time.process_time()
    _, share, _, _ = find_soft(UnitVectors(np.load(path, mmap_mode='r')),
                               room=Room(str(folder), team))
    alone = time.process_time() - start - sum(s[2] for s in team.steps)
    return share, team.steps, alone


def main():
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--folder', type=Path, required=True, metavar='DIR')
    parser.add_argument('--n', type=int, default=1_000_000)
    parser.add_argument('--world', type=int, nargs='+', default=[2, 8, 64])
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    path = args.folder / f'{args.n}.npy'
    draw(path, args.n)
    shares._do = do_all
    print(machine(faiss, np))
    print('| processes | step | slowest share, s | all shares, s | told to '
          'each, bytes | sent by each, bytes |\n'
          '| --- | --- | --- | --- | --- | --- |')
    first = None
    for world in args.world:
        share, steps, alone = estimate(path, args.folder, world)
        for name, slowest, whole, told, sent in steps:
            print(f'| {world} | {name} | {slowest:.2f} | {whole:.1f} | '
                  f'{told:,} | {sent:,} |')
        print(f'| {world} | process 0 alone | {alone:.1f} | | | |',
              flush=True)
        first = share if first is None else first
        print(f'\nthe same bits: {np.array_equal(first, share)}\n'
              if world != args.world[0] else '', end='')
    path.unlink()


if __name__ == '__main__':
    main()
