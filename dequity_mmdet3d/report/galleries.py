"""Which images show a mode."""
from dataclasses import dataclass
from typing import List

import numpy as np

MODES, IMAGES = 8, 8


@dataclass(frozen=True)
class Gallery:
    """A mode, or like samples without one.

    Args:
        title (str): For people.
        samples (int): How many it has.
        likelihood, highest (float): The lowest and the highest of theirs.
        rows (list[int]): Those to show, rows of the table.
    """
    title: str
    samples: int
    likelihood: float
    highest: float
    rows: List[int]


def galleries(table, rows, vectors=None):
    """The rarest and the most common modes.

    Args:
        table (LikelihoodTable): N samples.
        rows (np.ndarray): (P,) rows that are on the page.
        vectors (np.ndarray, optional): (N, D) embeddings; the images nearest
            to the mean of their mode are shown then, and any without.

    Returns:
        tuple[list[Gallery], list[Gallery]]: The rarest, rarest first, and
        the most common, most common first; no mode in both.
    """
    labels = table.cluster_id[rows]
    modes = np.unique(labels[labels >= 0])
    if not len(modes):
        return _of_samples(table, rows)
    p = np.array([table.likelihood[rows[labels == m][0]] for m in modes])
    modes = modes[np.argsort(p, kind='stable')]
    half = min(MODES, (len(modes) + 1) // 2)
    common = modes[::-1][:min(MODES, len(modes) - half)]
    if len(modes) == 1:
        modes, common = modes[:0], modes
    rare = [_of_mode(table, rows[labels == m], vectors) for m in modes[:half]]
    # a sample that nobody has seen is not rare
    seen = np.isin(table.sample_id, table.metadata.get('skipped', []),
                   invert=True)
    alone = rows[(labels < 0) & seen[rows]]
    if len(alone):
        rare.insert(0, _gallery('Without a mode', table, (
            table.cluster_id < 0) & seen, alone))
    return rare, [
        _of_mode(table, rows[labels == m], vectors) for m in common]


def _of_mode(table, rows, vectors):
    first = rows[0]
    if vectors is not None:
        near = vectors[rows] @ vectors[rows].mean(0)
        rows = rows[np.argsort(-near, kind='stable')]
    return _gallery(f'Mode {table.cluster_id[first]}', table,
                    table.cluster_id == table.cluster_id[first], rows)


def _gallery(title, table, own, rows):
    p = table.likelihood[own]
    return Gallery(title, int(own.sum()), float(p.min()), float(p.max()),
                   rows[:IMAGES].tolist())


def _of_samples(table, rows):
    """Where there are no clusters: single samples."""
    rows = rows[np.argsort(table.likelihood[rows], kind='stable')]
    half = min(MODES * 2, len(rows) // 2)
    found = []
    for title, some in (('Rarest samples', rows[:half]),
                        ('Most common samples', rows[::-1][:half])):
        p = table.likelihood[some]
        found.append([Gallery(title, len(some), float(p.min()), float(
            p.max()), some.tolist())] if len(some) else [])
    return tuple(found)
