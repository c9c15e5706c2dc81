"""The middle of what there is, and the directions seen from there."""
import numpy as np
import pytest

from dequity_mmdet3d.likelihood.clustering.viewpoint import (
    ball_centre,
    directions,
)


def radius(rows, centre):
    return np.linalg.norm(rows - centre, axis=1).max()


def test_a_simplex_by_hand():
    """Of the corners of a simplex the ball's centre is their mean, however
    many samples one corner has."""
    corners = np.eye(4, dtype=np.float32)
    rows = np.repeat(corners, [500, 20, 3, 1], axis=0)
    centre = ball_centre(rows)
    np.testing.assert_allclose(centre, [0.25] * 4, atol=0.02)
    # from the mean the common corner is nowhere; from here it is a direction
    seen = directions(rows, centre)
    np.testing.assert_allclose((seen[:500] @ seen[0]), 1, rtol=1e-5)
    np.testing.assert_allclose(seen[0] @ seen[-1], -1 / 3, atol=0.08)


@pytest.mark.parametrize('dims', [1, 2, 30])
def test_the_ball_is_nearly_the_smallest(dims):
    """No ball can be smaller than half the widest pair, and none needs to be
    larger than sqrt(d / (2 d + 2)) times it (Jung 1901)."""
    rows = np.random.default_rng(dims).standard_normal(
        (300, dims)).astype(np.float32)
    widest = np.linalg.norm(rows[:, None] - rows[None], axis=2).max()
    found = radius(rows, ball_centre(rows))
    assert 0.5 * widest <= found
    assert found <= 1.03 * widest * np.sqrt(dims / (2 * dims + 2))


def test_the_ball_of_many_is_that_of_a_sample():
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((21_000, 3)).astype(np.float32)
    a, b = ball_centre(rows, 1), ball_centre(rows, 1)
    np.testing.assert_array_equal(a, b)
    assert radius(rows, a) < 1.25 * radius(rows, ball_centre(rows[:20_000]))


def test_a_sample_in_the_middle_has_no_direction():
    rows = np.array([[0, 0], [3, 4]], dtype=np.float32)
    np.testing.assert_allclose(
        directions(rows, np.zeros(2, dtype=np.float32)), [[0, 0], [.6, .8]],
        rtol=1e-6)
