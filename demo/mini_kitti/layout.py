"""Where cars, pedestrians and cyclists stand."""
from collections.abc import Callable, Sequence

import numpy as np

from .boxes import Box, Footprint, box_from_world, separated
from .modes import Mode
from .road import CROSSING_WIDTH, KERB, Road

# The rare kind of each class: a shape and sizes of its own, the same label.
RARE_KINDS = {
    'Car': 'van', 'Pedestrian': 'child', 'Cyclist': 'cargo_bike'
}
# Mean and standard deviation of length, width, height; none lies further
# from its mean than _MOST standard deviations. Two shapes of a class have no
# size in common, see `shape_of`.
_SIZES = {
    'Car': ((3.9, 0.28), (1.63, 0.07), (1.53, 0.09)),
    'Pedestrian': ((0.80, 0.12), (0.62, 0.06), (1.74, 0.08)),
    'Cyclist': ((1.76, 0.08), (0.60, 0.05), (1.74, 0.07)),
    'van': ((5.3, 0.15), (2.0, 0.05), (2.3, 0.08)),
    'child': ((0.62, 0.06), (0.48, 0.04), (1.15, 0.06)),
    'cargo_bike': ((2.6, 0.08), (0.75, 0.04), (1.74, 0.07)),
}
_MOST = 2.2
# Length and width of the free space kept around each class, metres.
_ROOM = {'Car': (1.6, 0.3), 'Pedestrian': (0.3, 0.3), 'Cyclist': (0.8, 0.3)}
_NEAREST = 5.0
# Inside of the camera's edge, |y| / x; a little more lets objects be cut.
_VIEW = 0.86

# s, d, yaw against the road's, z
Spot = tuple[float, float, float, float]


def _shape(kind: str, mode: Mode, rng: np.random.Generator) -> str:
    # Without rare kinds nothing is drawn: such modes keep their frames.
    if mode.rare_kinds and rng.random() < mode.rare_kinds:
        return RARE_KINDS[kind]
    return kind


def _size(shape: str, rng: np.random.Generator) -> list[float]:
    return [
        float(np.clip(rng.normal(mean, sigma), mean - _MOST * sigma,
                      mean + _MOST * sigma)) for mean, sigma in _SIZES[shape]
    ]


def shape_of(kind: str, size: Sequence[float]) -> str:
    """What an object is, told by its size.

    Args:
        kind (str): Class.
        size (Sequence[float]): Length, width, height in metres, as drawn or
            as labelled.

    Returns:
        str: The class's rare kind, or for a usual object the class itself.
    """
    rare = RARE_KINDS[kind]
    # A label has two decimals.
    fits = all(
        abs(value - mean) <= _MOST * sigma + 0.006
        for value, (mean, sigma) in zip(size, _SIZES[rare]))
    return rare if fits else kind


def _moving(mode: Mode, road: Road, rng: np.random.Generator) -> Spot:
    if road.crossing is not None and rng.random() < 0.25:
        side = rng.choice([-1, 1])
        d = rng.choice([-1, 1]) * rng.uniform(road.edge, road.edge + 16)
        yaw = np.pi / 2 * side + rng.normal(0, 0.02)
        return road.crossing + side * CROSSING_WIDTH / 4, d, yaw, 0.0
    ahead = rng.random() < 0.5
    d = road.lane_middle(int(rng.integers(road.lanes))) + rng.normal(0, 0.12)
    s = rng.uniform(9.0, mode.reach)
    yaw = rng.normal(0, 0.02)
    return (s, -d, yaw, 0.0) if ahead else (s, d, yaw + np.pi, 0.0)


def _parked(mode: Mode, road: Road, rng: np.random.Generator) -> Spot:
    side = rng.choice([-1, 1])
    d = side * (road.edge - 1.05 + rng.normal(0, 0.06))
    s = rng.uniform(6.0, mode.reach)
    yaw = rng.normal(0, 0.02) + (np.pi if side > 0 else 0.0)
    return s, d, yaw, 0.0


def _walking(mode: Mode, road: Road, rng: np.random.Generator) -> Spot:
    if road.zebra is not None and rng.random() < 0.4:
        s = road.zebra + rng.uniform(-1.2, 1.2)
        d = rng.uniform(-road.edge, road.edge)
        yaw = rng.choice([-1, 1]) * np.pi / 2 + rng.normal(0, 0.15)
        return s, d, yaw, 0.0
    side = rng.choice([-1, 1])
    s = rng.uniform(6.0, 0.9 * mode.reach)
    yaw = rng.normal(0, 0.25) + np.pi * rng.integers(2)
    if road.sidewalk == 0:
        return s, side * (road.edge - 0.6), yaw, 0.0
    d = road.edge + rng.uniform(0.6, road.sidewalk - 0.4)
    return s, side * d, yaw, KERB


def _riding(mode: Mode, road: Road, rng: np.random.Generator) -> Spot:
    s = rng.uniform(6.0, 0.85 * mode.reach)
    d = road.lanes_edge - 0.45 + rng.normal(0, 0.1)
    if road.sidewalk == 0:
        d = road.edge - 0.7
    yaw = rng.normal(0, 0.05)
    if rng.random() < 0.65:
        return s, -d, yaw, 0.0
    return s, d, yaw + np.pi, 0.0


def _try_to_place(kind: str, propose: Callable, mode: Mode, road: Road,
                  taken: Sequence[Footprint],
                  rng: np.random.Generator) -> Box | None:
    size = _size(_shape(kind, mode, rng), rng)
    for _ in range(30):
        s, d, yaw, z = propose(mode, road, rng)
        # Neither a kerb nor a place to park crosses the other street.
        beside = propose is _parked or z == KERB
        if beside and road.in_crossing(s, margin=3.0):
            continue
        if propose is _parked and road.zebra is not None:
            if abs(s - road.zebra) < 4.5:
                continue
        x, y, turn = road.point(s, d)
        if x < _NEAREST + size[0] / 2 or abs(y) > _VIEW * x - 0.3:
            continue
        if abs(y) > 0.5 * mode.reach + 2:
            continue
        box = box_from_world(kind, size, (x, y, z), yaw + turn)
        room = footprint(box, _ROOM[kind])
        if all(separated(room, other) for other in taken):
            return box
    return None


def footprint(box: Box, room: tuple[float, float] = (0.0, 0.0)) -> Footprint:
    """The box seen from above, grown by `room` in length and width."""
    x, y, _ = box.at
    return x, y, box.yaw, box.l + room[0], box.w + room[1]


def place_objects(mode: Mode, road: Road, obstacles: Sequence[Footprint],
                  rng: np.random.Generator) -> list[Box]:
    """Draw the objects of one frame; none overlaps another or an obstacle.

    A street too full for its draw gets fewer objects: after 30 tries one is
    left out.

    Args:
        mode (Mode): Its mean counts are those of Poisson laws.
        road (Road): The street they keep to.
        obstacles (Sequence[Footprint]): Trees and poles.
        rng (np.random.Generator): Source of all draws.

    Returns:
        list[Box]: In the camera's view, or cut by its edge.
    """
    boxes: list[Box] = []
    taken = list(obstacles)
    for kind, mean, propose in (('Cyclist', mode.cyclists, _riding),
                                ('Pedestrian', mode.pedestrians, _walking),
                                ('Car', mode.moving, _moving),
                                ('Car', mode.parked, _parked)):
        for _ in range(int(rng.poisson(mean))):
            box = _try_to_place(kind, propose, mode, road, taken, rng)
            if box is not None:
                boxes.append(box)
                taken.append(footprint(box))
    return boxes
