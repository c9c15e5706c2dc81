#!/usr/bin/env python
"""The pictures of the README: the demo's page, and the study's result.

    make demo && python docs/make_pictures.py [DEMO]

opens DEMO/page/index.html (default: work_dirs/demo) in Chromium and draws the
first table of docs/study.md, into docs/pictures. Only embedded data is shown.

Exit status: 0 both pictures are made, 1 an error, 2 wrong arguments.
"""
import argparse
import io
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

DOCS = Path(__file__).resolve().parent
sys.path.insert(0, str(DOCS.parent))

from dequity_mmdet3d.cli import run_cli

# what the study asked for first, then what it may cost
ROWS = ('rare/Cyclist', 'rare/Car', 'rare/Pedestrian', 'common/Car',
        'common/Pedestrian')
SIZE = (1280, 1240)  # of the view, in pixels
BLUE, ORANGE, GREY = '#2a6fb0', '#d1661b', '#777777'


def photograph(page, path, size=SIZE):
    """Save what a browser shows of a page first.

    Args:
        page (Path): HTML file.
        path (Path): WebP file to write.
        size (tuple[int, int]): Width and height of the view in pixels.

    Raises:
        FileNotFoundError: Without the page, or without Chromium.
        OSError: If Chromium makes no picture.
    """
    from PIL import Image
    if not page.is_file():
        raise FileNotFoundError(f'there is no page {page}; make demo, or give '
                                'the folder of a finished demo')
    browser = shutil.which('chromium') or shutil.which('google-chrome')
    if browser is None:
        raise FileNotFoundError('the page is photographed in Chromium, which '
                                'is not there (Debian: chromium)')
    with tempfile.TemporaryDirectory() as folder:
        shot = Path(folder) / 'shot.png'
        done = subprocess.run(
            [browser, '--headless=new', '--no-sandbox', '--hide-scrollbars',
             '--enable-unsafe-swiftshader', '--force-device-scale-factor=1',
             f'--user-data-dir={folder}/profile',
             # time for what the page draws after it is loaded
             '--virtual-time-budget=20000',
             f'--window-size={size[0]},{size[1]}', f'--screenshot={shot}',
             page.resolve().as_uri()],
            capture_output=True, text=True, timeout=300)
        if not shot.is_file():
            raise OSError(f'{browser} made no picture of {page} (status '
                          f'{done.returncode}): {done.stderr[-300:]}')
        Image.open(shot).convert('RGB').save(path, quality=80, method=6)


def differences(text, rows=ROWS):
    """Differences to the baseline out of the first table of a study.

    Args:
        text (str): Markdown, a line a figure, an arm a column.
        rows (Sequence[str]): Figures to look for.

    Returns:
        dict[str, dict[str, tuple[float, float, float]]]: By arm and figure:
        mean difference, lower and upper end of its interval.

    Raises:
        ValueError: If a figure is not in the table.

    Example:
        >>> differences('''| | objects | baseline | equity |
        ... | x | 7 | 1.00 ± 0.10 | 3.00 ± 0.10<br>+2.00 [-0.50, +4.50] |
        ... ''', ['x'])
        {'equity': {'x': (2.0, -0.5, 4.5)}}
    """
    table = re.search(r'^\| \| objects \|.*?(?:\n(?!\|)|\Z)', text,
                      re.MULTILINE | re.DOTALL)
    lines = [[cell.strip() for cell in line.strip('| \n').split(' | ')]
             for line in (table[0] if table else '').splitlines()
             if line.startswith('|')]
    arms = lines[0][2:] if lines else []
    found = {arm: {} for arm in arms}
    for name, _, _, *cells in lines[1:]:
        for arm, cell in zip(arms, cells):
            number = r'([+-]\d+\.\d+)'
            match = re.search(rf'{number} \[{number}, {number}\]', cell)
            if match and name in rows:
                found[arm][name] = tuple(map(float, match.groups()))
    for arm, figures in found.items():
        missing = [row for row in rows if row not in figures]
        if missing:
            raise ValueError(f'the study has no difference of {arm} for '
                             f'{missing}; it must have a table with objects, '
                             'baseline and arms')
    return found


def draw(found, path, rows=ROWS):
    """Draw differences with their intervals, a row a figure.

    Args:
        found (dict): From :func:`differences`.
        path (Path): PNG file to write.
        rows (Sequence[str]): Figures from the top down.
    """
    import matplotlib
    matplotlib.use('Agg')
    from matplotlib import pyplot
    figure, axes = pyplot.subplots(figsize=(7.2, 6), dpi=110)
    axes.axvline(0, color=GREY, linewidth=1)
    for k, ((arm, figures), colour, mark) in enumerate(
            zip(found.items(), (BLUE, ORANGE), 'os')):
        mean, low, high = zip(*(figures[row] for row in rows))
        axes.errorbar(
            mean, [i + 0.24 * (k - 0.5) for i in range(len(rows))],
            xerr=[[m - e for m, e in zip(mean, low)],
                  [e - m for m, e in zip(mean, high)]],
            fmt=mark, color=colour, capsize=3, label=arm)
    axes.set_yticks(range(len(rows)), [
        '{1}s on {0} scenes'.format(*row.split('/')) for row in rows])
    axes.invert_yaxis()
    axes.set_xlabel('difference in 3D AP to the same training without '
                    'equity;\n8 seeds, 95 % bootstrap interval')
    axes.legend(frameon=False, loc='center right')
    axes.spines[['top', 'right', 'left']].set_visible(False)
    axes.tick_params(left=False)
    figure.tight_layout()
    buffer = io.BytesIO()
    # no date and no version, so that the same study gives the same bytes
    figure.savefig(buffer, format='png', metadata=dict(Software=None))
    pyplot.close(figure)
    path.write_bytes(buffer.getvalue())


def main(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__.split('\n', 1)[0],
        epilog=__doc__.split('\n\n', 1)[1],
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        'demo', nargs='?', type=Path, default=Path('work_dirs/demo'),
        metavar='DEMO', help='folder of a finished demo')
    parser.add_argument(
        '--out', type=Path, default=DOCS / 'pictures', metavar='DIR',
        help='where to write (default: docs/pictures)')
    args = parser.parse_args(argv)
    args.out.mkdir(parents=True, exist_ok=True)
    study = (DOCS / 'study.md').read_text(encoding='utf-8')
    draw(differences(study), args.out / 'study.png')
    photograph(args.demo / 'page/index.html', args.out / 'page.webp')
    for path in sorted(args.out.iterdir()):
        print(f'{path.stat().st_size / 1e3:.0f} kB  {path}')


if __name__ == '__main__':
    sys.exit(run_cli(main))
