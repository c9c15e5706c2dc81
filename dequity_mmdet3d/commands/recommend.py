"""Which recipe a data set asks for, and why.

    dequity recommend TABLE --config CONFIG [--tags FILE] [--objects FILE]

says in ten lines at most which arm of dequity compare to take, with which
numbers, what speaks for it in this data set and in docs/study.md, the lines to
add to one's config, and the command that checks it. Nothing is written.
docs/recommend.md has the rules.

Exit status: 0 it was said, 1 an error, told in one line, 2 wrong arguments.
"""
import argparse
import contextlib
import json
import sys
from pathlib import Path

from .. import __version__
from ..messages import printable


def parse_args(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__.split('\n', 1)[0],
        epilog=__doc__.split('\n\n', 1)[1],
        formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add('table', type=Path, metavar='TABLE', help='likelihood table of the '
        'training set')
    where = parser.add_mutually_exclusive_group()
    where.add_argument('--config', type=Path, metavar='CONFIG',
                       help='MMDetection3D config that is trained, for its '
                       'objects')
    where.add_argument('--ann-file', type=Path, metavar='INFOS', help='or '
                       'its info file (.pkl, .json), which needs no mmengine')
    add('--classes', nargs='+', default=[], metavar='CLASS', help='that are '
        'trained (default: those of CONFIG, or all of INFOS)')
    add('--cfg-options', nargs='+', metavar='KEY=VALUE', help='changes of '
        'CONFIG')
    add('--tags', metavar='none|FILE', help='CSV or Parquet file with the '
        'column sample_id (or id) and a column for each tag (default: the '
        'file beside the table, where there is one)')
    add('--objects', type=Path, metavar='FILE', help='T.objects.parquet of '
        'dequity likelihoods --objects, beside its T.parquet')
    add('--keep-order', action='store_true', help='samples are to come as '
        'they would without this package: no draws')
    add('--json', action='store_true', help='print everything as JSON')
    add('--version', action='version',
        version=f'dequity_mmdet3d {__version__}')
    args = parser.parse_args(argv)
    if args.classes and not args.ann_file:
        parser.error('--classes belongs to --ann-file; CONFIG names its own')
    if args.cfg_options and not args.config:
        parser.error('--cfg-options belongs to --config')
    return args


def main(argv=None):
    args = parse_args(argv)
    from ..recommend.inputs import from_config, from_info_file, look_at
    from ..recommend.recommendation import recommend
    from ..tag_file import read_tags, tags_beside
    annotations = None
    if args.config:
        # what mmengine says of a config is no part of the answer
        with contextlib.redirect_stdout(sys.stderr):
            annotations = from_config(args.config, args.cfg_options)
    elif args.ann_file:
        annotations = from_info_file(args.ann_file, args.classes)
    tags = (None if args.tags == 'none' else tags_beside(args.table)
            if args.tags is None else read_tags(args.tags))
    facts, told, notes = look_at(args.table, annotations, tags, args.objects,
                                 args.keep_order)
    found = recommend(facts, str(args.table),
                      annotations.place if annotations else None, told)
    for note in notes:  # beside the answer, which a program may read
        print(f'note: {printable(note)}', file=sys.stderr)
    print(json.dumps(dict(found.as_dict(), notes=notes), indent=1)
          if args.json else '\n'.join(found.lines()))
