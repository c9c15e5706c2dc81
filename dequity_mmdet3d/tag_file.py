"""Tag files, read and written.

CSV (UTF-8, with a header) or Parquet, one row a sample::

    sample_id,weather,time
    134,rain,night

The column of ids is ``sample_id`` or ``id``; all others are tags, as text. The
tags of a likelihood table lie beside it, in a file of the same form.
"""
from __future__ import annotations

import csv
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from .parquet_file import arrow, read_parquet, stem_of
from .sample_ids import check_ids
from .tags import Tags
from .whole_file import remove_file, whole_file

ID_COLUMNS = ('sample_id', 'id')
# Says that a file was written here, and may go with its table.
_MARK = b'dequity_mmdet3d.tags'


def tags_path(table: str | Path) -> str:
    """Where the tags of a table lie.

    Example:
        >>> tags_path('a/t.parquet')
        'a/t.tags.parquet'
    """
    return f'{stem_of(table)}.tags.parquet'


def tags_beside(table: str | Path) -> Tags | None:
    """The tags of a likelihood table; None if there are none.

    Raises:
        ValueError: If the file is damaged, see :func:`read_tags`.
    """
    path = tags_path(table)
    return read_tags(path) if os.path.isfile(path) else None


def check_place(table: str | Path, tags: Tags | None) -> None:
    """Raise ValueError if tags would replace a file of the user's.

    Args:
        table (str | Path): Beside which they are to be written.
        tags (Tags, optional): None writes nothing.
    """
    path = tags_path(table)
    if tags is not None and _is_users(path) and not _same(tags.path, path):
        raise ValueError(
            f'{path} is where the tags of {tags.path} would be kept, but it '
            'was not written by dequity; give it another name, or name it '
            'with --tags')


def keep_tags(table: str | Path, tags: Tags | None,
              ids: Iterable[str]) -> str | None:
    """Write the tags of a table beside it; those of an earlier one go.

    A file there that somebody else wrote stays as it is.

    Args:
        table (str | Path): The table's file.
        tags (Tags, optional): Of its samples, and perhaps of others.
        ids (Iterable[str]): Of its samples.

    Returns:
        str, optional: The file with the tags, if there is one.

    Raises:
        ValueError: See :func:`check_place`.
        OSError: If it cannot be written.
    """
    check_place(table, tags)
    path = tags_path(table)
    if _is_users(path):
        return path
    if tags is not None:
        write_tags(path, tags.of(ids))
        return path
    remove_file(path)
    return None


def write_tags(path: str | Path, tags: Tags) -> None:
    """Write a tag file, whole or not at all.

    Args:
        path (str | Path): Parquet file; its folder is made if needed.
        tags (Tags): Of N samples; '' becomes a null.

    Raises:
        OSError: If it cannot be written.
    """
    pa, pq = arrow()
    columns = {ID_COLUMNS[0]: tags.ids, **{
        name: [v or None for v in values]
        for name, values in tags.columns.items()}}
    table = pa.Table.from_arrays(
        [pa.array(values, pa.string()) for values in columns.values()],
        schema=pa.schema([(name, pa.string()) for name in columns],
                         metadata={_MARK: b'1'}))
    with whole_file(path, parents=True) as file:
        pq.write_table(table, file)


def _is_users(path: str) -> bool:
    """Whether there is a file that was not written here."""
    if not os.path.isfile(path):
        return False
    _, pq = arrow()
    try:
        with open(path, 'rb') as file:
            return _MARK not in (pq.read_schema(file).metadata or {})
    except (OSError, ValueError):  # pyarrow's, of what is no Parquet
        return True


def _same(one: str, other: str) -> bool:
    return os.path.exists(one) and os.path.samefile(one, other)


def read_tags(path: str | Path) -> Tags:
    """Read a tag file.

    Args:
        path (str | Path): ``.csv``, or ``.parquet`` with columns of text,
            integers or booleans.

    Returns:
        Tags: Of N >= 1 samples, with at least one tag.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is neither, or has no column of ids, no tag, a
            column twice, an id twice or a line of another length.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f'tag file {path} does not exist (looked '
                                f'from {Path.cwd()}); correct the path')
    read = {'.csv': _read_csv, '.parquet': _read_parquet}.get(
        path.suffix.lower())
    if read is None:
        raise ValueError(f'{path}: a tag file is .csv or .parquet; convert '
                         'it, or correct the path')
    names, columns = read(path)
    found = [name for name in ID_COLUMNS if name in names]
    twice = [name for name, n in Counter(names).items() if n > 1]
    if len(found) != 1 or twice or len(names) < 2 or '' in names:
        raise ValueError(
            f'{path} must have one column of ids, {" or ".join(ID_COLUMNS)}, '
            f'and tags in others, each with a name of its own, but has '
            f'{names}')
    by_name = dict(zip(names, columns))
    try:
        ids = check_ids(by_name.pop(found[0]))
    except ValueError as e:
        raise ValueError(f'{path}: {e}') from e
    return Tags(str(path), tuple(ids),
                {name: tuple(v.strip() for v in values)
                 for name, values in by_name.items()})


def _read_csv(path: Path) -> tuple[list[str], Sequence[Sequence[str]]]:
    try:
        # utf-8-sig: what spreadsheets write begins with a mark
        with open(path, newline='', encoding='utf-8-sig') as file:
            lines = csv.reader(file, strict=True)
            names = [name.strip() for name in next(lines, [])]
            rows = []
            for row in filter(None, lines):
                if len(row) != len(names):
                    raise ValueError(
                        f'line {lines.line_num} has {len(row)} values, the '
                        f'header {len(names)}; correct it')
                rows.append(row)
    except UnicodeError as e:
        raise ValueError(f'{path} is no text in UTF-8 ({e}); save it as '
                         'such') from e
    except (ValueError, csv.Error) as e:
        raise ValueError(f'{path}: {e}') from e
    return names, list(zip(*rows)) or [()] * len(names)


def _read_parquet(path: Path) -> tuple[list[str], Sequence[Sequence[str]]]:
    table = read_parquet(path, 'write it again')
    names = list(table.schema.names)
    columns = []
    for name, column in zip(names, table.columns):
        values = column.to_pylist()
        if not all(v is None or isinstance(v, (str, int)) for v in values):
            raise ValueError(
                f'{path}: column {name!r} is {column.type}, and ids and tags '
                'are text, integers or booleans; convert it, or take it out')
        columns.append(['' if v is None else str(v) for v in values])
    return names, columns
