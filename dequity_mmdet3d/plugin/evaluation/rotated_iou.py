"""Overlap of rotated rectangles, exactly and on the CPU.

Shape letters: N boxes, K query boxes.

MMDetection3D's kernel collects the corners that lie in the other box and the
crossings of the edges, in float32. Where edges coincide neither test is
decided by the geometry but by rounding, and a lost vertex changes the area
by a jump: the overlap of a box with itself comes out as 0, 1/3 or 1. Here
the second box is clipped against the four sides of the first. Rounding then
moves a vertex but never drops one, and the area is a continuous function of
its vertices, so that no tolerance is needed.
"""
import math

import numba
import numpy as np

IOU, OVER_FIRST, OVER_SECOND, INTERSECTION = -1, 0, 1, 2
CRITERIA = (IOU, OVER_FIRST, OVER_SECOND, INTERSECTION)

# A clip of n vertices leaves at most 3n/2: those inside, and two crossings
# for each change of side. Four clips: 4 -> 6 -> 9 -> 13 -> 19.
_MAX_VERTICES = 20


def rotated_iou(boxes, query_boxes, criterion: int = IOU) -> np.ndarray:
    """Overlap of every box with every query box.

    The convention is that of the host's ``rotate_iou_gpu_eval``: a corner at
    ``(u, v)`` from the centre of its box lies at

        (x + cos(angle) * u + sin(angle) * v,
         y - sin(angle) * u + cos(angle) * v),

    so that a positive angle turns from +y to +x: clockwise where x points
    right and y up. With x, z and ``rotation_y`` of KITTI's camera frame,
    this is the box seen from above.

    Args:
        boxes (array_like): (N, 5), numbers: x, y, size_x, size_y in one unit
            of length, angle in radians (any real). float64 inside.
        query_boxes (array_like): (K, 5), likewise.
        criterion (int): What to return for intersection I and areas A1 (of
            ``boxes``) and A2 (of ``query_boxes``). -1: I / (A1 + A2 - I);
            0: I / A1; 1: I / A2; 2: I.

    Returns:
        np.ndarray: (N, K) float64, in [0, 1], or for criterion 2 an area in
        [0, min(A1, A2)]. A box without an area (a size that is not positive,
        as in KITTI's DontCare) and a box that is not finite overlap nothing:
        0, never nan. So a diverged model scores badly, and its evaluation
        still ends.

    Raises:
        TypeError: The boxes are not numbers.
        ValueError: Another shape than (N, 5), or an unknown criterion.

    Example:
        >>> square = [[0, 0, 1, 1, 0]]
        >>> round(float(rotated_iou(square, [[.5, 0, 1, 1, 0]])[0, 0]), 6)
        0.333333
    """
    boxes = _as_boxes('boxes', boxes)
    query_boxes = _as_boxes('query_boxes', query_boxes)
    if criterion not in CRITERIA:
        raise ValueError(f'criterion: expected one of {CRITERIA} (IoU, over '
                         'the first, over the second, intersection), came '
                         f'{criterion!r}')
    overlaps = np.zeros((len(boxes), len(query_boxes)))
    _fill(boxes, query_boxes, int(criterion), overlaps)
    return overlaps


def _as_boxes(name: str, boxes) -> np.ndarray:
    try:
        array = np.ascontiguousarray(boxes, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise TypeError(f'{name}: expected numbers of shape (N, 5), came '
                        f'{type(boxes).__name__}: {error}') from error
    if array.ndim != 2 or array.shape[1] != 5:
        raise ValueError(f'{name}: expected shape (N, 5) (x, y, size_x, '
                         f'size_y, angle), came {array.shape}; for no boxes '
                         'give np.zeros((0, 5))')
    return array


# Not parallel: the workers of the next epoch are forked from the process
# that evaluates, and a running thread pool does not survive a fork.
@numba.njit
def _fill(boxes, query_boxes, criterion, overlaps):
    polygon = np.empty((_MAX_VERTICES, 2))
    clipped = np.empty((_MAX_VERTICES, 2))
    query_areas = np.empty(len(query_boxes))
    query_radii = np.empty(len(query_boxes))
    for k in range(len(query_boxes)):
        query_areas[k] = _area(query_boxes[k])
        query_radii[k] = math.hypot(query_boxes[k, 2], query_boxes[k, 3]) / 2
    for n in range(len(boxes)):
        area = _area(boxes[n])
        if area == 0:
            continue
        radius = math.hypot(boxes[n, 2], boxes[n, 3]) / 2
        for k in range(len(query_boxes)):
            if query_areas[k] == 0:
                continue
            dx = query_boxes[k, 0] - boxes[n, 0]
            dy = query_boxes[k, 1] - boxes[n, 1]
            reach = radius + query_radii[k]
            if dx * dx + dy * dy >= reach * reach:
                continue
            # The bounds hold in exact arithmetic; keep them after rounding.
            overlap = min(
                _intersection(boxes[n], query_boxes[k], polygon, clipped),
                area, query_areas[k])
            if criterion == -1:
                overlap /= area + query_areas[k] - overlap
            elif criterion == 0:
                overlap /= area
            elif criterion == 1:
                overlap /= query_areas[k]
            overlaps[n, k] = overlap


@numba.njit
def _area(box):
    """Area of a box, 0 where there is none to speak of."""
    for value in box:
        if not math.isfinite(value):
            return 0.0
    if box[2] <= 0 or box[3] <= 0:
        return 0.0
    area = box[2] * box[3]
    return area if math.isfinite(area) else 0.0


@numba.njit
def _intersection(box, query_box, polygon, clipped):
    """Area that two boxes share. (5,), (5,), two scratch buffers."""
    # In the frame of the first box its sides are parallel to the axes, far
    # positions cancel before anything is rounded, and a box is exactly
    # itself: the relative angle is 0.
    dx, dy = query_box[0] - box[0], query_box[1] - box[1]
    cos, sin = math.cos(box[4]), math.sin(box[4])
    x, y = cos * dx - sin * dy, sin * dx + cos * dy
    cos = math.cos(query_box[4] - box[4])
    sin = math.sin(query_box[4] - box[4])
    u, v = query_box[2] / 2, query_box[3] / 2
    for i in range(4):
        polygon[i, 0] = x + cos * u + sin * v
        polygon[i, 1] = y - sin * u + cos * v
        # (+, +), (-, +), (-, -), (+, -): once around.
        if i % 2 == 0:
            u = -u
        else:
            v = -v
    size = _clip(polygon, 4, clipped, 0, 1.0, box[2] / 2)
    size = _clip(clipped, size, polygon, 0, -1.0, box[2] / 2)
    size = _clip(polygon, size, clipped, 1, 1.0, box[3] / 2)
    size = _clip(clipped, size, polygon, 1, -1.0, box[3] / 2)
    # The shoelace formula from the first vertex, not from the origin: a
    # small polygon far out would cancel.
    area = 0.0
    for i in range(1, size - 1):
        area += ((polygon[i, 0] - polygon[0, 0]) *
                 (polygon[i + 1, 1] - polygon[0, 1]) -
                 (polygon[i, 1] - polygon[0, 1]) *
                 (polygon[i + 1, 0] - polygon[0, 0]))
    return abs(area) / 2


@numba.njit
def _clip(polygon, size, clipped, axis, sign, limit):
    """Keep what satisfies ``sign * coordinate <= limit``.

    One step of Sutherland and Hodgman, "Reentrant polygon clipping", CACM
    17(1), 1974. Returns the number of vertices written to ``clipped``.
    """
    other = 1 - axis
    kept = 0
    for i in range(size):
        j = i + 1 if i + 1 < size else 0
        inside = limit - sign * polygon[i, axis]
        inside_next = limit - sign * polygon[j, axis]
        if inside >= 0:
            clipped[kept, 0] = polygon[i, 0]
            clipped[kept, 1] = polygon[i, 1]
            kept += 1
        # Strictly opposite sides: the denominator cannot vanish.
        if (inside > 0 and inside_next < 0) or (inside < 0
                                                and inside_next > 0):
            part = inside / (inside - inside_next)
            clipped[kept, axis] = sign * limit
            clipped[kept, other] = polygon[i, other] + part * (
                polygon[j, other] - polygon[i, other])
            kept += 1
    return kept
