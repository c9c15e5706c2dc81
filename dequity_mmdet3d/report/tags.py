"""Tags on the page: as small numbers, and what clusters are composed of.

Shape letters: N samples of the table, V values of a tag.
"""
from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dequity_mmdet3d.messages import counted
from dequity_mmdet3d.tags import MAX_VALUES, Tags

UNTOLD = '(not told)'
_SHARES = 3  # values of a tag that are named in words


@dataclass(frozen=True)
class TagCodes:
    """A tag of all samples.

    Args:
        name (str): Of the tag.
        values (list[str]): (V,) the most frequent first; '(not told)' is the
            last, where some samples have none.
        codes (np.ndarray): (N,) int64 places in ``values``.
    """
    name: str
    values: list[str]
    codes: np.ndarray

    def count(self, own: np.ndarray) -> np.ndarray:
        """(V,) int64: samples with each value among (N,) bool ``own``."""
        return np.bincount(self.codes[own], minlength=len(self.values))


def encode_tags(tags: Tags | None,
                ids: Sequence[str]) -> tuple[list[TagCodes], list[str]]:
    """Tags of a table's samples, for the page.

    Args:
        tags (Tags, optional): Of some of them, and perhaps of others.
        ids (Sequence[str]): (N,) sample ids.

    Returns:
        tuple[list[TagCodes], list[str]]: Tags; and what the reader should
        know of those that are not shown, as they have more than 50 values
        or none.
    """
    found, notes = [], []
    for name, values in ({} if tags is None else tags.of(ids).columns).items():
        count = Counter(values)
        untold = count.pop('', 0)
        if not 1 <= len(count) <= MAX_VALUES:
            notes.append(f'The tag {name!r} is not shown: it has '
                         f'{counted(len(count), "value")}, of at most '
                         f'{MAX_VALUES}.' if count else
                         f'The tag {name!r} is not shown: no sample of the '
                         'table has it.')
            continue
        order = sorted(count, key=lambda value: (-count[value], value))
        place = {value: i for i, value in enumerate(order)}
        place[''] = len(order)
        found.append(TagCodes(name, order + [UNTOLD] * bool(untold),
                              np.array([place[value] for value in values])))
    return found, notes


@dataclass(frozen=True)
class Shares:
    """What some samples are composed of, by one tag.

    Args:
        tag (int): Place of the tag on the page.
        name (str): Of the tag.
        parts (list[tuple[int, float]]): Places of values, and shares of the
            samples in (0, 1], the largest first.
        text (str): The largest in words.
    """
    tag: int
    name: str
    parts: list[tuple[int, float]]
    text: str


def composition(tags: Sequence[TagCodes], own: np.ndarray) -> list[Shares]:
    """Shares of each tag's values.

    Args:
        tags (Sequence[TagCodes]): Of N samples.
        own (np.ndarray): (N,) bool, at least one of them.

    Returns:
        list[Shares]: One for each tag.
    """
    found = []
    for number, tag in enumerate(tags):
        count = tag.count(own)
        order = [i for i in np.argsort(-count, kind='stable') if count[i]]
        parts = [(int(i), float(count[i] / count.sum())) for i in order]
        words = [f'{tag.values[i]} {share:.0%}'
                 for i, share in parts[:_SHARES]]
        if len(parts) > _SHARES:
            rest = sum(share for _, share in parts[_SHARES:])
            words.append(f'{len(parts) - _SHARES} more {rest:.0%}')
        found.append(Shares(number, tag.name, parts, ', '.join(words)))
    return found


def tag_data(tags: Sequence[TagCodes], rows: np.ndarray,
             groups: Sequence[np.ndarray]) -> list[dict]:
    """Tags for the script of the page.

    Args:
        tags (Sequence[TagCodes]): Of N samples.
        rows (np.ndarray): (P,) those that are shown one by one.
        groups (Sequence[np.ndarray]): (N,) bool each: clusters in the chart.

    Returns:
        list[dict]: JSON-able: 'name'; 'values' (V); 'code' (P) places in it;
        'n' (V) samples with each, of all N; 'clusters', for each group (V)
        samples.
    """
    return [dict(name=tag.name, values=tag.values,
                 code=tag.codes[rows].tolist(),
                 n=tag.count(np.ones(len(tag.codes), dtype=bool)).tolist(),
                 clusters=[tag.count(own).tolist() for own in groups])
            for tag in tags]
