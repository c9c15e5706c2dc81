"""What stands still: ground, kerbs, houses, trees, lamps, signs, rails."""
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import numpy as np

from .boxes import Footprint
from .modes import Mode
from .road import CROSSING_WIDTH, KERB, Road
from .shapes import Mesh, ball, box, limb, merge, mesh, place, repaint

_FAR = 150.0
_WALLS = ((0.55, 0.47, 0.36), (0.42, 0.20, 0.14), (0.50, 0.50, 0.48),
          (0.60, 0.52, 0.30), (0.36, 0.30, 0.27), (0.62, 0.58, 0.52),
          (0.48, 0.36, 0.30))
_ROOFS = ((0.30, 0.10, 0.06), (0.10, 0.10, 0.11), (0.22, 0.12, 0.09))
_LEAVES = ((0.09, 0.20, 0.04), (0.14, 0.24, 0.05), (0.06, 0.15, 0.05),
           (0.20, 0.22, 0.05))
_SIGNS = ((0.55, 0.03, 0.03), (0.03, 0.10, 0.45), (0.60, 0.42, 0.03))


class Street(NamedTuple):
    """Args: parts: meshes; obstacles: footprints that objects keep clear
    of; lamps: (L, 3) positions of the street lamps, metres.
    """
    parts: list[Mesh]
    obstacles: list[Footprint]
    lamps: np.ndarray


def ribbon(road: Road, s: Sequence[float], start, end, material: str,
           rgb=None) -> Mesh:
    """A strip along the road from (d, z) `start` to (d, z) `end`."""
    s = np.asarray(s, float)
    rows = []
    for d, z in (start, end):
        x, y, _ = road.point(s, d)
        rows.append(np.column_stack([x, y, np.full(len(s), z)]))
    n = len(s)
    i = np.arange(n - 1)
    faces = np.concatenate([
        np.stack([i, i + 1, i + n + 1], 1),
        np.stack([i, i + n + 1, i + n], 1)
    ])
    return mesh(np.concatenate(rows), faces, material, rgb)


def _stretches(road: Road) -> list[np.ndarray]:
    """The s of kerbs: all along, but for the crossing street."""
    if road.crossing is None:
        return [np.linspace(-6, _FAR, 40)]
    half = CROSSING_WIDTH / 2
    return [np.linspace(-6, road.crossing - half, 10),
            np.linspace(road.crossing + half, _FAR, 32)]


def _ground(road: Road) -> list[Mesh]:
    corners = [(-40, -300, 0), (700, -300, 0), (700, 300, 0), (-40, 300, 0)]
    parts = [mesh(corners, [(0, 1, 2), (0, 2, 3)], 'road')]
    for s in _stretches(road):
        for side in (-1, 1):
            kerb = side * road.edge
            if road.sidewalk > 0:
                parts.append(
                    ribbon(road, s, (kerb, 0), (kerb, KERB), 'sidewalk'))
                parts.append(
                    ribbon(road, s, (kerb, KERB), (kerb + 60 * side, KERB),
                           'sidewalk'))
            else:
                rail = kerb + 0.5 * side
                parts.append(
                    ribbon(road, s, (rail, 0.45), (rail, 0.78), 'metal'))
        if road.median > 0:
            parts += [
                ribbon(road, s, (0.3, 0), (0.12, 0.85), 'sidewalk'),
                ribbon(road, s, (0.12, 0.85), (-0.12, 0.85), 'sidewalk'),
                ribbon(road, s, (-0.12, 0.85), (-0.3, 0), 'sidewalk')
            ]
    return parts


def _house(road: Road, s: float, side: int, length: float, setback: float,
           rng: np.random.Generator) -> Mesh:
    depth, height = rng.uniform(8, 13), rng.uniform(5.5, 17)
    wall = np.float32(_WALLS[rng.integers(len(_WALLS))]) * rng.uniform(.8, 1.2)
    d = side * (road.edge + road.sidewalk + setback + depth / 2)
    x, y, yaw = road.point(s + length / 2, d)
    parts = [box((0, 0, height / 2), (length, depth, height), 'facade', wall)]
    roof = np.float32(_ROOFS[rng.integers(len(_ROOFS))])
    if height < 10:
        # A gable roof, its ridge along the street.
        a, b, top = length / 2 + 0.3, depth / 2 + 0.4, height + depth * 0.32
        eaves = height - 0.1
        corners = [(-a, -b, eaves), (a, -b, eaves), (a, b, eaves),
                   (-a, b, eaves), (-a, 0, top), (a, 0, top)]
        faces = [(0, 1, 5), (0, 5, 4), (2, 3, 4), (2, 4, 5), (0, 4, 3),
                 (1, 2, 5)]
        parts.append(mesh(corners, faces, 'roof', roof))
    else:
        parts.append(
            box((0, 0, height + 0.15), (length + .3, depth + .3, 0.5),
                'roof', wall * 0.6))
    return place(merge(parts), (x, y, 0), yaw)


def _houses(mode: Mode, road: Road, rng: np.random.Generator) -> list[Mesh]:
    parts = []
    for side in (-1, 1):
        s = rng.uniform(-4, 6)
        setback = rng.uniform(0.0, 1.5) if mode.buildings > 0.6 else (
            rng.uniform(3, 7))
        while s < 110:
            length = rng.uniform(8, 18)
            blocked = road.crossing is not None and (
                s - 3 < road.crossing + CROSSING_WIDTH / 2
                and s + length + 3 > road.crossing - CROSSING_WIDTH / 2)
            if not blocked and rng.random() < mode.buildings:
                parts.append(_house(road, s, side, length, setback, rng))
            s += length + (0.0 if mode.buildings > 0.6 else
                           rng.uniform(2, 10))
    return parts


@cache
def _tree(style: int) -> Mesh:
    """A tree of unit height; the style seeds its ragged crown."""
    rng = np.random.default_rng(style)
    parts = [limb((0, 0, 0), (0, 0, 0.5), 0.03, 0.018, 'bark')]
    for _ in range(3):
        centre = rng.uniform((-0.12, -0.12, 0.5), (0.12, 0.12, 0.78))
        radii = rng.uniform(0.16, 0.24, 3)
        parts.append(
            ball(centre, radii, 'foliage', 1, rng.uniform(0.75, 1.2, 42)))
    return merge(parts)


def _trees(mode: Mode, road: Road, rng: np.random.Generator, parts: list,
           obstacles: list) -> None:
    for side in (-1, 1):
        for _ in range(int(rng.poisson(mode.trees * 9))):
            s, height = rng.uniform(9, 100), rng.uniform(4.5, 9)
            if road.in_crossing(s, 3.0):
                continue
            d = road.edge + (0.9 if mode.buildings > 0.6 else road.sidewalk +
                             rng.uniform(2.0, 12.0))
            x, y, _ = road.point(s, d * side)
            leaves = np.float32(_LEAVES[rng.integers(len(_LEAVES))])
            tree = repaint(
                _tree(int(rng.integers(6))),
                {'foliage': leaves * rng.uniform(0.75, 1.3)})
            parts.append(
                place(tree, (x, y, 0), rng.uniform(0, 6.28), (height, ) * 3))
            obstacles.append((x, y, 0.0, 0.5, 0.5))


@cache
def _lamp_post(side: int) -> Mesh:
    """Its arm reaches over the road from the side with this sign."""
    return merge([
        limb((0, 0, 0), (0, 0, 6), 0.08, 0.05, 'metal'),
        limb((0, 0, 6), (0, -1.6 * side, 6.3), 0.04, 0.04, 'metal'),
        box((0, -1.7 * side, 6.27), (0.3, 0.7, 0.12), 'lamp')
    ])


@cache
def _sign(colour: int, corners: int) -> Mesh:
    return merge([
        limb((0, 0, 0), (0, 0, 2.9), 0.035, 0.035, 'metal', 4),
        limb((-0.03, 0, 2.6), (0.03, 0, 2.6), 0.38, 0.38, 'sign', corners,
             _SIGNS[colour])
    ])


def _posts(mode: Mode, road: Road, rng: np.random.Generator, parts: list,
           obstacles: list) -> np.ndarray:
    lamps = []
    gap = 0.35 if road.sidewalk > 0 else 1.2
    for side in (-1, 1):
        s = rng.uniform(8, 20)
        while s < 90 and (road.sidewalk > 0 or side < 0):
            x, y, yaw = road.point(s, side * (road.edge + gap))
            if not road.in_crossing(s, 1.0):
                post = _lamp_post(side)
                parts.append(place(post, (x, y, 0), yaw))
                obstacles.append((x, y, 0.0, 0.3, 0.3))
                lamps.append(road.point(s, side * (road.edge + gap - 1.7)))
            s += rng.uniform(22, 30)
    for _ in range(int(rng.poisson(1.6))):
        side = rng.choice([-1, 1])
        s = rng.uniform(10, 45)
        x, y, yaw = road.point(s, side * (road.edge + gap + 0.3))
        sign = _sign(int(rng.integers(3)), (4, 8)[rng.integers(2)])
        parts.append(place(sign, (x, y, 0), yaw))
        obstacles.append((x, y, 0.0, 0.3, 0.3))
    return np.float32([(x, y, 6.15) for x, y, _ in lamps]).reshape(-1, 3)


def build_street(mode: Mode, road: Road, rng: np.random.Generator) -> Street:
    """All that stands still in one frame."""
    parts = _ground(road) + _houses(mode, road, rng)
    obstacles: list[Footprint] = []
    lamps = _posts(mode, road, rng, parts, obstacles)
    _trees(mode, road, rng, parts, obstacles)
    return Street(parts, obstacles, lamps)
