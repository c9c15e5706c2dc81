"""KITTI labels: what a person would draw around what the sensors see."""
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from . import camera
from .boxes import Box
from .calib import Calib, project
from .scene import Scene

# An object that shows less than this cannot be labelled by eye: it becomes
# DontCare. Share of its outline; height in rows of KITTI's own picture.
MIN_VISIBLE = 0.10
MIN_ROWS = 9.0
MIN_POINTS = 3
_FULL_ROWS = 375
_GRID = 16


@dataclass(frozen=True)
class Label:
    """One row of a label file.

    Args:
        box (Box): The object.
        bbox (tuple): Left, top, right, bottom in pixels, cut by the image.
        truncated (float): Share of the uncut box that lies outside.
        occluded (int): 0 seen fully, 1 partly, 2 barely, 3 unknown.
        care (bool): False writes a DontCare row.
    """
    box: Box
    bbox: tuple[float, float, float, float]
    truncated: float
    occluded: int
    care: bool


def image_box(box: Box, calib: Calib, size: tuple[int, int]):
    """2D box of the projected corners, uncut and cut by the image.

    Returns:
        tuple: Two arrays (4,): left, top, right, bottom in pixels. Pixel
        centres are whole numbers, as in KITTI: the image ends at width - 1.
    """
    pixels = project(box.corners(), calib.p2)[:, :2]
    whole = np.concatenate([pixels.min(0), pixels.max(0)])
    limit = np.array([size[0] - 1, size[1] - 1] * 2)
    return whole, np.clip(whole, 0, limit)


def visibility(scene: Scene, calib: Calib,
               cut: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """How much of each object can be seen.

    A grid of rays through each 2D box: those that meet the object at all
    are its outline, those that meet it first are seen.

    Args:
        scene (Scene): The objects among everything else.
        calib (Calib): The camera.
        cut (Sequence[np.ndarray]): (4,) boxes inside the image.

    Returns:
        tuple: (B,) share of the outline that is seen, (B,) rays that see it.
    """
    count = len(cut)
    if count == 0:
        return np.zeros(0), np.zeros(0, int)
    t = (np.arange(_GRID) + 0.5) / _GRID
    u = np.concatenate(
        [np.tile(b[0] + t * (b[2] - b[0]), _GRID) for b in cut])
    v = np.concatenate(
        [np.repeat(b[1] + t * (b[3] - b[1]), _GRID) for b in cut])
    owners = np.repeat(np.arange(count), _GRID * _GRID)
    start, rays = camera.origin(calib), camera.directions(calib, u, v)
    first = scene.cast(start, rays).triangle
    seen = (first >= 0) & (scene.owner[first] == owners)
    met = scene.pierced(start, rays, owners) | seen
    seen = np.bincount(owners[seen], minlength=count)
    met = np.bincount(owners[met], minlength=count)
    return seen / np.maximum(met, 1), seen


def make_labels(scene: Scene, calib: Calib, size: tuple[int, int],
                hits: np.ndarray) -> list[Label]:
    """Label the objects that the camera sees.

    Nothing of an object in the picture: no row. Too little of it, or too
    few lidar points for a person to place a box: DontCare.

    Args:
        scene (Scene): The world.
        calib (Calib): The camera.
        size (tuple[int, int]): Width and height of the image.
        hits (np.ndarray): (B,) lidar points on each object.
    """
    uncut, cut = [], []
    for box in scene.boxes:
        whole, inside = image_box(box, calib, size)
        uncut.append(whole)
        cut.append(inside)
    share, rays = visibility(scene, calib, cut)
    labels = []
    for i, box in enumerate(scene.boxes):
        if rays[i] == 0:
            continue
        area = np.prod(uncut[i][2:] - uncut[i][:2])
        truncated = 1 - np.prod(cut[i][2:] - cut[i][:2]) / area
        rows = (cut[i][3] - cut[i][1]) * _FULL_ROWS / size[1]
        care = (
            share[i] >= MIN_VISIBLE and rows >= MIN_ROWS
            and hits[i] >= MIN_POINTS)
        occluded = int(np.searchsorted([-0.8, -0.4, -MIN_VISIBLE], -share[i]))
        labels.append(
            Label(box, tuple(cut[i]), float(truncated), occluded, care))
    return labels


def format_labels(labels: Sequence[Label]) -> str:
    """The text of a label file, 15 columns a row; DontCare rows last."""
    rows = []
    for label in sorted(labels, key=lambda one: not one.care):
        bbox = ' '.join(f'{value:.2f}' for value in label.bbox)
        if not label.care:
            rows.append(f'DontCare -1 -1 -10 {bbox} -1 -1 -1 -1000 -1000 '
                        '-1000 -10')
            continue
        b = label.box
        rows.append(f'{b.kind} {label.truncated:.2f} {label.occluded} '
                    f'{b.alpha:.2f} {bbox} {b.h:.2f} {b.w:.2f} {b.l:.2f} '
                    f'{b.x:.2f} {b.y:.2f} {b.z:.2f} {b.rotation_y:.2f}')
    return ''.join(row + '\n' for row in rows)
