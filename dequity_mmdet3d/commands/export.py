"""A likelihood table for other tools.

    dequity export csv TABLE [--out FILE.csv] [--eta ETA] [--gamma GAMMA]
    dequity export fiftyone TABLE --name NAME --config CONFIG

pandas and DuckDB open the table as it is: docs/other_tools.md.

Exit status: 0 it is complete, 1 an error, told in one line, and
nothing was written, 2 wrong arguments.
"""
import argparse
from pathlib import Path

from .. import __version__
from ..cli import DefaultsHelp
from ..messages import counted, printable


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
        formatter_class=DefaultsHelp).add_argument
    _add_table(add)
    add('--out', type=Path, metavar='FILE', help='replaced if it is there '
        '(default: TABLE with the ending .csv)')
    add = kinds.add_parser(
        'fiftyone', help='a persistent data set of FiftyOne',
        formatter_class=DefaultsHelp).add_argument
    _add_table(add)
    add('--name', required=True, help='of the data set')
    add('--overwrite', action='store_true', help='replace one of that name')
    add('--config', type=Path, metavar='CONFIG', help='MMDetection3D '
        'config that the table was made from, for its images')
    add('--split', choices=('train', 'val', 'test'), default='train',
        help='of CONFIG')
    add('--cfg-options', nargs='+', metavar='KEY=VALUE', help='changes of '
        'CONFIG')
    add('--images', type=Path, metavar='DIR', help='or the folder that it '
        'was made from')
    add('--camera', metavar='NAME', help='whose image stands for a sample '
        '(default: its first)')
    add('--embeddings', type=Path, metavar='FILE.npy', help="(N, D) in the "
        "table's order (default: those that lie beside the table)")
    return parser.parse_args(argv)


def _add_table(add):
    add('table', type=Path, metavar='TABLE', help='Parquet file')
    add('--eta', type=float, default=1.0, help='of the weight')
    add('--gamma', type=float, default=5.0, help='of the weight')
    add('--normalize', choices=('none', 'mean'), default='none',
        help="'mean' divides the weights by their mean")


def main(argv=None):
    args = parse_args(argv)
    from ..table import LikelihoodTable
    weighting = (args.eta, args.gamma,
                 None if args.normalize == 'none' else args.normalize)
    (to_csv if args.kind == 'csv' else to_fiftyone)(
        args, LikelihoodTable.load(args.table), weighting)


def to_csv(args, table, weighting):
    from ..export.csv_file import write_csv
    out = args.out or args.table.with_suffix('.csv')
    if out.resolve() == args.table.resolve():
        raise ValueError(f'{out} is the table itself; give another --out')
    write_csv(out, table, *weighting)
    print(f'{counted(len(table), "sample")}: {out}')


def to_fiftyone(args, table, weighting):
    from tqdm import tqdm

    from ..export.fiftyone_dataset import make_dataset
    from ..likelihood.catalog import open_catalog
    if not (args.config or args.images):
        raise ValueError('FiftyOne shows images: name them with --config or '
                         '--images')
    catalog = open_catalog(
        table, args.table, config=args.config, split=args.split,
        cfg_options=args.cfg_options, images=args.images, camera=args.camera,
        embeddings=args.embeddings)
    for note in catalog.notes:
        print(f'note: {printable(note)}')
    n = make_dataset(
        args.name, table, catalog.images, catalog.vectors, *weighting,
        overwrite=args.overwrite,
        progress=lambda items, total: tqdm(items, 'samples', total))
    print(f'{counted(n, "sample")}: fiftyone.load_dataset({args.name!r})')
