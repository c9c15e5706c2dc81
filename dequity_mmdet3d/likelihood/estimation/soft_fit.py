"""What the method 'soft' found, as it is kept beside a table.

Shape letters: Q dimensions, K cells.
"""
from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..clustering import Modes, Soft
from ..clustering.kernel_count import KernelCount
from ..clustering.soft_count import SoftCount

# arrays beside those of modes; the rest is numbers
SOFT_ARRAYS = ('viewpoint', 'cell_size', 'cell_spread')


@dataclass(frozen=True)
class SoftFit:
    """What the method 'soft' found in a view.

    Args:
        soft (Soft): The estimate.
        top (float): The largest share of a training sample, in (0, 1].
    """
    soft: Soft
    top: float

    def numbers(self) -> dict:
        """dict: JSON-able, all that is no array."""
        counts = self.soft.counts
        return dict(bandwidth=counts.count.bandwidth,
                    floor=counts.count.floor, near=counts.near,
                    level=counts.level, slope=counts.slope,
                    noise=counts.noise,
                    weight=self.soft.weight, clear=self.soft.clear,
                    n=self.soft.n, top=self.top)

    def arrays(self) -> dict[str, np.ndarray]:
        """dict[str, np.ndarray]: All that is not the modes'."""
        counts = self.soft.counts.count
        viewpoint = self.soft.modes.viewpoint
        values = (viewpoint, counts.size, counts.spread)
        return {name: value for name, value in zip(SOFT_ARRAYS, values)
                if value is not None}


def soft_fit_of(modes: Modes, numbers: dict, viewpoint: np.ndarray,
                size: np.ndarray, spread: np.ndarray) -> tuple[Modes, SoftFit]:
    """What was saved of a view by the method 'soft'.

    Args:
        modes (Modes): Of the view, without the viewpoint.
        numbers (dict): Of :meth:`SoftFit.numbers`.
        viewpoint, size, spread (np.ndarray): Of :meth:`SoftFit.arrays`.

    Returns:
        tuple[Modes, SoftFit]: With the viewpoint, and the estimate.
    """
    modes = replace(modes, viewpoint=viewpoint)
    count = KernelCount(size, modes.cells, spread, numbers['bandwidth'],
                        numbers['floor'])
    counts = SoftCount(
        count, *(numbers[key] for key in ('near', 'level', 'slope', 'noise')))
    soft = Soft(modes, counts, numbers['weight'], numbers['clear'],
                numbers['n'])
    return modes, SoftFit(soft, numbers['top'])
