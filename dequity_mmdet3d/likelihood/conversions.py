"""Tables that no image is looked at for: of the paper's authors, by tags.

Shape letters: N samples.
"""
from functools import partial

from ..messages import counted
from ..table_file import check_writable
from ..tag_file import check_place
from ..whole_file import remove_file
from .beside import bad_images_path
from .choices import KINDS, NOISE
from .write_table import nothing, place_of, write_table


def convert_cluster_info(path, out, kind=KINDS[0], noise=NOISE[0], say=None):
    """Write a table of the paper's authors as one of ours.

    Args:
        path (str | Path): Their ``*_cluster_info.pkl``.
        out (str | Path): The Parquet file to write.
        kind, noise (str): See :func:`.cluster_info.table_from_cluster_info`.
        say (Callable, optional): Takes lines for people.

    Returns:
        LikelihoodTable: That was written.

    Raises:
        See :func:`.cluster_info.table_from_cluster_info`; OSError if ``out``
        cannot be written.
    """
    from .estimation.cluster_info import table_from_cluster_info
    say = say or nothing
    check_writable(out)
    table = table_from_cluster_info(path, kind, noise)
    return write_table(table, out, [
        f'{counted(len(table), "sample")} in '
        f'{counted(table.n_clusters, "cluster")}',
        *table.metadata['notes']], say, beside=_no_image(out))


def table_by_tags(samples, tags, out=None, by=None, kind=KINDS[0], say=None):
    """Write down how frequent every sample's tags are; no image is read.

    Args:
        samples (Samples): N of them.
        tags (Tags): Of all of them, see :mod:`dequity_mmdet3d.tags`.
        out (str | Path, optional): As for :func:`.runner.compute_likelihoods`.
        by (Sequence[str], optional): Names of tags. Defaults to all.
        kind (str): One of ``KINDS``.
        say (Callable, optional): Takes lines for people.

    Returns:
        LikelihoodTable: That was written.

    Raises:
        See :func:`.tag_table.table_from_tags`; OSError if ``out`` cannot be
        written.
    """
    from .estimation.advice import diagnosis_lines
    from .estimation.tag_table import rarest_line, table_from_tags
    out, say = place_of(samples, out), say or nothing
    check_writable(out)
    check_place(out, tags)
    table = table_from_tags(samples.ids, samples.provenance, tags, by, kind)
    return write_table(
        table, out, [*diagnosis_lines(table.metadata), rarest_line(table)],
        say, tags, _no_image(out))


def _no_image(out):
    """The list of bad images goes: none was looked at."""
    return [partial(remove_file, bad_images_path(out))]
