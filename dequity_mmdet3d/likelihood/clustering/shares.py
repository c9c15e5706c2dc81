"""Work on many stored rows, shared by the processes of a run.

Process 0 estimates; where it must look at every row, it tells the others what
to do, and each does its share of the rows. They see the rows on the disk that
all share, so that little is sent: what to do, and what came of it. What is
made of a row does not depend on the others, and sums are exact, so the
estimate has the same bits whatever the number of processes.

Shape letters: N rows.
"""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...processes import Alone
from .stored_rows import BLOCK, StoredRows


@dataclass(frozen=True)
class _Task:
    path: str
    shape: tuple[int, int]
    seen: Callable | None
    function: Callable
    columns: tuple[np.ndarray, ...]
    adds: bool


def over_shares(function: Callable, rows: Any, *columns: np.ndarray,
                adds: bool = False) -> tuple[np.ndarray, ...]:
    """What a function makes of all rows; for process 0.

    Args:
        function (Callable): Of rows and columns; can be pickled. Returns a
            tuple of arrays: one value a row, or sums over rows.
        rows (StoredRows | np.ndarray): (N, Q).
        columns (np.ndarray): (N,) each, which go along with the rows.
        adds (bool): Whether it returns sums.

    Returns:
        tuple[np.ndarray, ...]: As the function, of all rows.

    Raises:
        OSError: If another process cannot see the rows, or has ended.
    """
    team = getattr(rows, 'team', None)
    if team is None or team.world == 1:
        return function(rows, *columns)
    stored = rows.stored
    task = _Task(str(stored.filename), stored.shape, rows.seen, function,
                 columns, adds)
    team.gather(task)
    return _do(task, team)


def serve(team: Alone) -> None:
    """Do what process 0 asks for, until it says None; for the others.

    Raises:
        OSError: If process 0 has ended, or rows cannot be seen.
    """
    while (task := team.gather(None)[0]) is not None:
        _do(task, team)


def share_bounds(n: int, world: int) -> list[int]:
    """Where the shares of processes begin and end.

    Args:
        n (int): N.
        world (int): Number of processes.

    Returns:
        list[int]: 0, ..., N; whole blocks but for the last.
    """
    blocks = -(-n // BLOCK)
    return [min(n, BLOCK * (blocks * rank // world))
            for rank in range(world + 1)]


def _do(task, team):
    bounds = share_bounds(task.shape[0], team.world)
    own = slice(*bounds[team.rank:team.rank + 2])
    why = found = None
    try:
        stored = np.memmap(task.path, np.float16, 'r', shape=task.shape)
        found = task.function(StoredRows(stored[own], task.seen),
                              *[column[own] for column in task.columns])
    except (OSError, ValueError, MemoryError) as e:
        why = f'{type(e).__name__}: {e}'
    for rank, said in enumerate(team.gather(why)):
        if said is not None:
            raise OSError(
                f'process {rank} of {team.world} cannot do its share of '
                f'{task.path} ({said}); all machines of a run must see the '
                'folder of the table')
    if task.adds:
        return tuple(team.add(part) for part in found)
    return tuple(team.join(part, bounds) for part in found)
