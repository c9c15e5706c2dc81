"""A spinning lidar of 64 beams in any weather.

Shape letters: R rays, N points.
"""
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from .calib import Calib, velo_to_world
from .modes import Look
from .scene import Scene
from .shapes import INDEX, REFLECTANCE

RANGE_SIGMA = 0.02
MAX_RANGE = 120.0
MIN_RANGE = 0.9
# Of the range noise, in sigmas: a real sensor's error has bounds as well.
MAX_ERROR = 4.0


class Scan(NamedTuple):
    """points (N, 4) float32: x, y, z in the velodyne frame, reflectance in
    [0, 1). triangle (N,) is what each hit, -1 for drops in the air.
    """
    points: np.ndarray
    triangle: np.ndarray


def beam_elevations() -> np.ndarray:
    """Elevations of the HDL-64E's lasers in rad, (64,), from the top: 32 of
    them 1/3 degree apart from +2 degrees, 32 below, 1/2 degree apart.
    """
    upper = 2.0 - np.arange(32) / 3
    lower = upper[-1] - 0.5 - np.arange(32) / 2
    return np.radians(np.concatenate([upper, lower]))


@lru_cache(maxsize=2)
def ray_directions(azimuth_step: float, fov: float) -> np.ndarray:
    """Unit vectors in the velodyne frame, (R, 3) float32, beam by beam.

    Args:
        azimuth_step (float): Degrees.
        fov (float): Degrees about the x axis that are scanned.
    """
    count = int(round(fov / azimuth_step))
    azimuth = np.radians((np.arange(count) - (count - 1) / 2) * azimuth_step)
    elevation, azimuth = np.meshgrid(beam_elevations(), azimuth, indexing='ij')
    return np.float32(
        np.stack([
            np.cos(elevation) * np.cos(azimuth),
            np.cos(elevation) * np.sin(azimuth),
            np.sin(elevation)
        ], -1).reshape(-1, 3))


def return_probability(distance, incidence, reflectance, look: Look, ground):
    """Chance that a pulse comes back, (R,) in [0, 1].

    The echo's strength falls with the square of the distance, with the
    cosine of the incidence and with the surface's reflectance; through fog
    or rain of extinction beta a further exp(-2 beta r) of all pulses stays
    above the noise.

    Args:
        distance (np.ndarray): (R,), metres.
        incidence (np.ndarray): (R,), cosine, 0 is grazing.
        reflectance (np.ndarray): (R,).
        look (Look): The weather.
        ground (np.ndarray): (R,) bool, the road: wet, it mirrors the pulse
            away.
    """
    echo = reflectance * (0.08 + 0.92 * incidence) * (60.0 / distance)**2
    probability = 0.985 * (1 - np.exp(-9.0 * echo))
    probability = probability * np.exp(-2 * look.fog * distance)
    if look.rain > 0:
        probability = probability * (1 - 0.12 * look.rain)
        probability = np.where(ground, probability * (1 - 0.5 * look.rain),
                               probability)
    return probability


def scan(scene: Scene, look: Look, calib: Calib, azimuth_step: float,
         fov: float, rng: np.random.Generator) -> Scan:
    """One sweep over the part of the circle that the camera sees.

    Args:
        scene (Scene): What the pulses meet.
        look (Look): The weather.
        calib (Calib): Where the sensor is.
        azimuth_step, fov (float): Degrees.
        rng (np.random.Generator): Noise and losses.
    """
    pose = velo_to_world(calib)
    local = ray_directions(azimuth_step, fov)
    directions = local @ np.float32(pose[:, :3].T)
    hits = scene.cast(np.float32(pose[:, 3]), directions)
    draws = rng.random(len(local), np.float32)
    noise = np.clip(
        rng.standard_normal(len(local), np.float32), -MAX_ERROR, MAX_ERROR)
    clutter = rng.random((2, len(local)), np.float32)

    hit = (hits.triangle >= 0) & (hits.distance < MAX_RANGE)
    distance = np.where(hit, hits.distance, np.float32(MAX_RANGE))
    material = np.where(hit, scene.material[hits.triangle] if len(
        scene.material) else 0, 0)
    incidence = np.abs(np.einsum('ij,ij->i', hits.normal, directions))
    reflectance = REFLECTANCE[material]
    keep = hit & (distance > MIN_RANGE) & (draws < return_probability(
        distance, incidence, reflectance, look, material == INDEX['road']))
    measured = distance + np.float32(RANGE_SIGMA) * noise
    strength = reflectance * (0.3 + 0.7 * incidence) * np.exp(
        -2 * look.fog * distance) + 0.015 * noise
    triangle = hits.triangle.copy()

    # Droplets near the sensor send some pulses back.
    share = 0.8 * max(look.fog - 0.004, 0.0) + 0.006 * look.rain
    near = 1.5 - 4.0 * np.log(1 - clutter[1])
    drops = (clutter[0] < share) & (near < distance)
    measured = np.where(drops, near, measured)
    strength = np.where(drops, 0.02 + 0.05 * clutter[1], strength)
    triangle[drops] = -1
    keep |= drops

    points = np.column_stack(
        [local * measured[:, None],
         np.round(np.clip(strength, 0, 0.99), 2)])
    return Scan(np.float32(points[keep]), triangle[keep])
