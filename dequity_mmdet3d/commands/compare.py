"""Compare training with and without equity: arms x seeds, one table.

    dequity compare CONFIG --arms baseline equity --seeds 0 1 2 3 4

Every run is a training and an evaluation on the validation set by
dequity train and dequity test. Runs of one seed start from the same weights
and see the data in the same order. Repeat the command after an interrupt or a
crash: finished runs stay, unfinished ones go on from their last checkpoint.
"""
import argparse
from pathlib import Path

from .. import __version__
from ..cli import positive
from ..machine import tune_for_cpu

AGAIN = 'repeat the same command: finished runs stay'
EPILOG = """\
arms made from one weighted config (README, section 2):
  baseline                 without this package
  equity                   the config's weights
  equity:eta=0.5,gamma=2,normalize=mean
                           weights of its own
  sampling                 samples drawn by their weights (options likewise)
  equity:form=effective,beta=0.999,normalize=mean
                           what a likelihood becomes: equity, effective,
                           inverse, sqrt-inverse (of how many look alike),
                           none
  equity:content=irfs,t=0.3
                           times the highest factor of the classes a sample
                           holds: rfs, irfs, effective, inverse, sqrt-inverse;
                           alone with form=none
  rfs:t=0.3, irfs:t=0.3    samples drawn by their (instance-aware) repeat
                           factors, in an epoch of the same length
  rfs+look, irfs+look      likewise, times the weights by look
  cbgs, equity+cbgs, sampling+cbgs, rfs+cbgs
                           MMDetection3D's class-balanced sampling added;
                           its epochs are longer: compare by an
                           IterBasedTrainLoop
With several CONFIGs each is an arm as it stands, the first the baseline.

Several processes of torchrun or srun with the same arguments and a common
folder share the runs; each run uses one of a machine's GPUs.

Exit status: 0 all runs of this process are finished and the table is written,
1 one failed, 2 wrong arguments, 130 interrupted.
"""


def parse_args(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__.split('\n', 1)[0], epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add('configs', nargs='+', type=Path, metavar='CONFIG')
    add('--arms', nargs='+', metavar='ARM', help='first the baseline '
        '(default: baseline equity sampling)')
    add('--seeds', nargs='+', type=int, default=[0, 1, 2, 3, 4], metavar='N',
        help='one run of each arm for each (default: 0 1 2 3 4)')
    add('--out', type=Path, metavar='DIR',
        help='for runs and table (default: work_dirs/compare_CONFIG)')
    add('--metrics', nargs='+', metavar='PATTERN', help='figures to show, '
        'with * and ?; the CSV file has all (default: KITTI 3D AP40 moderate, '
        'nuScenes mAP and NDS)')
    add('--jobs', type=positive, default=1, metavar='N',
        help='runs at once on this machine (default: 1)')
    add('--cfg-options', nargs='+', default=[], metavar='KEY=VALUE',
        help='changes to every arm, as in train.py')
    add('--launcher', default='auto',
        choices=('auto', 'none', 'pytorch', 'slurm'),
        help='whose processes share the runs (default: auto)')
    add('--table-only', action='store_true',
        help='train nothing: write the table of what is finished')
    add('--version', action='version',
        version=f'dequity_mmdet3d {__version__}')
    args = parser.parse_args(argv)
    if args.arms and len(args.configs) > 1:
        parser.error('--arms are made from one CONFIG; with several, each is '
                     'an arm as it stands')
    for name in ('seeds', 'arms'):
        given = getattr(args, name) or []
        if len(set(given)) < len(given):
            parser.error(f'--{name} are given twice: {given}')
    if min(args.seeds) < 0:
        parser.error('--seeds must be 0 or more')
    return args


def main(argv=None):
    args = parse_args(argv)
    tune_for_cpu()
    import torch

    from ..compare import schedule
    from ..compare.arms import arm_config, parse_arm
    from ..compare.run_folder import Comparison
    from ..compare.runs import Tools, make_run, prepare
    from ..compare.summary import write_table
    from ..config_files import read_config
    from ..figures import METRICS
    from ..machine import usable_cores
    from ..processes import find_ranks
    if len(args.configs) == 1:
        config = read_config(args.configs[0], args.cfg_options)
        names = args.arms or ['baseline', 'equity', 'sampling']
        arms = {a.name: (a.folder, arm_config(config, a))
                for a in map(parse_arm, names)}
    else:
        arms = {p.stem: (p.stem, read_config(p, args.cfg_options))
                for p in args.configs}
        if len(arms) < len(args.configs):
            raise ValueError('the arms are named by their configs, but two '
                             'have the same name')
    out = args.out or Path('work_dirs') / f'compare_{args.configs[0].stem}'
    comparison = Comparison(
        out, {name: folder for name, (folder, _) in arms.items()},
        tuple(args.seeds))
    # seed by seed, so that pairs are complete early
    runs = [make_run(comparison.folder(name, seed), name, config, seed)
            for seed in args.seeds for name, (_, config) in arms.items()]
    ranks = find_ranks(args.launcher)
    mine = schedule.share_of(runs, ranks.rank, ranks.world)
    for run in mine:
        prepare(run)
    failed = []
    if not args.table_only:
        tools = Tools(['-m', 'dequity_mmdet3d', 'train'],
                      ['-m', 'dequity_mmdet3d', 'test'])
        gpus = torch.cuda.device_count()

        def finish(run, place):
            slot = ranks.local_rank * args.jobs + place
            return tools.finish(
                run, schedule.environment(args.jobs, usable_cores(), slot,
                                          gpus))

        failed = schedule.finish_all(mine, finish, tools.stop, args.jobs)
    print('\n' + write_table(comparison, args.metrics or METRICS))
    if failed:
        raise OSError('; '.join(failed) + '; mend the cause and repeat the '
                      'same command')
