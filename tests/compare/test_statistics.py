"""Means, spreads and intervals against what is known of them."""
import numpy as np
import pytest
from scipy import stats

from dequity_mmdet3d.compare import statistics
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


def test_interval_shifts_and_mirrors():
    d = np.array([0.3, -0.1, 1.2, 0.7, 0.4])
    low, high = paired_interval(d)
    assert d.min() <= low < d.mean() < high <= d.max()
    assert paired_interval(d + 10) == pytest.approx((low + 10, high + 10))
    # the same resamples in another sign
    assert paired_interval(-d) == pytest.approx((-high, -low), abs=0.05)
    assert paired_interval(d) == (low, high)


def test_many_seeds_come_to_students_interval():
    d = np.random.default_rng(0).normal(1, 2, 200)
    expected = stats.t.interval(0.95, 199, d.mean(), stats.sem(d))
    assert paired_interval(d) == pytest.approx(expected, abs=0.03)


@pytest.mark.parametrize('n, lowest', [(5, 0.89), (10, 0.92)])
def test_covers_the_truth(n, lowest, monkeypatch):
    """Where nothing differs, 0 lies within; the plain percentile bootstrap
    holds it in 83 % at five seeds."""
    monkeypatch.setattr(statistics, 'RESAMPLES', 2000)
    rng = np.random.default_rng(n)
    inside = [
        low <= 0 <= high
        for low, high in (paired_interval(rng.normal(size=n))
                          for _ in range(400))
    ]
    assert np.mean(inside) > lowest


def test_detectable_difference_is_detected():
    rng = np.random.default_rng(0)
    effect = detectable(2.0, 6)
    t = stats.ttest_1samp(rng.normal(effect, 2.0, (4000, 6)), 0, axis=1)
    assert np.mean(t.pvalue < 0.05) == pytest.approx(0.8, abs=0.03)
