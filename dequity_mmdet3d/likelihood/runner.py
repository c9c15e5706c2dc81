"""Samples in, likelihood table out: all that the command does, by one call.

    from dequity_mmdet3d.likelihood.runner import compute_likelihoods
    from dequity_mmdet3d.likelihood.samples.sources import samples_from_folder

    table = compute_likelihoods(samples_from_folder('frames'), 't.parquet')

Shape letters: N samples, D embedding size.
"""
import os
from dataclasses import dataclass, replace
from functools import partial

from ..messages import counted
from ..processes import Alone
from ..table_file import check_writable
from ..tag_file import check_place
from .beside import (
    bad_images_path,
    embeddings_folder,
    modes_path,
    pairs_path,
    rows_path,
    suspects_path,
)
from .choices import (
    DEFAULT_CAMERAS,
    DEFAULT_ENCODER,
    EMBEDDING_DTYPES,
    FEATURES,
    KINDS,
    NAMES,
    SHARD_SIZE,
)
from .prompts import prompts_for, texts_for
from .write_table import nothing, place_of, write_table


@dataclass(frozen=True)
class Encoding:
    """How images become embeddings, and where these are kept.

    Args:
        encoder, pretrained, device, precision, features: See
            :func:`.build_encoder`; 'auto' is a precision, too.
        batch_size, workers: See :class:`.encode.EncodeSettings`.
        skip_bad (bool): Go on without images that cannot be used.
        embeddings_dir (str, optional): Where the embeddings are kept.
            Defaults to a folder beside the table.
        embedding_dtype, shard_size: See :class:`.shards.ShardStore`.
    """
    encoder: str = DEFAULT_ENCODER
    pretrained: str | None = None
    device: str | None = None
    precision: str = 'auto'
    features: str = FEATURES[0]
    batch_size: int | None = None
    workers: int | None = None
    skip_bad: bool = False
    embeddings_dir: str | None = None
    embedding_dtype: str = EMBEDDING_DTYPES[0]
    shard_size: int = SHARD_SIZE


def compute_likelihoods(samples, out=None, *, embeddings=None, encoding=None,
                        cameras=DEFAULT_CAMERAS, clustering=None,
                        kind=KINDS[0], apply=None, groups=None, tags=None,
                        by=None, names=NAMES[0], team=None, say=None):
    """Write down how common every sample looks.

    What lies beside the table, see :mod:`.beside`, is written with it.

    Args:
        samples (Samples): N of them, from :mod:`.samples`.
        out (str | Path, optional): The Parquet file to write. Defaults to
            where the config of the samples expects it.
        embeddings (np.ndarray, optional): (N, D) real numbers, in place of
            the samples' images.
        encoding (Encoding, optional): Of the images; defaults to the
            class's.
        cameras (str): One of ``CAMERAS``, where samples have several images.
        clustering (ClusterSettings, optional): Defaults to the class's.
        kind (str): One of ``KINDS``, see :func:`.likelihood_from_labels`.
        apply (str | Path, optional): A finished table; nothing is fitted
            then, but the samples are assigned to its clusters.
        groups (Groups, optional): Which samples are of one drive, see
            :func:`.groups.groups_of`.
        tags (Tags, optional): Of all samples, to compare the table with, see
            :mod:`.tag_agreement`.
        by (Sequence[str], optional): Names of tags. Defaults to all.
        names (str | Path): 'auto' names clusters by texts where there are
            no tags and the encoder knows texts; 'none', or a file of texts,
            see :func:`.prompts.read_prompts`.
        team (Alone, optional): The processes that share the encoding, see
            :func:`.processes.connect`. All of them call this.
        say (Callable, optional): Takes lines for people, in process 0.

    Returns:
        LikelihoodTable: That was written; None in all processes but 0.

    Raises:
        ValueError: If ``out`` is missing, ``names`` are given for what has
            none, or by a step: see
            :func:`.embed.embed_samples`, :func:`.make_table.make_table` and
            :func:`.make_table.apply_table`.
        FileNotFoundError: If ``apply`` or what belongs to it is not there.
        ImportError: If an encoder or a method needs a package that is
            missing.
        OSError: If something cannot be written.
    """
    from .encoding.bad_images import forget_bad_images
    from .encoding.embed import embed_given
    from .estimation.modes_file import load_modes
    team = team or Alone()
    say = say if say is not None and team.rank == 0 else nothing
    out = place_of(samples, out)
    fitted = None if apply is None else load_modes(apply)
    by = [] if tags is None else list(by or tags.columns)
    for tag in by:
        tags.values(tag, samples.ids)  # before the long work, not after it
    names = prompts_for(names, tags, embeddings is None and apply is None)
    for note in [*samples.notes, *samples.outside]:
        say(note)
    if team.rank == 0:
        check_writable(out)  # before the long work, not after it
        check_place(out, tags)
        forget_bad_images(out)
    texts = None
    if embeddings is not None:
        embedded = embed_given(samples, embeddings)
    else:
        embedded, texts = _encode(samples, out, encoding or Encoding(),
                                  cameras, fitted, names, team, say)
    table = None
    if team.rank == 0:
        if fitted is None:
            table = _fit(embedded, out, clustering, kind, groups, tags, by,
                         texts, say)
        else:
            table = _apply(embedded, out, fitted, apply, tags, by, say)
        if embedded.encoded is not None:
            say(f'embeddings: {embedded.encoded.folder} '
                f'({embedded.encoded.nbytes / 1e6:.2f} MB), kept for the '
                'next run')
    # the others end only with process 0, and as it does
    team.gather(None)
    return table


def _encode(samples, out, encoding, cameras, fitted, names, team, say):
    """The samples' embeddings, out of this run and earlier ones; texts."""
    from .embeddings.shards import ShardStore
    from .encoding.embed import embed_samples
    from .encoding.encode import EncodeSettings
    from .encoding.encoders import build_encoder, pick_device
    from .encoding.encoders.precision import pick_precision
    say(f'loading {encoding.encoder}')
    device = team.device(encoding.device)
    # machines of one run may differ in what they can do; process 0 decides
    precision = team.gather(
        pick_precision(encoding.precision, pick_device(device)))[0]
    encoder = build_encoder(encoding.encoder, encoding.pretrained, device,
                            precision, encoding.features)
    texts = texts_for(encoder, names, say)
    store = ShardStore(encoding.embeddings_dir or embeddings_folder(out),
                       encoding.embedding_dtype, encoding.shard_size, say)
    say(f'encoding {counted(len(samples), "sample")} with {encoder.name} ('
        f'{encoder.features}) in {encoder.precision} on {encoder.device}' +
        (f', {team.world} processes' if team.world > 1 else ''))
    settings = EncodeSettings(batch_size=encoding.batch_size,
                              workers=encoding.workers)
    embedded = embed_samples(
        samples, encoder, settings, store, encoding.skip_bad,
        bad_images_path(out), team, cameras, fitted)
    encoded = embedded.encoded
    if encoded.rate is not None:
        say(f'{encoded.rate:.1f} images/s')
    if encoded.failures:
        say(f'{len(encoded.failures)} of {len(encoded.usable)} images cannot '
            f'be used; they are listed in {bad_images_path(out)}')
    if embedded.skipped:
        n = len(embedded.skipped)
        say(counted(n, 'sample has no usable image; its row is neutral',
                    'samples have no usable image; their rows are neutral'))
    return embedded, texts


def _fit(embedded, out, clustering, kind, groups, tags, by, texts, say):
    from .clustering import ClusterSettings
    from .estimation.advice import diagnosis_lines
    from .estimation.make_table import make_table
    clustering = clustering or ClusterSettings()
    if clustering.folder is None:  # beside the table is room for its rows
        clustering = replace(clustering,
                             folder=os.path.dirname(os.path.abspath(out)))
    made = make_table(embedded, clustering, kind, groups, texts)
    table, lines, beside = _tagged(made.table, out, tags, by, made.rows)
    for what, path in ((made.fitted, modes_path), (made.rows, rows_path)):
        if what is not None:
            beside.append(partial(what.of(table).save, path(out)))
    return write_table(table, out, [*diagnosis_lines(table.metadata), *lines],
                       say, tags, beside)


def _apply(embedded, out, fitted, source, tags, by, say):
    from ..table import LikelihoodTable
    from .estimation.advice import applied_line
    from .estimation.make_table import apply_table
    from .estimation.overlap import TrainingRows, find_overlap
    of = LikelihoodTable.load(source)
    seen, overlap = TrainingRows.load(source, of), None
    if seen is not None:
        overlap = find_overlap(embedded, fitted, seen, of.sample_id.tolist())
    table = apply_table(embedded, fitted, overlap)
    if 'names' in of.metadata:  # of the same clusters
        table = replace(table, metadata=dict(
            table.metadata, names=of.metadata['names']))
    lines = [applied_line(table, of, source)]
    table, more, beside = _tagged(table, out, tags, by)
    if overlap is None:
        lines.append(f'near duplicates of training samples are not known: '
                     f'{rows_path(source)} of this table is not there; make '
                     'the table anew')
    else:
        if overlap.pairs:
            beside.append(partial(overlap.save, pairs_path(out)))
        lines.append(overlap.line(pairs_path(out)))
    return write_table(table, out, lines + more, say, tags, beside)


def _tagged(table, out, tags, by, rows=None):
    """The table beside tags, what to say of it, and what to write."""
    from .estimation import tag_agreement, tag_suspects
    if tags is None:
        return table, [], []
    beside = []
    path = suspects_path(out)
    table, lines, found = tag_agreement.with_tags(table, tags, by, rows)
    if found is not None:
        lines.append(tag_suspects.suspects_line(found, path))
        if found:
            beside.append(partial(tag_suspects.save_suspects, path, found))
    return table, lines, beside
