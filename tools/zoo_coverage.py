"""Go through the model zoo: is each detector weighted, and how was it checked?

    python tools/zoo_coverage.py [--out docs/coverage.md] [--only PATTERN]

Every 3D detector of the installed MMDetection3D is built, trained on made
batches and examined as before the first step of a training; one of each
family is checked further (see tests/zoo/checks.py). It runs on the CPU, from
a checkout of this project, and goes on where it was stopped.

Exit status: 0 all that can be built holds, 1 something does not.
"""
import argparse
import json
import multiprocessing
import signal
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from fnmatch import fnmatch
from pathlib import Path

from dequity_mmdet3d.cli import DefaultsHelp, run_cli
from dequity_mmdet3d.machine import tune_for_cpu

ROOT = Path(__file__).resolve().parents[1]


def parse_args():
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        formatter_class=DefaultsHelp)
    parser.add_argument(
        '--out', default='docs/coverage.md', help='the table to write')
    parser.add_argument(
        '--results',
        default='work_dirs/coverage.jsonl',
        help='where results are kept, so that a run goes on; remove it to '
        'start anew')
    parser.add_argument(
        '--only', default='*',
        help="pattern of the configs to go through, such as 'smoke/*'")
    return parser.parse_args()


def look_at(name, full):
    """One config: a dict of what was seen."""
    import torch

    from dequity_mmdet3d.plugin.boundaries import find_boundaries
    from tests import zoo
    from tests.zoo.checks import Checked, check
    reason = zoo.reason_not_built(name)
    if reason:
        return dict(reason=reason)
    cfg = zoo.load(name)
    torch.manual_seed(0)
    checked = Checked(zoo.build(cfg), zoo.make_batch(cfg, 2))
    with zoo.cpu_ops():
        found = (dict(check(checked), alone=checked.alone()) if full else
                 dict(terms=checked.examine()))
    ways = sorted({
        f'`{b.method}` of `{b.owner}` by ' +
        (b.rows.__name__.replace('_', ' ') if b.rows else 'axis')
        for b in find_boundaries(checked.model)
        if b.name in checked.found.layouts
    })
    return dict(found, ways=ways)


def main():
    args = parse_args()
    tune_for_cpu()
    sys.path.insert(0, str(ROOT))
    from tests import zoo
    from tests.zoo.coverage import as_markdown, holds, not_holding
    kept = Path(args.results)
    kept.parent.mkdir(parents=True, exist_ok=True)
    results = {}
    if kept.exists():
        for line in kept.read_text().splitlines():
            results.update([json.loads(line)])
    full = set(zoo.representatives().values())
    names = [n for n in zoo.zoo_configs() if fnmatch(n, args.only)]
    if not names:
        raise ValueError(
            f'--only {args.only!r} matches none of the '
            f'{len(zoo.zoo_configs())} configs; give a pattern such as '
            "'smoke/*' or '*nus-3d*'")
    # all are examined first, which is quick, and then one of each family
    todo = [(n, False) for n in names if n not in results]
    todo += [(n, True) for n in names if n in full
             and 'ones' not in results.get(n, {})]
    # What networks leave in memory goes with their process; a full check
    # beside what three others left took more than 20 GB.
    quick, alone = pool_of(4), pool_of(1)
    try:
        with kept.open('a') as log, quick, alone:
            for i, (name, more) in enumerate(todo, 1):
                start = time.perf_counter()
                pool = alone if more else quick
                results[name] = pool.submit(one, name, more).result()
                log.write(json.dumps([name, results[name]]) + '\n')
                log.flush()
                good = holds(zoo.family(name), results[name])
                said = 'ok' if good else results[name].get(
                    'reason', str(results[name]))
                print(f'{i} of {len(todo)} {name}: {said} '
                      f'({time.perf_counter() - start:.0f} s)', flush=True)
    finally:  # a table of what there is, also after Ctrl-C
        found = {n: results[n] for n in names if n in results}
        Path(args.out).write_text(as_markdown(found), encoding='utf-8')
        bad = not_holding(found)
        good = sum(holds(zoo.family(n), r) for n, r in found.items())
        print(f'{good} of {len(found)} hold; table: {args.out}')
    return 1 if bad else 0


def pool_of(tasks):
    """One process, and another one after so many tasks."""
    return ProcessPoolExecutor(
        1, multiprocessing.get_context('spawn'), start_worker,
        max_tasks_per_child=tasks)


def start_worker():
    """Ctrl-C, which the terminal sends to both, is the parent's."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    tune_for_cpu()
    sys.path.insert(0, str(ROOT))
    from mmengine.logging import MMLogger
    MMLogger.get_instance('coverage', log_level='ERROR')


def one(name, full):
    """As :func:`look_at`; what fails becomes the reason."""
    try:
        return look_at(name, full)
    except (ValueError, RuntimeError, TypeError, NotImplementedError,
            AttributeError, KeyError, IndexError) as e:
        # goes into the table: one detector that fails is a finding
        return dict(reason=f'{type(e).__name__}: {e}')


if __name__ == '__main__':
    sys.exit(run_cli(main))
