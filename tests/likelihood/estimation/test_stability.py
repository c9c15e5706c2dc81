"""Repeats of an estimate: what they see, and what they are compared by."""
import numpy as np
import pytest

from dequity_mmdet3d.likelihood.clustering import ClusterSettings, cluster
from dequity_mmdet3d.likelihood.embeddings.vectors import UnitVectors
from dequity_mmdet3d.likelihood.estimation import stability
from dequity_mmdet3d.likelihood.estimation.estimate import (
    likelihood_from_labels,
)
from dequity_mmdet3d.likelihood.estimation.stability import repeat

from ..families import modes

pytest.importorskip('faiss', reason='faiss cannot be imported')


def repeated(x, method='soft', drives=None, **settings):
    vectors, settings = UnitVectors(x), ClusterSettings(method, **settings)
    counted = drives if settings.count == 'drives' else None
    found = cluster(vectors, settings, counted)
    p = likelihood_from_labels(found.labels)[0]
    if found.likelihood is not None:
        p = found.likelihood / found.likelihood.max()
    return p, repeat(found, vectors, settings, p, drives=drives)


def test_clear_modes_come_again():
    p, found = repeated(modes([800, 150, 50], spread=0.25)[0])
    assert min(found.correlation) > 0.95 and found.drives is None
    # sizes in a random four fifths; a few at the rim may be cut off
    assert np.median(found.deviation) < 0.03
    # the rarest tenth: 50 samples of 50 / 800, 50 of 150 / 800
    assert found.tenths[0] == pytest.approx((50 / 800 + 150 / 800) / 2)
    assert found.tenths[2:] == [1] * 8


def test_one_camera_of_another_seed_is_another_repeat():
    x = modes([300], spread=1.0)[0]
    assert repeated(x)[1] == repeated(x)[1]
    assert repeated(x)[1] != repeated(x, seed=5)[1]


def test_plain_kmeans_does_not():
    _, found = repeated(modes([900], spread=0.7)[0], 'kmeans')
    assert min(found.correlation) < 0.7 and max(found.deviation) > 0.05


@pytest.mark.parametrize('n, method', [(49, 'soft'), (2, 'kmeans'),
                                       (60, 'knn')])
def test_who_cannot_tell_does_not_say(n, method):
    assert repeated(modes([n], spread=1.0)[0], method)[1] is None


def test_drives_are_left_out_whole(monkeypatch):
    x = modes([540], spread=1.0)[0]
    seen = []
    soft_of = stability.soft_of

    def noted(rows, **kwargs):
        seen.append(len(rows))
        return soft_of(rows, **kwargs)

    monkeypatch.setattr(stability, 'soft_of', noted)
    drives = np.arange(540) // 54
    _, found = repeated(x, drives=drives)
    # of ten drives eight, of the samples four fifths
    assert len(found.drives) == 2 and seen == [432] * 4
    _, found = repeated(x, drives=np.minimum(drives, 3))  # four are too few
    assert found.drives is None


def test_nearly_all_common_is_judged_by_who_is():
    p = np.ones(100)
    p[:2] = 0.5
    again = p.copy()
    again[1], again[2] = 1.0, 0.5
    assert stability._agreement(p, again) == 0.98


def test_tenths_by_hand():
    p = np.linspace(0.05, 1, 20)
    first = np.arange(20), p + 0.1
    second = np.arange(10), p[:10] - 0.3
    means, deviation = stability._by_tenths(p, [first, second])
    assert means == pytest.approx(p.reshape(10, 2).mean(1))
    assert deviation[:5] == pytest.approx(
        [np.sqrt((0.1**2 + 0.3**2) / 2)] * 5)
    assert deviation[5:] == pytest.approx([0.1] * 5)
    # fewer samples than tenths
    means, _ = stability._by_tenths(p[:3], [])
    assert means == pytest.approx(p[:3])
