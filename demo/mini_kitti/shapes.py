"""Triangle meshes from a handful of primitives.

Frames: x forward, y left, z up, metres. A mesh carries for each triangle a
material (an index into `MATERIALS`) and a colour (linear RGB). Which way a
triangle faces does not matter: the ray caster turns its normal to the ray.

Shape letters: V vertices, T triangles, K corners of a polygon.
"""
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np


@dataclass(frozen=True)
class Material:
    """`reflectance` is the lidar's (905 nm), 0 to 1; `glow` scales lights."""
    name: str
    rgb: tuple[float, float, float]
    reflectance: float
    glow: float = 0.0


MATERIALS = (
    Material('road', (0.13, 0.13, 0.135), 0.20),
    Material('sidewalk', (0.36, 0.35, 0.33), 0.32),
    Material('facade', (0.5, 0.45, 0.4), 0.40),
    Material('roof', (0.30, 0.12, 0.08), 0.30),
    Material('foliage', (0.10, 0.22, 0.05), 0.45),
    Material('bark', (0.12, 0.08, 0.05), 0.35),
    Material('metal', (0.30, 0.31, 0.32), 0.45),
    Material('paint', (0.4, 0.4, 0.4), 0.35),
    Material('glass', (0.02, 0.03, 0.035), 0.05),
    Material('tyre', (0.02, 0.02, 0.02), 0.08),
    Material('headlight', (0.8, 0.8, 0.75), 0.80, 1.0),
    Material('taillight', (0.45, 0.02, 0.02), 0.80, 0.5),
    Material('plate', (0.75, 0.75, 0.7), 0.95),
    Material('skin', (0.50, 0.30, 0.21), 0.45),
    Material('hair', (0.05, 0.035, 0.025), 0.30),
    Material('shirt', (0.3, 0.1, 0.1), 0.45),
    Material('trousers', (0.05, 0.06, 0.12), 0.30),
    Material('lamp', (0.8, 0.75, 0.6), 0.30, 2.0),
    Material('sign', (0.6, 0.05, 0.05), 0.95),
)
INDEX: dict[str, int] = {m.name: i for i, m in enumerate(MATERIALS)}
RGB = np.float32([m.rgb for m in MATERIALS])
REFLECTANCE = np.float32([m.reflectance for m in MATERIALS])
GLOW = np.float32([m.glow for m in MATERIALS])


@dataclass(frozen=True)
class Mesh:
    """vertices (V, 3) float32; triangles (T, 3) int64; material (T,) int64;
    rgb (T, 3) float32.
    """
    vertices: np.ndarray
    triangles: np.ndarray
    material: np.ndarray
    rgb: np.ndarray


def mesh(vertices, triangles, material: str, rgb=None) -> Mesh:
    """A mesh of one material, in its own colour or in `rgb`."""
    triangles = np.asarray(triangles, np.int64).reshape(-1, 3)
    index = np.full(len(triangles), INDEX[material], np.int64)
    colour = RGB[index] if rgb is None else np.tile(
        np.float32(rgb), (len(triangles), 1))
    return Mesh(np.float32(vertices).reshape(-1, 3), triangles, index, colour)


def merge(meshes: Sequence[Mesh]) -> Mesh:
    """All meshes as one, in order; at least one is needed."""
    starts = np.cumsum([0] + [len(m.vertices) for m in meshes[:-1]])
    return Mesh(
        np.concatenate([m.vertices for m in meshes]),
        np.concatenate([m.triangles + s for m, s in zip(meshes, starts)]),
        np.concatenate([m.material for m in meshes]),
        np.concatenate([m.rgb for m in meshes]))


def place(part: Mesh, at=(0, 0, 0), yaw: float = 0.0, size=(1, 1, 1)) -> Mesh:
    """Scale by `size`, turn by `yaw` (rad, about z), move to `at`."""
    cos, sin = np.cos(yaw), np.sin(yaw)
    turn = np.array([[cos, sin, 0], [-sin, cos, 0], [0, 0, 1]])
    moved = (part.vertices * np.asarray(size)) @ turn + np.asarray(at)
    return replace(part, vertices=np.float32(moved))


def repaint(part: Mesh, colours: dict[str, Sequence[float]]) -> Mesh:
    """Give the named materials another colour."""
    rgb = part.rgb.copy()
    for name, colour in colours.items():
        rgb[part.material == INDEX[name]] = colour
    return replace(part, rgb=rgb)


def fit_unit_box(part: Mesh) -> Mesh:
    """Scale to fill x, y in [-0.5, 0.5] and z in [0, 1] exactly, so that a
    shape scaled by a box's size touches all six sides of that box.
    """
    low, high = part.vertices.min(0), part.vertices.max(0)
    unit = (part.vertices - low) / (high - low) - np.float32([0.5, 0.5, 0])
    return replace(part, vertices=np.float32(unit))


def prism(profile, y0: float, y1: float, material: str, rgb=None) -> Mesh:
    """Extrude a convex side view along y. profile: (K, 2) of x and z."""
    profile = np.float32(profile)
    k = len(profile)
    sides = [
        np.insert(profile, 1, y, axis=1) for y in np.float32([y0, y1])
    ]
    fan = [(0, i, i + 1) for i in range(1, k - 1)]
    caps = fan + [(a + k, b + k, c + k) for a, b, c in fan]
    hull = []
    for i in range(k):
        j = (i + 1) % k
        hull += [(i, j, j + k), (i, j + k, i + k)]
    return mesh(np.concatenate(sides), caps + hull, material, rgb)


def frustum(bottom, top, z0: float, z1: float, sides: str,
            cap: str, rgb=None) -> Mesh:
    """A box whose top is another rectangle than its bottom.

    Args:
        bottom, top (tuple): (x0, x1, y0, y1) of the two rectangles.
        z0, z1 (float): Their heights.
        sides, cap (str): Materials of the four sides, and of top and bottom.
    """

    def corners(r, z):
        return [(r[0], r[2], z), (r[1], r[2], z), (r[1], r[3], z),
                (r[0], r[3], z)]

    vertices = corners(bottom, z0) + corners(top, z1)
    walls = []
    for i in range(4):
        j = (i + 1) % 4
        walls += [(i, j, j + 4), (i, j + 4, i + 4)]
    lids = [(0, 1, 2), (0, 2, 3), (4, 5, 6), (4, 6, 7)]
    return merge([
        mesh(vertices, walls, sides, rgb),
        mesh(vertices, lids, cap, rgb)
    ])


def box(centre, size, material: str, rgb=None) -> Mesh:
    """An upright box: centre (3,), size (3,)."""
    (x, y, z), (a, b, c) = centre, np.asarray(size) / 2
    sides = (x - a, x + a, y - b, y + b)
    return frustum(sides, sides, z - c, z + c, material, material, rgb)


def limb(start, end, r0: float, r1: float, material: str, n: int = 6,
         rgb=None) -> Mesh:
    """A tapered bar with `n` sides from `start` to `end`."""
    start, end = np.float64(start), np.float64(end)
    axis = (end - start) / np.linalg.norm(end - start)
    side = np.cross(axis, (0, 1, 0) if abs(axis[1]) < 0.9 else (1, 0, 0))
    side /= np.linalg.norm(side)
    up = np.cross(axis, side)
    turn = 2 * np.pi * np.arange(n)[:, None] / n
    circle = np.cos(turn) * side + np.sin(turn) * up
    vertices = np.concatenate([start + r0 * circle, end + r1 * circle])
    faces = []
    for i in range(n):
        j = (i + 1) % n
        faces += [(i, j, j + n), (i, j + n, i + n)]
    for i in range(1, n - 1):
        faces += [(0, i, i + 1), (n, n + i, n + i + 1)]
    return mesh(vertices, faces, material, rgb)


def wheel(centre, radius: float, width: float, n: int = 12) -> Mesh:
    """A disc whose axis is y, with a metal hub on both faces."""
    x, y, z = centre
    half = width / 2
    tyre = limb((x, y - half, z), (x, y + half, z), radius, radius, 'tyre', n)
    hub = limb((x, y - half - 0.01, z), (x, y + half + 0.01, z),
               0.6 * radius, 0.6 * radius, 'metal', 8)
    return merge([tyre, hub])


def rim(centre, radius: float, width: float = 0.05, n: int = 14) -> Mesh:
    """The tyre of a bicycle: an open ring whose axis is y."""
    turn = 2 * np.pi * np.arange(n) / n
    rings = []
    for r, y in ((radius, -width), (radius, width), (radius - 0.06, width),
                 (radius - 0.06, -width)):
        rings.append(
            np.stack([r * np.cos(turn), np.full(n, y / 2), r * np.sin(turn)],
                     1))
    faces = []
    for ring in range(4):
        a, b = ring * n, (ring + 1) % 4 * n
        for i in range(n):
            j = (i + 1) % n
            faces += [(a + i, a + j, b + j), (a + i, b + j, b + i)]
    return mesh(np.concatenate(rings) + np.asarray(centre), faces, 'tyre')


@cache
def _icosphere(level: int) -> tuple[np.ndarray, np.ndarray]:
    """Unit sphere of 20 * 4 ** level triangles."""
    g = (1 + 5**0.5) / 2
    points = [(-1, g, 0), (1, g, 0), (-1, -g, 0), (1, -g, 0), (0, -1, g),
              (0, 1, g), (0, -1, -g), (0, 1, -g), (g, 0, -1), (g, 0, 1),
              (-g, 0, -1), (-g, 0, 1)]
    faces = [(0, 11, 5), (0, 5, 1), (0, 1, 7), (0, 7, 10), (0, 10, 11),
             (1, 5, 9), (5, 11, 4), (11, 10, 2), (10, 7, 6), (7, 1, 8),
             (3, 9, 4), (3, 4, 2), (3, 2, 6), (3, 6, 8), (3, 8, 9),
             (4, 9, 5), (2, 4, 11), (6, 2, 10), (8, 6, 7), (9, 8, 1)]
    for _ in range(level):
        middle, finer = {}, []
        for a, b, c in faces:
            mids = []
            for p, q in ((a, b), (b, c), (c, a)):
                key = (min(p, q), max(p, q))
                if key not in middle:
                    middle[key] = len(points)
                    points.append(
                        tuple((u + v) / 2
                              for u, v in zip(points[p], points[q])))
                mids.append(middle[key])
            d, e, f = mids
            finer += [(a, d, f), (b, e, d), (c, f, e), (d, e, f)]
        faces = finer
        # Back onto the sphere before the next split.
        points = [tuple(np.array(p) / np.linalg.norm(p)) for p in points]
    unit = np.array(points)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    return unit, np.array(faces)


def ball(centre, radii, material: str, level: int = 0, rough=None,
         rgb=None) -> Mesh:
    """An ellipsoid; `rough` (V,) scales the radius of each vertex."""
    unit, faces = _icosphere(level)
    if rough is not None:
        unit = unit * np.asarray(rough)[:len(unit), None]
    return mesh(unit * np.asarray(radii) + np.asarray(centre), faces,
                material, rgb)
