"""Statistics of benchmarks/why.py, against cases made by hand."""
import itertools
import math
import sys

import numpy as np
import pytest

from tests.helpers import ROOT

sys.path.insert(0, str(ROOT / 'benchmarks'))
try:
    from gradient_study import draws, statistics
finally:
    sys.path.pop(0)


def test_signal_and_noise_by_hand():
    # g = (1, 2) or (1, -2): of pairs of draws the products are 1 - 4, and
    # the squares 5
    x = np.array([[1., 2], [1, -2]])
    signal, noise = statistics.moments(x @ x.T)
    assert (signal, noise) == (-3, 8)
    assert math.isnan(statistics.noise_ratio(x @ x.T))


def test_signal_and_noise_have_no_bias():
    # over all draws of two of four, with replacement, which is every pair
    values = np.array([[1., 0], [3, 1], [-1, 2], [2, 2]])
    found = np.mean([statistics.moments(values[[i, j]] @ values[[i, j]].T)
                     for i, j in itertools.product(range(4), repeat=2)], 0)
    mean = values.mean(0)
    np.testing.assert_allclose(
        found, [mean @ mean, ((values - mean)**2).sum(1).mean()])


def test_noise_ratio_knows_no_factor():
    x = np.random.default_rng(0).normal(1, 1, (20, 5))
    ratio = statistics.noise_ratio(x @ x.T)
    assert statistics.noise_ratio(9 * x @ x.T) == pytest.approx(ratio)
    assert 0.3 < ratio < 3  # 5 / 5, were there no chance in it


def test_noise_is_the_variance():
    x = np.random.default_rng(0).normal(3, 1, (40, 5))
    value, error = statistics.log_noise(x)
    assert math.exp(value) == pytest.approx(x.var(0, ddof=1).sum())
    # a chi-square of 39 x 5 degrees of freedom, so 2 / 195 of log variance
    assert error == pytest.approx((2 / 195)**0.5, rel=0.3)


def test_cosine_of_means_without_their_noise():
    # few noisy draws: what is plain would be far too low on average
    rng = np.random.default_rng(1)
    found = [statistics.mean_cosine(*(np.ones(50) + rng.normal(
        0, 1, (2, 8, 50))))[0] for _ in range(200)]
    assert np.mean(found) == pytest.approx(1, abs=0.03)


def test_error_of_a_cosine_is_the_spread_that_is_seen():
    rng = np.random.default_rng(1)
    found = np.array([
        statistics.mean_cosine([3, 4, 0] + rng.normal(0, 2, (20, 3)),
                               [3, 0, 4] + rng.normal(0, 2, (20, 3)))
        for _ in range(200)])
    assert found[:, 0].mean() == pytest.approx(9 / 25, abs=0.03)
    assert found[:, 1].mean() == pytest.approx(found[:, 0].std(), rel=0.2)


def test_jackknife_of_a_mean_is_its_standard_error():
    x = np.random.default_rng(2).normal(size=30)
    value, error = statistics.jackknife(lambda rows: x[rows].mean(), 30)
    assert value == pytest.approx(x.mean())
    assert error == pytest.approx(x.std(ddof=1) / math.sqrt(30))


def test_interval_of_a_ratio():
    ratio, low, high = statistics.ratio_of((math.log(2), 0.3),
                                           (math.log(4), 0.4))
    assert ratio == pytest.approx(0.5)
    assert math.log(high / ratio) == pytest.approx(1.96 * 0.5)
    assert math.log(ratio / low) == pytest.approx(1.96 * 0.5)


def test_steps_of_adam_by_hand():
    # two groups of one batch each: (1, 3) and (1, -1)
    g = np.array([[1., 3], [1, -1]])
    found = statistics.adaptive_steps(g / 2, g**2 / 2, np.eye(2))
    # of both: mean (1, 1) over root mean square (1, sqrt 5); alone: signs
    np.testing.assert_allclose(found, [[1, 5**-0.5], [1, -1], [1, 1]])
    assert math.isnan(statistics.group_log(found[:, 1])[0])


def test_error_by_groups_is_that_of_a_mean():
    x = np.random.default_rng(4).normal(9, 1e-4, 6)
    values = np.r_[x.mean(), [np.delete(x, i).mean() for i in range(6)]]
    value, error = statistics.group_log(values)
    assert value == pytest.approx(math.log(x.mean()))
    assert error == pytest.approx(x.std(ddof=1) / 6**0.5 / 9, rel=1e-3)


def test_noise_of_a_batch_is_that_of_all_batches():
    x = np.array([[1., 0], [2, 1], [-1, 3]])
    share, factor = np.array([0.5, 0.3, 0.2]), np.array([1, 0.5, 2])
    pairs = [*itertools.product(range(3), repeat=2)]
    chance = np.array([share[[*p]].prod() for p in pairs])
    batches = np.array([(factor[[*p], None] * x[[*p]]).sum(0) for p in pairs])
    mean = chance @ batches
    assert statistics.batch_noise(x @ x.T, share, factor, 2) == pytest.approx(
        chance @ ((batches - mean)**2).sum(1))


def test_likeness_of_frames_that_are_all_or_nothing():
    # each frame an axis of its own, its augmentations equal
    same = np.eye(3)[:, None].repeat(2, 1)
    assert statistics.likeness(same) == dict(same=1, other=0, rho=1)
    # all alike but for their augmentation
    found = statistics.likeness(np.eye(2)[None].repeat(3, 0))
    assert found == dict(same=0, other=pytest.approx(0.5),
                         rho=pytest.approx(-1))


def test_likeness_is_the_intraclass_correlation():
    rng = np.random.default_rng(3)
    x = (5 + 2 * rng.normal(size=(400, 1, 6))
         + 3 * rng.normal(size=(400, 4, 6)))
    found = statistics.likeness(x)
    assert found['rho'] == pytest.approx(4 / (4 + 9), abs=0.03)
    # 25 of mean square, 4 of the frame, 9 of the augmentation
    assert found['other'] < found['same']
    assert found['same'] == pytest.approx(29 / 38, abs=0.03)


def test_repeats_are_worth():
    assert draws.effective_repeats(5, 0) == 5
    assert draws.effective_repeats(5, 1) == 1
    # variance of a mean of two with correlation 1/2: (1 + 1/2) / 2
    assert draws.effective_repeats(2, 0.5) == pytest.approx(4 / 3)


@pytest.mark.parametrize('a', [0, 0.25, 1])
def test_split_keeps_the_expected_gradient(a):
    weight = np.array([1, 0.5, 0.6, 0.9])
    draw, of_loss = draws.split(weight, a)
    np.testing.assert_allclose(draw / draw.sum() * of_loss, weight / 4)


def test_batches_are_epochs_of_the_sampler():
    rows = draws.batches_of(np.ones(10), 7, 4, np.random.default_rng(0))
    assert rows.shape == (7, 4)
    dealt = rows.ravel()
    for epoch in (dealt[:10], dealt[10:20]):
        assert sorted(epoch) == [*range(10)]


def test_contributions_by_hand():
    positives = np.array([[2, 0], [1, 1], [0, 0]])
    weight = np.array([1, 0.5, 1])
    # F of the batches: 2 + 2, and 2 + 1 with one for the empty sample
    found = draws.contributions(positives, weight,
                                     np.array([[0, 1], [0, 2]]))
    np.testing.assert_allclose(
        found, [[2 * (1 / 4 + 1 / 3) / 2, 0], [0.5 / 4 / 2] * 2, [0, 0]])
    # a sample that stands twice in a batch counts twice
    np.testing.assert_allclose(
        draws.contributions(positives, weight, np.array([[1, 1]]))[1],
        [2 * 0.5 / 4] * 2)


def test_distinct_counts_some():
    drawn = np.array([[0, 0], [0, 1], [3, 3]])
    assert draws.distinct(drawn, np.array([True, True, True, False]),
                               4) == (4, 2, 16 / 10)


def test_norm_distance_by_hand():
    ours = np.array([1., 5, 7]), np.array([4., 1, 0])
    others = np.array([0., 5, 0]), np.array([1., 1, 1])
    # the third channel is constant; the first is off by one deviation, and
    # its deviation twice as large
    shift, scale = statistics.norm_distance(ours, others)
    assert shift == pytest.approx(math.sqrt(1 / 2))
    assert scale == pytest.approx(math.log(2) * math.sqrt(1 / 2))
