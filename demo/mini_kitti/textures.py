"""Colours that are computed where a ray lands: road marks, windows, sky.

Shape letter: R points. Colours (linear RGB) and vectors are (3, R) float32:
numpy is many times faster with the long axis last.
"""
from functools import cache
from typing import NamedTuple

import numpy as np

from .modes import Look
from .road import CROSSING_WIDTH, Road
from .shapes import INDEX

_MARK = np.float32([[0.62], [0.62], [0.60]])
_TARMAC = np.float32([[1.0], [1.0], [1.03]])
_GRASS = np.float32([[0.13], [0.19], [0.05]])
_PAVING = np.float32([[0.34], [0.33], [0.31]])
_PANE = np.float32([[0.03], [0.035], [0.04]])
_TILE = 512


class Surface(NamedTuple):
    """What light falls on: colour (3, R), share of mirrored sky (R,), and
    whether it is a pane that may be lit from inside, (R,) in [0, 1].
    """
    albedo: np.ndarray
    mirror: np.ndarray
    pane: np.ndarray


@cache
def _tile() -> np.ndarray:
    """A (512, 512) field that repeats, uniform in [0, 1], with the 1/f
    spectrum of natural textures.
    """
    rng = np.random.default_rng(20)
    f = np.hypot(*np.meshgrid(np.fft.fftfreq(_TILE), np.fft.rfftfreq(_TILE),
                              indexing='ij'))
    f[0, 0] = np.inf
    spectrum = np.exp(2j * np.pi * rng.random(f.shape)) / f**1.25
    field = np.fft.irfft2(spectrum, (_TILE, _TILE))
    rank = np.argsort(np.argsort(field, axis=None)).reshape(field.shape)
    return np.float32(rank / rank.size)


def noise(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Texture at u, v (R,), in units of the tile's cells: [0, 1]."""
    return _tile()[u.astype(np.int64) & (_TILE - 1),
                   v.astype(np.int64) & (_TILE - 1)]


def _hash(*cells: np.ndarray) -> np.ndarray:
    """A number in [0, 1) for each integer cell, (R,) float32."""
    value = np.zeros(cells[0].shape, np.uint32)
    for cell, prime in zip(cells, (73856093, 19349663, 83492791)):
        value ^= cell.astype(np.int64).astype(np.uint32) * np.uint32(prime)
    value ^= value >> np.uint32(13)
    value *= np.uint32(0x5bd1e995)
    value ^= value >> np.uint32(15)
    return np.float32(value >> np.uint32(8)) / np.float32(1 << 24)


def _line(distance, half_width, blur):
    """Cover of a line by pixels `blur` metres wide, in [0, 1]."""
    return np.clip((half_width + blur / 2 - np.abs(distance)) / blur, 0,
                   1) * np.minimum(1, 2 * half_width / blur)


def _road_marks(road: Road, s, d, pixel) -> np.ndarray:
    """Cover of white paint, (R,)."""
    dashed = (np.mod(s, 9.0) < 4.0).astype(np.float32)
    side = np.abs(d)
    marks = _line(side - road.lanes_edge, 0.07, pixel)
    for lane in range(1, road.lanes):
        at = road.median / 2 + lane * road.lane_width
        marks = np.maximum(marks, dashed * _line(side - at, 0.07, pixel))
    if road.median > 0:
        marks = np.maximum(
            marks, _line(side - road.median / 2 - 0.1, 0.08, pixel))
    else:
        marks = np.maximum(marks, dashed * _line(d, 0.07, pixel))
    if road.zebra is not None:
        stripe = (np.mod(d, 1.0) < 0.5) & (side < road.edge - 0.2)
        band = np.abs(s - road.zebra) < 1.6
        marks = np.where(band, np.where(stripe, 0.95, 0.0), marks)
    if road.crossing is not None:
        inside = np.abs(s - road.crossing) < CROSSING_WIDTH / 2
        marks = np.where(inside, 0.0, marks)
        middle = _line(s - road.crossing, 0.07, pixel)
        beyond = (side > road.edge) & (np.mod(d, 9.0) < 4.0)
        marks = np.where(beyond & inside, middle, marks)
    return np.float32(marks)


def ground(road: Road, look: Look, points: np.ndarray, pixel: np.ndarray,
           is_kerb: np.ndarray) -> np.ndarray:
    """Colour of tarmac, paving and grass.

    Args:
        road (Road): Where the marks are.
        look (Look): Wet roads are darker.
        points (np.ndarray): (3, R).
        pixel (np.ndarray): (R,), a pixel's width there, metres.
        is_kerb (np.ndarray): (R,) bool, above the road's level.
    """
    x, y = points[0], points[1]
    d = np.float32(road.offset(x, y))
    side = np.abs(d)
    shift = look.texture_shift
    fine = noise((x + shift[0]) * 14, (y + shift[1]) * 14)
    coarse = noise((x + shift[1]) * 2.2, (y + shift[0]) * 2.2)
    tarmac = 0.085 + 0.035 * fine + 0.045 * coarse
    # Wheels polish two tracks in every lane.
    lane = np.mod(side - road.median / 2, road.lane_width)
    tracks = _line(np.abs(lane - road.lane_width / 2) - 0.75, 0.25, 0.5)
    tarmac = tarmac * (1 - 0.13 * tracks) * (1 - 0.4 * look.rain)
    colour = tarmac * _TARMAC
    marks = _road_marks(road, x, d, np.maximum(pixel, 0.02)) * (
        0.75 + 0.25 * fine)
    colour += marks * (_MARK - colour)

    off = (side > road.edge) & ~road.in_crossing(x) | is_kerb
    paved = side < road.edge + max(road.sidewalk, 0.2)
    slabs = (np.mod(x, 0.9) < 0.05) | (np.mod(d, 0.9) < 0.05)
    slabs &= pixel < 0.06
    edge = is_kerb & (side < road.edge + 0.18)
    paving = _PAVING * ((0.82 + 0.25 * coarse) *
                        (1 - np.float32(0.25) * slabs) *
                        (1 + np.float32(0.3) * edge))
    grass = _GRASS * (0.55 + 0.5 * fine + 0.4 * coarse)
    if look.mode.buildings > 0.6:
        grass = 0.25 * grass + 0.75 * paving
    return np.where(off, np.where(paved, paving, grass), colour)


def surface(road: Road, look: Look, material: np.ndarray, rgb: np.ndarray,
            points: np.ndarray, normal: np.ndarray,
            pixel: np.ndarray) -> Surface:
    """What is where the rays landed; all arrays (R,) or (3, R)."""
    albedo = rgb.copy()
    mirror = np.zeros(len(material), np.float32)
    pane = np.zeros(len(material), np.float32)
    on = np.flatnonzero((material == INDEX['road'])
                        | (material == INDEX['sidewalk']))
    albedo[:, on] = ground(road, look, points[:, on], pixel[on],
                           material[on] == INDEX['sidewalk'])
    on = np.flatnonzero(material == INDEX['facade'])
    albedo[:, on], mirror[on], pane[on] = _facade(look, albedo[:, on],
                                                  points[:, on], normal[:, on])
    on = np.flatnonzero(material == INDEX['foliage'])
    p = points[:, on] * 9
    albedo[:, on] *= 0.45 + 1.1 * noise(p[0] + 2 * p[2], p[1] + 1.3 * p[2])

    mirror[material == INDEX['glass']] = 0.45
    mirror[material == INDEX['paint']] = 0.13
    mirror[material == INDEX['metal']] = 0.10
    if look.rain > 0:
        mirror[(normal[2] > 0.9) & (points[2] < 0.3)] = 0.25 * look.rain
    return Surface(albedo, mirror, pane)


def _facade(look: Look, wall: np.ndarray, points: np.ndarray,
            normal: np.ndarray) -> Surface:
    """Windows in a wall: one every 2.6 m on storeys of 3 m, shops below."""
    along = normal[0] * points[1] - normal[1] * points[0]
    column, storey = along / 2.6, (points[2] - 0.5) / 3.0
    fu, fv = np.abs(np.mod(column, 1) - 0.5), np.mod(storey, 1)
    shop = (storey < 1) & (look.mode.buildings > 0.6)
    window = np.where(shop, (fu < .42) & (np.abs(fv - .45) < .35),
                      (fu < .23) & (np.abs(fv - .5) < .28))
    frame = ~window & (fu < .28) & (np.abs(fv - .5) < .33) & ~shop
    plaster = 0.85 + 0.3 * noise(along * 5, points[2] * 5)
    colour = wall * np.where(frame, np.float32(1.35), plaster)
    lit = _hash(np.floor(column), np.floor(storey), np.floor(wall[0] * 997))
    is_lit = window & (lit < np.where(shop, 0.6, 0.33))
    return Surface(
        np.where(window, _PANE, colour), 0.35 * window,
        (0.4 + lit) * is_lit)


def sky(look: Look, directions: np.ndarray) -> np.ndarray:
    """Colour of the sky and of the far skyline; directions (3, R)."""
    x, y, z = directions
    low, high = look.horizon[:, None], look.zenith[:, None]
    sun, ambient = look.sun[:, None], look.ambient[:, None]
    colour = low + np.clip(z / 0.5, 0, 1)**0.6 * (high - low)
    glow = np.clip(look.sun_direction @ directions, 0, 1)
    colour += (0.35 * glow**24 + 1.5 * glow**900) * sun
    above = np.maximum(z, 0.02)
    shift = look.texture_shift
    field = noise(18 * x / above + 7 * shift[0], 18 * y / above + 5 * shift[1])
    cover = np.clip((field - 1 + look.clouds) * 3, 0, 1) * np.clip(z * 9, 0, 1)
    # By day clouds are brighter than the blue, at dusk the sun tints them.
    cloud = 0.62 * sun + 0.9 * ambient
    if look.mode.clouds[0] >= 0.8:
        cloud = high * (0.75 + 0.5 * field)
    colour += 0.8 * cover * (cloud - colour)

    azimuth = np.arctan2(y, x)
    if look.mode.buildings > 0.6:
        step = np.floor(azimuth * 30 + shift[0])
        skyline = 0.012 + 0.05 * _hash(step)
    else:
        skyline = 0.02 + 0.009 * np.sin(5 * azimuth + shift[0]) + (
            0.006 * np.sin(13 * azimuth + shift[1]))
    far = z < skyline
    hills = 0.55 * low + 0.25 * ambient * np.float32([[0.5], [0.7], [0.6]])
    # As far away as this, fog leaves nothing of them.
    clear = np.exp(-300 * max(look.fog - 0.001, 0))
    return np.where(far, low + np.float32(clear) * (hills - low), colour)
