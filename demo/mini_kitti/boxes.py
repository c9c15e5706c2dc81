"""Boxes as labels have them, and whether two of them overlap."""
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .calib import CAMERA_HEIGHT


@dataclass(frozen=True)
class Box:
    """A label's 3D box, at the label's precision of two decimals.

    The scene is built from the rounded numbers, so that a label is exact.

    Args:
        kind (str): Car, Pedestrian or Cyclist.
        h, w, l (float): Height, width, length, metres.
        x, y, z (float): Centre of the bottom, rectified camera frame.
        rotation_y (float): Rad about the camera's y; -pi/2 looks ahead.
    """
    kind: str
    h: float
    w: float
    l: float  # noqa: E741 (KITTI's name)
    x: float
    y: float
    z: float
    rotation_y: float

    @property
    def at(self) -> tuple[float, float, float]:
        """Centre of the bottom in the world frame."""
        return self.z, -self.x, CAMERA_HEIGHT - self.y

    @property
    def yaw(self) -> float:
        """Heading in the world frame, rad."""
        return -self.rotation_y - np.pi / 2

    @property
    def alpha(self) -> float:
        """Observation angle in [-pi, pi]."""
        return float(wrap(self.rotation_y - np.arctan2(self.x, self.z)))

    def corners(self) -> np.ndarray:
        """(8, 3), rectified camera frame."""
        a, b = self.l / 2, self.w / 2
        x = np.array([a, a, -a, -a] * 2)
        z = np.array([b, -b, -b, b] * 2)
        y = np.repeat([0.0, -self.h], 4)
        cos, sin = np.cos(self.rotation_y), np.sin(self.rotation_y)
        return np.column_stack(
            [cos * x + sin * z + self.x, y + self.y,
             -sin * x + cos * z + self.z])


def wrap(angle):
    """Into [-pi, pi]."""
    return (angle + np.pi) % (2 * np.pi) - np.pi


def box_from_world(kind: str, size: Sequence[float], at: Sequence[float],
                   yaw: float) -> Box:
    """Round a placement to a label.

    Args:
        kind (str): Class.
        size (Sequence[float]): Length, width, height.
        at (Sequence[float]): Centre of the bottom, world frame.
        yaw (float): Heading, rad.
    """
    length, width, height = (round(float(v), 2) for v in size)
    x, y, z = (float(v) for v in at)
    return Box(kind, height, width, length, round(-y, 2),
               round(CAMERA_HEIGHT - z, 2), round(x, 2),
               round(float(wrap(-yaw - np.pi / 2)), 2))


Footprint = tuple[float, float, float, float, float]


def separated(one: Footprint, two: Footprint) -> bool:
    """Whether two rectangles (x, y, yaw, length, width) have no point in
    common, by the separating axis theorem.
    """
    dx, dy = two[0] - one[0], two[1] - one[1]
    reach = np.hypot(one[3], one[4]) + np.hypot(two[3], two[4])
    if dx * dx + dy * dy > reach * reach / 4:
        return True
    for yaw in (one[2], one[2] + np.pi / 2, two[2], two[2] + np.pi / 2):
        cos, sin = np.cos(yaw), np.sin(yaw)
        extent = 0.0
        for _, _, turn, length, width in (one, two):
            extent += abs(np.cos(turn - yaw)) * length / 2
            extent += abs(np.sin(turn - yaw)) * width / 2
        if abs(cos * dx + sin * dy) > extent:
            return True
    return False
