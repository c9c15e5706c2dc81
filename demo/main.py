"""The main job on embedded data, from nothing to a page of its results.

Makes a mini KITTI, converts it, estimates how common each image looks,
trains PointPillars with equity-weighted losses, evaluates it and writes the
page. Each step is a command of tools/, shown as it is run. Repeat after an
interrupt: what is finished stays.
"""
import argparse
import fcntl
import os
import shlex
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

from dequity_mmdet3d import __version__
from dequity_mmdet3d.cli import DefaultsHelp, positive
from dequity_mmdet3d.likelihood.samples.host_config import read_config
from dequity_mmdet3d.machine import tune_for_cpu

ROOT = Path(__file__).resolve().parents[1]
TOOLS = ROOT / 'tools'
BASE = ROOT / 'configs/pointpillars_dequity_mini_kitti.py'


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


class Step:
    """Runs the tools of the demo, one after the other.

    Args:
        out (Path): Folder of the demo; the output of each step goes to
            ``out/logs``.
    """

    def __init__(self, out):
        self.logs = out / 'logs'
        self.logs.mkdir(parents=True, exist_ok=True)
        self.env = dict(os.environ)
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
                terminal too; the default shows none.
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
        status = self._run(command, log, shown)
        if status:
            raise OSError(
                f'{tool} ended with status {status}: its error is above, its '
                f'other output in {log}; --fresh begins anew')
        print(f'   done in {time.time() - started:.0f} s', flush=True)

    def _run(self, command, log, shown):
        with open(log, 'a') as file:
            process = subprocess.Popen(
                [sys.executable, '-W', 'ignore', TOOLS / command[0],
                 *command[1:]],
                env=self.env,
                stdout=subprocess.PIPE,
                text=True,
                errors='replace')
            try:
                for line in process.stdout:
                    file.write(line)
                    if shown and shown in line:
                        print('   ' + line.split(' - ')[-1].strip()[:160],
                              flush=True)
                return process.wait()
            except KeyboardInterrupt:
                # it was interrupted as well: let it end before we do
                process.wait()
                raise


@contextmanager
def alone_in(out):
    """Keep a second demo out of the folder while this one runs."""
    out.mkdir(parents=True, exist_ok=True)
    with open(out / '.lock', 'w') as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as e:
            raise ValueError(f'another demo runs in {out}; wait for it or '
                             'give another --out') from e
        yield


def write_config(out, args):
    """The demo's config: complete, so that any command takes it anywhere.

    Args:
        out (Path): Folder of the demo, absolute.
        args (argparse.Namespace): With ``seed`` and ``epochs``.

    Returns:
        tuple[Path, Path]: ``out/config.py``, whose paths are absolute and
        which reads neither a base nor the environment; its metric tells
        rare, middle and common scenes apart by a table beside that of the
        training set. And the file of predictions that a test with it writes.
    """
    from mmengine.config import Config
    data = out / 'mini_kitti'
    os.environ.pop('MINI_KITTI', None)  # the base would read it
    cfg = Config(_moved(read_config(BASE), 'data/mini_kitti/', f'{data}/'))
    cfg.randomness = dict(seed=args.seed)
    # evaluated by test.py
    cfg.train_cfg.update(max_epochs=args.epochs, val_interval=args.epochs + 1)
    cfg.param_scheduler[1].update(T_max=args.epochs, end=args.epochs)
    cfg.val_evaluator.update(
        type='DequityKittiMetric', table=str(val_table(data)))
    predictions = out / f'run/predictions_epoch_{args.epochs}'
    cfg.test_evaluator = dict(
        cfg.val_evaluator, pklfile_prefix=str(predictions))
    path = out / 'config.py'
    path.write_text(
        '# Complete: it reads neither a base nor the environment.\n'
        f'{cfg.pretty_text}',
        encoding='utf-8')
    return path, predictions / 'pred_instances_3d.pkl'


def _moved(node, old, new):
    """A config in which every path below a folder is below another one."""
    if isinstance(node, dict):
        return {k: _moved(v, old, new) for k, v in node.items()}
    if isinstance(node, (list, tuple)):
        return type(node)(_moved(v, old, new) for v in node)
    if isinstance(node, str) and node.startswith(old):
        return new + node[len(old):]
    return node


def val_table(data):
    """Path: The likelihood table of the validation split."""
    return data / 'kitti_likelihoods_val.parquet'


def run_demo(out, args):
    """All steps, then where the page is, and the summary."""
    started = time.time()
    config, predictions = write_config(out, args)
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
    from demo.summary import summary
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
    with alone_in(out):
        run_demo(out, args)
