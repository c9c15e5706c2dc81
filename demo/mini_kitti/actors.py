"""Meshes of the three classes and their rare kinds, each filling its box.

A template fills the unit box (x, y in [-0.5, 0.5], z in [0, 1], facing +x);
`actor_mesh` scales it by the box's length, width and height.
"""
from collections.abc import Callable, Sequence
from functools import cache
from typing import NamedTuple

import numpy as np

from .shapes import (
    Mesh,
    ball,
    box,
    fit_unit_box,
    frustum,
    limb,
    merge,
    place,
    prism,
    repaint,
    rim,
    wheel,
)

# Cabin of each car style: (x0, x1) at the belt line, (x0, x1) of the roof,
# height of the roof. Hatchback, saloon, estate, small SUV.
_CABINS = (
    ((-1.85, 0.85), (-1.35, 0.15), 1.48),
    ((-1.45, 0.80), (-0.95, 0.10), 1.42),
    ((-1.90, 0.80), (-1.65, 0.15), 1.46),
    ((-1.85, 0.90), (-1.60, 0.35), 1.68),
)

CAR_COLOURS = ((0.70, 0.70, 0.70), (0.32, 0.33, 0.35), (0.025, 0.025, 0.03),
               (0.12, 0.13, 0.15), (0.42, 0.025, 0.025), (0.03, 0.08, 0.32),
               (0.75, 0.75, 0.72), (0.04, 0.16, 0.09), (0.45, 0.38, 0.25),
               (0.50, 0.24, 0.02))
CLOTHES = ((0.45, 0.04, 0.04), (0.04, 0.10, 0.38), (0.60, 0.60, 0.58),
           (0.05, 0.05, 0.06), (0.65, 0.45, 0.03), (0.05, 0.26, 0.10),
           (0.25, 0.24, 0.26), (0.42, 0.12, 0.35))
TROUSERS = ((0.03, 0.04, 0.10), (0.03, 0.03, 0.035), (0.20, 0.16, 0.10),
            (0.12, 0.12, 0.13))


def _car(style: int) -> Mesh:
    belt, roof, top = _CABINS[style]
    sill = 0.24 if style != 3 else 0.32
    hood = 0.86 if style != 3 else 0.98
    body = prism([(1.86, sill), (1.95, 0.42), (1.94, 0.64), (1.84, 0.76),
                  (0.85, hood), (-1.86, hood + 0.08), (-1.95, 0.78),
                  (-1.95, 0.40), (-1.86, sill)], -0.79, 0.79, 'paint')
    cabin = frustum((*belt, -0.74, 0.74), (*roof, -0.56, 0.56), hood,
                    top - 0.04, 'glass', 'paint')
    lid = frustum((*roof, -0.57, 0.57), (roof[0] + .1, roof[1] - .1, -.5, .5),
                  top - 0.05, top, 'paint', 'paint')
    parts = [body, cabin, lid]
    for side in (-1, 1):
        mirror = np.array([1, side, 1])
        # The posts that part the side windows.
        for low, high in ((belt[0] + 0.06, roof[0] + 0.04),
                          (-0.42, -0.48), (belt[1] - 0.06, roof[1] - 0.04)):
            foot, head = (low, 0.735, hood), (high, 0.565, top - 0.03)
            parts.append(
                limb(foot * mirror, head * mirror, 0.045, 0.045, 'paint', 4))
        for x in (-1.22, 1.22):
            parts.append(wheel((x, 0.70 * side, 0.32), 0.32, 0.19))
        parts.append(box((1.90, 0.58 * side, 0.66), (.10, .32, .14),
                         'headlight'))
        parts.append(box((-1.92, 0.60 * side, 0.78), (.09, .26, .17),
                         'taillight'))
    parts.append(box((-1.945, 0, 0.55), (0.03, 0.5, 0.11), 'plate'))
    parts.append(box((1.945, 0, 0.42), (0.03, 0.5, 0.11), 'plate'))
    parts.append(box((0, 0, 0.30), (3.4, 1.3, 0.2), 'tyre'))
    return merge(parts)


def _van(style: int) -> Mesh:
    # No bonnet, the same height to its end.
    parts = [
        prism([(2.56, 0.28), (2.65, 0.50), (2.60, 1.05), (1.75, 2.22),
               (1.40, 2.30), (-2.58, 2.30), (-2.65, 2.20), (-2.65, 0.36),
               (-2.56, 0.28)], -0.95, 0.95, 'paint'),
        prism([(2.52, 1.18), (1.855, 2.10), (1.82, 2.08), (2.49, 1.16)],
              -0.82, 0.82, 'glass'),
        box((-2.65, 0, 1.62), (0.04, 1.5, 0.62), 'glass'),
        box((-2.665, 0, 0.75), (0.03, 0.5, 0.11), 'plate'),
        box((2.64, 0, 0.48), (0.05, 0.5, 0.11), 'plate'),
        box((0, 0, 0.32), (4.7, 1.5, 0.2), 'tyre'),
    ]
    for side in (-1, 1):
        # Doors have windows; a bus has them to its end, a carrier has not.
        for x in (1.30, -0.10, -1.60)[:1 if style else 3]:
            parts.append(box((x, 0.95 * side, 1.62), (1.0, 0.03, 0.58),
                             'glass'))
        for x in (-1.60, 1.62):
            parts.append(wheel((x, 0.86 * side, 0.35), 0.35, 0.20))
        parts.append(box((2.60, 0.72 * side, 0.80), (.10, .34, .20),
                         'headlight'))
        parts.append(box((-2.64, 0.84 * side, 0.95), (.06, .16, .40),
                         'taillight'))
    return merge(parts)


def _head(x: float, z: float, scale: float = 1.0) -> Mesh:
    face = np.array([0.10, 0.085, 0.125]) * scale
    hair = np.array([0.105, 0.095, 0.11]) * scale
    return merge([
        ball((x, 0, z), face, 'skin', 1),
        ball((x - 0.02, 0, z + 0.035), hair, 'hair', 1)
    ])


def _child(style: int) -> Mesh:
    return _pedestrian(style, head=1.5)


def _pedestrian(style: int, head: float = 1.0) -> Mesh:
    stride = (0.10, 0.22, -0.22, 0.32)[style]
    parts = [
        _head(0.02, 1.60, head),
        limb((0, 0, 1.38), (0.01, 0, 1.5), 0.055, 0.05, 'skin'),
        frustum((-0.11, 0.11, -0.16, 0.16), (-0.11, 0.12, -0.21, 0.21), 0.85,
                1.42, 'shirt', 'shirt'),
    ]
    for side in (-1, 1):
        swing = stride * side
        parts += [
            limb((0, 0.09 * side, 0.90), (swing * .6, .09 * side, 0.48),
                 0.095, 0.07, 'trousers'),
            limb((swing * .6, .09 * side, 0.48), (swing, .09 * side, 0.06),
                 0.07, 0.05, 'trousers'),
            box((swing + 0.05, 0.09 * side, 0.04), (0.26, 0.10, 0.08), 'tyre'),
            limb((0, 0.24 * side, 1.38), (-swing * .5, .27 * side, 1.10),
                 0.055, 0.045, 'shirt'),
            limb((-swing * .5, .27 * side, 1.10),
                 (-swing + 0.03, 0.27 * side, 0.86), 0.045, 0.035, 'skin'),
        ]
    return merge(parts)


def _cargo_bike(style: int) -> Mesh:
    # The rider sits at the back; the box stands before the handlebar.
    chest = frustum((0.48, 0.98, -0.24, 0.24), (0.42, 1.08, -0.31, 0.31),
                    0.34, 0.92, 'paint', 'paint')
    return merge([_cyclist(style, front=1.37), chest])


def _cyclist(style: int, front: float = 0.53) -> Mesh:
    lean = 0.22 if style else 0.38
    hip, chest = (-0.22, 0, 0.98), (-0.22 + lean, 0, 1.42)
    parts = [
        rim((-0.53, 0, 0.35), 0.35),
        rim((front, 0, 0.35), 0.35),
        # The frame: bottom bracket, seat, head.
        limb((-0.10, 0, 0.30), (-0.24, 0, 0.88), 0.022, 0.022, 'metal', 4),
        limb((-0.10, 0, 0.30), (0.40, 0, 0.80), 0.024, 0.024, 'metal', 4),
        limb((-0.22, 0, 0.78), (0.40, 0, 0.82), 0.022, 0.022, 'metal', 4),
        limb((-0.53, 0, 0.35), (-0.22, 0, 0.78), 0.018, 0.018, 'metal', 4),
        limb((-0.53, 0, 0.35), (-0.10, 0, 0.30), 0.018, 0.018, 'metal', 4),
        limb((front, 0, 0.35), (0.38, 0, 1.00), 0.022, 0.022, 'metal', 4),
        limb((0.38, -0.27, 1.02), (0.38, 0.27, 1.02), 0.02, 0.02, 'metal', 4),
        box((-0.25, 0, 0.91), (0.26, 0.15, 0.06), 'tyre'),
        limb(hip, chest, 0.15, 0.19, 'shirt', 8),
        _head(chest[0] + 0.10, chest[2] + 0.24),
        limb((chest[0], 0, 1.45), (chest[0] + .07, 0, 1.58), .06, .05, 'skin'),
        box((-0.62, 0, 0.62), (0.03, 0.06, 0.05), 'taillight'),
        box((0.46, 0, 0.90), (0.05, 0.07, 0.06), 'headlight'),
    ]
    for side in (-1, 1):
        knee = (0.14 + 0.06 * side, 0.12 * side, 0.66 + 0.10 * side)
        foot = (-0.06 + 0.14 * side, 0.12 * side, 0.30 + 0.12 * side)
        hand = (0.38, 0.24 * side, 1.05)
        elbow = (chest[0] + 0.10, 0.27 * side, 1.18)
        parts += [
            limb((-0.22, 0.10 * side, 0.97), knee, 0.095, 0.07, 'trousers'),
            limb(knee, foot, 0.07, 0.045, 'trousers'),
            box((foot[0] + 0.06, foot[1], foot[2] - .05), (.25, .09, .07),
                'tyre'),
            limb((chest[0], 0.19 * side, 1.40), elbow, 0.055, .045, 'shirt'),
            limb(elbow, hand, 0.045, 0.035, 'skin'),
        ]
    return merge(parts)


class _Shape(NamedTuple):
    make: Callable[[int], Mesh]
    styles: int
    # What the colours of a material are drawn from, in the order of draws.
    colours: dict[str, Sequence]


_DRESSED = {'shirt': CLOTHES, 'trousers': TROUSERS}
SHAPES = {
    'Car': _Shape(_car, 4, {'paint': CAR_COLOURS}),
    'Pedestrian': _Shape(_pedestrian, 4, _DRESSED),
    'Cyclist': _Shape(_cyclist, 2, _DRESSED),
    'van': _Shape(_van, 2, {'paint': CAR_COLOURS}),
    'child': _Shape(_child, 4, _DRESSED),
    'cargo_bike': _Shape(_cargo_bike, 2, {**_DRESSED, 'paint': CAR_COLOURS}),
}


@cache
def template(shape: str, style: int) -> Mesh:
    """Number `style` of a shape of `SHAPES`, in the unit box."""
    return fit_unit_box(SHAPES[shape].make(style))


def actor_mesh(shape: str, size, at, yaw: float,
               rng: np.random.Generator) -> Mesh:
    """A painted object.

    Args:
        shape (str): Of `SHAPES`.
        size (tuple): Length, width, height in metres.
        at (tuple): Centre of the bottom, world frame, metres.
        yaw (float): Heading about z, rad; 0 looks along x.
        rng (np.random.Generator): Draws the style and the colours.
    """
    style = int(rng.integers(SHAPES[shape].styles))
    shade = rng.uniform(0.8, 1.2)

    def pick(colours):
        return np.float32(colours[rng.integers(len(colours))]) * shade

    part = repaint(
        template(shape, style), {
            material: pick(colours)
            for material, colours in SHAPES[shape].colours.items()
        })
    return place(part, at, yaw, size)
