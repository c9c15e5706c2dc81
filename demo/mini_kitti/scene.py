"""One frame's world as a ray caster.

Shape letters: T triangles, R rays. World frame, metres.
"""
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import open3d as o3d

from .actors import actor_mesh
from .boxes import Box
from .layout import place_objects, shape_of
from .modes import Look, Mode, draw_look
from .road import Road, draw_road
from .shapes import Mesh, merge
from .street import build_street


class Hits(NamedTuple):
    """First hits of R rays. `triangle` is -1 and `distance` inf for a miss;
    `normal` (R, 3) looks towards the ray's origin.
    """
    distance: np.ndarray
    triangle: np.ndarray
    normal: np.ndarray


class Scene:
    """Meshes, the boxes of the objects among them, and the rays' answers.

    Args:
        parts (Sequence[Mesh]): What stands still.
        actors (Sequence[Mesh]): One mesh for each box.
        boxes (Sequence[Box]): The labelled objects.
        lamps (np.ndarray): (L, 3), positions of street lamps.
    """

    def __init__(self, parts: Sequence[Mesh], actors: Sequence[Mesh],
                 boxes: Sequence[Box], lamps: np.ndarray) -> None:
        self.boxes: list[Box] = list(boxes)
        self.lamps = lamps
        self.caster = o3d.t.geometry.RaycastingScene(nthreads=1)
        meshes = list(parts) + list(actors)
        if not meshes:
            self.material = self.owner = np.zeros(0, np.int64)
            self.rgb = np.zeros((0, 3), np.float32)
            return
        whole = merge(meshes)
        self.material, self.rgb = whole.material, whole.rgb
        # Which box a triangle belongs to, -1 for none.
        counts = [len(m.triangles) for m in meshes]
        owners = [-1] * len(parts) + list(range(len(actors)))
        self.owner = np.repeat(owners, counts)
        self.caster.add_triangles(
            o3d.core.Tensor.from_numpy(np.ascontiguousarray(whole.vertices)),
            o3d.core.Tensor.from_numpy(whole.triangles.astype(np.uint32)))

    @staticmethod
    def _rays(origins: np.ndarray, directions: np.ndarray):
        count = max(len(np.atleast_2d(a))
                    for a in (origins, directions))
        rays = np.empty((count, 6), np.float32)
        rays[:, :3] = origins
        rays[:, 3:] = directions
        return o3d.core.Tensor.from_numpy(rays)

    def cast(self, origins: np.ndarray, directions: np.ndarray) -> Hits:
        """First hits; directions (R, 3) have unit length, origins are (3,)
        or (R, 3).
        """
        found = self.caster.cast_rays(
            self._rays(origins, directions), nthreads=1)
        distance = found['t_hit'].numpy()
        triangle = found['primitive_ids'].numpy().astype(np.int64)
        triangle[~np.isfinite(distance)] = -1
        normal = found['primitive_normals'].numpy()
        away = np.einsum('ij,ij->i', normal, directions) > 0
        normal[away] *= -1
        return Hits(distance, triangle, normal)

    def blocked(self, origins: np.ndarray, directions: np.ndarray,
                reach: float) -> np.ndarray:
        """Whether anything lies within `reach` metres, (R,) bool; origins
        (R, 3), directions (3,) or (R, 3).
        """
        return self.caster.test_occlusions(
            self._rays(origins, directions), 0.0, reach, nthreads=1).numpy()

    def pierced(self, origin: np.ndarray, directions: np.ndarray,
                owners: np.ndarray) -> np.ndarray:
        """Which rays meet their owner at all, seen or hidden: (R,) bool.

        Args:
            origin (np.ndarray): (3,).
            directions (np.ndarray): (R, 3).
            owners (np.ndarray): (R,), the box that each ray looks for.
        """
        found = self.caster.list_intersections(
            self._rays(origin, directions), nthreads=1)
        rays = found['ray_ids'].numpy().astype(np.int64)
        triangles = found['primitive_ids'].numpy().astype(np.int64)
        met = np.zeros(len(directions), bool)
        met[rays[self.owner[triangles] == owners[rays]]] = True
        return met

    def distance_to_surface(self, points: np.ndarray) -> np.ndarray:
        """Distance of points (R, 3) to the nearest surface, (R,)."""
        query = o3d.core.Tensor.from_numpy(
            np.ascontiguousarray(points, np.float32))
        return self.caster.compute_distance(query, nthreads=1).numpy()


class World(NamedTuple):
    """A drawn frame: how it looks, its road and its scene."""
    look: Look
    road: Road
    scene: Scene


def draw_world(mode: Mode, rng: np.random.Generator) -> World:
    """Draw a frame of a mode; all randomness comes from `rng`."""
    look = draw_look(mode, rng)
    road = draw_road(mode, rng)
    street = build_street(mode, road, rng)
    boxes = place_objects(mode, road, street.obstacles, rng)
    actors = []
    for b in boxes:
        size = b.l, b.w, b.h
        actors.append(
            actor_mesh(shape_of(b.kind, size), size, b.at, b.yaw, rng))
    return World(look, road, Scene(street.parts, actors, boxes, street.lamps))
