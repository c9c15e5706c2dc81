"""From cluster labels to likelihoods, by hand and against a naive count."""
from collections import Counter

import numpy as np
import pytest

from dequity_mmdet3d.likelihood.clustering import Clustering
from dequity_mmdet3d.likelihood.estimation.estimate import (
    likelihood_from_labels,
    refuse_degenerate,
)

# 5 samples of cluster 7, 2 of cluster 0, 2 outliers
LABELS = np.array([7, 7, 0, -1, 7, 7, 0, -1, 7])


def test_relative_by_hand():
    p, size = likelihood_from_labels(LABELS)
    assert size.tolist() == [5, 5, 2, 1, 5, 5, 2, 1, 5]
    assert p.tolist() == [1, 1, 0.4, 0.2, 1, 1, 0.4, 0.2, 1]
    assert p.dtype == np.float64 and size.dtype == np.int64


def test_share_by_hand():
    p, _ = likelihood_from_labels(LABELS, 'share')
    assert p.tolist() == [s / 9 for s in (5, 5, 2, 1, 5, 5, 2, 1, 5)]


def test_outliers_are_not_one_common_cluster():
    # three outliers and a pair: counted together they would look common
    p, size = likelihood_from_labels(np.array([-1, -1, -1, 0, 0]))
    assert p.tolist() == [0.5, 0.5, 0.5, 1, 1]
    assert size.tolist() == [1, 1, 1, 2, 2]
    p, _ = likelihood_from_labels(np.array([-1, -1]))
    assert p.tolist() == [1, 1]  # nobody is rarer than anybody


@pytest.mark.parametrize('kind', ['relative', 'share'])
def test_against_a_naive_count(kind):
    labels = np.random.default_rng(0).integers(-1, 9, 500)
    count = Counter(labels.tolist())
    count[-1] = 1
    whole = max(count.values()) if kind == 'relative' else 500
    p, size = likelihood_from_labels(labels, kind)
    assert size.tolist() == [count[i] for i in labels.tolist()]
    assert p.tolist() == [count[i] / whole for i in labels.tolist()]
    assert (p > 0).all() and (p <= 1).all()
    if kind == 'relative':
        assert p.max() == 1


@pytest.mark.parametrize('labels, text', [
    (np.array([], dtype=int), 'N > 0'),
    (np.array([0.0, 1.0]), 'float64'),
    (np.zeros((2, 2), int), r'\(2, 2\)'),
    (np.array([0, -2]), 'smallest is -2'),
])
def test_wrong_labels(labels, text):
    with pytest.raises(ValueError, match=text):
        likelihood_from_labels(labels)


def test_unknown_kind():
    with pytest.raises(ValueError, match="'relative', 'share'.*'mean'"):
        likelihood_from_labels(LABELS, 'mean')


@pytest.mark.parametrize('labels, text', [
    (np.full(20, -1), '20 of 20 samples belong to no cluster'),
    (np.arange(20), '20 clusters of 20 samples'),
])
def test_degenerate_results_are_refused(labels, text):
    with pytest.raises(ValueError, match=text):
        refuse_degenerate(Clustering(labels, dict(method='x')))


def test_a_single_sample_is_not_degenerate():
    refuse_degenerate(Clustering(np.zeros(1, dtype=int), dict(method='x')))
