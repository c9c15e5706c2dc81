"""The last step: a table is written, and its user is told of it."""
from functools import partial

import numpy as np

from ..tag_file import keep_tags
from ..whole_file import remove_file, together
from .beside import modes_path, pairs_path, rows_path, suspects_path


def place_of(samples, out):
    """Where a table is to be written; ValueError if nobody says it."""
    out = samples.table_path if out is None else out
    if out is None:
        raise ValueError('these samples do not say where their table '
                         'belongs; give out, the Parquet file to write')
    return out


def nothing(line):
    """For whom nothing is said."""


def checked_tags(tags, by, ids):
    """Which tags a table is to be compared with, all of which are there.

    Args:
        tags (Tags, optional): Of the samples.
        by (Sequence[str], optional): Names of tags. Defaults to all.
        ids (Sequence[str]): Of the samples.

    Returns:
        list[str]: Names; none without tags.

    Raises:
        KeyError, ValueError: See :meth:`.Tags.values`; asked before the long
            work, not after it.
    """
    by = [] if tags is None else list(by or tags.columns)
    for tag in by:
        tags.values(tag, ids)
    return by


def beside_tags(table, out, tags, by, rows=None):
    """How a table agrees with tags.

    Args:
        table (LikelihoodTable): Any.
        out (str | Path): Where it will be.
        tags (Tags, optional): Of its samples.
        by (Sequence[str]): Names of tags.
        rows (TrainingRows, optional): See :func:`.tag_agreement.with_tags`.

    Returns:
        tuple[LikelihoodTable, list[str], list[Callable]]: With what was
        found in its metadata, lines for people, and what to write beside
        it: the list of suspicious tags.
    """
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


def write_table(table, out, lines, say, tags=None, beside=()):
    """Write a table and all beside it; say what it is, and where.

    All of it appears at one moment, and what lay beside an earlier table
    goes then: until there, and after an error, the earlier set is whole.

    Args:
        table (LikelihoodTable): Any.
        out (str | Path): The Parquet file.
        lines (Sequence[str]): What to say of it.
        say (Callable): Takes a line.
        tags (Tags, optional): Of its samples. Without any, those of an
            earlier table go.
        beside (Sequence[Callable]): Write, or remove, what else there is.

    Returns:
        LikelihoodTable: The same.

    Raises:
        OSError: If it cannot be written.
        ValueError: See :func:`.tag_file.keep_tags`.
    """
    ids = table.sample_id.tolist()
    with together():
        for path in (modes_path, rows_path, pairs_path, suspects_path):
            remove_file(path(out))
        for write in beside:
            write()
        kept = keep_tags(out, tags, ids)
        table.save(out)
    lines = [*lines, *extremes(table)]
    if tags is not None:
        lines += [*tags.others_lines(ids), f'tags of these samples: {kept}']
    for line in [*lines, f'likelihood table: {out}']:
        say(line)
    return table


def extremes(table):
    """The rarest and the most common samples.

    Args:
        table (LikelihoodTable): Any.

    Returns:
        list[str]: Two lines of text.
    """
    order = np.argsort(table.likelihood, kind='stable')
    rows = [('rarest', order[:3]), ('most common', order[::-1][:3])]
    return [
        f'{name}: ' + ', '.join(
            f'{table.sample_id[i]} ({table.likelihood[i]:.3g})' for i in some)
        for name, some in rows
    ]
