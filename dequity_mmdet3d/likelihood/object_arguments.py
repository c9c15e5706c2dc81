"""The arguments of dequity likelihoods that are about objects."""
from .choices import (
    NAMES,
    OBJECT_FEATURES,
    OBJECT_MARGIN,
    OBJECT_MIN_SIZE,
    OBJECT_RULES,
    TAGS,
)


def add_object_arguments(parser):
    """Add them as a group."""
    group = parser.add_argument_group(
        'objects', 'how common each annotated object looks in its class')
    group.add_argument(
        '--objects',
        action='store_true',
        help='with CONFIG: estimate likelihoods of objects, class by class, '
        'in TABLE.objects.parquet, and those of samples from them')
    group.add_argument(
        '--object-rule',
        choices=OBJECT_RULES,
        help="a sample's likelihood: its rarest object's (min, the default), "
        "the mean, or the geometric mean of its rarest object's and its "
        'scene\'s (product)')
    group.add_argument(
        '--object-margin',
        type=float,
        metavar='SHARE',
        help='around each box, of its width and height (default: '
        f'{OBJECT_MARGIN})')
    group.add_argument(
        '--object-min-size',
        type=float,
        metavar='PIXELS',
        help='objects with a shorter side are neutral (default: '
        f'{OBJECT_MIN_SIZE:g})')
    group.add_argument(
        '--object-features',
        choices=OBJECT_FEATURES,
        help='crops of the images (default), or points: number, distance, '
        'size and occlusion, for data without images')


def check_object_arguments(parser, args):
    """Leave with status 2 unless they go with the others."""
    given = [name for name in ('rule', 'margin', 'min_size', 'features')
             if getattr(args, f'object_{name}') is not None]
    if given and not args.objects:
        parser.error(f'{_option(given[0])} belongs to --objects')
    if not args.objects:
        return
    if args.config is None or args.method == TAGS:
        parser.error('--objects needs the annotations of CONFIG: leave out '
                     '--images, --embeddings, --cluster-info and --method '
                     'tags')
    if given and args.apply is not None:
        parser.error(f'{_option(given[0])} is as for the table of --apply: '
                     'leave it out')
    scenes = args.object_rule == 'product'
    if args.object_features == 'points' and scenes:
        parser.error('--object-rule product looks at images: leave out '
                     '--object-features points')
    if args.apply is None and not scenes and (
            args.cameras is not None or args.names not in NAMES):
        parser.error('--cameras and --names are about scenes: they go with '
                     '--object-rule product')
    for name in ('margin', 'min_size'):
        value = getattr(args, f'object_{name}')
        if value is not None and not 0 <= value < 2**31:
            parser.error(f'{_option(name)} must be 0 or more, but is {value}')


def _option(name):
    return f'--object-{name.replace("_", "-")}'
