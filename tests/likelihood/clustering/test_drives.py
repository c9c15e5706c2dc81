"""Drives counted in place of frames, by hand and by identities."""
import numpy as np
import pytest

from dequity_mmdet3d.likelihood.clustering import ClusterSettings, cluster
from dequity_mmdet3d.likelihood.clustering.cells import make_cells
from dequity_mmdet3d.likelihood.clustering.drives import (
    drive_weights,
    like_frames,
)
from dequity_mmdet3d.likelihood.clustering.soft import soft_of
from dequity_mmdet3d.likelihood.embeddings.vectors import UnitVectors

from ..families import modes

pytest.importorskip('faiss', reason='faiss cannot be imported')
BY_DRIVE = ClusterSettings(count='drives')


def test_like_frames_by_hand():
    """Two frames at the bandwidth: 1 + (e^-1 - b) / (1 - b) each; the third
    is as near, but of another drive."""
    rows = np.array([[0, 0], [0, 2], [0, 0]], dtype=np.float32)
    drives = np.array([0, 0, 1])
    np.testing.assert_allclose(like_frames(rows, drives, 4.0),
                               [1 + np.exp(-1)] * 2 + [1], atol=1e-6)
    both = 1 + (np.exp(-1) - .2) / .8
    np.testing.assert_allclose(like_frames(rows, drives, 4.0, .2),
                               [both] * 2 + [1], atol=1e-6)
    # farther apart than the floor: nothing in common
    assert like_frames(rows, drives, .5, .1).tolist() == [1, 1, 1]


def test_a_drive_of_78_copies():
    """A red light beside another drive, each of whose frames is far from all
    others: 1/78 each, and 1."""
    rng = np.random.default_rng(0)
    passing = rng.standard_normal((200, 64)).astype(np.float32)
    passing /= np.linalg.norm(passing, axis=1, keepdims=True)
    rows = np.concatenate([np.tile(passing[:1], (78, 1)), passing[1:]])
    drives = np.append(np.zeros(78, int), np.arange(1, 200))
    weight = drive_weights(rows, make_cells(rows), drives)
    np.testing.assert_allclose(weight[:78], 1 / 78, rtol=1e-12)
    assert (weight[78:] == 1).all()


def test_a_drive_through_ten_scenes_counts_in_ten():
    scenes = np.repeat(10 * np.eye(10, dtype=np.float32), 7, axis=0)
    found = like_frames(scenes, np.zeros(70, int), 1.0)
    np.testing.assert_allclose((1 / found).sum(), 10)


def test_of_a_long_drive_some_frames_stand_for_all(monkeypatch):
    from dequity_mmdet3d.likelihood.clustering import drives
    rows = np.zeros((100, 2), dtype=np.float32)
    rows[:, 0] = np.linspace(0, 3, 100)
    whole = like_frames(rows, np.zeros(100, int), 1.0)
    monkeypatch.setattr(drives, '_MANY', 50)
    np.testing.assert_allclose(like_frames(rows, np.zeros(100, int), 1.0),
                               whole, rtol=.05)


def test_each_its_own_drive_is_frames_bit_for_bit():
    x = UnitVectors(modes([300, 60, 20])[0] + 1)
    frames = cluster(x)
    drives = cluster(x, BY_DRIVE, np.random.default_rng(0).permutation(len(x)))
    assert frames.likelihood.tobytes() == drives.likelihood.tobytes()
    assert frames.labels.tolist() == drives.labels.tolist()
    assert dict(frames.used, count='drives') == drives.used


def test_groups_count_drives():
    """Clear groups of 100 copies-but-noise each: one of 100 drives, one of a
    single drive, which comes out rarer than by frames."""
    rng = np.random.default_rng(1)
    rows = np.repeat(np.eye(3, 16, dtype=np.float32), 100, axis=0)
    rows += .01 * rng.standard_normal(rows.shape).astype(np.float32)
    drives = np.arange(300)
    drives[100:200] = 100
    drives = np.unique(drives, return_inverse=True)[1]
    labels, share, soft = soft_of(rows, drives=drives)
    _, by_frame, plain = soft_of(rows)
    assert soft.weight == plain.weight == 1
    np.testing.assert_allclose(by_frame, np.bincount(labels)[labels] / 300)
    # of whatever groups there are: shares of all sum to 1, and those of the
    # one drive to a tenth of what its frames are at most
    _, first = np.unique(labels, return_index=True)
    np.testing.assert_allclose(share[first].sum(), 1)
    alone = first[(first >= 100) & (first < 200)]
    np.testing.assert_allclose(by_frame[alone].sum(), 1 / 3)
    assert share[alone].sum() < 1 / 30


def test_one_drive_alone_lies_in_the_unit_interval():
    x = UnitVectors(modes([100, 30, 10])[0] + 1)
    p = cluster(x, BY_DRIVE, np.zeros(140, int)).likelihood
    assert ((p > 0) & (p <= 1)).all()


def test_what_cannot_be_counted():
    with pytest.raises(ValueError, match="belongs to the method 'soft'"):
        ClusterSettings('modes', count='drives')
    with pytest.raises(ValueError, match='count must be one of'):
        ClusterSettings(count='cars')
    x = UnitVectors(np.eye(4))
    with pytest.raises(ValueError, match='give their groups'):
        cluster(x, BY_DRIVE)
