"""Spearman's rank correlation, against scipy's."""
import numpy as np
import pytest

from dequity_mmdet3d.likelihood.estimation.ranks import rank_correlation


def test_rank_correlation_against_scipy():
    stats = pytest.importorskip('scipy.stats')
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 9, 200), rng.integers(0, 5, 200)
    for x, y in ((a, b), (a, a + b), (a, -a)):
        assert rank_correlation(x, y) == pytest.approx(stats.spearmanr(x,
                                                                       y)[0])
    assert rank_correlation(a, a * 0) == 0
    assert rank_correlation(a * 0, a * 0 + 1) == 1
