"""What follows from likelihoods for weights, by hand."""
import numpy as np
import pytest

from dequity_mmdet3d.likelihood.estimation.weight_effect import (
    variation,
    weight_effect,
)
from dequity_mmdet3d.weight import dequity_weight


def test_effect_by_hand():
    # eta 0, gamma 1: w = 1 - p
    p = np.array([0.5] + [1.0] * 4 + [0.8] * 5)
    found = weight_effect(p, eta=0.0, gamma=1.0)
    assert (found.lowest, found.highest) == (0, 0.5)
    assert found.effective == pytest.approx(1.5**2 / (0.25 + 5 * 0.04))
    assert found.rarest_tenth == pytest.approx(0.5 / 1.5)
    assert found.variation is None
    # without a floor the larger gamma is the sharper
    assert found.best_gamma == 20
    assert found.best_rarest_tenth == pytest.approx(1, abs=1e-6)


def test_equal_samples_share_equally():
    found = weight_effect(np.full(40, 0.3))
    assert found.effective == pytest.approx(40)
    assert found.rarest_tenth == pytest.approx(0.1)
    assert found.best_rarest_tenth == pytest.approx(0.1)


def test_variation_is_that_of_weights_when_likelihoods_move():
    rng = np.random.default_rng(0)
    tenths, deviation = np.linspace(0.05, 0.95, 10), np.full(10, 0.001)
    # small steps: by the derivative, and by chance
    slope = 2.5 * (1 - tenths)**4
    mean = dequity_weight(tenths).mean()
    want = np.sqrt(((slope * 0.001)**2).mean()) / mean
    assert variation(tenths, deviation, 1.0, 5.0) == pytest.approx(
        want, rel=1e-3)
    moved = dequity_weight(tenths + rng.normal(0, 0.001, (20_000, 10)))
    drawn = np.sqrt(((moved - dequity_weight(tenths))**2).mean()) / mean
    assert variation(tenths, deviation, 1.0, 5.0) == pytest.approx(
        drawn, rel=0.02)
    assert variation([0.5], [0.1], 1.0, 0.0) == 0
    # a likelihood leaves (0, 1] nowhere
    assert 0 < variation([0.01, 1.0], [0.5, 0.5], 0.0, 5.0) < 1
    assert variation([1.0], [0.0], 0.0, 5.0) == 0
