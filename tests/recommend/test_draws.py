"""Epochs by weights, against draws that are made."""
import numpy as np
import pytest

from dequity_mmdet3d.recommend.draws import draws_by
from dequity_mmdet3d.weighting.draw import systematic_draw

COUNTS = np.array([[2, 0, 0], [2, 1, 0], [0, 1, 0], [0, 0, 0]])


def test_equal_weights_change_nothing():
    found = draws_by(np.full(4, 0.3), COUNTS)
    assert found.often.tolist() == [1, 1, 1, 1]
    assert (found.effective, found.distinct) == (4, 4)
    assert found.looks[:2].tolist() == [1, 1] and np.isnan(found.looks[2])
    assert found.before.tolist() == found.after.tolist() == [4 / 6, 2 / 6, 0]
    assert found.lost(np.array([True, True, False])) == 0


def test_by_hand():
    # often: 4 w / 8 = 0.5, 0.5, 1, 2
    found = draws_by(np.array([1.0, 1, 2, 4]), COUNTS)
    assert found.often.tolist() == [0.5, 0.5, 1, 2]
    assert found.distinct == 0.5 + 0.5 + 1 + 1
    assert found.effective == pytest.approx(4**2 / (0.25 + 0.25 + 1 + 4))
    # four objects at 0.5; one at 0.5 and one at 1
    assert found.looks[:2].tolist() == [0.5, 0.75]
    assert found.after[:2] == pytest.approx([2 / 3.5, 1.5 / 3.5])
    assert found.lost(np.array([True, True, False])) == 0.5
    assert found.lost(np.array([False, True, False])) == 0.25
    assert found.lost(np.zeros(3, bool)) == 0


def test_weighted_losses_see_every_sample():
    found = draws_by(np.array([1.0, 1, 2, 4]), COUNTS, drawn=False)
    assert found.distinct == 4
    assert found.looks[:2].tolist() == [0.5, 0.75]


def test_draws_are_those_of_the_sampler():
    rng = np.random.default_rng(0)
    weight = rng.random(50)
    found = draws_by(weight, np.ones((50, 1), dtype=np.int64))
    epochs = [systematic_draw(weight, 50, rng) for _ in range(1000)]
    often = np.bincount(np.concatenate(epochs), minlength=50) / 1000
    # remainders vary by 0.5 at most: 5 standard deviations of a mean
    assert np.abs(often - found.often).max() < 5 * 0.5 / 1000**0.5
    distinct = np.mean([len(np.unique(epoch)) for epoch in epochs])
    assert distinct == pytest.approx(found.distinct, rel=0.01)
