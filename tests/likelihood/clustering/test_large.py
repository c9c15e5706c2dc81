"""Cells of large sets: learned from a part, counted of all."""
import numpy as np
import pytest

from dequity_mmdet3d.likelihood.clustering import (
    ClusterSettings,
    Room,
    cluster,
    kernel_count,
    large,
    stored_rows,
)
from dequity_mmdet3d.likelihood.clustering.large import (
    are_together,
    assign,
    choose_strays,
    sums_of,
)
from dequity_mmdet3d.likelihood.clustering.stored_rows import (
    StoredRows,
    store_rows,
)
from dequity_mmdet3d.likelihood.clustering.subspace import principal_subspace
from dequity_mmdet3d.likelihood.embeddings import vectors
from dequity_mmdet3d.likelihood.embeddings.vectors import UnitVectors
from dequity_mmdet3d.likelihood.estimation.ranks import rank_correlation

from ..families import agree, modes

pytest.importorskip('faiss', reason='faiss cannot be imported')

PART = 1000
SIZES = [2900, 1400, 500, 150, 42, 8]  # of the last, a part has one or two


@pytest.fixture(scope='module')
def drawn():
    x, mode = modes(SIZES)
    return x.astype(np.float16), mode


@pytest.fixture(scope='module')
def found(drawn):
    return cluster(UnitVectors(drawn[0]), ClusterSettings(exact=PART))


def test_as_many_as_are_learned_from_are_not_large(drawn, found):
    x, mode = drawn
    few = UnitVectors(x[:PART])
    same = cluster(few, ClusterSettings(exact=PART))
    assert isinstance(same.rows, np.ndarray)
    assert 'learned_from' not in same.used
    np.testing.assert_array_equal(same.likelihood, cluster(few).likelihood)
    assert isinstance(found.rows, StoredRows)
    assert found.used['learned_from'] == PART


def test_all_are_counted_and_what_is_rare_stays_rare(drawn, found):
    x, mode = drawn
    assert agree(found.labels, mode) > .99
    # sizes of all, not of a part: groups are clear here
    assert found.used['weight'] == 1
    rare = found.likelihood[mode == 5] * len(x)
    np.testing.assert_allclose(rare, 8, atol=1)
    assert found.likelihood[mode < 5].min() * len(x) >= 1
    for k, size in enumerate(SIZES[:3]):
        np.testing.assert_allclose(
            np.median(found.likelihood[mode == k]) * len(x), size, rtol=.02)


def test_near_the_way_that_learns_from_all(drawn, found):
    exact = cluster(UnitVectors(drawn[0]))
    assert rank_correlation(exact.likelihood, found.likelihood) > .98
    counts = [c.soft.counts.count for c in (exact, found)]
    assert counts[1].size.sum() == len(drawn[0])
    np.testing.assert_allclose(counts[1].bandwidth, counts[0].bandwidth,
                               rtol=.05)
    some = exact.rows[::7]
    np.testing.assert_allclose(found.rows[::7], some, atol=1e-3)


def test_blocks_of_any_size_give_the_same_bits(drawn, found, monkeypatch):
    monkeypatch.setattr(stored_rows, 'BLOCK', 777)
    monkeypatch.setattr(large, 'BLOCK', 1234)
    monkeypatch.setattr(large, '_PAIRS_AT_ONCE', 2**14)
    monkeypatch.setattr(kernel_count, '_PAIRS_AT_ONCE', 2**15)
    monkeypatch.setattr(vectors, '_BLOCK', 1000)
    again = cluster(UnitVectors(drawn[0]), ClusterSettings(exact=PART))
    np.testing.assert_array_equal(again.labels, found.labels)
    np.testing.assert_array_equal(again.likelihood, found.likelihood)
    np.testing.assert_array_equal(again.modes.cells, found.modes.cells)


def test_a_file_is_never_read_whole(drawn, tmp_path, monkeypatch):
    monkeypatch.setattr(vectors, '_BLOCK', 500)
    monkeypatch.setattr(vectors, '_GATHER', 100)
    np.save(tmp_path / 'e.npy', drawn[0])
    read = []

    class Counted(np.memmap):
        def __getitem__(self, which):
            got = np.asarray(super().__getitem__(which))
            read.append(len(got))
            return got

    x = np.load(tmp_path / 'e.npy', mmap_mode='r').view(Counted)
    cluster(UnitVectors(x).check(), ClusterSettings(
        exact=PART, room=Room(str(tmp_path / 'new'))))
    assert max(read) == 500
    # looked at, reduced, and the sample that tells the axes
    assert sum(read) == 3 * len(x)
    assert not [*(tmp_path / 'new').iterdir()]


def test_modes_and_drives_of_large_sets(drawn):
    x, mode = drawn
    got = cluster(UnitVectors(x), ClusterSettings('modes', exact=PART))
    assert agree(got.labels, mode) > .99
    alone = np.arange(len(x))
    settings = ClusterSettings(count='drives', exact=PART)
    # each its own drive: as frames
    same = cluster(UnitVectors(x), settings, alone)
    frames = cluster(UnitVectors(x), ClusterSettings(exact=PART))
    np.testing.assert_array_equal(same.likelihood, frames.likelihood)
    # a mode that one drive stands in counts about once
    one = np.where(mode == 3, 0, alone + 1)
    stood = cluster(UnitVectors(x), settings, np.unique(
        one, return_inverse=True)[1])
    assert stood.likelihood[mode == 3].max() < (
        frames.likelihood[mode == 3].min() / 5)


def test_the_nearest_centre():
    rng = np.random.default_rng(0)
    rows, centres = (rng.standard_normal((n, 5)).astype(np.float32)
                     for n in (300, 20))
    centres[7] = centres[3]  # the first of copies
    labels, square = assign(rows, centres)
    far = ((rows[:, None].astype(np.float64) - centres)**2).sum(axis=2)
    np.testing.assert_array_equal(labels, far.argmin(axis=1))
    np.testing.assert_allclose(square, far.min(axis=1), rtol=1e-5)


def test_sums_are_exact_in_any_order(monkeypatch):
    rng = np.random.default_rng(0)
    rows = (.3 * rng.standard_normal((500, 4))).astype(np.float32)
    labels = rng.integers(0, 3, 500)
    centres = np.array([[0, 0, 0, 0], [.5, 0, 0, 0], [9, 9, 9, 9],
                        [0, 0, .5, 0]], dtype=np.float32)[[0, 1, 3, 2]]
    size, total, scatter = sums_of(rows, labels, centres)
    assert size.tolist() == [*np.bincount(labels), 0]
    assert not total[3].any() and not scatter[3].any()
    for k in range(3):
        off = rows[labels == k].astype(np.float64) - centres[k]
        np.testing.assert_allclose(total[k], off.sum(axis=0), atol=1e-3)
        np.testing.assert_allclose(scatter[k], off.T @ off, atol=1e-3)
    # what machines count of their shares adds up to the same bits
    shares = [sums_of(rows[i::3], labels[i::3], centres, n=500)
              for i in range(3)]
    for whole, parts in zip((size, total, scatter), zip(*shares)):
        np.testing.assert_array_equal(sum(parts), whole)
    order = rng.permutation(500)
    monkeypatch.setattr(large, 'BLOCK', 11)
    again = sums_of(rows[order], labels[order], centres)
    np.testing.assert_array_equal(total, again[1])
    np.testing.assert_array_equal(scatter, again[2])


def test_the_farther_the_likelier():
    excess = np.array([-1, 0, .5, 1, 8, -2, 8])
    np.testing.assert_array_equal(choose_strays(excess, 4), [2, 3, 4, 6])
    drawn = np.concatenate([choose_strays(excess, 1, s) for s in range(400)])
    # one of two in 17.5 is drawn by its share of the excess
    part = np.bincount(drawn, minlength=7) / 400
    np.testing.assert_allclose(
        part, [0, 0, .5 / 17.5, 1 / 17.5, 8 / 17.5, 0, 8 / 17.5], atol=.08)
    np.testing.assert_array_equal(choose_strays(excess, 2, 5),
                                  choose_strays(excess, 2, 5))


def test_rims_lie_apart_and_modes_together():
    """In many dimensions; a rim at 1.5 times the breadth of its mode."""
    rng = np.random.default_rng(0)
    q = 32
    rim = rng.standard_normal((200, q))
    rim *= 1.5 / np.linalg.norm(rim, axis=1)[:, None]
    mode = rng.standard_normal((20, q)) / np.sqrt(q) + 4
    pair = rng.standard_normal((2, q)) / np.sqrt(q) - 9
    rows = np.concatenate([rim, mode, pair]).astype(np.float32)
    found = are_together(rows, 1.0)
    assert found[200:220].all()
    assert found[:200].mean() < .05 and not found[220:].any()
    assert not are_together(rows[200:204], 1.0).any()


def test_stored_rows_are_read_like_an_array(drawn):
    read = UnitVectors(drawn[0][:50])
    subspace = principal_subspace(read)
    stored = store_rows(subspace, read)
    want = subspace.project(read).astype(np.float16).astype(np.float32)
    assert len(stored) == 50 and stored.shape == want.shape
    for which in (slice(3, 9), slice(None, None, -3), slice(9, 3),
                  np.array([4, 4, 1]), np.array([], dtype=int)):
        np.testing.assert_array_equal(stored[which], want[which])
    twice = stored.through(lambda rows: 2 * rows)
    np.testing.assert_array_equal(twice[:5], 2 * want[:5])
    np.testing.assert_array_equal(
        np.concatenate([b for _, b in stored.blocks()]), want)
