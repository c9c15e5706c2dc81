"""Clustering: known groups are found, edge cases hold, errors name rows."""
import numpy as np
import pytest

from dequity_mmdet3d.likelihood.cluster import (KMeansSettings, cluster,
                                                default_clusters)
from dequity_mmdet3d.likelihood.vectors import unit_rows

pytest.importorskip('faiss', reason='faiss cannot be imported')


def blobs(sizes, dim=16, noise=0.01, seed=0):
    """Tight groups around the axes; rows in random order, their groups."""
    rng = np.random.default_rng(seed)
    group = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
    x = np.eye(dim)[group] + noise * rng.standard_normal((len(group), dim))
    return unit_rows(x), group


def test_finds_groups_and_orders_them_by_size():
    x, group = blobs([5, 60, 20])
    labels, used = cluster(x, KMeansSettings(3))
    assert labels.dtype == np.int64
    # the same partition, and 0 is the largest
    assert labels.tolist() == np.array([2, 0, 1])[group].tolist()
    assert used == dict(
        method='spherical k-means', clusters=3, iterations=25, seed=0)


def test_every_sample_counts_beyond_the_training_sample_of_faiss():
    # faiss trains on 256 points a centroid; here that is a quarter
    x, group = blobs([1500, 548], seed=1)
    labels, _ = cluster(x, KMeansSettings(2))
    assert np.bincount(labels).tolist() == [1500, 548]
    assert labels.tolist() == group.tolist()


def test_same_seed_same_labels():
    x = unit_rows(np.random.default_rng(0).standard_normal((300, 8)))
    first, _ = cluster(x, KMeansSettings(10, seed=3))
    again, _ = cluster(x, KMeansSettings(10, seed=3))
    assert first.tolist() == again.tolist()


@pytest.mark.parametrize('n, k', [(1, None), (1, 9), (3, 9), (9, 9)])
def test_few_samples(n, k):
    x = unit_rows(np.eye(9)[:n])
    labels, used = cluster(x, KMeansSettings(k))
    assert len(labels) == n and used['clusters'] == (k or 1)
    # no numbers are left out
    assert sorted(set(labels.tolist())) == list(range(labels.max() + 1))


def test_duplicates_share_a_cluster():
    x = unit_rows(np.ones((40, 6)))
    labels, _ = cluster(x, KMeansSettings(5))
    assert labels.tolist() == [0] * 40


def test_default_clusters():
    assert [default_clusters(n) for n in (1, 3, 4, 100, 2499, 2500, 28130)
            ] == [1, 1, 2, 10, 49, 50, 50]


@pytest.mark.parametrize('changes', [
    dict(clusters=0), dict(clusters=2.0), dict(iterations=0), dict(seed=-1),
    dict(clusters=True)
])
def test_settings_are_checked(changes):
    with pytest.raises(ValueError, match=f'{list(changes)[0]} must be'):
        KMeansSettings(**changes)
