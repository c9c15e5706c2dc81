"""Tag files: what a user knows of samples, such as weather or country.

CSV (UTF-8, with a header) or Parquet, one row a sample::

    sample_id,weather,time
    134,rain,night

The column of ids is ``sample_id`` or ``id``; all others are tags, as text.

Shape letters: N rows of the file, M ids that are looked up.
"""
from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from .bounds import read_parquet
from .messages import first_five
from .sample_ids import check_ids

ID_COLUMNS = ('sample_id', 'id')
# More are no tag, but a number or a name of each sample.
MAX_VALUES = 50


@dataclass(frozen=True)
class Tags:
    """Tags of samples.

    Args:
        path (str): File, for messages.
        ids (tuple[str, ...]): (N,) sample ids, unique.
        columns (dict[str, tuple[str, ...]]): (N,) values of each tag; ''
            where the file tells none.
    """
    path: str
    ids: tuple[str, ...]
    columns: dict[str, tuple[str, ...]]

    def values(self, column: str, ids: Iterable[str]) -> list[str]:
        """A tag of some samples.

        Args:
            column (str): Name of the tag.
            ids (Iterable[str]): (M,) sample ids. '134' is found as '000134',
                too, as KITTI writes frames, where the file has no '134'.

        Returns:
            list[str]: (M,) values, none of them empty.

        Raises:
            KeyError: If the file has no such tag.
            ValueError: If it lacks an id, or the tag of one, or if the
                samples have more than ``MAX_VALUES`` different values.
        """
        self.check_column(column)
        ids = list(ids)
        rows = [self._rows.get(i, self._numbers.get(i, -1)) for i in ids]
        absent = [i for i, row in zip(ids, rows) if row < 0]
        if absent:
            raise ValueError(
                f'{self.path}: {len(absent)} of {len(ids)} samples have no '
                f'row, {first_five(absent)} (the file names {len(self.ids)}, '
                f'such as {self.ids[0]!r}); add them')
        values = [self.columns[column][row] for row in rows]
        untagged = [i for i, value in zip(ids, values) if not value]
        if untagged:
            raise ValueError(
                f'{self.path}: column {column!r} is empty for '
                f'{len(untagged)} of {len(ids)} samples, '
                f"{first_five(untagged)}; fill it in, with 'unknown' where "
                'nobody knows')
        if len(set(values)) > MAX_VALUES:
            raise ValueError(
                f'{self.path}: column {column!r} has {len(set(values))} '
                f'different values, and a tag has at most {MAX_VALUES}; put '
                'them into bands, or name another column of '
                f'{list(self.columns)}')
        return values

    def check_column(self, column: str) -> None:
        """Raise KeyError unless there is such a tag."""
        if column not in self.columns:
            raise KeyError(f'{self.path} has no tag {column!r}, but '
                           f'{list(self.columns)}; correct the name, or add '
                           'the column')

    def check_known(self, ids: Iterable[str]) -> None:
        """Raise ValueError for rows of samples that are not among ``ids``.

        Args:
            ids (Iterable[str]): All that there are.
        """
        known = set(ids)
        unknown = [i for i in self.ids
                   if i not in known and _number(i) not in known]
        if unknown:
            raise ValueError(
                f'{self.path}: {len(unknown)} of {len(self.ids)} rows name '
                f'unknown samples, {first_five(unknown)}; take them out, or '
                'correct the ids')

    @cached_property
    def _rows(self) -> dict[str, int]:
        return {i: row for row, i in enumerate(self.ids)}

    @cached_property
    def _numbers(self) -> dict[str, int]:
        """Rows by number without leading zeros, where it names one row."""
        count = Counter(map(_number, self.ids))
        return {_number(i): row for row, i in enumerate(self.ids)
                if count[_number(i)] == 1}


def _number(i: str) -> str:
    return i.lstrip('0') or '0' if i.isdecimal() else i


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
    except (ValueError, csv.Error) as e:  # a UnicodeError is a ValueError
        raise ValueError(f'{path}: {e}') from e
    return names, list(zip(*rows)) or [()] * len(names)


def _read_parquet(path: Path) -> tuple[list[str], Sequence[Sequence[str]]]:
    try:
        table = read_parquet(path)
    except ValueError as e:
        raise ValueError(f'{path} cannot be read as a Parquet file ({e}); '
                         'write it again') from e
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
