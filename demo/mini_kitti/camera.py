"""Camera 2: rays through pixels, and the picture they make."""
from functools import cache, lru_cache
from typing import NamedTuple

import cv2
import numpy as np

from .calib import WORLD_FROM_RECT, Calib, rect_to_world
from .light import shade
from .modes import Look
from .road import Road
from .scene import Scene

_BRIGHTEST = 4.0
_CURVE_SIZE = 4096
_NOISE = np.float32(0.006)


class Picture(NamedTuple):
    """image (H, W, 3) uint8 RGB; owner (h, w): the box seen by each ray of
    the rendered grid, -1 for none.
    """
    image: np.ndarray
    owner: np.ndarray


def origin(calib: Calib) -> np.ndarray:
    """The camera's centre in the world, (3,) float32."""
    return np.float32(rect_to_world(calib.camera_centre[None])[0])


def directions(calib: Calib, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Unit vectors in the world through pixels u, v: (R, 3) float32."""
    rays = np.column_stack([u, v, np.ones(len(u))])
    rays = rays @ np.linalg.inv(calib.p2[:, :3]).T @ WORLD_FROM_RECT.T
    return np.float32(rays / np.linalg.norm(rays, axis=1, keepdims=True))


def _grid_size(size: tuple[int, int], step: int) -> tuple[int, int]:
    return -(-size[0] // step), -(-size[1] // step)


@lru_cache(maxsize=2)
def _grid_rays(calib: Calib, size: tuple[int, int], step: int) -> np.ndarray:
    width, height = _grid_size(size, step)
    v, u = np.mgrid[:height, :width]
    # A block's middle, in pixels of the full picture.
    u, v = ((grid.ravel() + 0.5) * step - 0.5 for grid in (u, v))
    return directions(calib, u, v)


def render(scene: Scene, look: Look, road: Road, calib: Calib,
           size: tuple[int, int], step: int,
           rng: np.random.Generator) -> Picture:
    """Take the picture.

    Args:
        scene (Scene): What is there.
        look (Look): Light and weather.
        road (Road): For its marks.
        calib (Calib): Calibration for `size`.
        size (tuple[int, int]): Width and height in pixels.
        step (int): Cast one ray for each `step` x `step` pixels and enlarge
            the result: the calibration stays that of `size`.
        rng (np.random.Generator): Rain streaks and sensor noise.
    """
    width, height = _grid_size(size, step)
    start, rays = origin(calib), _grid_rays(calib, size, step)
    hits = scene.cast(start, rays)
    colour = shade(scene, look, road, start[:, None],
                   np.ascontiguousarray(rays.T), hits, step / calib.p2[0, 0])
    colour = np.ascontiguousarray(colour.T).reshape(height, width, 3)
    owner = np.where(hits.triangle >= 0, scene.owner[hits.triangle] if len(
        scene.owner) else -1, -1).reshape(height, width)
    if look.mode.lamps > 0:
        colour = _bloom(colour)
    if look.rain > 0:
        colour = _streaks(colour, look, rng)
    image = _develop(colour, look.exposure, rng)
    if step > 1:
        image = cv2.resize(
            image, (width * step, height * step),
            interpolation=cv2.INTER_LINEAR)[:size[1], :size[0]]
    return Picture(image, owner)


def _bloom(colour: np.ndarray) -> np.ndarray:
    """Spread what is too bright for the sensor around."""
    bright = np.maximum(colour - 0.9, 0)
    sigma = colour.shape[1] / 130
    return colour + 0.5 * cv2.GaussianBlur(bright, (0, 0), sigma) + (
        0.35 * cv2.GaussianBlur(bright, (0, 0), 3 * sigma))


def _streaks(colour: np.ndarray, look: Look,
             rng: np.random.Generator) -> np.ndarray:
    """Drops in the air as short bright lines, and some on the lens."""
    height, width = colour.shape[:2]
    veil = np.zeros((height, width), np.float32)
    count = int(260 * look.rain)
    slant = rng.uniform(-0.25, 0.25)
    starts = rng.uniform((0, -0.1), (1, 1), (count, 2)) * (width, height)
    lengths = rng.uniform(0.04, 0.13, count) * height
    for (x, y), length in zip(starts, lengths):
        end = (int(x + slant * length), int(y + length))
        cv2.line(veil, (int(x), int(y)), end, float(rng.uniform(.2, .5)), 1,
                 cv2.LINE_AA)
    colour = colour + 0.35 * veil[:, :, None] * look.horizon
    blurred = cv2.GaussianBlur(colour, (0, 0), width / 90)
    lens = np.zeros((height, width), np.float32)
    for _ in range(int(rng.poisson(9 * look.rain))):
        x, y = rng.uniform(0, 1, 2) * (width, height)
        cv2.circle(lens, (int(x), int(y)),
                   max(1, int(rng.uniform(.008, .022) * width)), 1.0, -1)
    lens = cv2.GaussianBlur(lens, (0, 0), width / 300)[:, :, None]
    return colour + lens * (1.12 * blurred - colour)


def _develop(colour: np.ndarray, exposure: float,
             rng: np.random.Generator) -> np.ndarray:
    """Linear light to 8 bits: noise, a soft shoulder, gamma 2.2."""
    noise = rng.standard_normal(colour.shape[:2], np.float32)[:, :, None]
    value = colour * (np.float32(exposure) * (1 + _NOISE * noise))
    value += 0.0006 * noise
    # The square root spreads the table's entries as the eye wants them.
    index = np.sqrt(np.clip(value, 0, _BRIGHTEST, out=value), out=value)
    index *= np.float32((_CURVE_SIZE - 1) / _BRIGHTEST**0.5)
    return _curve()[index.astype(np.uint16)]


@cache
def _curve() -> np.ndarray:
    """8-bit values for evenly spaced square roots of the light."""
    light = np.linspace(0, _BRIGHTEST**0.5, _CURVE_SIZE)**2
    return np.uint8(255 * (1 - np.exp(-1.55 * light))**(1 / 2.2) + 0.5)
