"""Small training sets of which everything is known.

Each has 100 samples, of which the last 20 look rare: 80 and 20 look alike, so
p is 1 and 1 / 4.
"""
import numpy as np

from dequity_mmdet3d.recommend.facts import Objects, facts_of
from dequity_mmdet3d.recommend.trust import Trust

COMMON, RARE = slice(0, 80), slice(80, 100)
TENTH = slice(0, 100, 10)  # every tenth sample: 8 common ones, 2 rare ones
ALL = slice(None)
CLEAR = np.repeat([1.0, 0.25], [80, 20])
FLAT = np.ones(100)
YES = Trust(True, 'clear clusters: tenable', [])
NO = Trust(False, 'clear clusters: not tenable (unstable)', ['unstable'])


def counts(**classes):
    """(100, C) objects: of each class so many in each sample of a slice."""
    found = np.zeros((100, len(classes)), dtype=np.int64)
    for c, (where, n) in enumerate(classes.values()):
        found[where, c] = n
    return found


def world(likelihood=CLEAR, trust=YES, objects=None, keep_order=False,
          **classes):
    """Facts of a training set with these classes."""
    return facts_of(likelihood, trust, tuple(classes),
                    counts(**classes) if classes else None, objects,
                    keep_order)


def rare_objects(where):
    """60 Cyclists, 40 of them alike, 20 rare ones in samples of a slice."""
    samples = np.arange(100)[where]
    rare = np.resize(samples, 20)
    by_objects = FLAT.copy()
    by_objects[rare] = 0.25
    return Objects(
        'o.parquet', by_objects,
        np.concatenate([np.resize(np.arange(0, 100, 5), 40), rare]),
        np.full(60, 'Cyclist'), np.repeat([1.0, 0.25], [40, 20]))


CARS = dict(Car=(ALL, 10))
HELD = dict(CARS, Cyclist=(RARE, 3))
SPREAD = dict(CARS, Cyclist=(TENTH, 6))
BALANCED = dict(Car=(ALL, 2), Cyclist=(ALL, 2))
# by name: facts, and the recipe that they ask for
WORLDS = {
    'order, looks': (world(keep_order=True, **HELD), 'equity'),
    'order, no looks': (world(trust=NO, keep_order=True, **HELD), 'baseline'),
    'one class held, one not': (
        world(**HELD, Pedestrian=(slice(0, 10), 8)), 'irfs+look'),
    'held': (world(**HELD), 'sampling'),
    'rare objects in common looks': (
        world(objects=rare_objects(COMMON), **SPREAD), 'objects'),
    'spread': (world(**SPREAD), 'irfs'),
    'classes unknown': (world(), 'sampling'),
    'spread, in balance': (world(**BALANCED), 'baseline'),
    'nothing': (world(FLAT, **BALANCED), 'baseline'),
}
