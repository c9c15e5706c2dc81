"""Methods: known groups are found, edge cases hold."""
import numpy as np
import pytest

from dequity_mmdet3d.likelihood import clustering
from dequity_mmdet3d.likelihood.choices import METHODS
from dequity_mmdet3d.likelihood.clustering import (
    ClusterSettings,
    by_size,
    cluster,
)
from dequity_mmdet3d.likelihood.clustering.faiss_kmeans import default_clusters
from dequity_mmdet3d.likelihood.embeddings.vectors import (
    UnitVectors,
    unit_rows,
)

from ..families import agree, modes

pytest.importorskip('faiss', reason='faiss cannot be imported')


def labels_of(x, *args, **kwargs):
    return cluster(UnitVectors(x), ClusterSettings(*args, **kwargs)).labels


def blobs(sizes, dim=16, noise=0.01, seed=0):
    """Tight groups around the axes; rows in random order, their groups."""
    rng = np.random.default_rng(seed)
    group = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
    x = np.eye(dim)[group] + noise * rng.standard_normal((len(group), dim))
    return unit_rows(x), group


def test_what_is_offered_is_there():
    assert set(METHODS) == set(clustering._BY_METHOD)


def test_kmeans_orders_groups_by_size():
    x, group = blobs([5, 60, 20])
    found = cluster(UnitVectors(x), ClusterSettings('kmeans', 3))
    assert found.labels.dtype == np.int64
    # the same partition, and 0 is the largest
    assert found.labels.tolist() == np.array([2, 0, 1])[group].tolist()
    assert found.used == dict(method='kmeans', clusters=3, seed=0)


def test_every_sample_counts_beyond_the_training_sample_of_faiss():
    # faiss trains on 256 points a centroid; here that is a quarter
    x, group = blobs([1500, 548], seed=1)
    labels = labels_of(x, 'kmeans', 2)
    assert np.bincount(labels).tolist() == [1500, 548]
    assert labels.tolist() == group.tolist()


@pytest.mark.parametrize('n, k', [(1, None), (1, 9), (3, 9), (9, 9)])
def test_kmeans_of_few_samples(n, k):
    labels = labels_of(np.eye(9)[:n], 'kmeans', k)
    assert len(labels) == n
    # no numbers are left out
    assert sorted(set(labels.tolist())) == list(range(labels.max() + 1))


def test_default_clusters():
    assert [default_clusters(n) for n in (1, 3, 4, 100, 2499, 2500, 28130)
            ] == [1, 1, 2, 10, 49, 50, 50]


def test_by_size():
    labels = np.array([2, 2, 2, 0, 1, 1])
    assert by_size(labels).tolist() == [2, 1, 0]
    assert by_size(labels, drop_singletons=True).tolist() == [-1, 1, 0]
    assert by_size(np.array([0]), drop_singletons=True).tolist() == [0]


@pytest.mark.parametrize('cone', [0, 3])
def test_modes_of_very_unequal_size(cone):
    sizes = [900, 300, 100, 30, 12, 8]
    x, mode = modes(sizes, cone=cone)
    labels = labels_of(x)
    assert np.bincount(labels[labels >= 0])[:4].tolist() == sizes[:4]
    # a mode of a dozen samples may be found in two parts, not in a large one
    assert agree(labels, mode) > 0.99
    assert set(labels[mode < 4]).isdisjoint(labels[mode >= 4])
    # what the plain method does with it, as the reason why
    plain = labels_of(x, 'kmeans', 6)
    assert agree(plain, mode) < 0.9


@pytest.mark.parametrize('seed', range(3))
def test_one_mode_is_one(seed):
    x, _ = modes([1500], spread=0.7, seed=seed, cone=1)
    labels = labels_of(x, seed=seed)
    assert (labels == 0).mean() > 0.98


def test_a_smooth_path_is_one_mode():
    rng = np.random.default_rng(0)
    path = np.cumsum(rng.standard_normal((800, 12)), axis=0) / np.sqrt(800)
    other = np.tile(4 * rng.standard_normal(12), (40, 1))
    x = np.concatenate([path, other]) + 0.25 * rng.standard_normal((840, 12))
    labels = labels_of(x + 30 * np.eye(12)[0])
    assert (labels[:800] == 0).mean() > 0.97
    assert set(labels[800:]) == {1}


def test_outliers_belong_to_nothing():
    x, _ = modes([800, 200], spread=0.2)
    far = np.random.default_rng(5).standard_normal((5, 48))
    labels = labels_of(np.concatenate([x, unit_rows(far)]))
    assert labels[-5:].tolist() == [-1] * 5
    assert (labels[:-5] >= 0).mean() > 0.99


def test_exact_copies():
    x, mode = modes([600, 60])
    x[mode == 0] = x[np.argmax(mode == 0)]
    labels = labels_of(x)
    assert np.bincount(labels).tolist() == [600, 60]
    assert labels_of(np.ones((40, 6))).tolist() == [0] * 40
    # two points, many times each
    two = np.eye(4)[[0] * 30 + [1] * 10]
    assert labels_of(two).tolist() == [0] * 30 + [1] * 10


@pytest.mark.parametrize('n', [1, 2, 3, 5, 8, 20])
def test_few_samples_are_one_mode_or_tell_apart(n):
    x, _ = modes([n], seed=n)
    labels = labels_of(x)
    assert len(labels) == n and (labels >= -1).all()


@pytest.mark.parametrize('method', ['modes', 'kmeans'])
def test_same_seed_same_labels(method):
    x, _ = modes([400, 80, 30], spread=0.9)
    first, again = (labels_of(x, method, seed=3) for _ in range(2))
    assert first.tolist() == again.tolist()


def test_order_and_scale_do_not_matter_to_modes():
    x, mode = modes([300, 60, 20])
    order = np.random.default_rng(1).permutation(len(x))
    labels = labels_of(x[order] * np.float32(7))
    assert agree(labels, mode[order]) == 1


def test_new_samples_join_modes_or_none():
    x, mode = modes([500, 100, 30])
    found = cluster(UnitVectors(x[:400]), ClusterSettings('modes'))
    assigned = found.modes.assign(UnitVectors(x))
    assert (assigned[:400] == found.labels).mean() > 0.99
    assert agree(assigned, mode) > 0.98
    far = unit_rows(np.random.default_rng(9).standard_normal((4, 48)))
    assert found.modes.assign(UnitVectors(far)).tolist() == [-1] * 4


@pytest.mark.parametrize('changes', [
    dict(method='kmean'), dict(noise='none'), dict(seed=-1),
    dict(method='kmeans', clusters=0), dict(method='kmeans', clusters=2.0),
    dict(method='kmeans', clusters=True), dict(clusters=3)
])
def test_settings_are_checked(changes):
    with pytest.raises(ValueError, match='must be|belongs to'):
        ClusterSettings(**changes)
