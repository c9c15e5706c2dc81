"""What trainings left behind: results by stratum, learning curves."""
import csv
import json
import math
import os
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Dict, List

from dequity_mmdet3d.compare.arms import folder_of
from dequity_mmdet3d.compare.summary import METRICS, objects_behind

# Points of a curve: more cannot be told apart on a screen.
_POINTS = 300


@dataclass(frozen=True)
class Runs:
    """A comparison of ``tools/compare.py``, or one training.

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
    """
    name: str
    arms: List[str]
    shared: str = ''
    rows: List[dict] = field(default_factory=list)
    seeds: List[int] = field(default_factory=list)
    curves: Dict[str, list] = field(default_factory=dict)


def read_runs(folder):
    """Read what lies in a folder.

    Args:
        folder (str | Path): ``--out`` of ``tools/compare.py``, or the work
            directory of one training.

    Returns:
        Runs: Whatever is finished of it.

    Raises:
        FileNotFoundError: If it is neither.
        ValueError: If a file in it is damaged.
    """
    folder = Path(folder)
    table = folder / 'comparison.csv'
    if table.is_file():
        rows, arms = _comparison(table)
        curves = {}
        for arm in arms:
            found = sorted((folder / folder_of(arm)).glob('seed_*'))
            for run in found:
                if run.is_dir():
                    _add_curves(curves, arm, run.name, _scalars(run))
        return Runs(folder.resolve().name, arms, *_shown(rows), seeds=[
            max((row['cells'][a]['seeds'] or 0 for row in rows), default=0)
            for a in range(len(arms))], curves=curves)
    lines = _scalars(folder)
    result = folder / 'result.json'  # of tools/compare.py
    if not lines and not result.is_file():
        raise FileNotFoundError(
            f'{folder} has neither comparison.csv (of tools/compare.py) nor '
            '*/vis_data/scalars.json (of a training); correct --runs')
    name = folder.resolve().name
    curves = {}
    _add_curves(curves, name, name, lines)
    return Runs(name, [name], *_shown(_results(result, lines)), curves=curves)


def _comparison(path):
    with open(path, newline='', encoding='utf-8') as f:
        lines = list(csv.DictReader(f))
    try:
        arms = list(dict.fromkeys(line['arm'] for line in lines))
        rows = {}
        for line in lines:
            row = rows.setdefault(line['metric'], dict(
                metric=line['metric'], cells=[],
                objects=int(line['objects']) if line['objects'] else None))
            row['cells'].append({
                key: float(line[key]) if line[key] else None
                for key in ('seeds', 'mean', 'sd', 'pairs', 'difference',
                            'low', 'high')})
        if not rows or any(len(r['cells']) != len(arms)
                           for r in rows.values()):
            raise ValueError('lines are missing')
        for cell in (c for r in rows.values() for c in r['cells']):
            cell['seeds'], cell['pairs'] = (
                int(cell[k] or 0) for k in ('seeds', 'pairs'))
    except (KeyError, TypeError, ValueError) as e:
        raise ValueError(f'{path} is not a table of tools/compare.py '
                         f'({type(e).__name__}: {e})') from e
    return list(rows.values()), arms


def _shown(rows):
    """Those that most would read first; all if there are none of them."""
    rows = [row for row in rows
            if any(fnmatchcase(row['metric'], p) for p in METRICS)] or rows
    names = [row['metric'] for row in rows]
    if len(names) < 2:
        return '', rows
    start = os.path.commonprefix(names)
    start = start[:start.rfind('/') + 1]
    end = os.path.commonprefix([name[::-1] for name in names])[::-1]
    end = end[end.find('_'):] if '_' in end else ''
    return f'{start} … {end}'.strip(' …'), [
        dict(row, metric=name[len(start):len(name) - len(end)])
        for row, name in zip(rows, names)]


def _scalars(folder):
    """Lines of all scalars.json of a training, in the order of its parts.

    A part that was resumed repeats steps of the one before.
    """
    lines = []
    for path in sorted(folder.glob('*/vis_data/scalars.json')):
        for text in path.read_text(encoding='utf-8').splitlines():
            try:
                line = json.loads(text)
            except ValueError:
                continue  # the last line of a killed training
            if isinstance(line, dict):
                lines.append(line)
    return lines


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
    return isinstance(value, (int, float)) and math.isfinite(value)


def _results(path, lines):
    """Of the last evaluation: in a run of a comparison, or in the log."""
    last = {}
    if path.is_file():
        try:
            last = json.loads(path.read_text(encoding='utf-8'))['metrics']
        except (KeyError, TypeError, ValueError) as e:
            raise ValueError(f'{path} is not a result of tools/compare.py '
                             f'({type(e).__name__}: {e})') from e
    for line in lines if not last else ():
        found = {k: v for k, v in line.items() if '/' in k and _is_number(v)}
        last = found or last
    results = {('', 0): dict(metrics=last)}
    return [
        dict(metric=name, objects=objects_behind(name, results), cells=[dict(
            mean=value, sd=None, difference=None, low=None, high=None,
            seeds=1, pairs=0)])
        for name, value in last.items()
        if not name.endswith('_objects')
    ]
