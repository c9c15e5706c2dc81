"""The sensors' poses, in KITTI's terms.

    image pixel * depth = P2 @ [R0_rect @ Tr_velo_to_cam @ [velodyne; 1]; 1]

The camera frame is that of camera 0 after R0_rect: x right, y down, z ahead.
The world (see `road`) has the same axes under other names, so that upright
in the world is upright in a label. The numbers are made up, of KITTI's size.
"""
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

CAMERA_HEIGHT = 1.65
FULL_SIZE = (1242, 375)
_FOCAL, _CENTRE = 721.0, (609.5, 172.8)
# Baselines to cameras 0 to 3 in metres, along x.
_BASELINES = (0.0, -0.54, 0.06, -0.47)
# world = WORLD_FROM_RECT @ rect + (0, 0, CAMERA_HEIGHT)
WORLD_FROM_RECT = np.array([[0., 0, 1], [-1, 0, 0], [0, -1, 0]])


# Compared and hashed by identity: `make_calib` keeps one for each size.
@dataclass(frozen=True, eq=False)
class Calib:
    """One frame's calibration; float64 arrays.

    Args:
        projections (np.ndarray): (4, 3, 4), P0 to P3, for the image's size.
        r0_rect (np.ndarray): (3, 3).
        velo_to_cam (np.ndarray): (3, 4).
        imu_to_velo (np.ndarray): (3, 4).
    """
    projections: np.ndarray
    r0_rect: np.ndarray
    velo_to_cam: np.ndarray
    imu_to_velo: np.ndarray

    @property
    def p2(self) -> np.ndarray:
        """(3, 4), of the left colour camera."""
        return self.projections[2]

    @property
    def velo_to_rect(self) -> np.ndarray:
        """(3, 4)."""
        return self.r0_rect @ self.velo_to_cam

    @property
    def camera_centre(self) -> np.ndarray:
        """Where camera 2 is, (3,) in the rectified frame."""
        return -np.linalg.solve(self.p2[:, :3], self.p2[:, 3])


def _rotation(roll: float, pitch: float, yaw: float) -> np.ndarray:
    """Rz(yaw) @ Ry(pitch) @ Rx(roll); degrees."""
    (cr, cp, cy) = np.cos(np.radians([roll, pitch, yaw]))
    (sr, sp, sy) = np.sin(np.radians([roll, pitch, yaw]))
    x = np.array([[1, 0, 0], [0, cr, -sr], [0, sr, cr]])
    y = np.array([[cp, 0, sp], [0, 1, 0], [-sp, 0, cp]])
    z = np.array([[cy, -sy, 0], [sy, cy, 0], [0, 0, 1]])
    return z @ y @ x


@lru_cache(maxsize=8)
def make_calib(image_size: tuple[int, int]) -> Calib:
    """The rig's calibration for an image of `image_size` (width, height).

    An image of another size shows what the full one shows: P0 to P3 are
    scaled about the corner of the first pixel, which lies at (-0.5, -0.5).
    """
    scale = np.asarray(image_size) / np.asarray(FULL_SIZE)
    resize = np.array([[scale[0], 0, scale[0] / 2 - 0.5],
                       [0, scale[1], scale[1] / 2 - 0.5], [0, 0, 1]])
    intrinsics = np.array([[_FOCAL, 0, _CENTRE[0]], [0, _FOCAL, _CENTRE[1]],
                           [0, 0, 1]])
    projections = []
    for index, baseline in enumerate(_BASELINES):
        shift = np.zeros(3) if index == 0 else np.array(
            [baseline, 0.0003 * index, 0.0013 * index])
        projections.append(resize @ intrinsics @ np.column_stack(
            [np.eye(3), shift]))
    axes = np.array([[0., -1, 0], [0, 0, -1], [1, 0, 0]])
    tilted = axes @ _rotation(0.4, -0.85, 0.43)
    return _as_written(
        Calib(
            np.stack(projections), _rotation(0.25, -0.43, -0.56),
            np.column_stack([tilted, [-0.004, -0.076, -0.272]]),
            np.column_stack(
                [_rotation(-0.02, 0.08, -0.08), [-0.81, 0.32, -0.80]])))


def _as_written(calib: Calib) -> Calib:
    """Round to the digits of the file, so that what the renderer uses is
    what a reader gets.
    """
    return parse_calib(format_calib(calib))


def format_calib(calib: Calib) -> str:
    """The text of a KITTI calibration file."""
    rows = [(f'P{i}', p) for i, p in enumerate(calib.projections)]
    rows += [('R0_rect', calib.r0_rect), ('Tr_velo_to_cam', calib.velo_to_cam),
             ('Tr_imu_to_velo', calib.imu_to_velo)]
    lines = [
        name + ': ' + ' '.join(f'{value:.12e}' for value in matrix.ravel())
        for name, matrix in rows
    ]
    # KITTI's own files end with an empty line, and readers count on it.
    return '\n'.join(lines) + '\n\n'


def parse_calib(text: str) -> Calib:
    """Inverse of `format_calib`."""
    found = {}
    for line in text.splitlines():
        if line.strip():
            name, values = line.split(':', 1)
            found[name] = np.array(values.split(), np.float64)
    return Calib(
        np.stack([found[f'P{i}'].reshape(3, 4) for i in range(4)]),
        found['R0_rect'].reshape(3, 3),
        found['Tr_velo_to_cam'].reshape(3, 4),
        found['Tr_imu_to_velo'].reshape(3, 4))


def project(points: np.ndarray, p2: np.ndarray) -> np.ndarray:
    """Rectified points (N, 3) to (N, 3): pixel u, v and depth."""
    homogeneous = points @ p2[:, :3].T + p2[:, 3]
    return np.column_stack(
        [homogeneous[:, :2] / homogeneous[:, 2:], homogeneous[:, 2]])


def rect_to_world(points: np.ndarray) -> np.ndarray:
    """(N, 3) to (N, 3)."""
    return points @ WORLD_FROM_RECT.T + [0, 0, CAMERA_HEIGHT]


def world_to_rect(points: np.ndarray) -> np.ndarray:
    """(N, 3) to (N, 3)."""
    return (points - [0, 0, CAMERA_HEIGHT]) @ WORLD_FROM_RECT


def velo_to_world(calib: Calib) -> np.ndarray:
    """(3, 4): world = M @ [velodyne; 1]."""
    matrix = WORLD_FROM_RECT @ calib.velo_to_rect
    matrix[:, 3] += [0, 0, CAMERA_HEIGHT]
    return matrix
