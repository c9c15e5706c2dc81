"""Tags that look wrong: like samples have another.

Shape letters: N samples.
"""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from ...messages import counted, first_five
from ...table import LikelihoodTable
from ...tags import Tags
from ...whole_file import write_csv
from .near_duplicates import search
from .overlap import TrainingRows

# A tag looks wrong where nearly no neighbour has it and nearly all have
# another. Of a value with fewer samples so many neighbours are asked as have
# it: the others must be of another one. Three may agree by chance.
NEIGHBOURS, FEWEST = 10, 4
ALONE, AGREED = 0.1, 0.8
_ASKED = 30_000  # samples whose neighbours are looked at
_COLUMNS = ('sample_id', 'tag', 'value', 'neighbours_value', 'share')


@dataclass(frozen=True)
class Suspect:
    """A sample whose tag is not that of those that look like it.

    Args:
        sample_id (str): Of the sample.
        tag (str): Name.
        value (str): Of the sample.
        neighbours_value (str): The most frequent one of its neighbours.
        share (float): Of the neighbours that have it.
    """
    sample_id: str
    tag: str
    value: str
    neighbours_value: str
    share: float


def suspects(table: LikelihoodTable, rows: TrainingRows, tags: Tags,
             tag: str, neighbours: list | None = None) -> list[Suspect]:
    """Samples whose tag looks wrong, by their nearest neighbours.

    Ten are asked, or for a value of fewer samples as many as have it; one of
    less than ``FEWEST`` samples cannot be found to be the right one.

    Args:
        table (LikelihoodTable): N samples.
        rows (TrainingRows): What it was made from.
        tags (Tags): Of all of them.
        tag (str): Which.
        neighbours (list, optional): :func:`neighbours_of` the rows, which
            are the same for all tags.

    Returns:
        list[Suspect]: The surest first, then in the order of the table. The
        neighbours of all cameras vote; 30,000 samples at most are asked.
    """
    ids = table.sample_id.tolist()
    names, value, size = np.unique(
        np.array(tags.values(tag, ids)), return_inverse=True,
        return_counts=True)
    value = value.reshape(-1)
    votes, cast = np.zeros((len(ids), len(names))), np.zeros(len(ids))
    at, found = np.arange(len(ids)), {}
    if neighbours is None:
        neighbours = neighbours_of(rows, len(ids))
    for k in range(1, NEIGHBOURS + 1):
        for who, whom in neighbours:
            some = whom[:, k - 1] >= 0
            np.add.at(votes, (who[some], value[whom[some, k - 1]]), 1)
            np.add.at(cast, who[some], 1)
        judged = size == k if k < NEIGHBOURS else size >= k
        if k < FEWEST or not judged.any():
            continue
        share = votes / np.maximum(cast, 1)[:, None]
        top = share.argmax(axis=1)
        wrong = judged[top] & (cast >= k) & (share[at, value] <= ALONE) & (
            share[at, top] >= AGREED)
        for i in np.flatnonzero(wrong):
            found[i] = Suspect(ids[i], tag, str(names[value[i]]),
                               str(names[top[i]]), float(share[i, top[i]]))
    return [found[i] for i in sorted(found, key=lambda i: (
        -found[i].share, i))]


def neighbours_of(rows: TrainingRows,
                  n: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """The nearest others of samples, by each camera.

    Args:
        rows (TrainingRows): What a table was made from.
        n (int): N.

    Returns:
        list[tuple[np.ndarray, np.ndarray]]: Of each camera (M,) samples, and
        (M, ``NEIGHBOURS``) others, the nearest first, -1 for none.
    """
    found = []
    asked = np.zeros(n, dtype=bool)
    asked[::-(-n // _ASKED)] = True
    for name, own in rows.rows.items():
        samples = rows.samples[name]
        some = np.flatnonzero(asked[samples])
        if not len(some):
            continue
        _, near = search(own, own[some], NEIGHBOURS + 1)
        # itself, and cells with too few, do not vote
        none = (near == some[:, None]) | (near < 0)
        order = np.argsort(none, axis=1, kind='stable')[:, :NEIGHBOURS]
        near = np.where(none, -1, samples[near])
        found.append((samples[some],
                      np.take_along_axis(near, order, axis=1)))
    return found


def save_suspects(path: str | Path, found: Sequence[Suspect]) -> None:
    """Write suspects as CSV, whole or not at all.

    Raises:
        OSError: If it cannot be written there.
    """
    write_csv(path, _COLUMNS, (
        (*[*asdict(s).values()][:-1], f'{s.share:.3g}') for s in found))


def unheard_line(tag: str, samples: dict[str, int]) -> list[str]:
    """A line on values that nobody can be found to have, if there are some.

    Args:
        tag (str): Name.
        samples (dict[str, int]): With each value.

    Returns:
        list[str]: For people; one or none.
    """
    few = [value for value, n in samples.items() if n < FEWEST]
    if not few or len(samples) == 1:
        return []
    return [f'tag {tag}: fewer than {FEWEST} samples have {first_five(few)}, '
            'so whether others should have it, too, cannot be told']


def suspects_line(found: Sequence[Suspect], path: str | Path) -> str:
    """str: For people; ``path`` is where they are listed."""
    if not found:
        return 'no tag looks wrong beside those of like samples'
    look = 'looks' if len(found) == 1 else 'look'
    first = found[0]
    return (f'{counted(len(found), "tag")} {look} wrong beside those of like '
            f'samples, such as {first.sample_id} ({first.tag} {first.value}, '
            f'among {first.neighbours_value}); listed in {path}')
