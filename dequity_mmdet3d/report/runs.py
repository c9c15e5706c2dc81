"""What trainings left behind: results by stratum, learning curves."""
import math
import os
from dataclasses import dataclass, field
from pathlib import Path

from dequity_mmdet3d.compare.run_folder import (
    Comparison,
    read_result,
    read_scalars,
    read_test,
)
from dequity_mmdet3d.compare.summary import compare, digits_of, left_out
from dequity_mmdet3d.figures import (
    matching,
    objects_behind,
    parse,
    shared_prefix,
)
from dequity_mmdet3d.json_files import NUMBER, is_of

# Points of a curve: more cannot be told apart on a screen.
_POINTS = 300


@dataclass(frozen=True)
class Runs:
    """A comparison of ``dequity compare``, or one training.

    Args:
        name (str): Of its folder.
        arms (list[str]): The baseline first.
        shared (str): What the names of all figures have in common.
        rows (list[dict]): 'metric' (the rest of its name), 'objects' (int or
            None) and 'cells', a dict for each arm with 'mean', and 'sd',
            'difference', 'low' and 'high' or None, and 'seeds' and 'pairs'.
        seeds (list[int]): Finished ones of each arm; empty for a training.
        curves (dict[str, list[dict]]): By scalar, for each run 'arm', 'run'
            (its folder), 'x' (steps) and 'y'.
        notes (list[str]): What of it is not shown.
    """
    name: str
    arms: list[str]
    shared: str = ''
    rows: list[dict] = field(default_factory=list)
    seeds: list[int] = field(default_factory=list)
    curves: dict[str, list] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def read_runs(folder):
    """Read what lies in a folder.

    Args:
        folder (str | Path): ``--out`` of ``dequity compare``, or the work
            directory of one training.

    Returns:
        Runs: Whatever is finished of it.

    Raises:
        FileNotFoundError: If it is neither.
        ValueError: If a file in it is damaged.
    """
    folder = Path(folder)
    name = folder.resolve().name
    curves = {}
    if Comparison.is_in(folder):
        comparison = Comparison.read(folder)
        damaged: list[str] = []
        results = comparison.results(damaged)
        for arm in comparison.arms:
            for seed in comparison.seeds:
                run = comparison.folder(arm, seed)
                _add_curves(curves, arm, run.name, read_scalars(run))
        return Runs(
            name, list(comparison.arms),
            *_shortened(_rows(results, comparison)),
            seeds=[sum(arm == a for a, _ in results)
                   for arm in comparison.arms], curves=curves,
            notes=left_out(results, damaged))
    lines = read_scalars(folder)
    result = read_result(folder)
    if not lines and result is None:
        raise FileNotFoundError(
            f'{folder} has neither comparison.json (of dequity compare; '
            '--table-only writes it) nor */vis_data/scalars.json (of a '
            'training); correct --runs')
    _add_curves(curves, name, name, lines)
    figures = result['metrics'] if result else (
        read_test(folder) or _last_evaluation(lines))
    return Runs(name, [name], *_shortened(_rows_of_one(figures)),
                curves=curves, notes=left_out(
                    {(name, 'of its own'): dict(metrics=figures)}))


def _rows(results, comparison):
    """Rows of all figures of a comparison, with a cell for each arm."""
    rows = {}
    for line in compare(results, list(comparison.arms), comparison.seeds):
        row = rows.setdefault(line['metric'], dict(
            metric=line['metric'], objects=line['objects'], cells=[]))
        row['cells'].append(dict(
            {key: line[key] if _is_number(line[key]) else None
             for key in ('mean', 'sd', 'difference', 'low', 'high')},
            seeds=line['seeds'], pairs=line['pairs'] or 0))
    for row in rows.values():
        row['digits'] = digits_of(cell['mean'] for cell in row['cells'])
    return list(rows.values())


def _rows_of_one(figures):
    """Rows of a single evaluation, {name: value}, without its counts."""
    return [
        dict(metric=name, objects=objects_behind(name, figures),
             digits=digits_of([value if _is_number(value) else None]),
             cells=[dict(
            mean=value if _is_number(value) else None, sd=None,
            difference=None, low=None, high=None, seeds=1, pairs=0)])
        for name, value in figures.items()
        if not (parse(name) and parse(name).is_count)
    ]


def _last_evaluation(lines):
    """dict[str, float]: Figures of the last validation in a log."""
    evaluations = [
        {k: v for k, v in line.items() if '/' in k and _is_number(v)}
        for line in lines
    ]
    return next(filter(None, reversed(evaluations)), {})


def _shortened(rows):
    """What the names that most would read first share, and their rows."""
    chosen = {*matching([row['metric'] for row in rows])}
    rows = [row for row in rows if row['metric'] in chosen]
    names = [row['metric'] for row in rows]
    if len(names) < 2:
        return '', rows
    start = shared_prefix(names)
    end = os.path.commonprefix([name[::-1] for name in names])[::-1]
    end = end[end.find('_'):] if '_' in end else ''
    return f'{start} … {end}'.strip(' …'), [
        dict(row, metric=name[len(start):len(name) - len(end)])
        for row, name in zip(rows, names)]


def _add_curves(curves, arm, run, lines):
    by_name = {}
    for line in lines:
        step = line.get('step')
        for name, value in line.items():
            if ('loss' in name or name.startswith('dequity')
                    or name == 'grad_norm') and _is_number(
                        value) and _is_number(step):
                # a later part of the training has the last word
                by_name.setdefault(name, {})[step] = value
    for name, points in by_name.items():
        steps = sorted(points)
        steps = steps[::math.ceil(len(steps) / _POINTS)]
        curves.setdefault(name, []).append(dict(
            arm=arm, run=run, x=steps,
            y=[float(f'{points[s]:.5g}') for s in steps]))


def _is_number(value):
    return is_of(value, NUMBER) and math.isfinite(value)
