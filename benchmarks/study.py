"""The study of docs/study.md: makes its data, then trains and compares.

    python benchmarks/study.py --folder DIR [--world looks] [--detector
        pointpillars] [--optimizer adamw] [--arms ARM ...] [--seeds N ...]
        [--data-seed 0] [--data-only]

Each step is a command of the package, printed as it is run, in DIR: the world
(tools/make_mini_kitti.py), its info files, its likelihoods by the default, by
objects, as images (objects.parquet) and as points (points.parquet), and by the
last layer's groups, the default of 0.1.0 (pooled.parquet), each applied to
the validation split; then `dequity compare` into
DIR/runs/WORLD-DETECTOR[-OPTIMIZER]. What is there already is not made again,
and a comparison goes on where it was interrupted.

Without --arms and --seeds: three arms and eight seeds. Arms name tables of
the world by {}: sampling:table={}/objects.parquet. Recipes are searched for
on other frames (--data-seed 1, world looks-1) than those that judge them.
"""
import argparse
import os
import shlex
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CONFIGS = {'pointpillars': 'study_mini_kitti.py',
           'second': 'study_second_mini_kitti.py',
           'centerpoint': 'study_centerpoint_mini_kitti.py'}
WORLDS = ('looks', 'even', 'objects')
OPTIMIZERS = {
    'adamw': [],
    # its step is that of the gradient, so it keeps a common factor
    'sgd': ['optim_wrapper.optimizer=dict(type="SGD",lr=0.02,momentum=0.9,'
            'weight_decay=0.0001)', 'optim_wrapper.optimizer._delete_=True'],
}
ARMS = ('baseline', 'equity', 'sampling')


def main():
    """Run the study's commands."""
    args = parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    make_world(args)
    if not args.data_only:
        compare(args)


def name_of(args):
    """Folder of a world."""
    return args.world + (f'-{args.data_seed}' if args.data_seed else '')


def make_world(args):
    """Data, info files and likelihoods of a world, as far as missing."""
    folder, world = args.folder, name_of(args)
    config = ROOT / 'configs' / CONFIGS['pointpillars']

    def step(made, *command):
        if not (folder / world / made).exists():
            run(folder, world, *command)

    likelihoods = 'compute_likelihoods.py', config
    if not (folder / world / 'kitti_infos_val.pkl').exists():
        run(folder, world, 'make_mini_kitti.py', world, '--world', args.world,
            '--seed', args.data_seed, '--train', 1200, '--val', 600,
            '--balanced-val')
        run(folder, world, 'create_data.py', 'kitti', '--root-path', world)
    for name, options in (
            ('kitti_likelihoods', ()),
            ('objects', ('--objects', '--embeddings-dir',
                         f'{world}/objects.embeddings')),
            ('points', ('--objects', '--object-features', 'points')),
            ('pooled', ('--features', 'pooled', '--method', 'modes',
                        '--embeddings-dir', f'{world}/pooled.embeddings'))):
        table, val = (f'{world}/{name}{end}.parquet' for end in ('', '_val'))
        step(f'{name}.parquet', *likelihoods, *options, '--out', table)
        # applied as it was made, which the table knows
        step(f'{name}_val.parquet', *likelihoods,
             *(o for o in options if o not in (
                 '--method', 'modes', '--object-features', 'points')),
             '--split', 'val', '--apply', table, '--out', val)


def compare(args):
    """Train and evaluate the arms."""
    world = name_of(args)
    changes = list(OPTIMIZERS[args.optimizer])
    if args.world == 'objects':
        changes += [f'{name}.objects={world}/points_val.objects.parquet'
                    for name in ('val_evaluator', 'test_evaluator')]
    out = f'runs/{world}-{args.detector}' + (
        '' if args.optimizer == 'adamw' else f'-{args.optimizer}')
    run(args.folder, world, 'compare.py',
        ROOT / 'configs' / CONFIGS[args.detector],
        '--arms', *(arm.replace('{}', world) for arm in args.arms),
        '--seeds', *args.seeds, '--jobs', args.jobs, '--out', out,
        *(['--cfg-options', *changes] if changes else []))


def run(folder, world, tool, *arguments):
    """Print a command and do it."""
    command = [str(a) for a in (ROOT / 'tools' / tool, *arguments)]
    print(f'MINI_KITTI={world}/ python {shlex.join(command)}', flush=True)
    subprocess.run(
        [sys.executable, *command], check=True, cwd=folder,
        env=dict(os.environ, MINI_KITTI=f'{world}/', OMP_NUM_THREADS='1',
                 PYTHONPATH=os.pathsep.join(
                     [str(ROOT), os.environ.get('PYTHONPATH', '')])))


def parse_args():
    """Arguments of the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--folder', type=Path, required=True)
    parser.add_argument('--world', choices=WORLDS, default='looks')
    parser.add_argument('--detector', choices=CONFIGS,
                        default='pointpillars')
    parser.add_argument('--optimizer', choices=OPTIMIZERS, default='adamw')
    parser.add_argument('--data-seed', type=int, default=0, metavar='N')
    parser.add_argument('--data-only', action='store_true')
    parser.add_argument('--arms', nargs='+', default=ARMS, metavar='ARM')
    parser.add_argument('--seeds', nargs='+', type=int, default=range(8),
                        metavar='N')
    parser.add_argument('--jobs', type=int, default=os.cpu_count())
    return parser.parse_args()


if __name__ == '__main__':
    main()
