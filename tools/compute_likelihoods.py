"""Write down how common every training image looks: the likelihood table.

Three forms:

    compute_likelihoods.py CONFIG [--out TABLE]
    compute_likelihoods.py --images DIR --out TABLE
    compute_likelihoods.py --embeddings E.npy [--ids IDS.txt] --out TABLE

Exit status: 0 the table is complete; 1 an error, told in one line on
standard error, and nothing was written; 2 wrong arguments; 130 interrupted.
"""
import argparse
import sys

from dequity_mmdet3d import __version__
from dequity_mmdet3d.cli import run_cli, tune_for_cpu

DEFAULT_ENCODER = 'efficientnet_lite0'  # its module would import torch here


def parse_args(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__.split('\n', 1)[0],
        epilog='Exit status: 0 the table is complete, 1 an error and nothing '
        'was written, 2 wrong arguments, 130 interrupted.')
    source = parser.add_argument_group('samples, one of three forms')
    source.add_argument(
        'config',
        nargs='?',
        metavar='CONFIG',
        help='MMDetection3D config, for the images of its training set (its '
        'custom_imports are left alone)')
    source.add_argument(
        '--images', metavar='DIR', help='any folder of images, with '
        'sub-folders')
    source.add_argument(
        '--embeddings',
        metavar='E.npy',
        help='your own embeddings, (N, D) numbers')
    parser.add_argument(
        '--ids',
        metavar='IDS.txt',
        help='with --embeddings: one sample id a line (default: row numbers)')
    parser.add_argument(
        '--out',
        metavar='TABLE',
        help="the Parquet file to write (default with CONFIG: the table of "
        'its DequityDataset, or else DATA_ROOT/DATASET_likelihoods.parquet)')
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        metavar='KEY=VALUE',
        help="with CONFIG: changes to it, as in the host's own tools")
    encode = parser.add_argument_group('encoding of images')
    encode.add_argument(
        '--encoder',
        default=DEFAULT_ENCODER,
        help='%(default)s, whose weights come with the package (default), or '
        'a model of open_clip such as ViT-B-32')
    encode.add_argument(
        '--pretrained',
        metavar='TAG|FILE',
        help='for open_clip: a tag such as laion2b_s34b_b79k, to be fetched, '
        'or a local checkpoint file')
    encode.add_argument(
        '--device', help='such as cpu or cuda:1 (default: cuda if available)')
    encode.add_argument(
        '--batch-size',
        type=int,
        metavar='N',
        help='images in one forward pass (default: 64 on a GPU, 8 without)')
    encode.add_argument(
        '--workers',
        type=int,
        metavar='N',
        help='processes that decode images (default: one for each usable '
        'core, 8 at most; 0: none)')
    estimate = parser.add_argument_group('likelihood')
    estimate.add_argument(
        '--clusters',
        type=int,
        metavar='K',
        help='number of k-means clusters (default: square root of the number '
        'of samples, 50 at most)')
    estimate.add_argument(
        '--kind',
        choices=('relative', 'share'),
        default='relative',
        help='cluster size over that of the largest cluster, or over the '
        'number of samples (default: %(default)s)')
    estimate.add_argument(
        '--seed',
        type=int,
        default=0,
        help='of the clustering (default: %(default)s)')
    parser.add_argument(
        '--version',
        action='version',
        version=f'dequity_mmdet3d {__version__}')
    args = parser.parse_args(argv)
    check_forms(parser, args)
    return args


def check_forms(parser, args):
    """Leave with status 2 unless the arguments make one of the forms."""
    forms = (args.config, args.images, args.embeddings)
    if sum(f is not None for f in forms) != 1:
        parser.error('give exactly one of CONFIG, --images and --embeddings')
    if args.config is None and args.out is None:
        parser.error('--images and --embeddings need --out')
    if args.ids is not None and args.embeddings is None:
        parser.error('--ids belongs to --embeddings')
    if args.embeddings is not None and (args.pretrained is not None
                                        or args.encoder != DEFAULT_ENCODER):
        parser.error('--embeddings are encoded already: leave out --encoder '
                     'and --pretrained')
    if args.cfg_options is not None:
        if args.config is None:
            parser.error('--cfg-options belongs to CONFIG')
        for option in args.cfg_options:
            if '=' not in option:
                parser.error(f'--cfg-options takes KEY=VALUE, not {option!r}')
    for name, low in (('batch_size', 1), ('workers', 0), ('clusters', 1),
                      ('seed', 0)):
        value = getattr(args, name)
        if value is not None and not low <= value < 2**31:
            parser.error(f'--{name.replace("_", "-")} must be {low} or more, '
                         f'but is {value}')


def main(argv=None):
    args = parse_args(argv)
    tune_for_cpu()
    # after the arguments, because these imports take seconds
    from dequity_mmdet3d.likelihood import cluster, pipeline, sources
    from dequity_mmdet3d.table_file import check_writable
    if args.embeddings is not None:
        samples, given = sources.samples_from_embeddings(
            args.embeddings, args.ids)
    elif args.images is not None:
        samples = sources.samples_from_folder(args.images)
    else:
        from dequity_mmdet3d.likelihood.host_config import samples_from_config
        samples = samples_from_config(args.config, args.cfg_options)
    for note in samples.notes:
        print(note)
    out = args.out if args.out is not None else samples.table_path
    check_writable(out)  # before the long work, not after it
    if args.embeddings is not None:
        embedded = pipeline.embed_given(samples, given)
    else:
        from dequity_mmdet3d.likelihood.encode import EncodeSettings
        from dequity_mmdet3d.likelihood.encoders import build_encoder
        print(f'loading {args.encoder}', flush=True)
        encoder = build_encoder(args.encoder, args.pretrained, args.device)
        print(f'encoding {len(samples)} samples with {encoder.name} on '
              f'{encoder.device}', flush=True)
        embedded = pipeline.embed_samples(
            samples, encoder,
            EncodeSettings(batch_size=args.batch_size, workers=args.workers))
        print(f'{embedded.rate:.1f} images/s')
    table = pipeline.make_table(
        embedded, cluster.KMeansSettings(args.clusters, seed=args.seed),
        args.kind)
    table.save(out)
    for line in pipeline.summary(table):
        print(line)
    print(f'likelihood table: {out}')


if __name__ == '__main__':
    sys.exit(run_cli(main))
