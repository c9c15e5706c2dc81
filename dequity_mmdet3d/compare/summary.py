"""The table of a comparison."""
import csv
import html
import io
import math

from dequity_mmdet3d.figures import (
    METRICS,
    matching,
    objects_behind,
    shared_prefix,
)
from dequity_mmdet3d.messages import counted, first_five
from dequity_mmdet3d.whole_file import plain_text, together

from .statistics import summarize

FIELDS = ('metric', 'objects', 'arm', 'seeds', 'mean', 'sd', 'pairs',
          'difference', 'low', 'high')


def compare(results, arms, seeds):
    """Every figure of every arm.

    Args:
        results (dict[tuple[str, int], dict]): Results of finished runs by
            arm and seed.
        arms (Sequence[str]): Names, the baseline first.
        seeds (Sequence[int]): All of the comparison.

    Returns:
        list[dict]: Rows of ``FIELDS``, by metric and arm. 'objects' is the
        number behind a figure of a stratum, or None.
    """
    names = dict.fromkeys(name for result in results.values()
                          for name in result['metrics'])

    def values(arm, name):
        return [
            results.get((arm, seed), {}).get('metrics', {}).get(name, math.nan)
            for seed in seeds
        ]

    rows = []
    for name in names:
        # the validation frames are the same, and so are their objects
        counts = (objects_behind(name, result['metrics'])
                  for result in results.values())
        objects = next((n for n in counts if n is not None), None)
        baseline = values(arms[0], name)
        for arm in arms:
            found = summarize(
                values(arm, name), None if arm == arms[0] else baseline)
            rows.append(
                dict(
                    dict.fromkeys(FIELDS),
                    metric=name,
                    objects=objects,
                    arm=arm,
                    **found))
    return rows


def as_csv(rows):
    """All rows.

    Args:
        rows (list[dict]): From :func:`compare`.

    Returns:
        str: With a header line of ``FIELDS``; empty where there is nothing.
    """
    text = io.StringIO()
    writer = csv.DictWriter(text, FIELDS, lineterminator='\n')
    writer.writeheader()
    for row in rows:
        writer.writerow({
            key: '' if value is None or value != value else
            f'{value:.6g}' if isinstance(value, float) else plain_text(value)
            for key, value in row.items()
        })
    return text.getvalue()


def as_markdown(rows, results, arms, seeds, patterns=METRICS):
    """The rows that matter, for people.

    Args:
        rows (list[dict]): From :func:`compare`.
        results (dict): As there.
        arms (Sequence[str]): As there.
        seeds (Sequence[int]): As there.
        patterns (Sequence[str]): Names of figures with * and ?; if none of
            them matches, all figures are shown.

    Returns:
        str: Text with a table, a figure a line, an arm a column: mean ± sd,
        and below it the paired difference to the baseline with its interval.
    """
    names = list(dict.fromkeys(row['metric'] for row in rows))
    shown = matching(names, patterns)
    prefix = shared_prefix(shown)
    below = _plain(prefix)
    cells = {(row['metric'], row['arm']): row for row in rows}
    of_arm = {a: [r for (arm, _), r in results.items() if arm == a]
              for a in arms}

    def line(*texts):
        return '|' + ''.join(f' {text} |' if text else ' |' for text in texts)

    lines = [
        f'Figures below `{below}`. Mean ± standard deviation of a run; then '
        f'the mean difference to {arms[0]} in runs of the same seed, with '
        "its 95 % interval over the seeds (Student's t), in bold where it "
        'excludes 0. The validation frames are the same throughout.' if prefix
        else 'Mean ± standard deviation; difference and 95 % interval.', '',
        line('', 'objects', *arms),
        '| --- ' * (len(arms) + 2) + '|'
    ]
    for name in shown:
        row = [cells[name, arm] for arm in arms]
        digits = digits_of(cell['mean'] for cell in row)
        lines.append(line(
            _plain(name[len(prefix):]), _text(row[0]['objects'], 'd'),
            *[_cell(cell, digits) for cell in row]))
    lines += [
        line('finished runs', '',
             *[f'{len(of_arm[a])} of {len(seeds)}' for a in arms]),
        line('steps', '',
             *[_span([r['steps'] for r in of_arm[a]]) for a in arms]),
        line('seconds of training', '',
             *[_span([r['seconds'] for r in of_arm[a]]) for a in arms])
    ]
    return '\n'.join(lines) + '\n'


def left_out(results, damaged=()):
    """What is not in the table although it was found.

    Args:
        results (dict): As for :func:`compare`.
        damaged (Sequence[str]): Lines of results that cannot be read.

    Returns:
        list[str]: Lines for people; none where all is in.
    """
    bad = [f'{name} of {arm} seed {seed}'
           for (arm, seed), result in results.items()
           for name, value in result['metrics'].items()
           if not math.isfinite(value)]
    count = counted(len(bad), 'figure is', 'figures are')
    return [*damaged] + [
        f'{count} NaN or infinite, as where there is nothing to measure, and '
        f'left out: {first_five(bad)}'] * bool(bad)


def _plain(name):
    """A figure's name, of which nothing is Markdown's or HTML's."""
    return html.escape(name, quote=False).replace('|', '&#124;')


def digits_of(values):
    """How many digits the figures of a row are shown with.

    Args:
        values (Iterable[float | None]): Of all arms.

    Returns:
        int: After the point: 2, as for percentages, or 4 where none is above
        1, as nuScenes' and COCO's, whose hundredths are whole points.
    """
    return 4 if all(v is None or not abs(v) > 1 for v in values) else 2


def _cell(row, digits):
    if not row['seeds']:
        return '-'
    form, signed = f'.{digits}f', f'+.{digits}f'
    text = _text(row['mean'], form)
    if row['seeds'] > 1:
        text += f' ± {_text(row["sd"], form)}'
    if row.get('pairs'):
        change = _text(row['difference'], signed)
        if row['low'] == row['low']:
            change += f' [{row["low"]:{signed}}, {row["high"]:{signed}}]'
            if row['low'] > 0 or row['high'] < 0:
                change = f'**{change}**'
        text += f'<br>{change}'
    return text


def _text(value, form='.2f'):
    return '' if value is None or value != value else format(value, form)


def _span(values):
    if not values:
        return '-'
    low, high = f'{min(values):.0f}', f'{max(values):.0f}'
    return low if low == high else f'{low} to {high}'


def write_table(comparison, patterns=METRICS):
    """Write the tables of what is finished.

    Args:
        comparison (Comparison): With arms and seeds.
        patterns (Sequence[str]): See :func:`as_markdown`.

    Returns:
        str: Text of ``comparison.md``.
    """
    damaged: list[str] = []
    results = comparison.results(damaged)
    arms, seeds = list(comparison.arms), comparison.seeds
    rows = compare(results, arms, seeds)
    text = as_markdown(rows, results, arms, seeds, patterns)
    text += ''.join(f'\nNot in the table: {line}\n'
                    for line in left_out(results, damaged))
    with together():
        comparison.write()
        comparison.write_tables(as_csv(rows), text)
    return text
