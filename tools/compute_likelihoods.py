"""Write down how common every training image looks: the likelihood table.

Three forms:

    compute_likelihoods.py CONFIG [--out TABLE]
    compute_likelihoods.py --images DIR --out TABLE
    compute_likelihoods.py --embeddings E.npy [--ids IDS.txt] --out TABLE

Exit status: 0 the table is complete; 1 an error, told in one line on
standard error, and nothing was written; 2 wrong arguments; 130 interrupted.
"""
import argparse
import contextlib
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
        help='%(default)s, whose weights come with the package (default); a '
        'ResNet of torchvision such as resnet101; or a model of open_clip '
        'such as ViT-B-32')
    encode.add_argument(
        '--pretrained',
        metavar='TAG|FILE',
        help='for the latter two: a tag such as IMAGENET1K_V2 or '
        'laion2b_s34b_b79k, to be fetched, or a local checkpoint file')
    encode.add_argument(
        '--device',
        help='such as cpu or cuda:1 (default: cuda if available; each '
        'process its own)')
    encode.add_argument(
        '--precision',
        choices=('auto', 'float32', 'bfloat16', 'float16'),
        default='auto',
        help="of the encoder's weights (default: auto, which takes bfloat16 "
        'or float16 where the device has units for it)')
    encode.add_argument(
        '--batch-size',
        type=int,
        metavar='N',
        help='images in one forward pass (default: 64 on a GPU, on the CPU 8 '
        'in float32 and 32 otherwise)')
    encode.add_argument(
        '--workers',
        type=int,
        metavar='N',
        help='threads that decode images and, on the CPU, encode them '
        '(default: one for each usable core)')
    encode.add_argument(
        '--skip-bad',
        action='store_true',
        help='go on without images that cannot be used; they are listed in '
        'a file beside the table in any case')
    encode.add_argument(
        '--embeddings-dir',
        metavar='DIR',
        help='where the embeddings are kept, so that a run goes on where it '
        'stopped, and a repeated one encodes nothing (default: the name of '
        'the table with the ending .embeddings)')
    encode.add_argument(
        '--embedding-dtype',
        choices=('float16', 'float32'),
        default='float16',
        help='of the embeddings on disk (default: %(default)s)')
    encode.add_argument(
        '--shard-size',
        type=int,
        default=1024,
        metavar='N',
        help='images in one of the files there (default: %(default)s)')
    encode.add_argument(
        '--launcher',
        choices=('auto', 'none', 'pytorch', 'slurm'),
        default='auto',
        help='what started several processes that share the images: torchrun '
        '(pytorch) or srun (slurm) (default: auto, which sees it)')
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
    if args.embeddings is not None and (args.skip_bad
                                        or args.embeddings_dir is not None):
        parser.error('--skip-bad and --embeddings-dir belong to images, not '
                     'to --embeddings')
    if args.cfg_options is not None:
        if args.config is None:
            parser.error('--cfg-options belongs to CONFIG')
        for option in args.cfg_options:
            if '=' not in option:
                parser.error(f'--cfg-options takes KEY=VALUE, not {option!r}')
    for name, low in (('batch_size', 1), ('workers', 0), ('shard_size', 1),
                      ('clusters', 1), ('seed', 0)):
        value = getattr(args, name)
        if value is not None and not low <= value < 2**31:
            parser.error(f'--{name.replace("_", "-")} must be {low} or more, '
                         f'but is {value}')


def encode(samples, args, out, team, say):
    """The samples' embeddings, out of this run and earlier ones."""
    from dequity_mmdet3d.likelihood import bad_images, pipeline
    from dequity_mmdet3d.likelihood.encode import EncodeSettings
    from dequity_mmdet3d.likelihood.encoders import build_encoder, pick_device
    from dequity_mmdet3d.likelihood.encoders.precision import pick_precision
    from dequity_mmdet3d.likelihood.shards import ShardStore
    say(f'loading {args.encoder}')
    device = team.device(args.device)
    # machines of one run may differ in what they can do; process 0 decides
    precision = team.gather(
        pick_precision(args.precision, pick_device(device)))[0]
    encoder = build_encoder(args.encoder, args.pretrained, device, precision)
    store = ShardStore(args.embeddings_dir
                       or bad_images.embeddings_folder(out),
                       args.embedding_dtype, args.shard_size, say)
    say(f'encoding {len(samples)} samples with {encoder.name} in '
        f'{encoder.precision} on {encoder.device}' +
        (f', {team.world} processes' if team.world > 1 else ''))
    embedded = pipeline.embed_samples(
        samples, encoder,
        EncodeSettings(batch_size=args.batch_size, workers=args.workers),
        store, args.skip_bad, bad_images.bad_images_path(out), team)
    if embedded.rate is not None:
        say(f'{embedded.rate:.1f} images/s')
    bad = embedded.encoded.failures
    if bad:
        say(f'{len(bad)} of {len(embedded.encoded.usable)} images cannot be '
            f'used; they are listed in {bad_images.bad_images_path(out)}')
    if embedded.skipped:
        say(f'{len(embedded.skipped)} samples have no usable image')
    return embedded


def main(argv=None):
    args = parse_args(argv)
    from dequity_mmdet3d.likelihood.bad_images import UnreadableImages
    from dequity_mmdet3d.likelihood.ranks import (connect, find_ranks,
                                                  free_threads)
    free_threads()
    tune_for_cpu(threads=args.embeddings is None)
    ranks = find_ranks(args.launcher)
    if args.embeddings is not None:
        if ranks.rank > 0:
            return 0  # there is nothing to share
        ranks = find_ranks('none')
    with connect(ranks) as team:
        try:
            return run(args, team)
        except UnreadableImages:
            if team.rank == 0:
                raise
            # known to all; process 0 says it, and is not to be cut off
            with contextlib.suppress(OSError):
                team.gather(None)
            return 1


def run(args, team):
    """One process's part; process 0 clusters and writes the table."""

    def say(line):
        if team.rank == 0:
            print(line, flush=True)

    # after the arguments, because these imports take seconds
    from dequity_mmdet3d.likelihood import bad_images, pipeline, sources
    from dequity_mmdet3d.table_file import check_writable
    if team.world > 1:
        team.agree({k: v for k, v in vars(args).items() if k != 'device'})
    if args.embeddings is not None:
        samples, given = sources.samples_from_embeddings(
            args.embeddings, args.ids)
    elif args.images is not None:
        samples = sources.samples_from_folder(args.images)
    else:
        from dequity_mmdet3d.likelihood.host_config import samples_from_config
        samples = samples_from_config(args.config, args.cfg_options)
    for note in samples.notes:
        say(note)
    out = args.out if args.out is not None else samples.table_path
    if team.rank == 0:
        check_writable(out)  # before the long work, not after it
        bad_images.forget_bad_images(out)
    if args.embeddings is not None:
        embedded = pipeline.embed_given(samples, given)
    else:
        embedded = encode(samples, args, out, team, say)
    if team.rank == 0:
        write(embedded, args, out)
    # the others end only with process 0, and as it does
    team.gather(None)


def write(embedded, args, out):
    """Cluster, save the table, and say what came out."""
    from dequity_mmdet3d.likelihood import cluster, pipeline
    table = pipeline.make_table(
        embedded, cluster.KMeansSettings(args.clusters, seed=args.seed),
        args.kind)
    table.save(out)
    for line in pipeline.summary(table):
        print(line)
    print(f'likelihood table: {out}')
    if embedded.encoded is not None:
        print(f'embeddings: {embedded.encoded.folder} '
              f'({embedded.encoded.nbytes / 1e6:.2f} MB), kept for the '
              'next run')


if __name__ == '__main__':
    sys.exit(run_cli(main))
