"""What earlier runs have encoded, found again row by row.

Shape letters: M images.
"""
import contextlib
import time

import numpy as np

from ...messages import counted
from ..embeddings.arrow_file import file_number
from ..embeddings.names import stamp_of
from ..embeddings.row_index import NOWHERE, Index
from .images import ImageError, load_rgb


def earlier_shards(shards, team, say=None):
    """What earlier runs have left that is whole.

    Args:
        shards (Shards): Of this run.
        team (Alone): Who shares the reading; all get the same.
        say (Callable, optional): Takes a line.

    Returns:
        tuple[Index, int]: Their rows, and the number of the next shard.
        Process 0 removes shards that are damaged.
    """
    files = team.gather(shards.names())[0]
    mine = files[team.rank::team.world]
    whole = {name for some in team.gather(
        [name for name in mine if shards.read(name)]) for name in some}
    index = Index(shards, {
        name: shards.records(name) for name in files if name in whole})
    team.gather(None)  # nobody looks at them any more
    damaged = [name for name in files if name not in whole]
    if team.rank == 0:
        for name in damaged:
            shards.remove(name)
        if damaged and say is not None:
            say(counted(len(damaged), 'file') + ' of embeddings in '
                f'{shards.folder} removed, damaged or not ours; what was in '
                'there is encoded anew')
    return index, 1 + file_number(files[-1]) if files else 0


def known_rows(index, names, paths, team):
    """Where the embeddings of images lie that need not be made again.

    Args:
        index (Index): From :func:`earlier_shards`.
        names (Sequence[str]): M.
        paths (Sequence[str]): M, their files.
        team (Alone): Who shares the looking; all get the same.

    Returns:
        np.ndarray: (M,) int64 rows of the index; ``NOWHERE`` for an image
        that is new or has changed, or failed and can be read by now.
    """
    share = -(-len(paths) // team.world)
    mine = slice(team.rank * share, (team.rank + 1) * share)
    row = np.full(len(names[mine]), NOWHERE)
    if len(index):
        row = index.find(names[mine], [stamp_of(p) for p in paths[mine]])
    for i, _ in index.reasons(row):
        with contextlib.suppress(ImageError):
            load_rgb(paths[mine][i])
            row[i] = NOWHERE
    return np.concatenate(team.gather(row))


def written_shard(shards, name, team):
    """What is in a shard that a process of this run has written."""
    # a network file system may show another machine's file late
    for _ in range(60 if team.world > 1 else 1):
        record = shards.read(name)
        if record is not None:
            return record
        time.sleep(1 if team.world > 1 else 0)
    raise OSError(f'the shard {shards.folder / name} has vanished or changed '
                  'while this run was at work; repeat the same command')
