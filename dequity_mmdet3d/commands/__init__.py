"""The command line: ``dequity COMMAND``, and the doors of it in ``tools/``.

A module a command. Each parses before it imports what takes seconds, so that
``--help`` and a wrong argument are answered at once and on any machine.
"""
import argparse
import importlib
import sys

from .. import __version__
from ..cli import run_cli

# by name: module of this package, and what the command does
COMMANDS = {
    'likelihoods': 'write down how common every training image looks',
    'recommend': 'which recipe a data set asks for, and why',
    'train': 'train a detector, each sample weighted by how rare it looks',
    'test': 'test a detector',
    'compare': 'train with and without equity: arms x seeds, one table',
    'report': 'a page of a likelihood table and of what training made of it',
    'export': 'a likelihood table for other tools',
    'create-data': 'info files and ground-truth database of KITTI or nuScenes',
    'doctor': 'what is installed here, and can it train?',
}


def run(name):
    """Run a command with the arguments in ``sys.argv``.

    Args:
        name (str): One of ``COMMANDS``.

    Returns:
        int: The exit status, see :func:`dequity_mmdet3d.cli.run_cli`.
    """
    module = importlib.import_module(
        f'{__name__}.{name.replace("-", "_")}')
    return run_cli(module.main, getattr(module, 'AGAIN',
                                        'repeat the same command'))


def main(argv=None):
    """``dequity``: the first argument names the command, the rest is its.

    Args:
        argv (Sequence[str], optional): Defaults to this process's.

    Returns:
        int: The exit status of the command.
    """
    width = max(map(len, COMMANDS))
    parser = argparse.ArgumentParser(
        prog='dequity',
        usage='%(prog)s COMMAND ...',
        description='Equity for rare scenes in MMDetection3D training.',
        epilog='commands:\n' + ''.join(
            f'  {name:{width}}  {what}\n' for name, what in COMMANDS.items())
        + '\ndequity COMMAND --help tells more',
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        '--version', action='version',
        version=f'dequity_mmdet3d {__version__}')
    parser.add_argument('command', metavar='COMMAND', choices=COMMANDS,
                        help=argparse.SUPPRESS)
    parser.add_argument('arguments', nargs=argparse.REMAINDER,
                        help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    # as if it had been called by itself: its help shows this name, and the
    # host's own tools parse sys.argv
    sys.argv = [f'dequity {args.command}', *args.arguments]
    return run(args.command)
