"""Which arguments of dequity likelihoods go together."""
import os

from .choices import COUNTS, DEFAULT_ENCODER, NAMES, TAGS

# what is of no use where no image is looked at
_OF_IMAGES = ('groups', 'pretrained', 'skip_bad', 'cameras', 'device',
              'batch_size', 'workers', 'embeddings_dir')


def check_forms(parser, args):
    """Leave with status 2 unless the arguments make one of the forms."""
    forms = (args.config, args.images, args.embeddings, args.cluster_info)
    if sum(f is not None for f in forms) != 1:
        parser.error('give exactly one of CONFIG, --images, --embeddings and '
                     '--cluster-info')
    if args.out is None and (args.config is None or args.apply is not None):
        parser.error('--images, --embeddings, --cluster-info and --apply '
                     'need --out')
    if args.apply is not None and (os.path.realpath(args.apply)
                                   == os.path.realpath(args.out)):
        parser.error('--out must not be the table that --apply reads')
    if args.apply is not None and args.cluster_info is not None:
        parser.error('--cluster-info holds no images to apply a table to')
    if (args.groups is not None or args.count != COUNTS[0]) and (
            args.apply is not None or args.cluster_info is not None):
        parser.error('--groups and --count belong to a table that is made, '
                     'not to --apply and --cluster-info')
    if args.update and (args.apply is not None or args.objects or
                        args.cluster_info is not None or args.method == TAGS):
        parser.error('--update makes a table of looks anew: leave out '
                     '--apply, --objects, --cluster-info and --method tags')
    if args.method == TAGS and args.tags in (None, 'none'):
        parser.error('--method tags needs --tags auto or FILE')
    if args.by is not None and args.tags in (None, 'none'):
        parser.error('--by belongs to --tags auto or FILE')
    if args.tags is not None and args.cluster_info is not None:
        parser.error('--tags do not go with --cluster-info')
    if args.method == TAGS:
        given = [name for name in _OF_IMAGES
                 if getattr(args, name) not in (None, False)]
        if given or args.encoder != DEFAULT_ENCODER:
            parser.error(
                '--method tags looks at tags alone: leave out --'
                f'{(given or ["encoder"])[0].replace("_", "-")}')
        if args.apply is not None and args.by is not None:
            parser.error('--by is as for the table of --apply: leave it out')
    if args.names not in NAMES and (
            args.method == TAGS or args.apply is not None
            or args.config is None and args.images is None):
        parser.error('--names FILE belongs to clusters that are made of '
                     'images: leave out --method tags, --apply, --embeddings '
                     'and --cluster-info')
    if args.count == 'drives' and args.method != 'soft':
        parser.error('--count drives belongs to --method soft')
    if args.count == 'drives' and args.groups == 'none':
        parser.error('--count drives needs to know them, by --groups')
    if args.split != 'train' and (args.apply is None or args.config is None):
        parser.error(f'--split {args.split} belongs to --apply with CONFIG: '
                     'likelihoods are fitted to the training set only')
    if args.clusters is not None and args.method != 'kmeans':
        parser.error('--clusters belongs to --method kmeans')
    if args.noise is not None and args.cluster_info is None and (
            args.method != 'hdbscan'):
        parser.error('--noise belongs to --method hdbscan and to '
                     '--cluster-info')
    if args.cameras is not None and args.config is None:
        parser.error('--cameras belongs to CONFIG; the other forms have one '
                     'image a sample')
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
