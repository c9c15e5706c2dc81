"""What a user knows of samples, such as weather or country.

How it is read and written: :mod:`dequity_mmdet3d.tag_file`.

Shape letters: N rows of the file, M ids that are looked up.
"""
from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from .messages import counted, first_five

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
        rows = self._rows_of(ids)
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

    def of(self, ids: Iterable[str]) -> Tags:
        """All tags of some samples, unchecked.

        Args:
            ids (Iterable[str]): (M,) sample ids.

        Returns:
            Tags: Of them, in their order; '' where nothing is told.
        """
        ids = list(ids)
        rows = self._rows_of(ids)
        return Tags(self.path, tuple(ids), {
            name: tuple('' if row < 0 else column[row] for row in rows)
            for name, column in self.columns.items()})

    def others_lines(self, ids: Iterable[str]) -> list[str]:
        """A line on rows of other samples, if there are some.

        Args:
            ids (Iterable[str]): All samples that count.

        Returns:
            list[str]: For people; one or none.
        """
        n = len(self._not_among(ids))
        return [f'{counted(n, "row")} of {self.path} '
                f'{"is" if n == 1 else "are"} of other samples'] * bool(n)

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
        unknown = self._not_among(ids)
        if unknown:
            raise ValueError(
                f'{self.path}: {len(unknown)} of {len(self.ids)} rows name '
                f'unknown samples, {first_five(unknown)}; take them out, or '
                'correct the ids')

    def _not_among(self, ids: Iterable[str]) -> list[str]:
        known = set(ids)
        # beside a row '134', '000134' is of another sample
        return [i for i in self.ids if i not in known and (
            _number(i) not in known or _number(i) in self._rows)]

    def _rows_of(self, ids: Iterable[str]) -> list[int]:
        """Rows, -1 for an id that has none."""
        return [self._rows.get(i, self._numbers.get(i, -1)) for i in ids]

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
