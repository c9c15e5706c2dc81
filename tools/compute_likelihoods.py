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
import os
import sys

from dequity_mmdet3d.cli import run_cli
from dequity_mmdet3d.likelihood.arguments import DEFAULT_CAMERAS, parse_args
from dequity_mmdet3d.machine import tune_for_cpu


def encode(samples, args, out, team, say, fitted=None):
    """The samples' embeddings, out of this run and earlier ones."""
    from dequity_mmdet3d.likelihood.beside import embeddings_folder
    from dequity_mmdet3d.likelihood.embeddings.shards import ShardStore
    from dequity_mmdet3d.likelihood.encoding import bad_images
    from dequity_mmdet3d.likelihood.encoding.embed import embed_samples
    from dequity_mmdet3d.likelihood.encoding.encode import EncodeSettings
    from dequity_mmdet3d.likelihood.encoding.encoders import (
        build_encoder,
        pick_device,
    )
    from dequity_mmdet3d.likelihood.encoding.encoders.precision import (
        pick_precision,
    )
    say(f'loading {args.encoder}')
    device = team.device(args.device)
    # machines of one run may differ in what they can do; process 0 decides
    precision = team.gather(
        pick_precision(args.precision, pick_device(device)))[0]
    encoder = build_encoder(args.encoder, args.pretrained, device, precision)
    store = ShardStore(args.embeddings_dir
                       or embeddings_folder(out),
                       args.embedding_dtype, args.shard_size, say)
    say(f'encoding {len(samples)} samples with {encoder.name} in '
        f'{encoder.precision} on {encoder.device}' +
        (f', {team.world} processes' if team.world > 1 else ''))
    embedded = embed_samples(
        samples, encoder,
        EncodeSettings(batch_size=args.batch_size, workers=args.workers),
        store, args.skip_bad, bad_images.bad_images_path(out), team,
        args.cameras or DEFAULT_CAMERAS, fitted)
    if embedded.encoded.rate is not None:
        say(f'{embedded.encoded.rate:.1f} images/s')
    bad = embedded.encoded.failures
    if bad:
        say(f'{len(bad)} of {len(embedded.encoded.usable)} images cannot be '
            f'used; they are listed in {bad_images.bad_images_path(out)}')
    if embedded.skipped:
        say(f'{len(embedded.skipped)} samples have no usable image; their '
            'rows are neutral')
    return embedded


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

    def say(line):
        if team.rank == 0:
            print(line, flush=True)

    # after the arguments, because these imports take seconds
    from dequity_mmdet3d.likelihood.encoding import bad_images
    from dequity_mmdet3d.likelihood.encoding.embed import embed_given
    from dequity_mmdet3d.likelihood.samples import sources
    from dequity_mmdet3d.table_file import check_writable
    if team.world > 1:
        team.agree({k: v for k, v in vars(args).items() if k != 'device'})
    if args.cluster_info is not None:
        return convert(args)
    fitted = None
    if args.apply is not None:
        from dequity_mmdet3d.likelihood.estimation.fitted import load_fitted
        fitted = load_fitted(args.apply)
    if args.embeddings is not None:
        samples, given = sources.samples_from_embeddings(
            args.embeddings, args.ids)
    elif args.images is not None:
        samples = sources.samples_from_folder(args.images)
    else:
        from dequity_mmdet3d.likelihood.samples.host_config import (
            samples_from_config,
        )
        samples = samples_from_config(args.config, args.cfg_options,
                                      args.split)
    for note in samples.notes:
        say(note)
    out = args.out if args.out is not None else samples.table_path
    if team.rank == 0:
        check_writable(out)  # before the long work, not after it
        bad_images.forget_bad_images(out)
    if args.embeddings is not None:
        embedded = embed_given(samples, given)
    else:
        embedded = encode(samples, args, out, team, say, fitted)
    if team.rank == 0:
        write(embedded, args, out, fitted)
    # the others end only with process 0, and as it does
    team.gather(None)


def write(embedded, args, out, fitted):
    """Fit or apply, save the table, and say what came out."""
    from dequity_mmdet3d.likelihood.beside import modes_path
    from dequity_mmdet3d.likelihood.clustering import ClusterSettings
    from dequity_mmdet3d.likelihood.estimation import make_table as pipeline
    if fitted is not None:
        table = pipeline.apply_table(embedded, fitted)
        lines = [f'{len(table)} samples; {int((table.cluster_id < 0).sum())} '
                 f'are unlike all that {args.apply} was made from']
    else:
        estimate = pipeline.make_table(
            embedded,
            ClusterSettings(args.method, args.clusters, args.seed,
                            args.noise or 'single'), args.kind)
        table, lines = estimate.table, estimate.diagnosis.lines()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(modes_path(out))  # of an earlier table
        if estimate.fitted is not None:
            estimate.fitted.save(modes_path(out))
    table.save(out)
    for line in lines + pipeline.extremes(table):
        print(line)
    print(f'likelihood table: {out}')
    if embedded.encoded is not None:
        print(f'embeddings: {embedded.encoded.folder} '
              f'({embedded.encoded.nbytes / 1e6:.2f} MB), kept for the '
              'next run')


def convert(args):
    """Write a table of the paper's authors as one of ours."""
    from dequity_mmdet3d.likelihood.estimation.cluster_info import (
        table_from_cluster_info,
    )
    from dequity_mmdet3d.likelihood.estimation.make_table import extremes
    from dequity_mmdet3d.table_file import check_writable
    check_writable(args.out)
    table = table_from_cluster_info(args.cluster_info, args.kind,
                                    args.noise or 'single')
    table.save(args.out)
    for line in [f'{len(table)} samples in {table.n_clusters} clusters',
                 *table.metadata['notes'], *extremes(table)]:
        print(line)
    print(f'likelihood table: {args.out}')


if __name__ == '__main__':
    sys.exit(run_cli(main))
