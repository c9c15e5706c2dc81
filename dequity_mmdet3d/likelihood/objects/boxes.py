"""Boxes: from three dimensions to an image, wider, and cut at its border.

Shape letters: N boxes.
"""
import numpy as np

NEAR = 0.1  # metres before the camera's plane, from where on it sees
# the 12 edges of a box: pairs of corners that differ in one of three bits
_EDGES = [(i, i | bit) for i in range(8) for bit in (1, 2, 4) if not i & bit]


def corners_of(box, bottom=False):
    """The corners of a box in lidar coordinates.

    Args:
        box (Sequence[float]): x, y, z, length, width, height in metres and
            yaw in rad; more is left alone.
        bottom (bool): Whether x, y, z is the centre of its underside, and
            not its own.

    Returns:
        np.ndarray: (8, 3) float64; the bits of a row's number say front or
        back, left or right, up or down.
    """
    x, y, z, length, width, height, yaw = box[:7]
    half = np.array([[i, j, k] for i in (-.5, .5) for j in (-.5, .5)
                     for k in (-.5, .5)]) * (length, width, height)
    c, s = np.cos(yaw), np.sin(yaw)
    turned = half @ np.array([[c, s, 0], [-s, c, 0], [0, 0, 1]])
    return turned + (x, y, z + (height / 2 if bottom else 0))


def lidar2img_of(image):
    """From lidar to pixels, as an info file tells it.

    Args:
        image (dict): Of one camera: ``lidar2img``, or else ``cam2img`` and
            ``lidar2cam``, 3 or 4 rows each.

    Returns:
        np.ndarray: (4, 4) float64; None where it is not told.
    """
    told = _square(image.get('lidar2img'))
    if told is None:
        to_img = _square(image.get('cam2img'))
        to_cam = _square(image.get('lidar2cam'))
        told = None if to_img is None or to_cam is None else to_img @ to_cam
    return told


def _square(matrix):
    try:
        matrix = np.asarray(matrix, dtype=np.float64)
    except (TypeError, ValueError):
        return None
    if matrix.ndim != 2 or not 3 <= min(matrix.shape) or max(
            matrix.shape) > 4 or not np.isfinite(matrix).all():
        return None
    whole = np.eye(4)
    whole[:matrix.shape[0], :matrix.shape[1]] = matrix
    return whole


def project(corners, lidar2img):
    """The upright rectangle around the image of a box.

    Args:
        corners (np.ndarray): (8, 3) of :func:`corners_of`.
        lidar2img (np.ndarray): (4, 4).

    Returns:
        tuple[float, float, float, float]: x1, y1, x2, y2 in pixels, which
        may lie outside the image. Of a box beside the camera, the part
        before it; None where there is none.
    """
    seen = (np.c_[corners, np.ones(8)] @ lidar2img.T)[:, :3]
    front = seen[:, 2] >= NEAR
    kept = [*seen[front]]
    for a, b in _EDGES:
        if front[a] != front[b]:
            share = (NEAR - seen[a, 2]) / (seen[b, 2] - seen[a, 2])
            kept.append(seen[a] + share * (seen[b] - seen[a]))
    if not kept:
        return None
    pixels = np.array(kept)[:, :2] / np.array(kept)[:, 2:]
    return (*pixels.min(axis=0).tolist(), *pixels.max(axis=0).tolist())


def clipped(box, size):
    """What of a box lies in an image.

    Args:
        box (Sequence[float]): x1, y1, x2, y2.
        size (tuple[int, int]): Width and height.

    Returns:
        tuple[float, float, float, float]: None where nothing does.
    """
    x1, y1 = max(box[0], 0.0), max(box[1], 0.0)
    x2, y2 = min(box[2], float(size[0])), min(box[3], float(size[1]))
    return (x1, y1, x2, y2) if x1 < x2 and y1 < y2 else None


def area(box):
    """float: Of x1, y1, x2, y2."""
    return (box[2] - box[0]) * (box[3] - box[1])


def widened(box, margin):
    """A box with some of what is around it.

    Args:
        box (Sequence[float]): x1, y1, x2, y2.
        margin (float): On each side, as a share of the box's width or
            height.

    Returns:
        tuple[float, float, float, float]: May reach beyond the image.
    """
    dx, dy = margin * (box[2] - box[0]), margin * (box[3] - box[1])
    return box[0] - dx, box[1] - dy, box[2] + dx, box[3] + dy
