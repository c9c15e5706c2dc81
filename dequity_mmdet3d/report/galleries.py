"""Which images show a cluster, and which are the rarest of all.

Shape letters: N samples of the table, P of them on the page.
"""
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dequity_mmdet3d.likelihood.estimation.text_names import names_of

from .content import skipped
from .tags import Shares, composition

MAX_CLUSTERS, MAX_IMAGES = 8, 8


@dataclass(frozen=True)
class Gallery:
    """A cluster, or like samples without one.

    Args:
        title (str): For people.
        samples (int): How many it has.
        likelihood, highest (float): The lowest and the highest of theirs.
        rows (list[int]): Those to show, rows of the table.
        shares (list[Shares]): What they are composed of, by tags.
    """
    title: str
    samples: int
    likelihood: float
    highest: float
    rows: list[int]
    shares: Sequence[Shares] = ()


def galleries(table, rows, vectors=None, tags=()):
    """The rarest and the most common clusters, and samples.

    Where likelihoods differ within clusters, single samples come first: the
    rarest may be in a common cluster.

    Args:
        table (LikelihoodTable): N samples.
        rows (np.ndarray): (P,) rows that are on the page.
        vectors (np.ndarray, optional): (N, D) embeddings; the images nearest
            to the mean of their cluster are shown then, and any without.
        tags (Sequence[TagCodes]): Of the N samples.

    Returns:
        tuple[list[Gallery], list[Gallery]]: The rarest, rarest first, and
        the most common, most common first; no cluster in both. A cluster is
        as rare as the median of its samples.
    """
    labels = table.cluster_id[rows]
    clusters = np.unique(labels[labels >= 0])
    if not len(clusters):
        return _of_samples(table, rows, tags)
    p = _medians(table)
    clusters = clusters[np.argsort([p[c] for c in clusters], kind='stable')]
    half = min(MAX_CLUSTERS, (len(clusters) + 1) // 2)
    common = clusters[::-1][:min(MAX_CLUSTERS, len(clusters) - half)]
    if len(clusters) == 1:
        clusters, common = clusters[:0], clusters
    rare, common = (
        [_of_cluster(table, rows[labels == c], vectors, tags) for c in some]
        for some in (clusters[:half], common))
    # a sample that nobody has seen is not rare
    seen = np.isin(table.sample_id, skipped(table.metadata), invert=True)
    alone = rows[(labels < 0) & seen[rows]]
    if len(alone):
        rare.insert(0, _gallery('Without a cluster', table, (
            table.cluster_id < 0) & seen, alone, tags))
    if any(g.highest > g.likelihood for g in rare + common):
        rarest, commonest = _of_samples(table, rows[seen[rows]], tags)
        return rarest + rare, commonest + common
    return rare, common


def _medians(table):
    """Median likelihood by cluster, of all at once."""
    order = np.lexsort((table.likelihood, table.cluster_id))
    clusters, first, n = np.unique(
        table.cluster_id[order], return_index=True, return_counts=True)
    p = table.likelihood[order]
    middle = (p[first + (n - 1) // 2] + p[first + n // 2]) / 2
    return dict(zip(clusters.tolist(), middle.tolist()))


def _of_cluster(table, rows, vectors, tags):
    first = rows[0]
    if vectors is not None:
        near = vectors[rows] @ vectors[rows].mean(0)
        rows = rows[np.argsort(-near, kind='stable')]
    cluster = int(table.cluster_id[first])
    return _gallery(f'Cluster {cluster}' + _name(table.metadata, cluster),
                    table, table.cluster_id == cluster, rows, tags)


def _name(metadata, cluster):
    """': rain 93%', from tags or texts; '' where there are none."""
    name = next(iter(names_of(metadata)[cluster:cluster + 1]), '')
    return f': {name}' if name else ''


def _gallery(title, table, own, rows, tags, n=MAX_IMAGES):
    p = table.likelihood[own]
    return Gallery(title, int(own.sum()), float(p.min()), float(p.max()),
                   rows[:n].tolist(), composition(tags, own))


def _of_samples(table, rows, tags):
    """Where there are no clusters: single samples."""
    rows = rows[np.argsort(table.likelihood[rows], kind='stable')]
    half = min(MAX_CLUSTERS * 2, len(rows) // 2)
    found = []
    for title, some in (('Rarest samples', rows[:half]),
                        ('Most common samples', rows[::-1][:half])):
        own = np.isin(np.arange(len(table)), some)
        found.append([_gallery(title, table, own, some, tags, len(some))]
                     if len(some) else [])
    return tuple(found)
