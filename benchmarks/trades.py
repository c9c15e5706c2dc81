"""What arms gain where a class is rare, and what that costs each class.

From comparison.csv of `dequity compare`, for study_plot.py.
"""
import csv
import math
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from dequity_mmdet3d.compare.statistics import t_factor
from dequity_mmdet3d.compare.summary import FIELDS, digits_of
from dequity_mmdet3d.figures import Figure, parse
from dequity_mmdet3d.strata import RARE

FIGURES = ('3D_AP40_moderate_strict', 'AP')  # KITTI's, nuScenes'
ENOUGH = 50  # objects, from which a class on a stratum is judged
COST = -1.0  # AP that a recipe may cost a class
LEVEL = 0.95  # of the intervals of a comparison


@dataclass(frozen=True)
class Change:
    """A class under an arm, less the baseline; in AP, 0 to 100.

    Args:
        cls (str): Its name.
        mean (float): Of the differences.
        low, high (float): Interval; NaN for less than three pairs.
        pairs (int): Seeds that both have.
    """
    cls: str
    mean: float
    low: float
    high: float
    pairs: int

    def text(self):
        """str: Mean and interval."""
        return f'{self.mean:+.2f}' + (
            f' [{self.low:+.2f}, {self.high:+.2f}]'
            if self.low == self.low else '')

    def at(self, level):
        """Change: With the interval of another confidence level.

        Both are of Student, so that their widths go with the quantiles.
        """
        if self.low != self.low:
            return self
        wider = t_factor(level, self.pairs) / t_factor(LEVEL, self.pairs)
        return Change(self.cls, self.mean,
                      self.mean - wider * (self.mean - self.low),
                      self.mean + wider * (self.high - self.mean), self.pairs)


@dataclass(frozen=True)
class Trade:
    """What an arm does.

    Args:
        arm (str): Its name.
        gain (Change): Of the worst class on the rare stratum.
        losses (list[Change]): Of every class, on all samples.
    """
    arm: str
    gain: Change
    losses: list

    @property
    def loss(self):
        """Change: Of the class that loses most."""
        return min(self.losses, key=lambda change: change.mean)

    @property
    def met(self):
        """bool: Whether it gains, and costs no class more than 1 AP, by the
        intervals of all classes; NaN is neither.
        """
        return self.gain.low > 0 and all(c.low > COST for c in self.losses)


@dataclass(frozen=True)
class Panel:
    """A comparison.

    Args:
        name (str): Of the world and the detector.
        worst (str): The class that was worst on the rare stratum.
        objects (int): Of it there.
        baseline (float): AP of the baseline.
        trades (list[Trade]): Of the other arms.
    """
    name: str
    worst: str
    objects: int
    baseline: float
    trades: list


def read_rows(path):
    """The rows of a comparison.

    Args:
        path (Path): comparison.csv.

    Returns:
        list[dict]: With numbers; NaN where there is none.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no comparison.
    """
    if not path.is_file():
        raise FileNotFoundError(f'there is no {path}; dequity compare '
                                '--table-only writes it')
    with open(path, newline='', encoding='utf-8') as file:
        lines = csv.DictReader(file)
        if tuple(lines.fieldnames or ()) != FIELDS:
            raise ValueError(f'{path} must have the columns {FIELDS}, but has '
                             f'{lines.fieldnames}; it is none of dequity '
                             'compare')
        try:
            return [{k: v if k in ('metric', 'arm') else
                     float(v) if v else math.nan for k, v in line.items()}
                    for line in lines]
        except (TypeError, ValueError) as e:
            raise ValueError(f'{path} is damaged ({e}); write it anew with '
                             'dequity compare --table-only') from e


def panel_of(name, rows, stratum=RARE, figure=None):
    """What a comparison says of its arms.

    Args:
        name (str): Of the panel.
        rows (list[dict]): From :func:`read_rows`.
        stratum (str): That recipes are for.
        figure (str, optional): Which AP, the end of its name. Defaults to
            the first of ``FIGURES`` that there is.

    Returns:
        Panel: Of all arms but the baseline, which stands first.

    Raises:
        ValueError: If what it needs is not there.
    """
    arms = list(dict.fromkeys(row['arm'] for row in rows))
    known = [(parse(row['metric']), row) for row in rows]
    known = [(f, row) for f, row in known if f and f.cls and not f.is_count]
    of = {_end(f) for f, _ in known}
    figure = figure or next((f for f in FIGURES if f in of), FIGURES[0])
    known = [(f, row) for f, row in known if _end(f) == figure]
    found = {(f.stratum, f.cls, row['arm']): row for f, row in known}
    prefixes = {f.prefix for f, _ in known}
    if len(arms) < 2 or len(prefixes) != 1:
        raise ValueError(
            f'{name}: a baseline and other arms are needed, with {figure} of '
            f'classes under one prefix, but arms are {arms} and prefixes '
            f'{sorted(prefixes)}, and there is {sorted(of)}; see --figure')
    # nuScenes' AP is a share
    unit = 100 if digits_of(
        row['mean'] for row in found.values() if row['mean'] == row['mean']
    ) == 4 else 1

    def change(place, cls, arm):
        row = found[place, cls, arm]
        return Change(cls, *(unit * row[k] for k in (
            'difference', 'low', 'high')), int(row['pairs']))

    judged = {cls: row for (place, cls, arm), row in found.items()
              if place == stratum and arm == arms[0]
              and row['objects'] >= ENOUGH and row['mean'] == row['mean']}
    classes = [cls for place, cls, arm in found
               if place == '' and arm == arms[0]]
    if not judged or not classes:
        raise ValueError(
            f'{name}: {figure} is needed of a class with {ENOUGH} objects on '
            f'{stratum} samples, and of classes on all, but only '
            f'{sorted({place or "all" for place, *_ in found})} are there')
    worst = min(judged, key=lambda cls: judged[cls]['mean'])
    row = judged[worst]
    return Panel(
        name, worst, int(row['objects']), unit * row['mean'],
        [Trade(arm, change(stratum, worst, arm),
               [change('', cls, arm) for cls in classes])
         for arm in arms[1:] if found[stratum, worst, arm]['pairs'] > 0])


def _end(figure):
    """The end of a figure's name, without stratum and class."""
    return Figure('', '', figure.kind, figure.difficulty,
                  figure.overlap).name()


def table_of(panels, comparisons=1):
    """The figures behind the plot.

    Args:
        panels (list[Panel]): At least one.
        comparisons (int): For whose number gains are told once more.

    Returns:
        str: Markdown.
    """
    extra = comparisons > 1
    level = 1 - (1 - LEVEL) / comparisons
    head = ['', 'worst class', 'arm', 'pairs', 'its gain',
            *[f'at {level:.1%}'] * extra, 'loses most', 'its change',
            'aim met']
    lines = [head, ['---'] * len(head)]
    for panel in panels:
        about = (f'{panel.worst}, {panel.baseline:.2f} of {panel.objects} '
                 'objects')
        for trade in panel.trades:
            lines.append([
                panel.name, about, f'`{trade.arm}`', str(trade.gain.pairs),
                trade.gain.text(), *[trade.gain.at(level).text()] * extra,
                trade.loss.cls, trade.loss.text(),
                'yes' if trade.met else 'no'])
    return '\n'.join(f'| {" | ".join(line)} |' for line in lines)
