"""The rotated IoU against polygons, closed forms and identities."""
import math

import numpy as np
import pytest

from dequity_mmdet3d.plugin.evaluation import rotated_iou

shapely = pytest.importorskip(
    'shapely', reason='shapely is the exact polygon intersection')

SQUARE = [0, 0, 1, 1, 0]


def pairwise(boxes, query_boxes, criterion=-1):
    return np.array([
        rotated_iou(box[None], query_box[None], criterion)[0, 0]
        for box, query_box in zip(boxes, query_boxes)
    ])


def polygons(boxes):
    """Corners written out from the docstring's formula, as polygons."""
    x, y, size_x, size_y, angle = boxes.T
    corners = []
    for sign_u, sign_v in ((1, 1), (-1, 1), (-1, -1), (1, -1)):
        u, v = sign_u * size_x / 2, sign_v * size_y / 2
        corners.append(
            np.stack([
                x + np.cos(angle) * u + np.sin(angle) * v,
                y - np.sin(angle) * u + np.cos(angle) * v
            ], -1))
    return shapely.polygons(np.stack(corners, 1))


def polygon_iou(boxes, query_boxes):
    # Polygons hold absolute corners; far out these would round, so that
    # the reference, not the function, would be off.
    origin = np.zeros_like(boxes)
    origin[:, :2] = boxes[:, :2]
    first, second = polygons(boxes - origin), polygons(query_boxes - origin)
    shared = shapely.area(shapely.intersection(first, second))
    return shared / (shapely.area(first) + shapely.area(second) - shared)


def kitti_like(rng, count):
    boxes = np.stack([
        rng.uniform(-40, 40, count),
        rng.uniform(0, 70, count),
        rng.uniform(0.5, 12, count),
        rng.uniform(0.4, 3, count),
        rng.uniform(-4, 4, count)
    ], -1)
    others = boxes.copy()
    others[:, :2] += rng.normal(0, 1, (count, 2))
    others[:, 2:4] *= rng.uniform(0.7, 1.4, (count, 2))
    others[:, 4] = rng.uniform(-4, 4, count)
    return boxes, others


def extreme(rng, count):
    """Sizes over six orders, positions up to 1e6, any number of turns."""
    boxes, others = np.empty((2, count, 5))
    for group in (boxes, others):
        group[:, 2:4] = 10**rng.uniform(-3, 3, (count, 2))
        group[:, 4] = rng.uniform(-50, 50, count)
    boxes[:, :2] = rng.uniform(-1e6, 1e6, (count, 2))
    reach = np.hypot(boxes[:, 2], boxes[:, 3]) / 2
    shift = rng.uniform(-1, 1, (count, 2)) * reach[:, None]
    others[:, :2] = boxes[:, :2] + shift
    return boxes, others


def lattice(rng, count):
    """Whole numbers at multiples of 45 degrees: edges and corners meet."""
    boxes, others = np.empty((2, count, 5))
    for group in (boxes, others):
        group[:, :2] = rng.integers(-2, 3, (count, 2)) / 2
        group[:, 2:4] = rng.integers(1, 4, (count, 2))
        group[:, 4] = rng.integers(-8, 9, count) * np.pi / 4
        group[:, 4] += rng.choice([0, 0, 1e-7, -1e-7, 1e-12], count)
    return boxes, others


def nearly_equal(rng, count):
    boxes, _ = kitti_like(rng, count)
    noise = 10**rng.uniform(-12, -1, (count, 1))
    others = boxes + noise * rng.normal(0, 1, (count, 5))
    # A quarter each: along one edge, shorter, heading turned around.
    along = slice(0, count // 4)
    shift = rng.uniform(0, 1, count // 4)
    others[along] = boxes[along]
    others[along, 0] += shift * np.cos(boxes[along, 4])
    others[along, 1] -= shift * np.sin(boxes[along, 4])
    shorter = slice(count // 4, count // 2)
    others[shorter] = boxes[shorter] * [1, 1, 0.8, 1, 1]
    turned = slice(count // 2, 3 * count // 4)
    others[turned] = boxes[turned] + [0, 0, 0, 0, np.pi]
    return boxes, others


@pytest.mark.parametrize('draw', [kitti_like, extreme, lattice, nearly_equal])
def test_agrees_with_polygons(draw):
    # 4 x 2,500 pairs
    boxes, others = draw(np.random.default_rng(2910), 2500)
    expected = polygon_iou(boxes, others)
    assert (expected > 0).mean() > 0.3
    np.testing.assert_allclose(
        pairwise(boxes, others), expected, rtol=0, atol=1e-9)


def test_matrix_is_made_of_pairs():
    rng = np.random.default_rng(0)
    boxes, _ = kitti_like(rng, 60)
    _, others = kitti_like(rng, 40)
    boxes[:, :2] /= 8
    others[:, :2] /= 8
    overlaps = rotated_iou(boxes, others)
    assert overlaps.shape == (60, 40) and overlaps.dtype == np.float64
    row, column = np.divmod(np.arange(60 * 40), 40)
    expected = polygon_iou(boxes[row], others[column]).reshape(60, 40)
    assert (expected > 0).sum() > 100
    np.testing.assert_allclose(overlaps, expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize(
    'box, other, expected',
    [
        # The octagon of a unit square and itself turned by 45 degrees has
        # the area 2 (sqrt(2) - 1), so that IoU = 1 / sqrt(2).
        (SQUARE, [0, 0, 1, 1, math.pi / 4], 1 / math.sqrt(2)),
        (SQUARE, [0.5, 0, 1, 1, 0], 1 / 3),
        (SQUARE, [0, 0, 0.5, 0.5, 0], 1 / 4),
        # Inside, turned: a square of diagonal 1 touches with 4 corners.
        (SQUARE, [0, 0, 0.5**0.5, 0.5**0.5, math.pi / 4], 1 / 2),
        # Inside, sharing an edge, and sharing a corner.
        (SQUARE, [0.25, 0, 0.5, 1, 0], 1 / 2),
        (SQUARE, [0.25, 0.25, 0.5, 0.5, 0], 1 / 4),
        # A cross of two 3 x 1 bars: 1 / (3 + 3 - 1).
        ([0, 0, 3, 1, 0], [0, 0, 3, 1, math.pi / 2], 1 / 5),
        ([0, 0, 3, 1, 0.3], [0, 0, 1, 3, 0.3], 1 / 5),
        # Side by side, corner to corner, apart.
        (SQUARE, [1, 0, 1, 1, 0], 0),
        (SQUARE, [1, 1, 1, 1, 0], 0),
        (SQUARE, [3, 0, 1, 1, 1], 0),
        # Circles around them meet, the boxes do not.
        ([0, 0, 10, 0.1, 0], [0, 1, 10, 0.1, 0], 0),
        # A quarter, a half and a whole turn of a square change nothing.
        (SQUARE, [0, 0, 1, 1, math.pi / 2], 1),
        (SQUARE, [0, 0, 1, 1, -math.pi], 1),
        (SQUARE, [0, 0, 1, 1, 2 * math.pi], 1),
    ])
def test_values_by_hand(box, other, expected):
    assert rotated_iou([box], [other])[0, 0] == pytest.approx(
        expected, abs=1e-9)


def test_positive_angle_is_clockwise():
    # A thin bar along x, turned by +45 degrees, lies on y = -x.
    bar = [[0, 0, 4, 0.1, math.pi / 4]]
    below, above = rotated_iou(bar, [[1, -1, 0.5, 0.5, 0],
                                     [1, 1, 0.5, 0.5, 0]])[0]
    assert below > 0.1 and above == 0


@pytest.mark.parametrize('place', [(0, 0), (-49.3915, 17.5002), (1e6, -1e6)])
@pytest.mark.parametrize('size', [(3.9, 1.6), (1e-3, 2e-3), (1e3, 1e-3)])
def test_a_box_covers_itself(place, size):
    # The host's kernel gives 0, 1/3 or 1 here, by rounding.
    yaws = [*np.linspace(-math.pi, math.pi, 33), 1e-7, -1e-7, 3.13511, 100.0]
    for yaw in yaws:
        box = [[*place, *size, yaw]]
        assert rotated_iou(box, box)[0, 0] == pytest.approx(1, abs=1e-9)


def test_criteria():
    # 2 x 1 and 1 x 1 share 1 x 1/2.
    boxes, others = [[0, 0, 2, 1, 0]], [[0.5, 0.5, 1, 1, 0]]
    expected = {-1: 0.5 / 2.5, 0: 0.5 / 2, 1: 0.5 / 1, 2: 0.5}
    for criterion, value in expected.items():
        overlap = rotated_iou(boxes, others, criterion)[0, 0]
        assert overlap == pytest.approx(value, abs=1e-12)


def test_symmetric():
    boxes, others = kitti_like(np.random.default_rng(1), 500)
    np.testing.assert_allclose(
        rotated_iou(boxes, others), rotated_iou(others, boxes).T, atol=1e-12)


def test_moves_and_turns_change_nothing():
    rng = np.random.default_rng(2)
    boxes, others = kitti_like(rng, 300)
    expected = pairwise(boxes, others)
    for _ in range(5):
        angle, shift = rng.uniform(-9, 9), rng.uniform(-1e4, 1e4, 2)
        # The plane turns the way that boxes do.
        turn = np.array([[math.cos(angle), math.sin(angle)],
                         [-math.sin(angle), math.cos(angle)]])
        moved = []
        for group in (boxes, others):
            group = group.copy()
            group[:, :2] = group[:, :2] @ turn.T + shift
            group[:, 4] += angle
            moved.append(group)
        np.testing.assert_allclose(pairwise(*moved), expected, atol=1e-9)


@pytest.mark.parametrize('criterion', [-1, 0, 1, 2])
@pytest.mark.parametrize('nothing', [
    [0, 0, 0, 0, 0],
    [0, 0, 0, 1, 0],
    [0, 0, -1, -1, -10],
    [0, 0, 1, -1, 0],
    [0, 0, 1e-200, 1e-200, 0],
    [0, 0, 1e200, 1e200, 0],
    [np.nan, 0, 1, 1, 0],
    [0, 0, np.nan, 1, 0],
    [0, 0, 1, 1, np.nan],
    [0, np.inf, 1, 1, 0],
    [0, 0, np.inf, 1, 0],
    [0, 0, 1, 1, -np.inf],
])
def test_boxes_that_are_none_overlap_nothing(nothing, criterion):
    boxes = [nothing, SQUARE]
    overlaps = rotated_iou(boxes, boxes, criterion)
    np.testing.assert_array_equal(overlaps, [[0, 0], [0, 1]])


def test_no_boxes():
    none, one = np.zeros((0, 5)), np.ones((1, 5))
    assert rotated_iou(none, one).shape == (0, 1)
    assert rotated_iou(one, none).shape == (1, 0)


def test_input_is_left_alone():
    boxes = np.array([SQUARE], float)
    rotated_iou(boxes, boxes)
    np.testing.assert_array_equal(boxes, [SQUARE])


def test_mistakes():
    with pytest.raises(ValueError, match=r'query_boxes.*\(N, 5\).*\(1, 7\)'):
        rotated_iou([SQUARE], np.zeros((1, 7)))
    with pytest.raises(ValueError, match=r'came \(5,\)'):
        rotated_iou(SQUARE, [SQUARE])
    with pytest.raises(TypeError, match='expected numbers'):
        rotated_iou([['a'] * 5], [SQUARE])
    with pytest.raises(ValueError, match='criterion.*came 3'):
        rotated_iou([SQUARE], [SQUARE], 3)
