"""Several images a sample: arranged, clustered, joined; against a loop."""
import numpy as np
import pytest

from dequity_mmdet3d.likelihood.choices import CAMERAS
from dequity_mmdet3d.likelihood.embeddings.cameras import (
    join_cameras,
    views_of,
)
from dequity_mmdet3d.likelihood.embeddings.vectors import unit_rows


def images(seed=0):
    """5 samples, 3 cameras, two images missing and one unusable."""
    rng = np.random.default_rng(seed)
    sample, camera = np.divmod(np.arange(15), 3)
    there = ~np.isin(np.arange(15), [4, 11])
    usable = np.arange(15)[there] != 2
    x = unit_rows(rng.standard_normal((13, 4)))
    return x, sample[there], camera[there], usable


def in_memory(view):
    return np.concatenate([b for _, b in view.vectors.blocks()])


def test_mean_by_hand():
    x = np.array([[1, 0], [0, 1], [1, 0], [0, -1]], dtype=np.float32)
    view, = views_of([x], np.array([0, 0, 1, 2]), np.array([0, 1, 0, 0]),
                     np.ones(4, bool), 'ab', 'mean')
    np.testing.assert_allclose(
        in_memory(view), [[.5**.5, .5**.5], [1, 0], [0, -1]], rtol=1e-6)
    assert view.rows.tolist() == [0, 1, 2] and view.name == ''


@pytest.mark.parametrize('cut', [13, 6])
def test_against_a_loop(cut):
    x, sample, camera, usable = images()
    parts = [x[:cut], x[cut:]] if cut < 13 else [x]
    view, = views_of(parts, sample, camera, usable, 'abc', 'mean')
    want = [x[(sample == i) & usable].mean(axis=0) for i in range(5)]
    np.testing.assert_allclose(in_memory(view), unit_rows(np.array(want)),
                               atol=1e-6)
    view, = views_of(parts, sample, camera, usable, 'abc', 'concat')
    mean = [x[(camera == c) & usable].mean(axis=0) for c in range(3)]
    want = [[
        next((x[k] for k in range(13)
              if (sample[k], camera[k]) == (i, c) and usable[k]), mean[c])
        for c in range(3)
    ] for i in range(5)]
    np.testing.assert_allclose(
        in_memory(view), unit_rows(np.reshape(want, (5, 12))), atol=1e-6)
    views = views_of(parts, sample, camera, usable, 'abc', 'likelihood-min')
    assert [v.name for v in views] == list('abc')
    for c, view in enumerate(views):
        mine = (camera == c) & usable
        assert view.rows.tolist() == sample[mine].tolist()
        np.testing.assert_allclose(in_memory(view), x[mine], atol=1e-6)


@pytest.mark.parametrize('policy', CAMERAS)
def test_one_camera_is_taken_as_it_is(policy):
    x, sample, *_ = images()
    sample = np.arange(13)
    usable = sample != 12
    view, = views_of([x], sample, sample * 0, usable, [''], policy)
    np.testing.assert_allclose(in_memory(view), x[:12], atol=1e-6)


def test_join_by_hand():
    p = np.array([[.5, 1.], [np.nan, .25]])
    clusters, sizes = np.array([[3, 0], [-1, 7]]), np.array([[5, 9], [1, 2]])
    joined = join_cameras(p, clusters, sizes, 'likelihood-mean')
    assert [j.tolist() for j in joined] == [[.75, .25], [3, 7], [5, 2]]
    joined = join_cameras(p, clusters, sizes, 'likelihood-min')
    assert [j.tolist() for j in joined] == [[.5, .25], [3, 7], [5, 2]]


def test_unknown_way():
    x, *rest = images()
    with pytest.raises(ValueError, match='for cameras must be one of'):
        views_of([x], *rest, 'abc', 'median')
