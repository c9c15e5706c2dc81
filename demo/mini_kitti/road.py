"""The road: a gentle curve with lanes, kerbs and at most one crossing.

World frame: x ahead, y left, z up, metres; the origin is on the ground below
camera 0. Road frame: `s` is the world's x, `d` the distance from the line
between the two directions, positive to the left. People drive on the right.
"""
from dataclasses import dataclass

import numpy as np

from .modes import Mode

KERB = 0.12
CROSSING_WIDTH = 7.0


@dataclass(frozen=True)
class Road:
    """Geometry of one frame's road.

    Args:
        curvature (float): In 1/m.
        heading (float): Slope dy/dx at x = 0.
        lanes (int): Lanes of each direction.
        lane_width, median, shoulder, sidewalk (float): Metres.
        crossing (float, optional): x of the crossing street's middle.
        zebra (float, optional): x of the zebra crossing's middle.
        ego_lane (int): The lane the sensor is in, 0 next to the median.
    """
    curvature: float
    heading: float
    lanes: int
    lane_width: float
    median: float
    shoulder: float
    sidewalk: float
    crossing: float | None
    zebra: float | None
    ego_lane: int

    @property
    def lanes_edge(self) -> float:
        """|d| at which the outermost lane ends."""
        return self.median / 2 + self.lanes * self.lane_width

    @property
    def edge(self) -> float:
        """|d| of the kerb, or where the tarmac ends."""
        return self.lanes_edge + self.shoulder

    def lane_middle(self, lane: int) -> float:
        """|d| of the middle of a lane."""
        return self.median / 2 + (lane + 0.5) * self.lane_width

    def slope(self, x):
        """Derivative dy/dx of the road at x, both in metres."""
        return self.heading + self.curvature * x

    def middle(self, x):
        """y of the line between the directions at x."""
        start = self.lane_middle(self.ego_lane)
        return start + self.heading * x + 0.5 * self.curvature * x * x

    def offset(self, x, y):
        """d of a point. Exact for a straight road; on the curve the error
        is second order in curvature * d (millimetres here).
        """
        return (y - self.middle(x)) / np.sqrt(1 + self.slope(x)**2)

    def point(self, s, d) -> tuple[float, float, float]:
        """World x, y and the road's yaw at (s, d)."""
        slope = self.slope(s)
        return s, self.middle(s) + d * np.sqrt(1 + slope**2), np.arctan(slope)

    def in_crossing(self, x, margin: float = 0.0):
        """Whether x lies in the crossing street, sidewalks included."""
        if self.crossing is None:
            return np.zeros(np.shape(x), bool)
        return np.abs(x - self.crossing) < CROSSING_WIDTH / 2 + margin


def draw_road(mode: Mode, rng: np.random.Generator) -> Road:
    """Draw a road of this mode."""
    lanes = int(rng.integers(mode.lanes[0], mode.lanes[1] + 1))
    crossing = zebra = None
    if rng.random() < mode.crossing:
        crossing = float(rng.uniform(20, 34))
        zebra = crossing - CROSSING_WIDTH / 2 - 3.0
    elif mode.sidewalk > 0 and rng.random() < 0.4:
        zebra = float(rng.uniform(11, 28))
    return Road(
        curvature=float(rng.uniform(-1, 1) * mode.curvature),
        heading=float(rng.normal(0, 0.015)),
        lanes=lanes,
        lane_width=mode.lane_width,
        median=mode.median,
        shoulder=mode.shoulder,
        sidewalk=mode.sidewalk,
        crossing=crossing,
        zebra=zebra,
        ego_lane=int(rng.integers(lanes)))
