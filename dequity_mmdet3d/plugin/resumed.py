"""Is a training that goes on the one that was begun? By its tables."""
from __future__ import annotations

from typing import Any

from .dataset import DequityDataset
from .walk import wrapped_by

KEY = 'dequity_tables'  # of the meta in a checkpoint


def tables_of(dataset: Any) -> list[list[str]]:
    """Name and digest of each table below the wrappers of a training set."""
    if isinstance(dataset, DequityDataset):
        sha256 = dataset.table_sha256
        return [] if sha256 is None else [[str(dataset.table), sha256]]
    return [t for d in wrapped_by(dataset) for t in tables_of(d)]


def noted_in(checkpoint: dict) -> Any:
    """What :func:`tables_of` said when a checkpoint was written.

    Args:
        checkpoint (dict): Of any origin.

    Returns:
        object: A list of pairs, unless somebody changed it; None in
        checkpoints before 0.2 and in those of others.
    """
    meta = checkpoint.get('meta')
    return meta.get(KEY) if isinstance(meta, dict) else None


def other_tables(before: Any, now: list[list[str]]) -> str | None:
    """Whether a training goes on with other tables.

    Args:
        before (object): From :func:`noted_in`.
        now (list[list[str]]): From :func:`tables_of`.

    Returns:
        str, optional: What is other, on a line; None if nothing is. Names
        do not count: a table may be moved.
    """
    if not isinstance(before, list) or not all(
            isinstance(t, (list, tuple)) and len(t) == 2 for t in before):
        return None if before is None else (
            f'the checkpoint does not say which tables it has ({KEY!r} of '
            'its meta is changed)')
    if [t[1] for t in before] == [t[1] for t in now]:
        return None
    return (f'this training was begun with {_named(before)}, and would go on '
            f'with {_named(now)}')


def _named(tables: list) -> str:
    return ' and '.join(f'{name} (sha256 {str(sha256)[:12]})'
                        for name, sha256 in tables) or 'no table'
