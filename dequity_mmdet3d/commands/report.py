"""A page of a likelihood table, and of what training made of it.

    dequity report TABLE --config CONFIG [--runs DIR ...] --out DIR

writes DIR/index.html, which opens without a network: a map of the samples,
the rarest and the most common clusters, weights with sliders for eta and
gamma, classes that gain, stability, bad images, provenance, results and
curves.

Exit status: 0 the page is complete, 1 an error, told in one line, and no page
was written, 2 wrong arguments.
"""
import argparse
from pathlib import Path

from .. import __version__
from ..cli import positive
from ..machine import tune_for_cpu
from ..messages import counted, printable


def parse_args(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__.split('\n', 1)[0],
        epilog=__doc__.split('\n\n', 1)[1],
        formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add('table', type=Path, metavar='TABLE', help='Parquet file')
    where = parser.add_mutually_exclusive_group()
    where.add_argument('--config', type=Path, metavar='CONFIG',
                       help='MMDetection3D config that the table was made '
                       'from: images and objects')
    where.add_argument('--images', type=Path, metavar='DIR', help='the folder '
                       'that the table was made from')
    add('--split', choices=('train', 'val', 'test'), default='train',
        help="of CONFIG (default: train)")
    add('--cfg-options', nargs='+', metavar='KEY=VALUE', help='changes of '
        'CONFIG')
    add('--camera', metavar='NAME', help="whose image stands for a sample "
        '(default: its first)')
    add('--embeddings', type=Path, metavar='FILE.npy', help='(N, D) in the '
        "table's order (default: those that lie beside the table)")
    add('--tags', metavar='none|FILE', help='CSV or Parquet file with the '
        'column sample_id (or id) and a column for each tag (default: the '
        'file beside the table, where there is one)')
    add('--objects', metavar='none|FILE', help='object table, whose rarest '
        'objects are shown (default: T.objects.parquet beside T.parquet, '
        'where there is one)')
    add('--runs', nargs='+', type=Path, default=[], metavar='DIR',
        help='--out of dequity compare, or work directories of trainings')
    add('--out', type=Path, required=True, metavar='DIR', help='a folder, '
        'made if needed, for index.html, which is replaced if it is there')
    add('--eta', type=float, default=1.0, help='where its slider stands at '
        'first (default: 1)')
    add('--gamma', type=float, default=5.0, help='likewise (default: 5)')
    add('--map', choices=('tsne', 'pca'), default='tsne', help='t-SNE, '
        'minutes for 30,000 samples, or principal components, seconds '
        '(default: tsne)')
    add('--samples', type=positive, default=30_000, metavar='N', help='shown '
        'one by one at most; all count in the charts (default: 30000)')
    add('--size-mb', type=float, default=50.0, metavar='MB', help='of the '
        'page; images that do not fit are linked, those of common clusters '
        'first (default: 50)')
    add('--seed', type=int, default=0, help='of the map (default: 0)')
    add('--version', action='version',
        version=f'dequity_mmdet3d {__version__}')
    args = parser.parse_args(argv)
    if args.out.is_file() or (args.out.suffix.lower() in ('.html', '.htm')
                              and not args.out.is_dir()):
        parser.error(f'--out is a folder for index.html, but {args.out} is '
                     'the name of a file; give a folder, which is made if '
                     'needed')
    return args


def _objects(table, path):
    """ObjectTable, optional: Of a path, or else beside the table."""
    from ..likelihood.beside import objects_path
    from ..object_table import ObjectTable
    if path is None:
        path = objects_path(str(table))
        if not Path(path).exists():
            return None
    return ObjectTable.load(path)


def _place(args):
    """Where an object is seen, by the config; nowhere without one."""
    from ..likelihood.objects.seen import scenes_of, seen_box
    if not args.config:
        return None
    scenes = {scene.sample_id: scene for scene in scenes_of(
        args.config, args.cfg_options, args.split)}

    def place(sample, index):
        scene = scenes.get(sample)
        if scene is None or index >= len(scene.instances):
            return None
        return seen_box(scene.instances[index], scene)[0]

    return place


def main(argv=None):
    args = parse_args(argv)
    tune_for_cpu()
    from tqdm import tqdm

    from ..likelihood.catalog import open_catalog
    from ..report.page import write_page
    from ..report.runs import read_runs
    from ..table import LikelihoodTable
    from ..tag_file import read_tags, tags_beside
    if not args.size_mb > 0:
        raise ValueError(f'--size-mb must be above 0, but is {args.size_mb}')
    table = LikelihoodTable.load(args.table)
    tags = (None if args.tags == 'none' else tags_beside(args.table)
            if args.tags is None else read_tags(args.tags))
    objects = None if args.objects == 'none' else _objects(
        args.table, args.objects)
    runs = [read_runs(folder) for folder in args.runs]
    catalog = open_catalog(
        table, args.table, config=args.config, split=args.split,
        cfg_options=args.cfg_options, images=args.images, camera=args.camera,
        embeddings=args.embeddings, objects=True)
    for note in [*catalog.notes, *(
            f'{run.name}: {note}' for run in runs for note in run.notes)]:
        print(f'note: {printable(note)}')
    print(f'{counted(len(table), "sample")}; map and images follow',
          flush=True)
    path, counts = write_page(
        args.out, table, args.table, catalog, runs, eta=args.eta,
        gamma=args.gamma, projection=args.map, max_samples=args.samples,
        size=args.size_mb * 1e6, seed=args.seed,
        progress=lambda items, total: tqdm(items, 'images', total), tags=tags,
        objects=objects, place=_place(args) if objects else None)
    bad = counts['unreadable']
    if bad:
        print('note: ' + counted(len(bad), 'image is', 'images are') +
              f' left out, as unreadable; first {printable(bad[0])}')
    size = path.stat().st_size / 1e6
    if size > args.size_mb:
        print(f'note: {args.size_mb:g} MB cannot be held: plotly alone takes '
              'about 5')
    print(f'{counted(counts["shown"], "sample")} on the page, '
          f'{counted(counts["embedded"], "image")} in it, '
          f'{counts["linked"]} linked; '
          f'{size:.1f} MB: {path}')
