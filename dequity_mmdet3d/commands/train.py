"""Train a detector: MMDetection3D's own tools/train.py, with all its flags.

    dequity train CONFIG --table TABLE

weights the samples of any config of MMDetection3D by a likelihood table, and
writes the complete config that it trains with to the work directory; --content
weights them by the classes that they hold, with or without a table. Without
both CONFIG is trained as it stands.
"""
import argparse
import sys
from pathlib import Path

from ..config_files import FOLDER, check_first_argument
from ..machine import tune_for_cpu
from ..weight_choices import CONTENTS, FORMS

NUMBERS = ('eta', 'gamma', 'form', 'content', 't', 'beta')
AGAIN = 'go on from the last checkpoint with --resume'


def parse_args(argv):
    """Take out what is ours.

    Args:
        argv (Sequence[str]): The arguments of the command.

    Returns:
        tuple[argparse.Namespace, list[str]]: Ours, and what is left for
        MMDetection3D's tool.
    """
    parser = argparse.ArgumentParser(
        usage='%(prog)s CONFIG [--table TABLE] [--content CONTENT [--t T]] '
        '[--form FORM]\n       [--eta ETA] [--gamma GAMMA] [--beta BETA] '
        "[--normalize {none,mean}]\n       [--sampler] [MMDetection3D's "
        'flags]',
        description=__doc__.split('\n', 1)[0],
        epilog=__doc__.split('\n\n', 1)[1] +
        f'\nConfigs of this package lie in {FOLDER}',
        formatter_class=argparse.RawDescriptionHelpFormatter,
        add_help=False, allow_abbrev=False)
    add = parser.add_argument_group('weights of a stock config').add_argument
    add('--table', metavar='TABLE', help='likelihood table, made by dequity '
        'likelihoods')
    add('--eta', type=float, help='floor of the weight (default: 1)')
    add('--gamma', type=float, help='focus on rare samples (default: 5)')
    add('--form', choices=FORMS, help='what a likelihood becomes: by eta and '
        'gamma (equity), by how many samples look alike (effective, inverse, '
        'sqrt-inverse), or nothing (default: equity)')
    add('--content', choices=CONTENTS, help='times the highest factor of the '
        'classes in a sample: repeat factors (rfs, irfs), or by the number of '
        'their objects (default: no factor)')
    add('--t', type=float, help='share below which rfs and irfs repeat a '
        'class (default: 0.3)')
    add('--beta', type=float, help='of effective (default: 0.999)')
    add('--normalize', choices=('none', 'mean'),
        help="'mean' divides the weights by their mean (default: none)")
    add('--sampler', action='store_true', default=None, help='draw rare '
        'samples more often in place of weighting their losses')
    ours, rest = parser.parse_known_args(argv)
    if {'-h', '--help'} & {*rest}:
        print(f"{parser.format_help()}\nMMDetection3D's flags:\n",
              flush=True)
    given = [name for name in (*NUMBERS, 'normalize', 'sampler')
             if getattr(ours, name) is not None]
    if given and not _weights(ours):
        parser.error(f'--{given[0]} belongs to --table or --content; the '
                     'weights of a config that has them are changed by '
                     '--cfg-options')
    return ours, rest


def _weights(ours):
    """Whether a stock config is to be weighted."""
    return ours.table is not None or ours.content is not None


def main():
    ours, rest = parse_args(sys.argv[1:])
    sys.argv[1:] = rest
    check_first_argument(rest)
    tune_for_cpu()
    if ours.table is not None:
        from ..table import LikelihoodTable
        LikelihoodTable.load(ours.table)  # what is wrong with it, at once
    from ..plugin.launch import run_host_tool
    run_host_tool('train.py', None if not _weights(ours) else
                  lambda args: use_weighted_config(args, ours))


def use_weighted_config(args, ours):
    """Have the host's tool train a weighted config in place of a stock one.

    Args:
        args (argparse.Namespace): Of the host's train.py; its ``config``
            becomes the one that is written here, into its ``work_dir``.
        ours (argparse.Namespace): From :func:`parse_args`.
    """
    from ..config_files import read_config
    from ..weighted_config import weight_config
    from ..whole_file import whole_file
    from ..work_dir import work_dir_of
    config = read_config(args.config, args.cfg_options)
    numbers = {name: getattr(ours, name) for name in NUMBERS
               if getattr(ours, name) is not None}
    weight_config(
        config, ours.table, sampler=bool(ours.sampler),
        normalize='mean' if ours.normalize == 'mean' else None, **numbers)
    args.work_dir = work_dir_of(args, config)
    # where mmengine writes its copy
    path = Path(args.work_dir) / f'{Path(args.config).stem}.py'
    if path.exists() and path.samefile(args.config):
        raise ValueError(
            f'{args.config} lies where the weighted config is to be written; '
            'give another --work-dir')
    with whole_file(path, parents=True) as f:
        f.write(config.pretty_text.encode())
    args.config, args.cfg_options = str(path), None
