"""The last step: a table is written, and its user is told of it."""
import contextlib
import os

import numpy as np

from ..tag_file import keep_tags
from .beside import (
    modes_path,
    pairs_path,
    rows_path,
    suspects_path,
)


def place_of(samples, out):
    """Where a table is to be written; ValueError if nobody says it."""
    out = samples.table_path if out is None else out
    if out is None:
        raise ValueError('these samples do not say where their table '
                         'belongs; give out, the Parquet file to write')
    return out


def forget(*paths):
    """Remove files of an earlier table, where they are."""
    for path in paths:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)


def forget_earlier(out):
    """Remove what lies beside an earlier table and is of no other."""
    forget(modes_path(out), rows_path(out), pairs_path(out),
           suspects_path(out))


def nothing(line):
    """For whom nothing is said."""


def beside_tags(table, out, tags, by, rows=None):
    """How a table agrees with tags; suspicious ones are listed beside it.

    Args:
        table (LikelihoodTable): Any.
        out (str | Path): Where it will be.
        tags (Tags, optional): Of its samples.
        by (Sequence[str]): Names of tags.
        rows (TrainingRows, optional): See :func:`.tag_agreement.with_tags`.

    Returns:
        tuple[LikelihoodTable, list[str]]: With what was found in its
        metadata, and lines for people.
    """
    from .estimation import tag_agreement, tag_suspects
    if tags is None:
        return table, []
    path = suspects_path(out)
    table, lines, found = tag_agreement.with_tags(table, tags, by, rows)
    if found is not None:
        lines.append(tag_suspects.suspects_line(found, path))
        if found:
            tag_suspects.save_suspects(path, found)
    return table, lines


def write_table(table, out, lines, say, tags=None):
    """Write a table, and its tags beside it; say what it is, and where.

    Args:
        table (LikelihoodTable): Any.
        out (str | Path): The Parquet file.
        lines (Sequence[str]): What to say of it.
        say (Callable): Takes a line.
        tags (Tags, optional): Of its samples. Without any, those of an
            earlier table go.

    Returns:
        LikelihoodTable: The same.

    Raises:
        OSError: If it cannot be written.
        ValueError: See :func:`.tag_file.keep_tags`.
    """
    ids = table.sample_id.tolist()
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
