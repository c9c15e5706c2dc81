"""Soft counts against sums over all pairs, and their two extremes."""
import numpy as np
import pytest

from dequity_mmdet3d.likelihood.clustering import ClusterSettings, cluster
from dequity_mmdet3d.likelihood.clustering.cells import Cells, make_cells
from dequity_mmdet3d.likelihood.clustering.soft import find_soft, soft_of
from dequity_mmdet3d.likelihood.clustering.soft_count import (
    SoftCount,
    clearness,
    likelihood,
    soft_count,
)
from dequity_mmdet3d.likelihood.clustering.subspace import principal_subspace
from dequity_mmdet3d.likelihood.embeddings.vectors import UnitVectors

from ..families import modes

pytest.importorskip('faiss', reason='faiss cannot be imported')


def cells_of_one(rows):
    """Every sample is a cell."""
    n, q = rows.shape
    return Cells(np.arange(n), np.ones(n), rows.astype(np.float64),
                 np.zeros((n, q, q), dtype=np.float32), 1.0, 1.0)


def squares(rows):
    return ((rows[:, None] - rows[None])**2).sum(axis=2)


def test_two_samples_by_hand():
    """Each sees itself and the other, at the bandwidth: only pairs of
    samples that differ have a say in it."""
    rows = np.array([[0, 0], [0, 2]], dtype=np.float32)
    found = soft_count(rows, cells_of_one(rows))
    assert found.bandwidth == 4
    want = (1 + np.exp(-1)) / 2
    np.testing.assert_allclose(found.log_share(rows), np.log([want] * 2),
                               atol=1e-6)
    far = np.array([[0, 1e4]], dtype=np.float32)
    assert np.isfinite(found.log_share(far)).all()


def test_against_the_sum_over_all_pairs():
    x, _ = modes([200, 60, 20])
    square = squares(x.astype(np.float64))
    found = soft_count(x, cells_of_one(x))
    # nearly all distances of 280 samples are of different samples
    want = np.quantile(square[square > 1e-9], 0.1)
    np.testing.assert_allclose(found.bandwidth, want, rtol=1e-2)
    np.testing.assert_allclose(
        np.exp(found.log_share(x)),
        np.exp(-square / found.bandwidth).mean(axis=1), rtol=1e-4)


def test_cells_stand_for_their_samples():
    x, _ = modes([600, 150, 50], spread=0.3)
    cells = make_cells(x)
    near = soft_count(x, cells)
    exact = SoftCount(np.ones(len(x)), x, np.zeros(len(x)), near.bandwidth)
    off = near.log_share(x) - exact.log_share(x)
    assert len(cells.size) < len(x) / 4 and np.abs(off).mean() < 0.1


def test_copies_alone():
    rows = np.ones((5, 2), dtype=np.float32)
    found = soft_count(rows, cells_of_one(rows))
    np.testing.assert_allclose(found.log_share(rows), 0, atol=1e-6)


def test_clearness_by_hand():
    """Between groups 16, within 4 each of two: R^2 = 1 - 8 / 40."""
    log_share = np.array([-2., 0, 0, 2] * 10)
    labels = np.array([0, 0, 1, 1] * 10)
    # means -1 and 1: within 1 + 1 + 1 + 1 of a total of 8
    weight, part = clearness(log_share, labels)
    assert part == 0.5 and weight == 0
    # 0.8 lies in the middle between not clear and clear
    log_share = np.array([-3., -1, 1, 3] * 10)
    weight, part = clearness(log_share, labels)
    np.testing.assert_allclose([weight, part], [0.5, 0.8])
    # as clear as can be, but fifteen samples a group
    two = np.repeat([0., 1], [15, 15])
    weight, part = clearness(two, two.astype(np.int64))
    np.testing.assert_allclose([weight, part], [0.5, 1])
    assert clearness(np.zeros(4), np.zeros(4, dtype=np.int64)) == (1, 1)


def test_the_geometric_mean():
    p = likelihood(np.log([0.04, 0.5]), np.array([0.16, 0.5]), 0.5)
    np.testing.assert_allclose(p, [0.08, 0.5])


def test_clear_groups_count_by_their_size():
    x, mode = modes([400, 100, 40], spread=0.25)
    found = cluster(UnitVectors(x), ClusterSettings())
    assert found.soft.weight == 1
    np.testing.assert_allclose(
        found.likelihood, np.array([400, 100, 40])[mode] / 540)


def test_one_cloud_counts_softly():
    """No groups: the rim is rarer than the middle, and copies of one do not
    make the rest rare."""
    x, _ = modes([600], spread=1.0)
    found = cluster(UnitVectors(x), ClusterSettings())
    assert found.soft.weight == 0 or found.labels.max() == 0
    low, high = np.percentile(found.likelihood, [5, 95])
    assert low > 0.3 * high


@pytest.mark.parametrize('n', [1, 2, 3, 7])
@pytest.mark.parametrize('same', [False, True])
def test_very_few_samples(n, same):
    x = np.random.default_rng(0).standard_normal((n, 5)).astype(np.float32)
    x[:] = x[0] if same else x
    found = cluster(UnitVectors(x), ClusterSettings())
    assert found.likelihood.shape == (n, )
    assert (0 < found.likelihood).all() and (found.likelihood <= 1).all()
    if same:
        np.testing.assert_allclose(found.likelihood, 1, rtol=1e-6)


def test_no_order_of_the_samples_matters_much():
    x, _ = modes([340], spread=1.0)
    back = np.arange(340)[::-1]
    p = find_soft(UnitVectors(x))[1]
    q = find_soft(UnitVectors(np.ascontiguousarray(x[back])))[1]
    assert np.corrcoef(np.log(p[back]), np.log(q))[0, 1] > 0.99


def test_the_same_seed_gives_the_same_bits():
    x, _ = modes([300, 80, 20], spread=0.8)
    a, b = (find_soft(UnitVectors(x), seed=3) for _ in range(2))
    for u, v in zip(a[:2], b[:2]):
        np.testing.assert_array_equal(u, v)


def test_the_training_set_under_itself():
    """Placing the samples anew gives what was fitted."""
    x, _ = modes([300, 60], spread=1.2)
    vectors = UnitVectors(x)
    labels, share, soft, rows = find_soft(vectors)
    placed = soft.modes.place(vectors)
    size = np.bincount(labels)[labels]
    np.testing.assert_allclose(soft.share(placed, size), share, rtol=1e-6)
    again = soft_of(rows, principal_subspace(vectors))
    np.testing.assert_array_equal(again[1], share)
