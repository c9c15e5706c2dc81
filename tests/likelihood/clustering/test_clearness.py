"""When groups say all, and when nothing."""
import numpy as np

from dequity_mmdet3d.likelihood.clustering.clearness import (
    clearness,
    likelihood,
)


def test_clearness_by_hand():
    """Between groups 16, within 4 each of two: R^2 = 1 - 8 / 40."""
    log_count = np.array([-2., 0, 0, 2] * 10)
    labels = np.array([0, 0, 1, 1] * 10)
    # means -1 and 1: within 1 + 1 + 1 + 1 of a total of 8
    weight, part = clearness(log_count, labels)
    assert part == 0.5 and weight == 0
    # 0.8 lies in the middle between not clear and clear
    log_count = np.array([-3., -1, 1, 3] * 10)
    weight, part = clearness(log_count, labels)
    np.testing.assert_allclose([weight, part], [0.5, 0.8])
    # as clear as can be, but fifteen samples a group
    two = np.repeat([0., 1], [15, 15])
    weight, part = clearness(two, two.astype(np.int64))
    np.testing.assert_allclose([weight, part], [0.5, 1])
    assert clearness(np.zeros(4), np.zeros(4, dtype=np.int64)) == (1, 1)


def test_the_geometric_mean():
    p = likelihood(np.log([0.04, 0.5]), np.array([0.16, 0.5]), 0.5)
    np.testing.assert_allclose(p, [0.08, 0.5])
