#!/usr/bin/env python
"""A likelihood table for other tools.

    export.py csv TABLE [--out FILE.csv] [--eta ETA] [--gamma GAMMA]

pandas and DuckDB open the table as it is: docs/other_tools.md.

Exit status: 0 the file is complete, 1 an error, told in one line, and
nothing was written, 2 wrong arguments.
"""
import argparse
import sys
from pathlib import Path

from dequity_mmdet3d import __version__
from dequity_mmdet3d.cli import run_cli


def parse_args(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__.split('\n', 1)[0],
        epilog=__doc__.split('\n\n', 2)[2],
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        '--version',
        action='version',
        version=f'dequity_mmdet3d {__version__}')
    kinds = parser.add_subparsers(dest='kind', required=True)
    add = kinds.add_parser(
        'csv', help='plain text, with the weight of each sample',
        formatter_class=argparse.ArgumentDefaultsHelpFormatter).add_argument
    add('table', type=Path, metavar='TABLE', help='Parquet file')
    add('--out', type=Path, metavar='FILE', help='replaced if it is there; '
        'without it, TABLE with the ending .csv')
    add('--eta', type=float, default=1.0, help='of the weight')
    add('--gamma', type=float, default=5.0, help='of the weight')
    add('--normalize', choices=('none', 'mean'), default='none',
        help="'mean' divides the weights by their mean")
    return parser.parse_args(argv)


def main(argv=None):
    args = parse_args(argv)
    from dequity_mmdet3d.export.csv_file import write_csv
    from dequity_mmdet3d.table import LikelihoodTable
    out = args.out or args.table.with_suffix('.csv')
    if out.resolve() == args.table.resolve():
        raise ValueError(f'{out} is the table itself; give another --out')
    table = LikelihoodTable.load(args.table)
    write_csv(out, table, args.eta, args.gamma,
              None if args.normalize == 'none' else args.normalize)
    print(f'{len(table)} samples: {out}')


if __name__ == '__main__':
    sys.exit(run_cli(main))
