"""Why drawing rare samples did better than weighting their losses.

    MINI_KITTI=FOLDER/ OMP_NUM_THREADS=1 python benchmarks/why.py \\
        [--folder work_dirs/why] [--seed 0]

FOLDER is that of docs/study.md, with its likelihood table. The baseline of
the study is trained for 1,000 of its 1,500 steps; at its start and after 300
and 1,000 steps, gradients are measured as each way of using the weights
makes them. One table, a row for each hypothesis, figures at the three
checkpoints; then the noise of the gradient by class and stratum. A row says
what would refute its hypothesis; that was written before a figure was seen.

What is measured is kept in --folder, and not measured again. About 8 minutes
of one free core.
"""
import argparse
import json
import time
from pathlib import Path

from dequity_mmdet3d.machine import tune_for_cpu

tune_for_cpu()
import numpy as np
import torch
from gradient_study import (
    mean_rows,
    measures,
    noise_rows,
    sample_rows,
    setting,
)
from gradient_study.table import Row
from machine import machine
from mmengine.registry import init_default_scope

import dequity_mmdet3d.plugin  # noqa: F401, registers
from dequity_mmdet3d.config_files import read_config

ROOT = Path(__file__).resolve().parents[1]
# of the training set: rain, night and fog are 12.4 %, with dusk 21.7 %
BOUNDS = (0.124, 0.217)
FACTOR = 0.58  # the mean weight


def options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add('--config', default=str(ROOT / 'configs/study_mini_kitti.py'))
    add('--folder', type=Path, default=Path('work_dirs/why'))
    add('--seed', type=int, default=0)
    add('--batches', type=int, default=64, help='of each way')
    add('--frames', type=int, default=32, help='of each stratum')
    add('--augmentations', type=int, default=4, help='of each frame')
    add('--updates', type=int, default=20, help='steps with a factor')
    add('--sketch', type=int, default=8192, help='numbers of a gradient')
    return parser.parse_args()


def check_same(args):
    """What is kept in the folder was measured with these options."""
    path = args.folder / 'options.json'
    text = json.dumps({k: str(v) for k, v in vars(args).items()
                       if k != 'folder'}, indent=1)
    if path.exists() and path.read_text() != text:
        raise SystemExit(f'{args.folder} was begun with other options '
                         f'({path}); give another --folder')
    args.folder.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def measure(args, s):
    """By kind of measurement, a list by checkpoint."""
    found = {'frames': [], 'batches': [], 'norms': [], 'updates': []}
    for step in setting.STEPS:
        for kind, make in (
                ('frames', lambda: measures.frame_gradients(
                    s, step, args.frames, args.augmentations)),
                ('batches', lambda: measures.batch_gradients(
                    s, step, args.batches, found['frames'][-1]['means'])),
                ('norms', lambda: measures.norm_statistics(
                    s, step, args.batches)),
                ('updates', lambda: factor_updates(args, s, step))):
            start = time.perf_counter()
            found[kind].append(setting.kept(
                args.folder / f'{kind}_{step}.npz', make))
            print(f'# {kind} at {step}: {time.perf_counter() - start:.0f} s',
                  flush=True)
    return found


def factor_updates(args, s, step):
    """By optimizer and whether the losses are whole, (n, d) changes."""
    config = s.config.optim_wrapper.to_dict()
    if step == 0:  # where the schedule begins
        config['optimizer']['lr'] *= s.config.param_scheduler[0].start_factor
    adam = {whole: measures.updates(
        s, step, 1 if whole else FACTOR, config, args.updates)
        for whole in (True, False)}
    plain = dict(type='OptimWrapper', optimizer=dict(type='SGD', lr=1.0))
    gradient = measures.updates(s, step, 1, plain, 1)[0]
    # steps as long as AdamW's first one
    plain['optimizer']['lr'] = float(
        np.linalg.norm(adam[True][0]) / np.linalg.norm(gradient))
    sgd = {whole: measures.updates(
        s, step, 1 if whole else FACTOR, plain, args.updates)
        for whole in (True, False)}
    return {f'{name} {whole}': x for name, of in (('AdamW', adam),
                                                  ('SGD', sgd))
            for whole, x in of.items()}


def table(s, found, positives):
    """The rows."""
    rare = s.stratum == 0
    noise = noise_at(s, found)
    changes = [{(name, whole): x[f'{name} {whole}']
                for name in ('AdamW', 'SGD') for whole in (True, False)}
               for x in found['updates']]
    return [
        mean_rows.factor_row(changes, setting.gradient_norms(s), 0.5,
                        s.config.optim_wrapper.clip_grad.max_norm),
        sample_rows.repeats_row(found['frames'], s.likelihood, rare, 0.9),
        noise_rows.noise_row(found['batches'], noise),
        sample_rows.norm_row(found['norms'], s.likelihood, rare, (0.1, 0.01)),
        sample_rows.samples_row(s.likelihood, rare),
        sample_rows.phase_row(found['frames'], s.likelihood, s.stratum, 0.8),
        mean_rows.mean_row(found['batches'], positives, s.likelihood,
                            s.stratum, (0.99, 0.1)),
        noise_rows.step_row(found['batches'])
    ]


def noise_at(s, found):
    """By checkpoint, see noise_rows.noise_of."""
    return [noise_rows.noise_of(x, s.likelihood, s.stratum)
            for x in found['frames']]


def main():
    args = options()
    check_same(args)
    print(f'{machine(torch)}, {torch.get_num_threads()} threads, seed '
          f'{args.seed}', flush=True)
    config = read_config(args.config)
    init_default_scope('mmdet3d')
    setting.train(config, args.folder, args.seed)
    s = setting.make_setting(config, args.folder, args.seed, BOUNDS,
                             args.sketch)
    print(f'strata {np.bincount(s.stratum).tolist()}, '
          f'{sum(p.numel() for p in s.parameters)} parameters', flush=True)
    found = measure(args, s)
    positives = setting.kept(args.folder / 'positives.npz',
                             lambda: measures.positives_of(s))['positives']
    print('| ' + ' | '.join(Row._fields) + ' |')
    print('| --- ' * len(Row._fields) + '|')
    for row in table(s, found, positives):
        print('| ' + ' | '.join(
            ('yes' if x else 'no') if isinstance(x, bool | np.bool_) else x
            for x in row) + ' |')
    for lines in (noise_rows.details(found['batches'], noise_at(s, found)),
                  mean_rows.shares(positives, s.likelihood, s.stratum)):
        print('', *lines, sep='\n')


if __name__ == '__main__':
    main()
