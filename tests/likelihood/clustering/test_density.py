"""Other ways to a likelihood: known groups, a naive reference, noise."""
import sys

import numpy as np
import pytest

from dequity_mmdet3d.likelihood.clustering import density
from dequity_mmdet3d.likelihood.clustering.density import (
    hdbscan,
    knn_density,
    settle_noise,
)
from dequity_mmdet3d.likelihood.embeddings.vectors import unit_rows

SKLEARN = pytest.importorskip(
    'sklearn.cluster', reason='scikit-learn, of the extra compare, is absent')
pytest.importorskip('faiss', reason='faiss cannot be imported')


def blobs(sizes, dim=16, noise=0.01, seed=0):
    """Tight groups around the axes; rows in random order, their groups."""
    rng = np.random.default_rng(seed)
    group = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
    x = np.eye(dim)[group] + noise * rng.standard_normal((len(group), dim))
    return unit_rows(x), group


def same_partition(a, b):
    pairs = set(zip(a.tolist(), b.tolist()))
    return len(pairs) == len(set(a.tolist())) == len(set(b.tolist()))


@pytest.mark.parametrize('dim', [4, 64])  # fewer and more than components
def test_hdbscan_finds_groups_and_noise(dim):
    x, group = blobs([60, 30, 1, 20], dim)
    labels = hdbscan(x)
    assert labels.dtype == np.int64
    alone = group == 2
    assert labels[alone].tolist() == [-1]
    assert same_partition(labels[~alone], group[~alone])
    assert hdbscan(x).tolist() == labels.tolist()


def test_hdbscan_at_its_bounds():
    x, _ = blobs([9])
    assert hdbscan(x).tolist() == [-1] * 9  # below the smallest cluster
    assert hdbscan(unit_rows(np.ones((10, 4)))).tolist() == [0] * 10
    with pytest.raises(ValueError, match='2 or more, but got 1'):
        hdbscan(x, min_cluster_size=1)


def test_hdbscan_sees_no_more_than_its_components(monkeypatch):
    seen = []
    found = SKLEARN.HDBSCAN.fit_predict

    def spy(self, x):
        seen.append(x.shape)
        return found(self, x)

    monkeypatch.setattr(SKLEARN.HDBSCAN, 'fit_predict', spy)
    hdbscan(blobs([60, 60], dim=80)[0])
    assert seen == [(120, 50)]


def test_without_scikit_learn(monkeypatch):
    monkeypatch.setitem(sys.modules, 'sklearn.cluster', None)
    with pytest.raises(ImportError) as e:
        hdbscan(blobs([20])[0])
    assert r"pip install 'dequity_mmdet3d[methods]'" in str(e.value)
    assert '\n' not in str(e.value)


def naive_distance(x, k):
    apart = np.linalg.norm(x[:, None].astype(float) - x, axis=2)
    np.fill_diagonal(apart, -1)  # each is its own nearest
    return np.sort(apart, axis=1)[:, k]


@pytest.mark.parametrize('k', [1, 4, 39])
def test_knn_density_against_all_pairs(monkeypatch, k):
    monkeypatch.setattr(density, '_CHUNK', 7)  # chunks of unequal length
    x = unit_rows(np.random.default_rng(k).standard_normal((40, 6)))
    p, distance = knn_density(x, k), naive_distance(x, k)
    assert p.dtype == np.float64 and p.shape == (40, )
    q = np.quantile(distance, 0.05)
    np.testing.assert_allclose(p, np.minimum(1, q / distance), rtol=1e-6)
    # denser is never less likely
    assert (np.diff(p[np.argsort(distance)]) <= 0).all()
    assert 0 < p.min() < p.max() == 1


def test_knn_density_by_hand():
    # on a circle at 0, 1, 3 and 7 degrees; chords of 1, 1, 2 and 4 degrees
    turn = np.deg2rad([0, 1, 3, 7])
    x = unit_rows(np.stack([np.cos(turn), np.sin(turn)], axis=1))
    # chords of such small angles are as long as the arcs
    np.testing.assert_allclose(knn_density(x, 1), [1, 1, 0.5, 0.25], rtol=.01)


def test_knn_density_of_copies():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((30, 5))
    x[:12] = 3 * x[0]  # 11 copies more, and as many lengths
    x[:12] *= rng.uniform(.1, 9, (12, 1))
    p = knn_density(unit_rows(x), k=10)
    assert p[:12].tolist() == [1] * 12
    assert (p[12:] > 0).all() and p[12:].min() < 1
    # the copies have no say in the scale of the others
    far = naive_distance(unit_rows(x), 10)[12:]
    np.testing.assert_allclose(
        p[12:], np.minimum(1, np.quantile(far, 0.05) / far), rtol=1e-5)
    assert knn_density(unit_rows(np.ones((20, 3)))).tolist() == [1] * 20


@pytest.mark.parametrize('n', [1, 2, 3])
def test_knn_density_of_fewer_than_k(n):
    p = knn_density(unit_rows(np.eye(3)[:n]))
    assert p.tolist() == pytest.approx([1] * n)


def test_knn_density_refuses_no_neighbour():
    with pytest.raises(ValueError, match='1 or more, but got 0'):
        knn_density(unit_rows(np.eye(3)), k=0)


# clusters 4 and 0 around two axes; the noise is nearer to 0, 4 and 0
LABELS = np.array([4, 0, -1, 4, -1, -1])
POINTS = unit_rows(
    np.array([[1, 0, 0], [0, 1, 0], [.4, .6, 0], [.9, .1, 0], [.7, .3, 0],
              [0, .1, 1]]))


@pytest.mark.parametrize('policy, expected', [
    ('single', [4, 0, -1, 4, -1, -1]),
    ('cluster', [4, 0, 5, 4, 5, 5]),
    ('nearest', [4, 0, 0, 4, 4, 0]),
])
def test_settle_noise_by_hand(policy, expected):
    before = LABELS.copy()
    labels = settle_noise(LABELS, POINTS, policy)
    assert labels.dtype == np.int64 and labels.tolist() == expected
    labels[:] = 9
    assert LABELS.tolist() == before.tolist()  # the caller keeps his own


@pytest.mark.parametrize('policy', ['single', 'cluster', 'nearest'])
def test_settle_noise_at_its_bounds(policy):
    all_noise = settle_noise(np.full(6, -1), POINTS, policy)
    assert all_noise.tolist() == [0 if policy == 'cluster' else -1] * 6
    assert settle_noise(np.arange(6), POINTS, policy).tolist() == [*range(6)]


def test_settle_noise_refuses():
    with pytest.raises(ValueError, match="'single', 'cluster', .*'drop'"):
        settle_noise(LABELS, POINTS, 'drop')
    with pytest.raises(ValueError, match='6 labels, but have 5'):
        settle_noise(LABELS, POINTS[:5], 'nearest')
