"""Several images a sample: their mean direction."""
import numpy as np
import pytest

from dequity_mmdet3d.likelihood.cameras import mean_over_cameras


def test_mean_over_cameras_by_hand():
    x = np.array([[1, 0], [0, 1], [1, 0], [0, -1]], dtype=np.float32)
    mean = mean_over_cameras(x, [2, 1, 1])
    assert mean.tolist() == [[0.5, 0.5], [1, 0], [0, -1]]
    assert mean.dtype == np.float32


def test_mean_over_cameras_against_a_loop():
    rng = np.random.default_rng(0)
    counts = rng.integers(1, 7, 50)
    x = rng.standard_normal((counts.sum(), 5)).astype(np.float32)
    rows = np.repeat(np.arange(50), counts)
    want = [x[rows == i].mean(axis=0) for i in range(50)]
    np.testing.assert_allclose(
        mean_over_cameras(x, counts), want, rtol=1e-4, atol=1e-6)
    for wrong in ([4, 0], [1, 1], [3, 3]):
        with pytest.raises(ValueError, match='counts must'):
            mean_over_cameras(x[:4], wrong)
