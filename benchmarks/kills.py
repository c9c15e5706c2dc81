"""Does a tool that is killed at any moment lose or break something?

    python benchmarks/kills.py TOOL --folder DIR [--times 50] [--seed 0]
        [--signal KILL]

TOOL is likelihoods, torchrun (likelihoods by two processes), update, apply,
objects, report, export, train, compare or ray (compare on a Ray cluster of two
nodes, which is made here; at every other kill a node is lost before): each a
real one on a mini KITTI that is drawn into DIR, trainings of 12 steps
included. The tool runs once undisturbed, which gives its seconds and its
result. Then it is started again and again in a second place and killed with
all of its processes, at moments that are evenly distributed over these
seconds, each time on what the last one left; where it had ended before that,
on nothing. After each kill every file in the
place of a finished one is read, as its readers read it: the old or the new
one, whole. At the end the command runs to its end, and its result is that of
the undisturbed run, bit for bit but for dates and seconds; of a training that
was resumed, and so drew other augmentations, its steps and names of figures.
"""
import argparse
import atexit
import contextlib
import csv
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from zipfile import is_zipfile

from machine import machine

ROOT = Path(__file__).resolve().parents[1]
FRAMES = 60
STEPS = 12
# a checkpoint every second step
SHORT = ('--cfg-options', f'train_cfg.max_iters={STEPS}',
         'default_hooks.checkpoint.interval=2',
         'train_dataloader.batch_size=2')
CONFIG = 'configs/study_mini_kitti.py'


def dequity(*args):
    """The command line."""
    return [sys.executable, '-m', 'dequity_mmdet3d', *map(str, args)]


def commands(data, out, address='auto'):
    """What each tool is asked for; ``address`` is that of a Ray cluster."""
    table = data / 'kitti_likelihoods.parquet'
    resume = () if not any((out / 'work').glob('*.pth')) else ('--resume', )
    likelihoods = dequity('likelihoods', CONFIG, '--out', out / 't.parquet',
                          '--tags', data / 'modes.csv', '--shard-size', 8)
    compare = dequity('compare', CONFIG, '--arms', 'baseline', 'equity',
                      '--seeds', 0, '--out', out / 'compare')
    return dict(
        likelihoods=likelihoods,
        torchrun=[sys.executable, '-m', 'torch.distributed.run',
                  '--standalone', '--nproc-per-node', '2', *likelihoods[1:]],
        update=dequity('likelihoods', CONFIG, '--out', out / 't.parquet',
                       '--update', '--embeddings-dir', data / 'embeddings'),
        apply=dequity('likelihoods', CONFIG, '--apply', table, '--split',
                      'val', '--out', out / 'v.parquet'),
        objects=dequity('likelihoods', CONFIG, '--objects', '--object-rule',
                        'product', '--out', out / 't.parquet'),
        report=dequity('report', table, '--config', CONFIG, '--out',
                       out / 'page'),
        export=dequity('export', 'csv', table, '--out', out / 'samples.csv'),
        train=dequity('train', CONFIG, '--work-dir', out / 'work', *resume,
                      *SHORT),
        compare=[*compare, '--jobs', '2', *SHORT],
        ray=[*compare, '--engine', 'ray', '--address', address, *SHORT])


def prepare(data, env):
    """A mini KITTI with tables of both splits."""
    if (data / 'done').exists():
        return
    shutil.rmtree(data, ignore_errors=True)
    for command in (
            [sys.executable, ROOT / 'tools/make_mini_kitti.py', data,
             '--train', str(FRAMES), '--val', '12'],
            dequity('create-data', 'kitti', '--root-path', data),
            dequity('likelihoods', CONFIG, '--embeddings-dir',
                    data / 'embeddings'),
            dequity('likelihoods', CONFIG, '--apply',
                    data / 'kitti_likelihoods.parquet', '--split', 'val',
                    '--out', data / 'kitti_likelihoods_val.parquet')):
        subprocess.run(command, check=True, env=env, cwd=ROOT,
                       stdout=subprocess.DEVNULL)
    (data / 'done').touch()


def check(out):
    """Read all that stands in the place of a finished file.

    Returns:
        dict: What of it must be the same whenever it is finished, by file.

    Raises:
        Exception: What the reader says of a file that is not whole.
    """
    import torch

    from dequity_mmdet3d.likelihood.estimation.modes_file import load_modes
    from dequity_mmdet3d.likelihood.estimation.overlap import TrainingRows
    from dequity_mmdet3d.object_table import ObjectTable
    from dequity_mmdet3d.table import LikelihoodTable
    from dequity_mmdet3d.tag_file import read_tags
    found = {}
    for path in sorted(out.rglob('*')):
        name = str(path.relative_to(out))
        if path.suffix == '.tmp' or not path.is_file():
            continue
        if name.endswith('.objects.parquet'):
            found[name] = ObjectTable.load(path).sha256
        elif name.endswith('.tags.parquet'):
            read_tags(path)
        elif path.suffix == '.parquet':
            table = LikelihoodTable.load(path)
            found[name] = table.sha256
            if path.with_suffix('.modes.npz').exists():
                load_modes(path, of_objects=True)
            if path.with_suffix('.rows.npz').exists():
                assert TrainingRows.load(path, table) is not None, path
        elif name.endswith('index.html'):
            text = path.read_text(encoding='utf-8')
            assert text.rstrip().endswith('</html>'), path
            found[name] = len(text) // 1000
        elif path.suffix == '.csv':
            with open(path, newline='', encoding='utf-8') as f:
                rows = list(csv.reader(f))
            assert rows and {len(row) for row in rows} == {len(rows[0])}, path
            found[name] = len(rows)
        elif path.name == 'result.json':
            result = json.loads(path.read_text())
            found[name] = sorted(result['metrics']), result['steps']
        elif path.suffix == '.pth':
            last = path.with_name('last_checkpoint')
            if not is_zipfile(path) and not (
                    last.exists() and path.name in last.read_text()):
                continue  # mmengine's next one, on which nobody relies
            # written by the training that was started here, nobody else's
            state = torch.load(path, map_location='cpu', weights_only=False)
            # an unfinished training has other ones
            if f'iter_{STEPS}' in name:
                found[name] = state['meta']['iter'], sorted(
                    state['state_dict'])
    return found


def kill_at(command, seconds, env, how, fault=None):
    """Start, wait, kill all of its processes.

    Args:
        fault (tuple, optional): A moment before that, and what to do then.

    Returns:
        tuple[int | None, str]: Its status if it had ended, and its errors.
    """
    process = subprocess.Popen(command, env=env, cwd=ROOT,
                               stdout=subprocess.DEVNULL,
                               stderr=subprocess.PIPE, start_new_session=True)
    first, do = fault or (0, lambda: None)
    for wait, then in ((first, do), (
            None if seconds is None else seconds - first,
            lambda: kill(family(process.pid), how))):
        try:
            _, err = process.communicate(timeout=wait)
            return process.returncode, err.decode()[-2000:]
        except subprocess.TimeoutExpired:
            then()
    process.communicate()
    return None, ''


def family(pid):
    """A process and all that it has started, in whatever session."""
    found, parents = [pid], {}
    for path in Path('/proc').glob('[0-9]*/stat'):
        try:
            text = path.read_text()
        except OSError:  # it has ended meanwhile
            continue
        parents[int(path.parent.name)] = int(
            text.rpartition(')')[2].split()[1])
    for parent in found:
        found += [child for child, p in parents.items() if p == parent]
    return found


def kill(pids, how):
    """Send a signal to processes, of which some may have ended."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, how)


class Nodes:
    """A Ray cluster of two nodes of one core each, of which one gets lost."""

    def __init__(self):
        from ray.cluster_utils import Cluster
        self.cluster = Cluster(initialize_head=True, head_node_args=dict(
            num_cpus=1, include_dashboard=False))
        atexit.register(self.cluster.shutdown)
        self.address = self.cluster.address
        self.cluster.add_node(num_cpus=1)

    def lose_one(self):
        """And another one comes."""
        self.cluster.remove_node(next(iter(self.cluster.worker_nodes)),
                                 allow_graceful=False)
        self.cluster.add_node(num_cpus=1)


def clear(place, tool, data):
    """A folder as before the first run."""
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    if tool == 'update':  # of what is there
        shutil.copy(data / 'kitti_likelihoods.parquet', place / 't.parquet')


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    tools = list(commands(Path(), Path()))
    parser.add_argument('tool', choices=tools)
    parser.add_argument('--folder', type=Path, required=True, metavar='DIR')
    parser.add_argument('--times', type=int, default=50, metavar='N')
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--signal', choices=('KILL', 'TERM', 'INT'),
                        default='KILL')
    args = parser.parse_args()
    data = (args.folder / 'mini_kitti').resolve()
    env = dict(os.environ, MINI_KITTI=f'{data}/')
    prepare(data, env)
    nodes = Nodes() if args.tool == 'ray' else None

    def command(place):
        return commands(data, place, *([nodes.address] if nodes else []))[
            args.tool]

    places = [args.folder.resolve() / args.tool / name
              for name in ('whole', 'killed')]
    for place in places:
        clear(place, args.tool, data)
    started = time.perf_counter()
    status, err = kill_at(command(places[0]), None, env, 0)
    if status:
        sys.exit(f'the tool failed with status {status}: {err}')
    seconds = time.perf_counter() - started
    expected = check(places[0])
    rng, kills, ends, fails = random.Random(args.seed), 0, 0, []
    how = getattr(signal, f'SIG{args.signal}')
    for i in range(args.times):
        moment, fault = rng.uniform(0, seconds), None
        if nodes and i % 2:
            fault = rng.uniform(0, moment), nodes.lose_one
        status, err = kill_at(command(places[1]), moment, env, how, fault)
        kills += status is None
        ends += status == 0
        if status:
            fails.append(err.strip().splitlines()[-1:])
        check(places[1])
        if status == 0:
            clear(places[1], args.tool, data)
        print(f'{i + 1}/{args.times}', end='\r', file=sys.stderr, flush=True)
    status, err = kill_at(command(places[1]), None, env, 0)
    found = check(places[1])
    left = [p.name for p in places[1].rglob('*.tmp')]
    print(f'{args.tool}: {kills} killed by {args.signal}, {ends} had ended, '
          f'{len(fails)} failed; then status {status}; {len(found)} files '
          f'read, {"the same" if found == expected else "NOT the same"} as '
          f'undisturbed ({seconds:.0f} s); left: {left or "nothing"}')
    for fail in fails[:5]:
        print(f'    failed: {fail}')
    if found != expected:
        print(f'    expected {expected}\n    found    {found}')
    print(machine())
    return status or found != expected or bool(fails)


if __name__ == '__main__':
    sys.exit(main())
