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
from ..compare.engines import ENGINES
from ..launchers import find_ranks
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
  sampling:table=FILE      by another likelihood table, such as one of
                           objects or by tags
  rfs:t=0.3, irfs:t=0.3    samples drawn by their (instance-aware) repeat
                           factors, in an epoch of the same length
  rfs+look, irfs+look      likewise, times the weights by look
  cbgs, equity+cbgs, sampling+cbgs, rfs+cbgs
                           MMDetection3D's class-balanced sampling added;
                           its epochs are longer: compare by an
                           IterBasedTrainLoop
With several CONFIGs each is an arm as it stands, the first the baseline.

Runs are done on this machine, --jobs at once, each with one of its GPUs.
With --engine ray or slurm they are done on the machines of a cluster that see
the folders of the command and of --out; one that loses its machine goes on
from its last checkpoint on another.

Exit status: 0 all runs are finished and the table is written, 1 one failed,
2 wrong arguments, 130 interrupted, 143 terminated.
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
    add('--jobs', type=positive, metavar='N', help='runs at once on a '
        'machine; ray counts GPUs where there are any (default: 1)')
    add('--cfg-options', nargs='+', default=[], metavar='KEY=VALUE',
        help='changes to every arm, as in train.py')
    add('--engine', default='pool', choices=ENGINES, help='who does the '
        'runs: this machine (pool), the nodes of a Ray cluster, or an array '
        'of jobs of Slurm (default: pool)')
    add('--address', metavar='ADDRESS', help="of the Ray cluster (default: "
        "auto, this machine's)")
    add('--slurm', action='append', default=[], metavar='KEY=VALUE',
        help='an option of sbatch, such as partition=gpu; time=MINUTES must '
        'be given, array_parallelism=N bounds the runs at once; repeatable')
    add('--gpus-per-run', type=positive, metavar='N', help='train and test '
        'each run on N GPUs of a machine, by torchrun (default: on one)')
    add('--table-only', action='store_true',
        help='train nothing: write the table of what is finished')
    add('--dry-run', action='store_true', help='train and write nothing: '
        'build each arm, read a sample of either split, and see whether the '
        'disk has room for all runs')
    add('--launcher', help=argparse.SUPPRESS)  # until 0.1.0
    add('--version', action='version',
        version=f'dequity_mmdet3d {__version__}')
    args = parser.parse_args(argv)
    if args.launcher is not None:
        parser.error('--launcher is gone; give --engine ray or slurm for the '
                     'machines of a cluster, --gpus-per-run N for several '
                     'GPUs a run')
    if args.arms and len(args.configs) > 1:
        parser.error('--arms are made from one CONFIG; with several, each is '
                     'an arm as it stands')
    for name in ('seeds', 'arms'):
        given = getattr(args, name) or []
        if len(set(given)) < len(given):
            parser.error(f'--{name} are given twice: {given}')
    if args.table_only and args.dry_run:
        parser.error('--table-only and --dry-run exclude each other')
    if min(args.seeds) < 0:
        parser.error('--seeds must be 0 or more')
    for name, given, engines in (
            ('address', args.address, ('ray', )),
            ('slurm', args.slurm, ('slurm', )),
            ('jobs', args.jobs, ('pool', 'ray'))):
        if given and args.engine not in engines:
            parser.error(f'--{name} belongs to --engine '
                         f'{" or ".join(engines)}')
    return args


def sbatch_options(given):
    """Options of sbatch by name, of KEY=VALUE; True for a mere KEY."""
    pairs = [text.lstrip('-').partition('=') for text in given]
    return {key: value if equals else True for key, equals, value in pairs}


def main(argv=None):
    args = parse_args(argv)
    if find_ranks().world > 1:
        raise ValueError(
            'compare is one process, which starts the runs; leave torchrun or '
            'srun out, and give --jobs, --engine ray or --engine slurm')
    tune_for_cpu()
    from torch.cuda import device_count

    from ..compare.arm_names import parse_arm
    from ..compare.arms import arm_config
    from ..compare.engines import Options, engine_of
    from ..compare.rehearsal import rehearse
    from ..compare.run_folder import Comparison
    from ..compare.runs import make_run, prepare
    from ..compare.schedule import finish_all
    from ..compare.summary import write_table
    from ..config_files import read_config
    from ..figures import METRICS
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
    engine, options = engine_of(args.engine), Options(
        args.jobs or 1, args.gpus_per_run, address=args.address or 'auto',
        gpus=device_count() if args.engine == 'pool' else 0,
        slurm=sbatch_options(args.slurm))
    if not args.table_only:
        engine.check(options)
    if args.dry_run:
        wrong = rehearse(runs, out)
        if wrong:
            raise OSError('; '.join(wrong))
        return
    for run in runs:
        prepare(run, options.processes)
    failed = [] if args.table_only else finish_all(
        runs, lambda todo: engine.finish(todo, options))
    print('\n' + write_table(comparison, args.metrics or METRICS))
    if failed:
        raise OSError('; '.join(failed) + '; mend the cause and repeat the '
                      'same command')
