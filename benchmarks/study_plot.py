"""What each recipe gains where it is rare, and what that costs: a plot.

    python benchmarks/study_plot.py [NAME=]FOLDER ... [--out trade.png]

reads comparison.csv of `dequity compare` from each FOLDER, prints the figures
as a table and draws a panel for each. An arm is a point: from left to right
its gain on the rare stratum of the worst class, from below the change of the
class that loses most on all samples, each paired by seed with the baseline,
with Student's 95 % interval. The worst class has the lowest mean of the
baseline on the rare stratum, of those with 50 objects there. The class that
loses most is chosen by its mean, so its interval is that of this class alone.
A point is filled where the aim is met: an interval of the gain above 0, and
those of all classes above -1 AP.

With --comparisons K the table has the gain's Bonferroni interval, too.

Exit status: 0 it is drawn, 1 an error, told in one line, 2 wrong arguments.
"""
import argparse
import itertools
import math
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from trades import COST, FIGURES, panel_of, read_rows, table_of

from dequity_mmdet3d.cli import DefaultsHelp, positive, run_cli
from dequity_mmdet3d.strata import RARE
from dequity_mmdet3d.whole_file import whole_file

# The first two and the grey are those of docs/make_pictures.py; all can be
# told apart with any colour vision, and on white.
COLOURS = ('#2a6fb0', '#d1661b', '#0a8a68', '#a8478a', '#8a6d00', '#5a4fb5',
           '#333333', '#b03a3a', '#3f8fa3')
GREY = '#777777'
COLUMNS = 3  # panels beside each other


def draw(panels, path):
    """A panel for each comparison, all with the same axes.

    Args:
        panels (list[Panel]): At least one.
        path (Path): PNG file to write, 900 pixels wide for three panels.
    """
    import matplotlib
    matplotlib.use('Agg')
    from matplotlib import pyplot
    wide = min(len(panels), COLUMNS)
    high = math.ceil(len(panels) / wide)
    figure, grid = pyplot.subplots(
        high, wide, figsize=(max(3 * wide, 6), 3.3 * high + 0.3), dpi=100,
        sharex=True, sharey=True, squeeze=False)
    for axes in grid.flat[len(panels):]:
        axes.set_visible(False)
    arms = dict.fromkeys(t.arm for panel in panels for t in panel.trades)
    colours = dict(zip(arms, itertools.cycle(COLOURS)))
    for panel, axes in zip(panels, grid.flat):
        for trade in panel.trades:
            colour = colours[trade.arm]
            x, y = trade.gain, trade.loss
            axes.errorbar(
                x.mean, y.mean, xerr=_arms(x), yerr=_arms(y), fmt='o',
                color=colour, markersize=4, linewidth=0.8,
                markerfacecolor=colour if trade.met else 'white')
        axes.axhline(0, color=GREY, linewidth=0.8, zorder=0)
        axes.axvline(0, color=GREY, linewidth=0.8, zorder=0)
        axes.axhline(COST, color=GREY, linewidth=0.8, linestyle='--',
                     zorder=0)
        axes.set_title(f'{panel.name}\nworst: {panel.worst}, '
                       f'{panel.baseline:.1f} AP', fontsize=9)
        axes.tick_params(labelsize=8)
        axes.spines[['top', 'right']].set_visible(False)
    figure.supxlabel('gain of the worst class on rare scenes, AP', fontsize=9)
    figure.supylabel('change of the class that loses most, AP', fontsize=9)
    figure.tight_layout()
    (left, right), (low, high) = axes.get_xlim(), axes.get_ylim()
    for panel, axes in zip(panels, grid.flat):
        # where one would wish them
        axes.fill_between([0, max(right, 1)], COST, max(high, 1),
                          color=COLOURS[0], alpha=0.06, linewidth=0,
                          zorder=-1)
        axes.set(xlim=(min(left, -1), max(right, 1)),
                 ylim=(min(low, COST - 1), max(high, 1)))
        axes.annotate(f'{COST:g} AP', (1, COST), (-2, -2), va='top',
                      ha='right', xycoords=axes.get_yaxis_transform(),
                      textcoords='offset points', fontsize=7, color=GREY)
        _name(panel.trades, axes, colours)
    with whole_file(path, parents=True) as file:
        # no date and no version, so that the same runs give the same bytes
        figure.savefig(file, format='png', metadata=dict(Software=None))
    pyplot.close(figure)


def _arms(change):
    """The two sides of an error bar, none without an interval."""
    if change.low != change.low:
        return None
    return [[change.mean - change.low], [change.high - change.mean]]


def _name(trades, axes, colours):
    """Write the arms' names where they cover neither points nor names."""
    from matplotlib.transforms import Bbox
    renderer = axes.figure.canvas.get_renderer()
    points = axes.transData.transform(
        [(t.gain.mean, t.loss.mean) for t in trades])
    taken = [Bbox.from_bounds(x - 4, y - 4, 8, 8) for x, y in points]
    frame = axes.get_window_extent(renderer)
    for trade, (x, _) in zip(trades, points):
        best = None
        # nearest first, on the side where there is more room
        for step in (5, -12, 15, -22, 25, -32, 35, -42, 45, -52):
            for right in (x < frame.x0 + frame.width / 2,
                          x >= frame.x0 + frame.width / 2):
                text = axes.annotate(
                    trade.arm, (trade.gain.mean, trade.loss.mean),
                    xytext=(5 if right else -5, step),
                    textcoords='offset pixels', fontsize=7,
                    ha='left' if right else 'right', color=colours[trade.arm])
                box = text.get_window_extent(renderer)
                covered = sum(box.overlaps(other) for other in taken) + (
                    box.x0 < frame.x0 - 20 or box.x1 > frame.x1 + 4
                    or box.y0 < frame.y0 or box.y1 > frame.y1)
                if best is None or covered < best[0]:
                    if best is not None:
                        best[1].remove()
                    best = covered, text, box
                else:
                    text.remove()
            if not best[0]:
                break
        taken.append(best[2])


def main(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__.split('\n', 1)[0], formatter_class=DefaultsHelp)
    add = parser.add_argument
    add('folders', nargs='+', metavar='[NAME=]FOLDER', help='--out of dequity '
        'compare; the name of its panel (default: that of the folder)')
    add('--out', type=Path, default=Path('trade.png'), metavar='FILE.png')
    add('--stratum', default=RARE, help="such as 'object=rare'")
    add('--figure', help='which AP, the end of its name (default: '
        f'{" or ".join(FIGURES)})')
    add('--comparisons', type=positive, default=1, metavar='K',
        help='of which a Bonferroni interval is told')
    args = parser.parse_args(argv)
    panels = []
    for text in args.folders:
        name, _, folder = text.rpartition('=') if not Path(
            text).is_dir() else ('', '', text)
        folder = Path(folder)
        panels.append(panel_of(name or folder.name, read_rows(
            folder / 'comparison.csv'), args.stratum, args.figure))
    print(table_of(panels, args.comparisons))
    draw(panels, args.out)
    print(f'{args.out.stat().st_size / 1e3:.0f} kB: {args.out}',
          file=sys.stderr)


if __name__ == '__main__':
    sys.exit(run_cli(main))
