"""eta and gamma over the course of training."""
from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from dequity_mmdet3d.weight import check_eta_gamma


class Schedule:
    """Piecewise linear eta and gamma, a function of the time alone.

    So a resumed run goes on as an undisturbed one would.

    Args:
        eta (list[tuple[float, float]], optional): Points (time, value):
            linear between them, constant outside. None leaves it constant.
        gamma (list[tuple[float, float]], optional): Likewise. With gamma 0
            all weights are 1, so ``[(0, 0), (5, 0), (10, 5)]`` starts equity
            after five epochs and has it whole after ten.
        by (str): Unit of time, 'epoch' (with fractions) or 'iter'.
            Defaults to 'epoch'.

    Raises:
        ValueError: If there are no points, a time is negative or not later
            than the one before, or a value is no eta or gamma.
    """

    def __init__(self, eta: Sequence | None = None,
                 gamma: Sequence | None = None, by: str = 'epoch'):
        if by not in ('epoch', 'iter'):
            raise ValueError(f"schedule.by must be 'epoch' or 'iter', but got "
                             f'{by!r}')
        if eta is None and gamma is None:
            raise ValueError('schedule needs points (time, value) for eta, '
                             'gamma or both')
        self.by = by
        self.points = {
            name: _checked(name, points)
            for name, points in (('eta', eta), ('gamma', gamma))
            if points is not None
        }

    @property
    def times(self) -> list[float]:
        """list[float]: When something changes."""
        return sorted({t for points in self.points.values()
                       for t, _ in points})

    def at(self, time: float) -> dict[str, float]:
        """Values at a time.

        Args:
            time (float): Epochs or iterations since training began.

        Returns:
            dict[str, float]: 'eta', 'gamma' or both.

        Example:
            >>> Schedule(gamma=[(0, 0), (10, 5)]).at(2)
            {'gamma': 1.0}
        """
        return {
            name: float(np.interp(time, [t for t, _ in points],
                                  [value for _, value in points]))
            for name, points in self.points.items()
        }


def _checked(name: str, points: Sequence) -> list[tuple[float, float]]:
    try:
        points = [(float(time), value) for time, value in points]
    except (TypeError, ValueError) as e:
        raise ValueError(f'schedule.{name} must be a list of points (time, '
                         f'value), but got {points!r}') from e
    times = [time for time, _ in points]
    if not points or times[0] < 0 or not all(map(math.isfinite, times)) or (
            any(b <= a for a, b in zip(times, times[1:]))):
        raise ValueError(f'schedule.{name} must have times from 0 up, each '
                         f'later than the one before, but got {points!r}')
    for _, value in points:
        try:
            check_eta_gamma(**dict(dict(eta=1, gamma=1), **{name: value}))
        except ValueError as e:
            raise ValueError(f'in schedule.{name}: {e}') from e
    return points
