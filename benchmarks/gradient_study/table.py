"""What a row of why.py's table is, and how figures stand in it."""
from typing import NamedTuple

STUDY_STEPS = 1500
SEEDS = range(8)
CLASSES = ('Pedestrian', 'Cyclist', 'Car')


class Row(NamedTuple):
    """One hypothesis: its figures by weighting and by drawing."""
    hypothesis: str
    measured: str
    weighting: str
    drawing: str
    limit: str  # what would refute it
    refuted: bool


def by_step(values, form='{:.2f}'):
    """Figures at the checkpoints, in their order."""
    return ' / '.join(form.format(v) for v in values)


def intervals(ratios):
    """Ratios at the checkpoints, with their intervals."""
    return ' / '.join(f'{r:.2f} [{a:.2f}, {b:.2f}]' for r, a, b in ratios)


def errors(values):
    """Figures at the checkpoints, with their standard errors."""
    return ' / '.join(f'{x:.2f} ± {e:.2f}' for x, e in values)
