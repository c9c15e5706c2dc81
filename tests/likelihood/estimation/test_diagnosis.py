"""The diagnosis: what it counts, what it refuses, whom it warns."""
import numpy as np
import pytest

from dequity_mmdet3d.likelihood.clustering import (
    Clustering,
    ClusterSettings,
    cluster,
)
from dequity_mmdet3d.likelihood.embeddings.vectors import UnitVectors
from dequity_mmdet3d.likelihood.estimation.diagnosis import (
    diagnose,
    rank_correlation,
    refuse_degenerate,
)

from ..families import modes

pytest.importorskip('faiss', reason='faiss cannot be imported')


def diagnosed(x, method='modes'):
    vectors, settings = UnitVectors(x), ClusterSettings(method)
    return diagnose(cluster(vectors, settings), vectors, settings)


def test_counts_by_hand():
    found = diagnosed(modes([800, 150, 50])[0])
    assert (found.samples, found.clusters, found.lone) == (1000, 3, 0)
    assert found.largest == 0.8 and found.rare == 50
    assert min(found.correlation) > 0.95
    first, second, third = found.lines()
    assert first == '3 clusters of 1000 samples; the largest holds 80.0%'
    assert second.startswith('50 samples (5.0%) are rare')
    assert third.startswith('likelihoods are stable')


def test_soft_counts_say_how_they_came_about():
    clear = diagnosed(modes([800, 150, 50], spread=0.25)[0], 'soft')
    assert (clear.weight, clear.clusters, clear.rare) == (1, 3, 50)
    assert 'clusters, whose sizes are the likelihood' in clear.lines()[2]
    cloud = diagnosed(modes([600], spread=1.0)[0], 'soft')
    assert cloud.weight == 0 and min(cloud.correlation) > 0.95
    assert 'counts softly' in ' '.join(cloud.lines())
    assert 'stable' in cloud.lines()[-1]
    few = diagnosed(modes([30])[0], 'soft')
    assert few.correlation is None and 'too few' in few.lines()[-1]


def test_one_mode_is_said():
    lines = diagnosed(modes([600], spread=0.7)[0]).lines()
    assert 'nothing is rare' in ' '.join(lines)


def test_plain_kmeans_is_not_to_be_trusted():
    found = diagnosed(modes([900], spread=0.7)[0], 'kmeans')
    assert min(found.correlation) < 0.7
    assert 'do not trust' in found.lines()[-1]


@pytest.mark.parametrize('labels, text', [
    (np.full(20, -1), '20 of 20 samples belong to no cluster'),
    (np.arange(20), '20 clusters of 20 samples'),
])
def test_degenerate_results_are_refused(labels, text):
    with pytest.raises(ValueError, match=text):
        refuse_degenerate(Clustering(labels, dict(method='x')))


def test_a_single_sample_is_not_degenerate():
    refuse_degenerate(Clustering(np.zeros(1, dtype=int), dict(method='x')))


def test_rank_correlation_against_scipy():
    stats = pytest.importorskip('scipy.stats')
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 9, 200), rng.integers(0, 5, 200)
    for x, y in ((a, b), (a, a + b), (a, -a)):
        assert rank_correlation(x, y) == pytest.approx(stats.spearmanr(x,
                                                                       y)[0])
    assert rank_correlation(a, a * 0) == 0
    assert rank_correlation(a * 0, a * 0 + 1) == 1
