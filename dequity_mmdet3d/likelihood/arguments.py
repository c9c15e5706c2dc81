"""The arguments of dequity likelihoods."""
import argparse

from .. import __version__
from .argument_checks import check_forms
from .choices import (
    CAMERAS,
    COUNTS,
    DEFAULT_CAMERAS,
    DEFAULT_ENCODER,
    EMBEDDING_DTYPES,
    FEATURES,
    KINDS,
    METHODS,
    NAMES,
    NOISE,
    PRECISIONS,
    SHARD_SIZE,
    SPLITS,
    TAGS,
)
from .object_arguments import add_object_arguments, check_object_arguments


def parse_args(argv=None):
    """Parse; leave with status 2 unless the arguments make sense."""
    parser = argparse.ArgumentParser(
        description='Write down how common every training image looks: the '
        'likelihood table.',
        epilog='Exit status: 0 the table is complete; 1 an error, told in one '
        'line on standard error, and no table was written (embeddings that '
        'were made stay, for the next run); 2 wrong arguments; 130 '
        'interrupted.')
    source = parser.add_argument_group('samples, one of four forms')
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
    source.add_argument(
        '--cluster-info',
        metavar='FILE.pkl',
        help="a *_cluster_info.pkl of the paper's authors, to be written as "
        'a table; no code in it is run')
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
        help="with CONFIG: changes to it, as in MMDetection3D's own tools")
    encode = parser.add_argument_group('encoding of images')
    encode.add_argument(
        '--encoder',
        default=DEFAULT_ENCODER,
        help='%(default)s, whose weights come with the package (default); a '
        'classifier of torchvision such as resnet101; or a model of open_clip '
        'such as ViT-B-32')
    encode.add_argument(
        '--pretrained',
        metavar='TAG|FILE',
        help='for the latter two: a tag such as IMAGENET1K_V2 or '
        'laion2b_s34b_b79k, to be fetched, or a local checkpoint file')
    encode.add_argument(
        '--features',
        choices=FEATURES,
        default=FEATURES[0],
        help='what of the network is the embedding: means and deviations '
        'of the channels in all its stages, which also see light and '
        'weather, or its last layer alone, pooled (default: %(default)s)')
    encode.add_argument(
        '--device',
        help='such as cpu or cuda:1 (default: cuda if available; each '
        'process its own)')
    encode.add_argument(
        '--precision',
        choices=('auto', *PRECISIONS),
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
        choices=EMBEDDING_DTYPES,
        default=EMBEDDING_DTYPES[0],
        help='of the embeddings on disk (default: %(default)s)')
    encode.add_argument(
        '--shard-size',
        type=int,
        default=SHARD_SIZE,
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
        '--method',
        choices=(*METHODS, TAGS),
        default=METHODS[0],
        help='soft counts how many samples look alike, by groups where there '
        'are clear ones (default); the others are for comparison: modes, '
        'groups in any case, plain k-means, HDBSCAN, and the density of '
        'nearest neighbours; or tags, which looks at no image, but at the '
        'frequency of what --tags tells')
    estimate.add_argument(
        '--tags',
        metavar='auto|none|FILE',
        help='what is known of the samples: a CSV or Parquet file with the '
        'column sample_id (or id) and a column for each tag, such as '
        "weather; or what the info file or nuScenes' own tables tell, such "
        'as time, weather and location, or else the tags of an earlier table '
        'of this name (auto). --method tags counts them; any other is '
        'compared with them, and tags that look wrong are listed. They are '
        'kept beside the table (default: what info file or tables tell)')
    estimate.add_argument(
        '--by',
        metavar='TAG,TAG',
        help='with --tags: which of them (default: all)')
    estimate.add_argument(
        '--names',
        metavar='auto|none|FILE',
        default=NAMES[0],
        help='texts to name clusters by, one a line, with an encoder of '
        'open_clip (default: auto, a list for driving, where there are no '
        'tags to name them by)')
    estimate.add_argument(
        '--clusters',
        type=int,
        metavar='K',
        help='with --method kmeans: number of clusters (default: square root '
        'of the number of samples, 50 at most)')
    estimate.add_argument(
        '--noise',
        choices=NOISE,
        help='with --method hdbscan and --cluster-info: a sample without a '
        'cluster is one of its own (single, the default), all of them '
        "are one (cluster, as in the authors' code), or it joins the nearest "
        '(nearest)')
    estimate.add_argument(
        '--cameras',
        choices=CAMERAS,
        help='several images a sample: cluster their mean direction, or all '
        "side by side (concat); or cluster each camera's images by itself "
        'and take the mean or the smallest likelihood (default: '
        f'{DEFAULT_CAMERAS}, which also sees what only one camera sees)')
    estimate.add_argument(
        '--groups',
        metavar='auto|none|FILE',
        help='which samples are frames of one drive: as info file, file '
        'names and folders tell (auto), or a CSV or Parquet file with the '
        'columns id,group (default: where info file or file names tell for '
        'certain)')
    estimate.add_argument(
        '--count',
        choices=COUNTS,
        default=COUNTS[0],
        help='whether a scene that one drive shows many times is as common '
        'as its frames are many, or counts once (default: %(default)s)')
    estimate.add_argument(
        '--kind',
        choices=KINDS,
        default=KINDS[0],
        help='cluster size over that of the largest cluster, or over the '
        'number of samples (default: %(default)s)')
    estimate.add_argument(
        '--seed',
        type=int,
        default=0,
        help='of the clustering (default: %(default)s)')
    add_object_arguments(parser)
    parser.add_argument(
        '--update',
        action='store_true',
        help='the table is there already: make it anew for the samples of '
        'today, say what moved, and keep the ids of clusters that stay')
    other = parser.add_argument_group('other samples under a finished table')
    other.add_argument(
        '--apply',
        metavar='TABLE',
        help='fit nothing: assign the samples to the clusters of this table, '
        'for analysis')
    other.add_argument(
        '--split',
        choices=SPLITS,
        default=SPLITS[0],
        help='with --apply and CONFIG: whose dataloader to take (default: '
        '%(default)s)')
    parser.add_argument(
        '--version',
        action='version',
        version=f'dequity_mmdet3d {__version__}')
    args = parser.parse_args(argv)
    check_forms(parser, args)
    check_object_arguments(parser, args)
    return args
