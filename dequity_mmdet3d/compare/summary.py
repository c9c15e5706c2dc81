"""The table of a comparison."""
import csv
import io
import math
import re
from fnmatch import fnmatchcase

from dequity_mmdet3d.whole_file import whole_file

from .statistics import summarize

# What most would read first, where the user names no figures.
METRICS = ('*_3D_AP40_moderate_strict', '*NuScenes/*/mAP', '*_NuScenes/mAP',
           '*_NuScenes/NDS')
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
        baseline = values(arms[0], name)
        for arm in arms:
            found = summarize(
                values(arm, name), None if arm == arms[0] else baseline)
            rows.append(
                dict(
                    dict.fromkeys(FIELDS),
                    metric=name,
                    objects=objects_behind(name, results),
                    arm=arm,
                    **found))
    return rows


def objects_behind(name, results):
    """Number of annotated objects behind a figure.

    Args:
        name (str): Of the figure.
        results (dict[tuple[str, int], dict]): See :func:`compare`.

    Returns:
        int, optional: For a gap, of its smaller side; for a figure on all
        samples, of all strata. None if the runs do not tell.
    """
    behind = re.sub(r'(?:_(?:bbox|BEV|3D|2D))?_(?:AP\d*|AOS\d*)'
                    r'(?:_(easy|moderate|hard))?(?:_(?:strict|loose))?$',
                    lambda m: f'_{m[1]}_objects' if m[1] else '_objects',
                    re.sub('mAP$', '_AP', name)).replace('/_', '/')
    if behind == name:
        return None
    for result in results.values():
        found = result['metrics']
        if behind in found:
            return int(found[behind])
        for sides, joined in (
            ([behind.replace('/gap/', f'/{s}/') for s in ('rare', 'common')],
             min),
            (['/{}/'.join(behind.rsplit('/', 1)).format(s)
              for s in ('rare', 'middle', 'common')], sum)):
            if all(side in found for side in sides):
                return int(joined(found[side] for side in sides))
    return None


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
            f'{value:.6g}' if isinstance(value, float) else value
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
    shown = [n for n in names if any(fnmatchcase(n, p) for p in patterns)]
    shown = shown or names
    prefix = _common_prefix(shown)
    cells = {(row['metric'], row['arm']): row for row in rows}
    lines = [
        f'Figures below `{prefix}`. Mean ± standard deviation of a run; then '
        f'the mean difference to {arms[0]} in runs of the same seed, with '
        'its 95 % bootstrap interval over the seeds, in bold where it '
        'excludes 0. The validation frames are the same throughout.' if prefix
        else 'Mean ± standard deviation; difference and 95 % interval.', '',
        '| | objects | ' + ' | '.join(arms) + ' |',
        '| --- ' * (len(arms) + 2) + '|'
    ]
    for name in shown:
        row = [cells[name, arm] for arm in arms]
        lines.append(f'| {name[len(prefix):]} | '
                     f'{_text(row[0]["objects"], "d")} | ' +
                     ' | '.join(map(_cell, row)) + ' |')
    done = {a: sum((a, s) in results for s in seeds) for a in arms}
    lines += [
        '| finished runs | | ' +
        ' | '.join(f'{done[a]} of {len(seeds)}' for a in arms) + ' |',
        '| steps | | ' + ' | '.join(
            _span([r['steps'] for k, r in results.items() if k[0] == a])
            for a in arms) + ' |', '| seconds of training | | ' + ' | '.join(
                _span([r['seconds'] for k, r in results.items()
                       if k[0] == a]) for a in arms) + ' |'
    ]
    return '\n'.join(lines) + '\n'


def _common_prefix(names):
    """Up to the last slash that all names share."""
    shared = names[0] if names else ''
    for name in names:
        while not name.startswith(shared):
            shared = shared[:-1]
    return shared[:shared.rfind('/') + 1]


def _cell(row):
    if not row['seeds']:
        return '-'
    text = _text(row['mean'])
    if row['seeds'] > 1:
        text += f' ± {_text(row["sd"])}'
    if row.get('pairs'):
        change = _text(row['difference'], '+.2f')
        if row['low'] == row['low']:
            change += f' [{row["low"]:+.2f}, {row["high"]:+.2f}]'
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


def write_table(out, runs, arms, seeds, patterns=METRICS):
    """Write ``comparison.csv`` and ``comparison.md`` of what is finished.

    Args:
        out (Path): Folder for them.
        runs (Sequence[Run]): All of the comparison.
        arms, seeds, patterns: See :func:`as_markdown`.

    Returns:
        str: The latter's text.
    """
    results = {(run.arm, run.seed): result
               for run in runs for result in [run.result()] if result}
    rows = compare(results, arms, seeds)
    text = as_markdown(rows, results, arms, seeds, patterns)
    for name, content in (('comparison.csv', as_csv(rows)),
                          ('comparison.md', text)):
        with whole_file(out / name) as f:
            f.write(content.encode())
    return text
