"""How bright a surface looks: sun, sky, lamps, mirrored light and fog.

Shape letter: R rays. Colours (linear RGB) and vectors are (3, R) float32:
numpy is many times faster with the long axis last.
"""
import numpy as np

from . import textures
from .modes import Look
from .road import Road
from .scene import Hits, Scene
from .shapes import GLOW, INDEX

_LAMP_COLOUR = np.float32([[1.0], [0.70], [0.36]])
_BEAM_COLOUR = np.float32([[1.0], [0.95], [0.82]])
_WARM_ROOM = np.float32([[1.0], [0.66], [0.30]])


def _dot(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def _street_lamps(scene: Scene, points, normal) -> np.ndarray:
    """Light of the street lamps, (3, R)."""
    total = np.zeros(points.shape[1], np.float32)
    for lamp in scene.lamps:
        towards = lamp[:, None] - points
        square = _dot(towards, towards)
        distance = np.sqrt(square)
        cosine = np.clip(_dot(towards, normal) / distance, 0, 1)
        # A lamp shines down and a little sideways; walls get some of it.
        down = np.clip(towards[2] / distance + 0.15, 0, 1)
        total += (cosine + 0.12) * down * 22 / (square + 8)
    return total * _LAMP_COLOUR


def _own_beams(points, normal) -> np.ndarray:
    """Light of the sensor car's two head lights, (3, R)."""
    towards = points - np.float32([[0.4], [0], [0.65]])
    distance = np.sqrt(_dot(towards, towards))
    ahead = np.maximum(towards[0], 0.5)
    azimuth, elevation = towards[1] / ahead, (towards[2] + 0.1) / ahead
    # Dipped beams: a sharp cut-off above, a soft one to the sides.
    shape = np.exp(-(azimuth / 0.38)**2) * np.clip(1 - elevation * 9, 0.06, 1)
    cosine = np.abs(_dot(towards, normal)) / distance
    strength = 2.2 * shape * (0.25 + 0.75 * cosine) / (1 + (distance / 11)**2)
    return strength * _BEAM_COLOUR


def _mirrored_sky(look: Look, directions, normal) -> np.ndarray:
    """What a flat mirror shows, (3, R): sky above, street below."""
    up = directions[2] - 2 * _dot(directions, normal) * normal[2]
    low, high = look.horizon[:, None], look.zenith[:, None]
    sky = low + np.clip(up * 1.6, 0, 1) * (high - low)
    below = np.clip(0.5 - 6 * up, 0, 1)
    return sky + below * (0.25 * look.ambient[:, None] - sky)


def shade(scene: Scene, look: Look, road: Road, origins: np.ndarray,
          directions: np.ndarray, hits: Hits, pixel: float,
          bounce: bool = True) -> np.ndarray:
    """Colours that rays bring back.

    Args:
        scene (Scene): For shadows and mirrors.
        look (Look): Light and weather.
        road (Road): For its marks.
        origins (np.ndarray): (3, 1) or (3, R).
        directions (np.ndarray): (3, R) unit vectors.
        hits (Hits): What the rays met.
        pixel (float): A pixel's width at one metre.
        bounce (bool): Follow the mirrored ray on wet roads.

    Returns:
        np.ndarray: (3, R).
    """
    colour = np.empty(directions.shape, np.float32)
    miss = np.flatnonzero(hits.triangle < 0)
    colour[:, miss] = textures.sky(look, directions[:, miss])
    on = np.flatnonzero(hits.triangle >= 0)
    if len(on) == 0:
        return colour
    triangle, distance = hits.triangle[on], hits.distance[on]
    normal, towards = hits.normal.T[:, on], directions[:, on]
    start = origins if origins.shape[1] == 1 else origins[:, on]
    points = start + distance * towards
    material = scene.material[triangle]
    rgb = scene.rgb.T[:, triangle]
    found = textures.surface(road, look, material, rgb, points, normal,
                             pixel * distance)

    facing = np.clip(look.sun_direction @ normal, 0, 1)
    lit = np.flatnonzero((facing > 0.01) & (distance < 120))
    shadow = scene.blocked((points[:, lit] + 0.02 * normal[:, lit]).T,
                           look.sun_direction, 80.0)
    facing[lit[shadow]] = 0
    light = look.ambient[:, None] * (0.65 + 0.35 * normal[2])
    light += facing * look.sun[:, None]
    lamps = look.mode.lamps
    if lamps > 0.4:
        light += lamps**2 * (
            _street_lamps(scene, points, normal) + _own_beams(points, normal))
    seen = found.albedo * light
    mirrored = _mirrored_sky(look, towards, normal)
    if bounce and look.rain > 0:
        wet = np.flatnonzero((material == INDEX['road']) & (distance < 60))
        mirrored[:, wet] = _reflection(scene, look, road, points[:, wet],
                                       towards[:, wet], normal[:, wet], pixel)
    # Fresnel: grazing light is mirrored more.
    grazing = np.clip(1 + _dot(towards, normal), 0, 1)
    share = np.minimum(found.mirror * (0.5 + 1.2 * grazing**3), 0.9)
    seen += share * (mirrored - seen)
    if lamps > 0:
        seen += GLOW[material] * np.float32(0.15 + 2.5 * lamps) * rgb
        seen += np.float32(0.9 * lamps) * found.pane * _WARM_ROOM
    haze = look.horizon[:, None]
    colour[:, on] = haze + np.exp(-look.fog * distance) * (seen - haze)
    return colour


def _reflection(scene, look, road, points, directions, normal, pixel):
    """What a wet road mirrors, one bounce deep, (3, R)."""
    mirrored = directions - 2 * _dot(directions, normal) * normal
    # Ripples smear the image upwards and down.
    ripple = textures.noise(points[0] * 25, points[1] * 25) - 0.5
    mirrored[2] += np.float32(0.05) * np.abs(ripple)
    start = points + np.float32(0.02) * normal
    hits = scene.cast(start.T, mirrored.T)
    return shade(scene, look, road, start, mirrored, hits, pixel, False)
