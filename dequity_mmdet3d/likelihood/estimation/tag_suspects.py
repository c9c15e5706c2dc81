"""Tags that look wrong: like samples have another.

Shape letters: N samples.
"""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from ...messages import counted
from ...table import LikelihoodTable
from ...tags import Tags
from ...whole_file import write_csv
from .near_duplicates import search
from .overlap import TrainingRows

# A tag looks wrong where nearly no neighbour has it and nearly all have
# another.
NEIGHBOURS = 10
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
             tag: str) -> list[Suspect]:
    """Samples whose tag looks wrong, by their ten nearest neighbours.

    Args:
        table (LikelihoodTable): N samples.
        rows (TrainingRows): What it was made from.
        tags (Tags): Of all of them.
        tag (str): Which.

    Returns:
        list[Suspect]: The surest first, then in the order of the table. The
        neighbours of all cameras vote; 30,000 samples at most are asked.
    """
    ids = table.sample_id.tolist()
    names, value = np.unique(np.array(tags.values(tag, ids)),
                             return_inverse=True)
    value = value.reshape(-1)
    asked = np.zeros(len(ids), dtype=bool)
    asked[::-(-len(ids) // _ASKED)] = True
    votes = np.zeros((len(ids), len(names)))
    for name, own in rows.rows.items():
        samples = rows.samples[name]
        some = np.flatnonzero(asked[samples])
        _, near = search(own, own[some], NEIGHBOURS + 1)
        # itself, and cells with too few, do not vote
        voters = (near != some[:, None]) & (near >= 0)
        who, place = np.nonzero(voters)
        np.add.at(votes, (samples[some[who]],
                          value[samples[near[who, place]]]), 1)
    cast = votes.sum(axis=1)
    share = votes / np.maximum(cast, 1)[:, None]
    top = share.argmax(axis=1)
    at = np.arange(len(ids))
    found = np.flatnonzero(
        (cast >= NEIGHBOURS) & (share[at, value] <= ALONE) &
        (share[at, top] >= AGREED))
    found = found[np.argsort(-share[found, top[found]], kind='stable')]
    return [Suspect(ids[i], tag, str(names[value[i]]), str(names[top[i]]),
                    float(share[i, top[i]])) for i in found]


def save_suspects(path: str | Path, found: Sequence[Suspect]) -> None:
    """Write suspects as CSV, whole or not at all.

    Raises:
        OSError: If it cannot be written there.
    """
    write_csv(path, _COLUMNS, (
        (*[*asdict(s).values()][:-1], f'{s.share:.3g}') for s in found))


def suspects_line(found: Sequence[Suspect], path: str | Path) -> str:
    """str: For people; ``path`` is where they are listed."""
    if not found:
        return 'no tag looks wrong beside those of like samples'
    look = 'looks' if len(found) == 1 else 'look'
    first = found[0]
    return (f'{counted(len(found), "tag")} {look} wrong beside those of like '
            f'samples, such as {first.sample_id} ({first.tag} {first.value}, '
            f'among {first.neighbours_value}); listed in {path}')
