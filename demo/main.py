"""The main job on embedded data, from nothing to a page of its results.

Makes a mini KITTI, converts it, estimates how common each image looks,
trains PointPillars with equity-weighted losses, evaluates it and writes the
page. Each step is a command of tools/, shown as it is run. Repeat after an
interrupt: what is finished stays.
"""
import argparse
import shutil
import time
from pathlib import Path

from dequity_mmdet3d import __version__
from dequity_mmdet3d.cli import DefaultsHelp, positive
from dequity_mmdet3d.machine import tune_for_cpu
from dequity_mmdet3d.whole_file import lock

from .config import val_table, write_config
from .steps import Step


def parse_args(argv=None):
    """Parse; leave with status 2 unless the arguments make sense."""
    parser = argparse.ArgumentParser(
        description=__doc__.split('\n', 1)[0],
        formatter_class=DefaultsHelp)
    parser.add_argument(
        '--out', type=Path, default=Path('work_dirs/demo'), help='folder')
    parser.add_argument(
        '--train', type=positive, default=800, help='training frames')
    parser.add_argument(
        '--val', type=positive, default=160, help='validation frames')
    parser.add_argument(
        '--epochs', type=positive, default=3, help='passes over them')
    parser.add_argument(
        '--seed', type=int, default=0, help='of data and training')
    parser.add_argument(
        '--fresh', action='store_true', help='remove what is there, begin '
        'anew')
    parser.add_argument(
        '--version',
        action='version',
        version=f'dequity_mmdet3d {__version__}')
    return parser.parse_args(argv)


def run_demo(out, args):
    """All steps, then where the page is, and the summary."""
    started = time.time()
    config, predictions = write_config(out, args.seed, args.epochs)
    data, run, page = out / 'mini_kitti', out / 'run', out / 'page'
    table = data / 'kitti_likelihoods.parquet'
    checkpoint = run / f'epoch_{args.epochs}.pth'
    step = Step(out)
    step(
        'a small KITTI: streets in six appearance modes', 'make_mini_kitti.py',
        data, '--train', args.train, '--val', args.val, '--seed', args.seed)
    step(
        "info files and ground-truth database, by MMDetection3D's converters",
        'create_data.py',
        'kitti',
        '--root-path',
        data,
        made=data / 'kitti_dbinfos_train.pkl')
    step(
        'how common each training image looks',
        'compute_likelihoods.py',
        config,
        made=table)
    step(
        'and each validation image, beside those of the training',
        'compute_likelihoods.py',
        config,
        '--split',
        'val',
        '--apply',
        table,
        '--out',
        val_table(data),
        made=val_table(data))
    step(
        'PointPillars, each sample weighted by how rare it looks',
        'train.py',
        config,
        '--work-dir',
        run,
        '--resume',
        shown='Epoch(train)',
        made=checkpoint)
    step(
        'evaluation on the validation split',
        'test.py',
        config,
        checkpoint,
        '--work-dir',
        run,
        made=predictions)
    step('the page', 'report.py', table, '--config', config, '--runs', run,
         '--out', page)
    tune_for_cpu()
    from .summary import summary
    told = summary(data, table, predictions)
    print(f'\nopen            {page / "index.html"}\n\n{told}')
    print(f'\nin all          {time.time() - started:.0f} s\n'
          f'likelihoods     {table}\n'
          f'checkpoint      {checkpoint}\n'
          f'config          {config}\n'
          f'logs            {step.logs}')


def main(argv=None):
    """Make the demo.

    Args:
        argv (list[str], optional): Arguments; by default the command line's.
    """
    args = parse_args(argv)
    out = args.out.resolve()
    if args.fresh and out.exists():
        shutil.rmtree(out)
    out.mkdir(parents=True, exist_ok=True)
    with lock(out / '.lock', f'another demo runs in {out}; wait for it or '
              'give another --out'):
        run_demo(out, args)
