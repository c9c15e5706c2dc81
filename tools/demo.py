#!/usr/bin/env python
"""The main job on embedded data, from nothing to an evaluated detector.

Makes a mini KITTI, converts it, estimates how common each image looks,
trains PointPillars with equity-weighted losses and evaluates it. Each step
is a command of tools/, shown as it is run. Repeat after an interrupt: what is
finished stays.
"""
import argparse
import os
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

from dequity_mmdet3d import __version__
from dequity_mmdet3d.cli import run_cli, tune_for_cpu

TOOLS = Path(__file__).resolve().parent
CONFIG = TOOLS.parent / 'configs/pointpillars_dequity_mini_kitti.py'


def parse_args():
    parser = argparse.ArgumentParser(
        description=__doc__.split('\n', 1)[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument(
        '--out', type=Path, default=Path('work_dirs/demo'), help='folder')
    parser.add_argument(
        '--train', type=int, default=800, help='training frames')
    parser.add_argument(
        '--val', type=int, default=160, help='validation frames')
    parser.add_argument(
        '--epochs', type=int, default=3, help='passes over them')
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument(
        '--fresh', action='store_true', help='remove what is there, begin '
        'anew')
    parser.add_argument(
        '--version',
        action='version',
        version=f'dequity_mmdet3d {__version__}')
    return parser.parse_args()


class Step:
    """Runs the tools of the demo, one after the other.

    Args:
        out (Path): Folder of the demo; each step keeps its output in
            ``out/logs``.
    """

    def __init__(self, out):
        self.logs = out / 'logs'
        self.logs.mkdir(parents=True, exist_ok=True)
        self.env = dict(os.environ, MINI_KITTI=f'{out / "mini_kitti"}/')
        if not sys.stderr.isatty():
            # a line every ten seconds, where a bar would fill a log
            self.env.setdefault('TQDM_MININTERVAL', '10')

    def __call__(self, title, tool, *args, shown='', made=None):
        """Run a tool unless the file that it makes is there.

        Args:
            title (str): What it does.
            tool (str): File name in ``tools``.
            *args: Its arguments.
            shown (str): Lines of its output that hold this reach the
                terminal; the default shows none but on its error output.
            made (Path, optional): The file that it writes last.
        """
        command = [tool, *map(str, args)]
        print(f'\n== {title}\n$ python tools/{shlex.join(command)}',
              flush=True)
        if made is not None and made.exists():
            print(f'   there already: {made}')
            return
        started = time.time()
        log = self.logs / f'{Path(tool).stem}.log'
        with open(log, 'w') as file, subprocess.Popen(
            [sys.executable, '-W', 'ignore', TOOLS / tool, *command[1:]],
                env=self.env,
                stdout=subprocess.PIPE,
                text=True,
                errors='replace') as process:
            for line in process.stdout:
                file.write(line)
                if shown and shown in line:
                    print('   ' + line.split(' - ')[-1].strip()[:160],
                          flush=True)
        if process.returncode:
            raise OSError(f'{tool} ended with status {process.returncode}; '
                          f'its output is in {log}')
        print(f'   done in {time.time() - started:.0f} s', flush=True)


def main():
    args = parse_args()
    out = args.out.resolve()
    if args.fresh and out.exists():
        shutil.rmtree(out)
    started = time.time()
    data, run = out / 'mini_kitti', out / 'run'
    table = data / 'kitti_likelihoods.parquet'
    predictions = run / 'predictions/pred_instances_3d.pkl'
    step = Step(out)
    step(
        'a small KITTI: streets in six appearance modes', 'make_mini_kitti.py',
        data, '--train', args.train, '--val', args.val, '--seed', args.seed)
    step(
        "info files and ground-truth database, by the host's converters",
        'create_data.py',
        'kitti',
        '--root-path',
        data,
        made=data / 'kitti_dbinfos_train.pkl')
    step(
        'how common each training image looks',
        'compute_likelihoods.py',
        CONFIG,
        made=table)
    step(
        'PointPillars, each sample weighted by how rare it looks',
        'train.py',
        CONFIG,
        '--work-dir',
        run,
        '--resume',
        '--cfg-options',
        f'train_cfg.max_epochs={args.epochs}',
        f'train_cfg.val_interval={args.epochs + 1}',
        f'param_scheduler.1.T_max={args.epochs}',
        f'param_scheduler.1.end={args.epochs}',
        f'randomness.seed={args.seed}',
        shown='Epoch(train)')
    step(
        'evaluation on the validation split',
        'test.py',
        CONFIG,
        run / f'epoch_{args.epochs}.pth',
        '--work-dir',
        run,
        '--cfg-options',
        f'test_evaluator.pklfile_prefix={predictions.parent}',
        made=predictions)
    tune_for_cpu()
    from dequity_mmdet3d.plugin.demo_summary import summary
    print('\n' + summary(data, table, predictions))
    print(f'\nin all          {time.time() - started:.0f} s\n'
          f'likelihoods     {table}\n'
          f'checkpoint      {run / f"epoch_{args.epochs}.pth"}\n'
          f'config          {CONFIG}\n'
          f'logs            {step.logs}')


if __name__ == '__main__':
    sys.exit(run_cli(main))
