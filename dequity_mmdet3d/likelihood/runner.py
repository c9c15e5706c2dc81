"""Samples in, likelihood table out: all that the command does, by one call.

    from dequity_mmdet3d.likelihood.runner import compute_likelihoods
    from dequity_mmdet3d.likelihood.samples.sources import samples_from_folder

    table = compute_likelihoods(samples_from_folder('frames'), 't.parquet')

Shape letters: N samples, D embedding size.
"""
import os
from dataclasses import replace
from functools import partial

from ..processes import Alone
from ..table_file import check_writable
from ..tag_file import check_place
from .beside import modes_path, pairs_path, rows_path
from .choices import DEFAULT_CAMERAS, KINDS, NAMES
from .encoding.encode_samples import Encoding, encode_samples
from .prompts import prompts_for
from .write_table import (
    beside_tags,
    checked_tags,
    nothing,
    place_of,
    write_table,
)


def compute_likelihoods(samples, out=None, *, embeddings=None, encoding=None,
                        cameras=DEFAULT_CAMERAS, clustering=None,
                        kind=KINDS[0], apply=None, groups=None, tags=None,
                        by=None, names=NAMES[0], update=False, team=None,
                        say=None, remake=None):
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
        update (bool): Compare with the table that ``out`` is now, and keep
            the ids of its clusters, see :mod:`.update`.
        team (Alone, optional): The processes that share the encoding, and
            the estimate of large sets, see :func:`.processes.connect`. All
            of them call this.
        say (Callable, optional): Takes lines for people, in process 0.
        remake (Callable, optional): Makes of the table that which is
            written, and what to write beside it, see :mod:`.objects.run`.

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
    from .clustering.shares import serve
    from .encoding.bad_images import forget_bad_images
    from .encoding.embed import embed_given
    from .estimation.modes_file import load_modes
    team = team or Alone()
    say = say if say is not None and team.rank == 0 else nothing
    out = place_of(samples, out)
    fitted = None if apply is None else load_modes(
        apply, of_objects=remake is not None)
    before = _earlier(out) if update and team.rank == 0 else None
    by = checked_tags(tags, by, samples.ids)
    names = prompts_for(names, tags, embeddings is None and apply is None)
    for note in [*samples.notes, *samples.outside]:
        say(note)
    if team.rank == 0:
        check_writable(out)  # before the long work, not after it
        check_place(out, tags)
        forget_bad_images(out)
    texts = None
    if embeddings is not None:
        embedded = (embed_given(samples, embeddings) if team.rank == 0 else
                    None)
    else:
        embedded, texts = encode_samples(
            samples, out, encoding or Encoding(), cameras, fitted, names,
            team, say)
    table = None
    if team.rank == 0:
        if fitted is None:
            clustering = in_the_room_of(out, clustering, team)
            table = _fit(embedded, out, clustering, kind, groups, tags, by,
                         texts, say, remake, before)
        else:
            table = _apply(embedded, out, fitted, apply, tags, by, say,
                           remake)
        if embedded.encoded is not None:
            say(f'embeddings: {embedded.encoded.folder} '
                f'({embedded.encoded.nbytes / 1e6:.2f} MB), kept for the '
                'next run')
        # the others end only with process 0, and as it does
        team.gather(None)
    else:
        serve(team)
    return table


def in_the_room_of(out, clustering=None, team=None):
    """Settings whose rows lie beside the table, where there is room for them.

    Args:
        out (str | Path): The table.
        clustering (ClusterSettings, optional): With a room of its own, or
            not. Defaults to the class's.
        team (Alone, optional): Who helps.

    Returns:
        ClusterSettings: As they were, but for the room.
    """
    from .clustering import ClusterSettings, Room
    clustering = clustering or ClusterSettings()
    folder = clustering.room.folder or os.path.dirname(os.path.abspath(out))
    return replace(clustering, room=Room(folder, team or Alone()))


def _earlier(out):
    """The table that is updated, if it can be."""
    from ..table import LikelihoodTable
    before = LikelihoodTable.load(out)
    for key, how in (('objects', '--objects'), ('applied', '--apply')):
        if before.metadata.get(key):
            raise ValueError(f'{out} was made with {how}, which --update '
                             'cannot do; make it anew')
    return before


def _fit(embedded, out, clustering, kind, groups, tags, by, texts, say,
         remake, before):
    from .estimation.advice import diagnosis_lines
    from .estimation.make_table import make_table
    from .estimation.update import updated
    made, moved = make_table(embedded, clustering, kind, groups, texts), []
    if before is not None:
        made, moved = updated(made, before)
    table, beside = (made.table, []) if remake is None else remake(made.table)
    table, lines, suspects = beside_tags(table, out, tags, by, made.rows)
    for what, path in ((made.fitted, modes_path), (made.rows, rows_path)):
        if what is not None:
            beside.append(partial(what.of(table).save, path(out)))
    embedded.check_file()
    return write_table(
        table, out, [*diagnosis_lines(table.metadata), *lines, *moved], say,
        tags, beside + suspects)


def _apply(embedded, out, fitted, source, tags, by, say, remake):
    from ..table import LikelihoodTable
    from .estimation.advice import applied_line
    from .estimation.make_table import apply_table
    from .estimation.modes_check import belongs
    from .estimation.overlap import TrainingRows, find_overlap
    of = LikelihoodTable.load(source)
    if not belongs(fitted.about, of):
        raise ValueError(f'{source} was replaced while these samples were '
                         'looked at; repeat the same command, embeddings of '
                         'images are kept')
    seen, overlap = TrainingRows.load(source, of, fitted), None
    if seen is not None:
        overlap = find_overlap(embedded, fitted, seen, of.sample_id.tolist())
    table = apply_table(embedded, fitted, overlap)
    if 'names' in of.metadata:  # of the same clusters
        table = replace(table, metadata=dict(
            table.metadata, names=of.metadata['names']))
    table, beside = (table, []) if remake is None else remake(table)
    lines = [applied_line(table, of, source)]
    if overlap is None:
        lines.append(f'near duplicates of training samples are not known: '
                     f'{rows_path(source)} of this table is not there; make '
                     'the table anew')
    else:
        if overlap.pairs:
            beside.append(partial(overlap.save, pairs_path(out)))
        lines.append(overlap.line(pairs_path(out)))
    table, more, suspects = beside_tags(table, out, tags, by)
    embedded.check_file()
    return write_table(table, out, lines + more, say, tags, beside + suspects)
