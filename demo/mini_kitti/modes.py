"""The table of appearance modes: how often each comes and how it looks.

Every number a mode differs by is in `MODES`. A pair (low, high) is the range
a frame draws from, uniformly; colours are linear RGB in [0, 1].
"""
from dataclasses import dataclass

import numpy as np

Range = tuple[float, float]
Colour = tuple[float, float, float]

# Frequencies follow rank ** -POWER: 60 % for the first of six, 2.9 % for
# the last.
POWER = 1.7


@dataclass(frozen=True)
class Mode:
    """What the frames of one mode share.

    Args:
        name (str): Name, as it stands in ``modes.csv``.
        sun_elevation (Range): Degrees. Overcast modes put it overhead: what
            is left of the shadow is then the dark below the cars.
        sun_azimuth (Range): Degrees, 0 ahead, positive to the left.
        sun, ambient, zenith, horizon (Colour): Light of the sun and of the
            sky, and the colours that the sky is painted with.
        clouds (Range): Cover, 0 to 1.
        fog (Range): Extinction coefficient in 1/m, for camera and lidar.
        rain (Range): Strength, 0 to 1.
        lamps (float): Street lamps, head lights and windows, 0 (off) to 1.
        exposure (Range): Factor on the light before the tone curve.
        lanes (tuple[int, int]): Fewest and most lanes of one direction.
        lane_width, median, shoulder, sidewalk (float): Metres; the shoulder
            is where cars park, if the mode has parked cars.
        curvature (float): Largest curvature in 1/m.
        crossing (float): Probability of a crossing street.
        buildings, trees (float): Share of the roadside that is built up;
            trees per 10 m and side.
        moving, parked, pedestrians, cyclists (float): Mean count a frame.
        rare_kinds (float): Share of the objects of each class that are of
            its rare kind, `layout.RARE_KINDS`.
        reach (float): Objects stand up to here, in metres.
    """
    name: str
    sun_elevation: Range
    sun_azimuth: Range
    sun: Colour
    ambient: Colour
    zenith: Colour
    horizon: Colour
    clouds: Range = (0.0, 0.6)
    fog: Range = (0.0006, 0.0015)
    rain: Range = (0.0, 0.0)
    lamps: float = 0.0
    exposure: Range = (0.85, 1.15)
    lanes: tuple[int, int] = (1, 2)
    lane_width: float = 3.2
    median: float = 0.0
    shoulder: float = 2.3
    sidewalk: float = 2.8
    curvature: float = 0.004
    crossing: float = 0.3
    buildings: float = 0.9
    trees: float = 0.35
    moving: float = 3.0
    parked: float = 4.0
    pedestrians: float = 1.0
    cyclists: float = 0.1
    rare_kinds: float = 0.0
    reach: float = 42.0


MODES = (
    Mode('city_day', (30, 60), (-150, 150), (1.05, 0.98, 0.88),
         (0.40, 0.46, 0.56), (0.16, 0.34, 0.72), (0.66, 0.76, 0.88),
         pedestrians=1.6, cyclists=0.10),
    Mode('motorway', (35, 65), (-150, 150), (1.05, 1.0, 0.92),
         (0.40, 0.46, 0.56), (0.12, 0.31, 0.75), (0.70, 0.80, 0.90),
         lanes=(2, 3), lane_width=3.6, median=3.0, shoulder=2.8,
         sidewalk=0.0, curvature=0.0015, crossing=0.0, buildings=0.0,
         trees=0.7, moving=7.0, parked=0.0, pedestrians=0.03,
         cyclists=0.03, reach=60.0),
    Mode('dusk', (3, 9), (-35, 35), (1.10, 0.48, 0.16),
         (0.20, 0.15, 0.22), (0.10, 0.10, 0.30), (1.0, 0.42, 0.14),
         clouds=(0.3, 0.8), fog=(0.002, 0.004), lamps=0.45,
         exposure=(0.9, 1.2), lanes=(1, 1), buildings=0.45, trees=0.8,
         moving=2.5, parked=3.0, pedestrians=1.2, cyclists=0.6),
    Mode('rain', (80, 90), (-180, 180), (0.14, 0.15, 0.16),
         (0.30, 0.33, 0.36), (0.27, 0.30, 0.33), (0.40, 0.43, 0.46),
         clouds=(0.8, 1.0), fog=(0.006, 0.010), rain=(0.5, 1.0), lamps=0.25,
         exposure=(0.8, 1.0), lanes=(1, 2), buildings=0.8, moving=3.0,
         parked=2.5, pedestrians=1.5, cyclists=3.0),
    Mode('night', (75, 90), (-180, 180), (0.010, 0.012, 0.02),
         (0.012, 0.015, 0.028), (0.004, 0.006, 0.018),
         (0.022, 0.022, 0.035), clouds=(0.0, 0.2), fog=(0.001, 0.002),
         lamps=1.0, exposure=(0.9, 1.2), lanes=(1, 1), buildings=0.75,
         trees=0.3, moving=2.5, parked=3.0, pedestrians=1.2, cyclists=3.5),
    Mode('fog', (80, 90), (-180, 180), (0.16, 0.16, 0.16),
         (0.50, 0.52, 0.54), (0.60, 0.62, 0.64), (0.66, 0.68, 0.70),
         clouds=(0.0, 0.0), fog=(0.022, 0.045), lamps=0.3,
         exposure=(0.9, 1.05), lanes=(1, 1), sidewalk=1.8, buildings=0.25,
         trees=1.1, moving=2.5, parked=1.5, pedestrians=1.0, cyclists=4.0,
         reach=38.0),
)

BY_NAME: dict[str, Mode] = {mode.name: mode for mode in MODES}


def frequencies(power: float = POWER) -> np.ndarray:
    """Share of each mode of `MODES`: (M,) float64, sums to 1."""
    rank = np.arange(1, len(MODES) + 1, dtype=np.float64)
    share = rank**-power
    return share / share.sum()


def equal_shares() -> np.ndarray:
    """(M,) float64: the same for each mode of `MODES`."""
    return np.full(len(MODES), 1 / len(MODES))


def mode_counts(total: int, share: np.ndarray | None = None) -> list[int]:
    """Split `total` frames over the modes by largest remainder.

    Where `total` allows it, no mode is left out: one that would get none
    takes a frame from the most frequent.

    Args:
        total (int): Frames to hand out, >= 0.
        share (np.ndarray, optional): (M,), sums to 1; `frequencies()` else.

    Returns:
        list[int]: (M,) counts that sum to `total`.
    """
    if share is None:
        share = frequencies()
    exact = share * total
    counts = np.floor(exact).astype(int)
    # A stable sort: equal remainders go to the more frequent mode.
    order = np.argsort(-(exact - counts), kind='stable')
    counts[order[:total - counts.sum()]] += 1
    if total >= len(counts):
        for rare in np.flatnonzero(counts == 0):
            counts[np.argmax(counts)] -= 1
            counts[rare] += 1
    return [int(count) for count in counts]


@dataclass(frozen=True)
class Look:
    """What one frame drew from the ranges of its mode.

    `sun_direction` is (3,), towards the sun, in the world frame; the other
    fields are those of `Mode` with the range replaced by a value.
    """
    mode: Mode
    sun_direction: np.ndarray
    sun: np.ndarray
    ambient: np.ndarray
    zenith: np.ndarray
    horizon: np.ndarray
    clouds: float
    fog: float
    rain: float
    exposure: float
    texture_shift: np.ndarray


def draw_look(mode: Mode, rng: np.random.Generator) -> Look:
    """Draw a frame's light and weather from its mode's ranges."""
    elevation = np.radians(rng.uniform(*mode.sun_elevation))
    azimuth = np.radians(rng.uniform(*mode.sun_azimuth))
    sun_direction = np.array([
        np.cos(elevation) * np.cos(azimuth),
        np.cos(elevation) * np.sin(azimuth),
        np.sin(elevation)
    ])
    # One tint for all the light, so that frames differ as days do.
    tint = rng.uniform(0.92, 1.08, 3)

    def tinted(colour):
        return np.float32(np.asarray(colour) * tint)

    return Look(
        mode=mode,
        sun_direction=np.float32(sun_direction),
        sun=tinted(mode.sun),
        ambient=tinted(mode.ambient),
        zenith=tinted(mode.zenith),
        horizon=tinted(mode.horizon),
        clouds=rng.uniform(*mode.clouds),
        fog=rng.uniform(*mode.fog),
        rain=rng.uniform(*mode.rain),
        exposure=rng.uniform(*mode.exposure),
        texture_shift=np.float32(rng.uniform(0, 100, 2)))
