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
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor
from fnmatch import fnmatch
from pathlib import Path

from dequity_mmdet3d.cli import DefaultsHelp, run_cli
from dequity_mmdet3d.machine import tune_for_cpu

ROOT = Path(__file__).resolve().parents[1]
HEADER = """# Coverage of the model zoo

Made by `python tools/zoo_coverage.py` ({versions}); {built} of {all} configs
can be built without {missing}, and {good} of these pass.

A **config** counts as examined if every term of its loss passes a weight on
its way back to every parameter (`plugin/examine.py`, on a made batch of two).
One config of each family is further checked (empty cells: by the tests only,
`tests/zoo/test_families.py`, which check the same):

- **1**: weights of 1 give gradients that are bit-identical to upstream's
- **0**: weights of 0 give exactly no gradient, at any parameter
- **alone**: with weight 1 for one sample and 0 for the others, the gradient of
  each loss term at its nearest parameters is parallel to upstream's for
  a batch of this sample alone (they differ by the term's factor): 1 - cosine,
  the largest over terms and samples. `center_loss` of VoteNet and H3DNet
  (matched both ways) and the terms of ImVoteNet's second stage (three heads)
  are sums of terms with a factor each, and so cannot be parallel
- **order**: largest relative difference of any parameter's gradient after a
  permutation of the batch (in brackets: of upstream)
- **features**: largest relative difference between the gradient at what goes
  into the heads and w_i times upstream's, sample by sample

Point clouds, voxel grids and images are smaller than the zoo's; operators
that exist for CUDA only are replaced by slow ones of the same definition
(`tests/zoo/cpu_ops.py`). Batch normalisation runs in evaluation mode and
dropout not at all, so that samples do not see each other before the losses.

"""

BESIDE = """Beside the table:

- FCAF3D: its head is checked on made features (`tests/zoo/test_families.py`).
- Heads of upstream's `projects/`, which are not installed with it: BEVFusion's
  TransFusionHead, DETR3DHead and PETRHead, in `tests/zoo/test_projects.py`,
  with a clone of it (`MMDET3D=/path/to/clone`): the same checks hold.
- Data of these: each sample is found in the table by an id of its info file
  ([likelihood_table.md](likelihood_table.md) has the rule). KITTI and Waymo
  have `sample_idx`, nuScenes and Lyft `token`, SemanticKITTI `sample_id`;
  ScanNet, S3DIS and SUN RGB-D (VoteNet, H3DNet, GroupFree3D, FCAF3D,
  ImVoteNet, ImVoxelNet) have none of them and go by the name of their file
  of points. Checked with upstream's classes in
  `tests/plugin/test_named_by_file.py`. The infos of ScanNet, S3DIS and
  SemanticKITTI list no images: their likelihoods come from embeddings of
  your own (`--embeddings`, `--ids`).
"""


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


def holds(family, result):
    """Whether all that was checked is as it should be."""
    from tests.zoo.checks import COUPLED, one_factor
    if 'reason' in result:
        return False
    if 'ones' not in result:  # examined, which raises where a term leaks
        return True
    alone = [v for k, v in result['alone'].items() if one_factor(family, k)]
    return result['ones'] and result['zeros'] and bool(
        set(COUPLED) & set(family) or
        (all(v < 1e-6 for v in alone) and result['order'] < 1e-3
         and (result['features'] or 0) < 1e-4))


def table(results, family):
    """Lines of the table, a family each."""
    families = defaultdict(list)
    for name, result in results.items():
        families[family(name)].append((name, result))
    yield ('| detector | heads | weighted at | configs | loss terms | 1 | 0 | '
           'alone | order | features |')
    yield '| --- ' * 10 + '|'
    for (detector, *heads), rows in sorted(families.items()):
        good = sum(holds((detector, *heads), r) for _, r in rows)
        full = next((r for _, r in rows if 'ones' in r), None)
        reasons = {r['reason'] for _, r in rows if 'reason' in r}
        cells = [''] * 6
        if full:
            cells = [
                f'{sum(full["terms"].values())} of {len(full["terms"])}',
                'yes' if full['ones'] else '**no**',
                'yes' if full['zeros'] else '**no**',
                f'{max(full["alone"].values()):.0e}',
                f'{full["order"]:.0e} ({full["host_order"]:.0e})',
                '' if full['features'] is None else
                f'{full["features"]:.0e}'
            ]
        ways = '; '.join(next((r['ways'] for _, r in rows if 'ways' in r),
                              sorted(reasons)))
        yield (f'| {detector} | {", ".join(heads)} | {ways} | {good} of '
               f'{len(rows)} | {" | ".join(cells)} |')


def main():
    args = parse_args()
    tune_for_cpu()
    sys.path.insert(0, str(ROOT))
    from tests import zoo
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
    # what networks leave in memory goes with their process
    pool = ProcessPoolExecutor(
        1, multiprocessing.get_context('spawn'), start_worker,
        max_tasks_per_child=4)
    try:
        with kept.open('a') as log, pool:
            for i, (name, more) in enumerate(todo, 1):
                start = time.perf_counter()
                results[name] = pool.submit(one, name, more).result()
                log.write(json.dumps([name, results[name]]) + '\n')
                log.flush()
                good = holds(zoo.family(name), results[name])
                said = 'ok' if good else results[name].get(
                    'reason', str(results[name]))
                print(f'{i} of {len(todo)} {name}: {said} '
                      f'({time.perf_counter() - start:.0f} s)', flush=True)
    finally:  # a table of what there is, also after Ctrl-C
        bad = write(args.out, {n: results[n] for n in names if n in results})
    return 1 if bad else 0


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


def write(out, results):
    """Write the table; what does not hold, by name."""
    import mmdet3d
    import torch

    from tests import zoo
    from tests.zoo.checks import COUPLED
    missing = [n for n in results if zoo.reason_not_built(n)]
    good = sum(holds(zoo.family(n), r) for n, r in results.items())
    text = HEADER.format(
        versions=f'mmdet3d {mmdet3d.__version__}, torch {torch.__version__}',
        built=len(results) - len(missing), all=len(results),
        missing='MinkowskiEngine', good=good)
    lines = [*table(results, zoo.family), '']
    lines += [f'- {head}: {why}.' for head, why in COUPLED.items()] + ['']
    lines += [BESIDE, '']
    bad = {n: r for n, r in results.items()
           if not holds(zoo.family(n), r) and n not in missing}
    if bad:
        lines += ['Not holding:', '']
        lines += [f'- {n}: {r.get("reason", r)}' for n, r in bad.items()]
    Path(out).write_text(text + '\n'.join(lines))
    print(f'{good} of {len(results)} hold; table: {out}')
    return bad


if __name__ == '__main__':
    sys.exit(run_cli(main))
