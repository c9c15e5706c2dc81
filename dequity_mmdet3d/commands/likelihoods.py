"""Write down how common every training image looks: the likelihood table.

Four forms:

    dequity likelihoods CONFIG [--out TABLE]
    dequity likelihoods --images DIR --out TABLE
    dequity likelihoods --embeddings E.npy [--ids IDS.txt] --out TABLE
    dequity likelihoods --cluster-info FILE.pkl --out TABLE

With --apply TABLE the first three assign other samples to its clusters, and
with --method tags --tags FILE they look at no image, but at what it tells.

The arguments, and what the exit status says: dequity likelihoods --help.
"""
import contextlib
from importlib.util import find_spec

from ..likelihood.arguments import parse_args
from ..likelihood.choices import DEFAULT_CAMERAS, NOISE, TAGS
from ..machine import tune_for_cpu
from ..messages import printable


def main(argv=None):
    args = parse_args(argv)
    from ..launchers import find_ranks
    from ..likelihood.encoding.bad_images import UnreadableImages
    from ..machine import free_threads
    from ..processes import connect
    free_threads()
    encodes = args.method != TAGS and (
        args.config is not None or args.images is not None)
    tune_for_cpu(threads=encodes)
    ranks = find_ranks(args.launcher)
    shares = args.method != TAGS and args.cluster_info is None and (
        encodes or find_spec('torch') is not None)
    if not shares:
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
    """One process's part; process 0 estimates and writes the table."""
    # after the arguments, because these imports take seconds
    from ..likelihood import conversions, runner
    from ..likelihood.clustering import ClusterSettings
    if team.world > 1:
        team.agree({k: v for k, v in vars(args).items() if k != 'device'})

    def say(line):
        print(printable(line), flush=True)

    noise = args.noise or NOISE[0]
    if args.cluster_info is not None:
        conversions.convert_cluster_info(
            args.cluster_info, args.out, args.kind, noise, say)
        return
    settings = object_settings(args) if args.objects else None
    samples, embeddings = samples_of(args, images=settings is None or
                                     settings.features != 'points')
    by = None if args.by is None else [
        name.strip() for name in args.by.split(',')]
    if args.method == TAGS:
        conversions.table_by_tags(samples, tags_of(samples, args), args.out,
                                  by, args.kind, say, args.apply)
        return
    groups = None if args.apply else groups_of(samples, args)
    compute, more = runner.compute_likelihoods, dict(
        embeddings=embeddings, cameras=args.cameras or DEFAULT_CAMERAS,
        apply=args.apply, groups=groups, tags=tags_of(samples, args), by=by,
        names=args.names, update=args.update)
    if settings is not None:
        compute, more = with_objects(args, settings, more)
    compute(
        samples, args.out,
        encoding=runner.Encoding(
            args.encoder, args.pretrained, args.device, args.precision,
            args.features, args.batch_size, args.workers, args.skip_bad,
            args.embeddings_dir, args.embedding_dtype, args.shard_size),
        clustering=ClusterSettings(args.method, args.clusters, args.seed,
                                   noise, args.count),
        kind=args.kind, team=team, say=say, **more)


def with_objects(args, settings, more):
    """The function that looks at objects as well, and what it takes."""
    from functools import partial

    from ..likelihood.objects.read import objects_from_config
    from ..likelihood.objects.run import compute_object_likelihoods
    objects = objects_from_config(
        args.config, args.cfg_options, args.split,
        settings.features == 'points', settings.margin, settings.min_size)
    if not settings.looks_at_scenes:
        more = {k: v for k, v in more.items()
                if k not in ('embeddings', 'cameras', 'names', 'update')}
    return partial(compute_object_likelihoods, objects=objects,
                   settings=settings), more


def object_settings(args):
    """How objects are looked at: as asked, or as for the table of --apply."""
    from ..likelihood.objects.settings import ObjectSettings
    if args.apply is not None:
        from ..table import LikelihoodTable
        return ObjectSettings.of_table(
            LikelihoodTable.load(args.apply), args.apply)
    given = dict(rule=args.object_rule, margin=args.object_margin,
                 min_size=args.object_min_size, features=args.object_features)
    return ObjectSettings(**{k: v for k, v in given.items() if v is not None})


def samples_of(args, images=True):
    """Samples, and their embeddings where these are given."""
    from ..likelihood.samples import host_config, sources
    if args.embeddings is not None:
        return sources.samples_from_embeddings(args.embeddings, args.ids)
    if args.images is not None:
        return sources.samples_from_folder(args.images), None
    return host_config.samples_from_config(args.config, args.cfg_options,
                                           args.split, images), None


def groups_of(samples, args):
    """Which samples are of one drive, asked before anything is encoded."""
    from ..likelihood.samples import groups
    found = groups.groups_of(samples, args.groups)
    if found is None and args.count == 'drives':
        raise ValueError('--count drives: neither info file nor file names '
                         'tell drives for certain; give --groups auto to go '
                         'by folders and names, or a FILE with the columns '
                         'id,group')
    return found


def tags_of(samples, args):
    """What is known of the samples; None if nothing."""
    from ..likelihood.samples.nuscenes_tags import nuscenes_tags
    from ..likelihood.write_table import place_of
    from ..tag_file import read_tags, tags_beside
    if args.tags == 'none':
        return None
    if args.tags not in (None, 'auto'):
        return read_tags(args.tags)
    found = None
    if samples.data_root and samples.provenance.dataset == 'nuscenes':
        found = nuscenes_tags(samples.data_root, samples.ids)
    found = found or samples.tags
    if found is None and args.tags == 'auto':
        found = tags_beside(place_of(samples, args.out))
    if found is None and args.tags == 'auto':
        raise ValueError("--tags auto: neither the info file nor nuScenes' "
                         'own tables (DATA_ROOT/v1.0-*/sample.json) tell '
                         'tags, and none lie beside the table; give a FILE '
                         'with the columns sample_id and a tag each')
    return found
