"""Write down how common every training image looks: the likelihood table.

Four forms:

    compute_likelihoods.py CONFIG [--out TABLE]
    compute_likelihoods.py --images DIR --out TABLE
    compute_likelihoods.py --embeddings E.npy [--ids IDS.txt] --out TABLE
    compute_likelihoods.py --cluster-info FILE.pkl --out TABLE

and with --apply TABLE the first three assign other samples to its clusters.

Exit status: 0 the table is complete; 1 an error, told in one line on
standard error, and nothing was written; 2 wrong arguments; 130 interrupted.
"""
import contextlib
import functools
import sys

from dequity_mmdet3d.cli import run_cli
from dequity_mmdet3d.likelihood.arguments import parse_args
from dequity_mmdet3d.likelihood.choices import DEFAULT_CAMERAS, NOISE
from dequity_mmdet3d.machine import tune_for_cpu


def main(argv=None):
    args = parse_args(argv)
    from dequity_mmdet3d.likelihood.encoding.bad_images import UnreadableImages
    from dequity_mmdet3d.machine import free_threads
    from dequity_mmdet3d.processes import connect, find_ranks
    free_threads()
    encodes = args.config is not None or args.images is not None
    tune_for_cpu(threads=encodes)
    ranks = find_ranks(args.launcher)
    if not encodes:
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
    # after the arguments, because these imports take seconds
    from dequity_mmdet3d.likelihood import runner
    from dequity_mmdet3d.likelihood.clustering import ClusterSettings
    if team.world > 1:
        team.agree({k: v for k, v in vars(args).items() if k != 'device'})
    say = functools.partial(print, flush=True)
    noise = args.noise or NOISE[0]
    if args.cluster_info is not None:
        runner.convert_cluster_info(args.cluster_info, args.out, args.kind,
                                    noise, say)
        return
    samples, embeddings = samples_of(args)
    runner.compute_likelihoods(
        samples, args.out,
        embeddings=embeddings,
        encoding=runner.Encoding(
            args.encoder, args.pretrained, args.device, args.precision,
            args.batch_size, args.workers, args.skip_bad,
            args.embeddings_dir, args.embedding_dtype, args.shard_size),
        cameras=args.cameras or DEFAULT_CAMERAS,
        clustering=ClusterSettings(args.method, args.clusters, args.seed,
                                   noise),
        kind=args.kind, apply=args.apply, team=team, say=say)


def samples_of(args):
    """Samples, and their embeddings where these are given."""
    from dequity_mmdet3d.likelihood.samples import host_config, sources
    if args.embeddings is not None:
        return sources.samples_from_embeddings(args.embeddings, args.ids)
    if args.images is not None:
        return sources.samples_from_folder(args.images), None
    return host_config.samples_from_config(args.config, args.cfg_options,
                                           args.split), None


if __name__ == '__main__':
    sys.exit(run_cli(main))
