"""Means, spreads and intervals against what is known of them."""
import sys

import numpy as np
import pytest
from scipy import stats

from dequity_mmdet3d.compare.statistics import (
    detectable,
    paired_interval,
    summarize,
)


def test_summary_by_hand():
    found = summarize([2.0, 4.0, np.nan, 9.0], [1.0, 1.0, 5.0, np.nan])
    assert found['seeds'] == 3 and found['pairs'] == 2
    assert found['mean'] == 5
    assert found['sd'] == pytest.approx(np.sqrt((9 + 1 + 16) / 2))
    assert found['difference'] == 2  # of 1 and 3
    assert np.isnan(found['low']) and np.isnan(found['high'])
    assert 'difference' not in summarize([1.0])
    assert np.isnan(summarize([1.0])['sd'])
    assert np.isnan(summarize([np.nan])['mean'])


def test_pairs_take_away_what_seeds_share():
    seeds = np.array([10.0, 30.0, 20.0, 50.0, 40.0])
    found = summarize(seeds + 1, seeds)
    assert (found['difference'], found['low'], found['high']) == (1, 1, 1)


def test_intervals_by_hand():
    """t quantiles from the closed forms of their distributions.

    For 2 degrees of freedom t_p = (2 p - 1) sqrt(2 / (4 p (1 - p))); for 4
    it is 2 sqrt(q - 1), q = cos(acos(sqrt(a)) / 3) / sqrt(a), a = 4 p (1 - p)
    (Shaw, "Sampling Student's T distribution", Journal of Computational
    Finance 9, 2006).
    """
    p = 0.975
    a = 4 * p * (1 - p)
    t_2 = (2 * p - 1) * np.sqrt(2 / a)
    t_4 = 2 * np.sqrt(np.cos(np.arccos(np.sqrt(a)) / 3) / np.sqrt(a) - 1)
    # the mean is 2, the standard deviation 1 and sqrt(5 / 2)
    reach = t_2 / np.sqrt(3)
    assert paired_interval(np.array([1.0, 2, 3])) == pytest.approx(
        (2 - reach, 2 + reach))
    reach = t_4 * np.sqrt(5 / 2) / np.sqrt(5)
    assert paired_interval(np.arange(5.0)) == pytest.approx(
        (2 - reach, 2 + reach))
    assert reach == pytest.approx(1.9632, abs=1e-4)


def test_interval_shifts_scales_and_mirrors():
    d = np.array([0.3, -0.1, 1.2, 0.7, 0.4])
    low, high = paired_interval(d)
    assert low < d.mean() < high
    assert paired_interval(d + 10) == pytest.approx((low + 10, high + 10))
    assert paired_interval(-3 * d) == pytest.approx((-3 * high, -3 * low))
    assert np.ptp(paired_interval(d, 0.5)) < high - low


@pytest.mark.parametrize('n', [3, 4, 7])
def test_excludes_zero_where_the_test_is_significant(n):
    """The interval holds the means that Student's test does not refuse."""
    rng = np.random.default_rng(n)
    seen = set()
    for d in rng.normal(1.5, 1, (100, n)):
        low, high = paired_interval(d)
        significant = stats.ttest_1samp(d, 0).pvalue < 0.05
        assert (low > 0 or high < 0) == significant
        seen.add(bool(significant))
    assert seen == {True, False}


def test_no_interval_below_three_pairs():
    for d in ([], [1.0], [1.0, 1.0], [1.0, 1.1]):
        assert np.isnan(paired_interval(np.array(d))).all()
    assert paired_interval(np.array([2.0, 2.0, 2.0])) == (2, 2)


@pytest.mark.parametrize('n', [3, 5, 8])
def test_covers_the_truth(n):
    """In 95 % of 4,000 draws; four standard errors are 1.4 %."""
    draws = np.random.default_rng(n).normal(size=(4000, n))
    inside = [low <= 0 <= high for low, high in map(paired_interval, draws)]
    assert np.mean(inside) == pytest.approx(0.95, abs=0.014)


def test_without_scipy(monkeypatch):
    monkeypatch.setitem(sys.modules, 'scipy', None)
    with pytest.raises(ImportError, match=r"need scipy .*mmdet3d\[compare\]"):
        paired_interval(np.arange(3.0))


def test_detectable_difference_is_detected():
    rng = np.random.default_rng(0)
    effect = detectable(2.0, 6)
    t = stats.ttest_1samp(rng.normal(effect, 2.0, (4000, 6)), 0, axis=1)
    assert np.mean(t.pvalue < 0.05) == pytest.approx(0.8, abs=0.03)
