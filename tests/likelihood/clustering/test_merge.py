"""Cells and their merging, against slow references."""
import numpy as np
import pytest

from dequity_mmdet3d.likelihood.clustering import cells, merge
from dequity_mmdet3d.likelihood.clustering.subspace import principal_subspace
from dequity_mmdet3d.likelihood.embeddings.vectors import (
    UnitVectors,
    unit_rows,
)

from ..families import modes

pytest.importorskip('faiss', reason='faiss cannot be imported')


@pytest.fixture
def made():
    x, _ = modes([400, 90, 10], spread=0.8)
    rows = principal_subspace(UnitVectors(x)).project(UnitVectors(x))
    return rows, cells.make_cells(rows)


def test_cells_describe_their_samples(made):
    rows, found = made
    assert found.labels.min() == 0
    for k in range(len(found.size)):
        mine = rows[found.labels == k].astype(np.float64)
        assert found.size[k] == len(mine) > 0
        np.testing.assert_allclose(found.mean[k], mine.mean(axis=0), atol=1e-6)
        inside = mine - mine.mean(axis=0)
        np.testing.assert_allclose(
            found.scatter[k], inside.T @ inside, atol=1e-4)


def test_no_cell_is_much_broader_than_the_common_one(made):
    rows, found = made
    variance = np.trace(found.scatter, axis1=1, axis2=2) / np.maximum(
        found.size - 1, 1)
    assert variance.max() <= cells.BROAD**2 * found.scale * 1.001


def test_effective_dims_of_a_known_covariance():
    rng = np.random.default_rng(0)
    # variances 4, 1, 1, 1: (4 + 3)^2 / (16 + 3) = 2.58
    x = (rng.standard_normal((4000, 4)) * [2, 1, 1, 1]).astype(np.float32)
    found = cells._describe(x, np.zeros(4000, dtype=np.int64), 7.0, 0)
    assert found.dims == pytest.approx(49 / 19, rel=0.05)


def test_number_of_cells():
    assert [cells.number_of_cells(n) for n in (1, 3, 10, 400, 10_000)
            ] == [1, 1, 5, 80, 400]
    assert cells.number_of_cells(10_000, 0.5) == 200
    assert cells.number_of_cells(10**8) == 6000


def test_separation_by_hand():
    """Two groups of 1,000 on a line, 10 standard deviations apart."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((2000, 3)).astype(np.float32)
    x[1000:, 0] += 10
    labels = np.repeat([0, 1], 1000)
    groups = merge._Groups(cells._describe(x, labels, 3.0, 0))
    assert groups.keys.tolist() == [1]  # 0 * 2 + 1
    assert groups.apart[0] == pytest.approx(10, rel=0.03)
    # the halves of a uniform distribution: sqrt(12)
    x = np.linspace(0, 1, 2000, dtype=np.float32)[:, None]
    groups = merge._Groups(cells._describe(x, labels, 0.02, 0))
    assert groups.apart[0] == pytest.approx(np.sqrt(12), rel=0.02)


def test_small_groups_of_one_distribution_are_not_apart():
    """In many dimensions, where every pair of means is far apart."""
    x = np.random.default_rng(0).standard_normal((60, 100), dtype=np.float32)
    groups = merge._Groups(
        cells._describe(x, np.arange(60) // 3, 100.0, 0))
    assert (groups.apart < 2).all()


def test_merged_statistics_are_those_of_the_union(made):
    rows, found = made
    groups = merge._Groups(found)
    groups.merge(2, 5)
    groups.merge(2, 7)
    both = rows[np.isin(found.labels, [2, 5, 7])].astype(np.float64)
    inside = both - both.mean(axis=0)
    assert groups.size[2] == len(both)
    np.testing.assert_allclose(groups.mean[2], both.mean(axis=0), atol=1e-6)
    np.testing.assert_allclose(
        groups.scatter[2], inside.T @ inside, atol=1e-4)
    assert groups.trace[2] == pytest.approx((inside**2).sum(), rel=1e-5)
    # the cells themselves are not touched
    assert found.size[2] < len(both)


def test_entropy_falls_and_ends_the_merging(made):
    _, found = made
    merged = merge.merge_cells(found)
    assert (np.diff(merged.entropy) <= 1e-12).all()
    share = np.bincount(
        merged.labels, weights=found.size) / found.size.sum()
    at = np.flatnonzero(merge.LEVELS == merged.level)[0]
    assert merged.entropy[at] == pytest.approx(-(share * np.log(share)).sum())


def levels_like(*steps):
    """An entropy that falls to a value from a level on."""
    entropy = np.full(len(merge.LEVELS), 5.0)
    for level, value in steps:
        entropy[merge.LEVELS >= level] = value
    return entropy


def test_stops_on_the_first_flat_part():
    # flat from 3 to 4, then everything runs together and is flat again
    assert merge.stable_level(levels_like((3, 2.5), (4.2, 0.1))) == 3.25
    # merging goes on to 4: flat only from there
    steps = [(level, 6 - level) for level in np.arange(2.5, 4.01, .125)]
    assert merge.stable_level(levels_like(*steps)) == pytest.approx(4.25)


def test_flat_before_the_merging_does_not_count():
    entropy = levels_like((4, 1.0))
    assert merge.stable_level(entropy) == 3.25
    assert merge.stable_level(entropy, max_entropy=4.5) == pytest.approx(4.25)
    # where nothing ever merges, the first level is as good as any
    assert merge.stable_level(entropy + 9, max_entropy=4.5) == 3.25


def test_subspace_explains_the_data_and_keeps_distances():
    x, _ = modes([300, 50], rank=6, dim=40)
    subspace = principal_subspace(UnitVectors(x))
    assert subspace.axes.shape[0] == 40 and subspace.axes.shape[1] <= 7
    np.testing.assert_allclose(
        subspace.axes.T @ subspace.axes, np.eye(subspace.axes.shape[1]),
        atol=1e-5)
    rows = subspace.project(UnitVectors(x))
    far = np.linalg.norm(x[:50, None] - x[None, :50], axis=2)
    near = np.linalg.norm(rows[:50, None] - rows[None, :50], axis=2)
    assert (near <= far + 1e-5).all()
    assert (near**2).sum() > 0.97 * (far**2).sum()


def test_subspace_of_a_single_point():
    x = unit_rows(np.ones((7, 5)))
    rows = principal_subspace(UnitVectors(x)).project(UnitVectors(x))
    assert np.abs(rows).max() < 1e-6


def test_subspace_of_more_numbers_than_samples():
    x, _ = modes([40, 20], rank=6, dim=300)
    few = principal_subspace(UnitVectors(x))
    many = principal_subspace(UnitVectors(np.tile(x, (6, 1))))
    np.testing.assert_allclose(
        few.axes.T @ few.axes, np.eye(few.axes.shape[1]), atol=1e-4)
    # the same subspace, whichever way it was found
    np.testing.assert_allclose(
        few.axes @ few.axes.T, many.axes @ many.axes.T, atol=1e-3)
