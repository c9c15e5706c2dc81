"""Tables that no image is looked at for: of the paper's authors, by tags.

Shape letters: N samples.
"""
from functools import partial

from ..messages import counted
from ..table_file import check_writable
from ..tag_file import check_place, tags_beside, tags_path
from ..whole_file import remove_file
from .beside import bad_images_path
from .choices import KINDS, NOISE
from .write_table import (
    beside_tags,
    checked_tags,
    nothing,
    place_of,
    write_table,
)


def convert_cluster_info(path, out, kind=KINDS[0], noise=NOISE[0], say=None,
                         tags=None, by=None):
    """Write a table of the paper's authors as one of ours.

    Args:
        path (str | Path): Their ``*_cluster_info.pkl``.
        out (str | Path): The Parquet file to write.
        kind, noise (str): See :func:`.cluster_info.table_from_cluster_info`.
        say (Callable, optional): Takes lines for people.
        tags (Tags, optional): Of all samples, to compare the table with.
        by (Sequence[str], optional): Names of tags. Defaults to all.

    Returns:
        LikelihoodTable: That was written.

    Raises:
        See :func:`.cluster_info.table_from_cluster_info` and
        :func:`.tag_agreement.with_tags`; OSError if ``out``
        cannot be written.
    """
    from .estimation.cluster_info import table_from_cluster_info
    say = say or nothing
    check_writable(out)
    check_place(out, tags)
    table = table_from_cluster_info(path, kind, noise)
    by = checked_tags(tags, by, table.sample_id.tolist())
    table, lines, _ = beside_tags(table, out, tags, by)
    return write_table(table, out, [
        f'{counted(len(table), "sample")} in '
        f'{counted(table.n_clusters, "cluster")}',
        *table.metadata['notes'], *lines], say, tags, _no_image(out))


def table_by_tags(samples, tags, out=None, by=None, kind=KINDS[0], say=None,
                  apply=None):
    """Write down how frequent every sample's tags are; no image is read.

    Args:
        samples (Samples): N of them.
        tags (Tags): Of all of them, see :mod:`dequity_mmdet3d.tags`.
        out (str | Path, optional): As for :func:`.runner.compute_likelihoods`.
        by (Sequence[str], optional): Names of tags. Defaults to all.
        kind (str): One of ``KINDS``.
        say (Callable, optional): Takes lines for people.
        apply (str | Path, optional): A finished table by tags, to be looked
            up; ``by`` and ``kind`` are its own then.

    Returns:
        LikelihoodTable: That was written.

    Raises:
        See :func:`.tag_table.table_from_tags` and
        :func:`.tag_table.apply_tags`; OSError if ``out`` cannot be
        written.
    """
    from ..table import LikelihoodTable
    from .estimation.advice import diagnosis_lines
    from .estimation.tag_table import (
        apply_tags,
        rarest_line,
        table_from_tags,
    )
    out, say = place_of(samples, out), say or nothing
    check_writable(out)
    check_place(out, tags)
    if apply is not None:
        of, beside = LikelihoodTable.load(apply), tags_beside(apply)
        if beside is None:
            raise FileNotFoundError(f'there is no {tags_path(apply)}, where '
                                    f'the tags of {apply} lie; it must be '
                                    'moved together with the table')
        table = apply_tags(samples.ids, samples.provenance, tags, of, beside)
        new = int((table.cluster_id < 0).sum())
        return write_table(table, out, [
            f'{counted(len(table), "sample")} by the tags of {apply}; {new} '
            'of combinations that it has none of'], say, tags, _no_image(out))
    table = table_from_tags(samples.ids, samples.provenance, tags, by, kind)
    return write_table(
        table, out, [*diagnosis_lines(table.metadata), rarest_line(table)],
        say, tags, _no_image(out))


def _no_image(out):
    """The list of bad images goes: none was looked at."""
    return [partial(remove_file, bad_images_path(out))]
