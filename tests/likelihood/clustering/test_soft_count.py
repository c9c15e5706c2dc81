"""Soft counts against sums over all pairs, and their two extremes."""
from dataclasses import replace

import numpy as np
import pytest

from dequity_mmdet3d.likelihood.clustering import ClusterSettings, cluster
from dequity_mmdet3d.likelihood.clustering.cells import Cells, make_cells
from dequity_mmdet3d.likelihood.clustering.soft import find_soft, soft_of
from dequity_mmdet3d.likelihood.clustering.soft_count import (
    far_count,
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


def reference(square, quantiles):
    """Count, and what is asked, by sums over all pairs."""
    alike, unlike, near = quantiles
    floor = np.exp(-unlike / alike)
    kernel = np.maximum(np.exp(-square / alike) - floor, 0) / (1 - floor)
    count = np.log(kernel.mean(axis=1))
    near = np.exp(-square / near)  # each is among those that it asks
    return count, (near @ count + count) / (near.sum(axis=1) + 1)


def test_two_samples_by_hand():
    """One distance, 4, at which nothing is alike: each is half of all."""
    rows = np.array([[0, 0], [0, 2]], dtype=np.float32)
    found = soft_count(rows, cells_of_one(rows))
    assert found.count.bandwidth == found.near == 4
    assert found.count.floor == np.exp(-1)
    want = np.log([0.5, 0.5])
    np.testing.assert_allclose(found.count.log_count(rows), want, atol=1e-6)
    np.testing.assert_allclose(found.log_share(rows), want, atol=1e-6)


def test_a_sample_like_no_other_counts_as_itself():
    x, _ = modes([200, 60])
    found = soft_count(x, cells_of_one(x))
    far = np.full_like(x[:1], 1e4)
    for log in (found.count.log_count(far), found.log_share(far)):
        np.testing.assert_allclose(log, -np.log(260), atol=1e-6)


def test_three_alike_and_one_apart_by_hand():
    """Copies are no distances. Nothing is alike at the only one."""
    rows = np.array([[0.], [0], [0], [3]], dtype=np.float32)
    found = soft_count(rows, cells_of_one(rows))
    np.testing.assert_allclose(
        np.exp(found.count.log_count(rows)), [.75, .75, .75, .25], rtol=1e-5)
    # e^-1 of the other is asked: three and oneself against one, and
    # the one and itself against three
    e, common, rare = np.exp(-1), np.log(.75), np.log(.25)
    asked = np.array([(4 * common + e * rare) / (4 + e)] * 3 +
                     [(2 * rare + 3 * e * common) / (2 + 3 * e)])
    np.testing.assert_allclose(found.counts(rows)[1], asked, atol=1e-5)
    # a line through two points goes through both
    assert found.slope > 1
    np.testing.assert_allclose(
        np.diff(found.log_share(rows))[-1],
        found.slope * np.diff(asked)[-1], atol=1e-5)
    np.testing.assert_allclose(found.slope * (asked[0] - asked[3]),
                               common - rare, rtol=1e-4)


def test_against_the_sum_over_all_pairs():
    x, _ = modes([200, 60, 20])
    square = squares(x.astype(np.float64))
    found = soft_count(x, cells_of_one(x))
    # nearly all distances of 280 samples are of different samples
    want = np.quantile(square[square > 1e-9], [0.1, 0.7, 0.01])
    unlike = -np.log(found.count.floor) * found.count.bandwidth
    np.testing.assert_allclose(
        [found.count.bandwidth, unlike, found.near], want, rtol=1e-2)
    count, asked = reference(
        square, [found.count.bandwidth, unlike, found.near])
    np.testing.assert_allclose(found.count.log_count(x), count, atol=1e-4)
    np.testing.assert_allclose(found.counts(x)[1], asked, atol=1e-4)
    slope, zero = np.polyfit(asked, count, 1)
    assert slope > 1
    line = zero + slope * asked
    left = count - line
    noise = 1.4826 * np.median(np.abs(left - np.median(left)))
    np.testing.assert_allclose(found.noise, noise, rtol=1e-2)
    # more than two deviations below the line is no noise
    want = line + np.minimum(left + 2 * noise, 0)
    assert (want < line).any()
    np.testing.assert_allclose(
        found.log_share(x), np.clip(want, -np.log(280), 0), atol=5e-3)


def test_plain_counts_from_afar():
    x, _ = modes([200, 60, 20])
    square = squares(x.astype(np.float64))
    found = far_count(x, cells_of_one(x))
    np.testing.assert_allclose(
        found.bandwidth, np.median(square[square > 1e-9]), rtol=1e-2)
    np.testing.assert_allclose(
        np.exp(found.log_count(x)),
        np.exp(-square / found.bandwidth).mean(axis=1), rtol=1e-4)


def test_cells_stand_for_their_samples():
    x, _ = modes([600, 150, 50], spread=0.3)
    cells = make_cells(x)
    near = soft_count(x, cells)
    exact = replace(near, count=replace(
        near.count, size=np.ones(len(x)), mean=x, spread=np.zeros(len(x))))
    assert len(cells.size) < len(x) / 4
    off = near.counts(x)[1] - exact.counts(x)[1]
    # a factor that all have in common means nothing
    assert abs(off.mean()) < 0.2 and off.std() < 0.1


def test_copies_alone():
    rows = np.ones((5, 2), dtype=np.float32)
    found = soft_count(rows, cells_of_one(rows))
    np.testing.assert_allclose(found.log_share(rows), 0, atol=1e-6)


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
    assert low > 0.1 * high


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
