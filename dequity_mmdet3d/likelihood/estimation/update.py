"""What moved since an earlier table; clusters that stay keep their ids.

Shape letters: N samples, M that both tables have, K clusters.
"""
from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ...messages import counted, first_five
from ...table import LikelihoodTable
from .make_table import Estimate, renumbered
from .ranks import rank_correlation

# Of the samples of either of two clusters, more than so many must be in both.
# Above one half a cluster has one partner at most, whatever the others do.
SAME = 0.5
_SHOWN = 3  # samples that moved most


@dataclass(frozen=True)
class Change:
    """From an earlier table to a new one.

    Args:
        ids (np.ndarray): (K,) int64, the id of each new cluster.
        next_id (int): That no cluster ever had.
        common, added, gone (int): Samples of both tables, of the new one
            alone, and of the earlier one alone.
        correlation (float, optional): Rank correlation of the likelihoods of
            those in both; None for fewer than two.
        moved (list[tuple[str, float, float]]): Sample, its likelihood before
            and now; those that moved most, the most first.
        vanished (list[int]): Ids of earlier clusters that are no more.
    """
    ids: np.ndarray
    next_id: int
    common: int
    added: int
    gone: int
    correlation: float | None
    moved: list[tuple[str, float, float]]
    vanished: list[int]

    def as_dict(self) -> dict:
        """dict: JSON-able, for the new table's metadata."""
        return dict(next_id=self.next_id, common=self.common,
                    added=self.added, gone=self.gone,
                    correlation=self.correlation, vanished=self.vanished)

    def lines(self, before: LikelihoodTable) -> list[str]:
        """list[str]: For people."""
        new = sorted({*self.ids.tolist()} - {*before.cluster_id.tolist()})
        kept = len(self.ids) - len(new)
        lines = [
            f'update: {self.added} new, {self.gone} gone, {self.common} in '
            'both' + ('' if self.correlation is None else ', whose rank '
                      f'correlation with before is {self.correlation:.3f}'),
            f'{kept} of {counted(len(self.ids), "cluster")} '
            f'{"keeps its id" if kept == 1 else "keep their ids"}' +
            (f'; new: {first_five(new)}' if new else '') +
            (f'; gone: {first_five(self.vanished)}' if self.vanished else '')]
        if self.moved:
            lines.append('moved most: ' + ', '.join(
                f'{name} (from {old:.3g} to {now:.3g})'
                for name, old, now in self.moved))
        return lines


def change_of(before: LikelihoodTable, now: LikelihoodTable,
              k: int | None = None) -> Change:
    """Compare two tables of nearly the same samples.

    Args:
        before (LikelihoodTable): An earlier one.
        now (LikelihoodTable): A new one, with clusters from 0 to K - 1.
        k (int, optional): K. Defaults to those that have samples.

    Returns:
        Change: Of the second.

    Raises:
        ValueError: If they have no sample in common.
    """
    rows = before.index(now.sample_id.tolist())
    both = np.flatnonzero(rows >= 0)
    if not len(both):
        raise ValueError(
            f'the table that is updated has no sample of these {len(now)}, '
            f'such as {now.sample_id[0]!r}: it is of another data set; make '
            'the new table elsewhere, or without --update')
    old = rows[both]
    ids, next_id = kept_ids(before.cluster_id[old], now.cluster_id[both],
                            k or int(now.cluster_id.max()) + 1,
                            _next_id(before))
    p, q = before.likelihood[old], now.likelihood[both]
    far = np.abs(p - q)
    most = [i for i in np.argsort(-far, kind='stable')[:_SHOWN] if far[i] > 0]
    gone = {*before.cluster_id.tolist()} - {*ids.tolist(), -1}
    return Change(
        ids, next_id, len(both), len(now) - len(both),
        len(before) - len(both),
        float(rank_correlation(p, q)) if len(both) > 1 else None,
        [(str(now.sample_id[both[i]]), float(p[i]), float(q[i]))
         for i in most],
        sorted(gone))


def kept_ids(before: np.ndarray, now: np.ndarray, k: int,
             next_id: int) -> tuple[np.ndarray, int]:
    """Ids of new clusters: those of the earlier ones that they are.

    Args:
        before, now (np.ndarray): (M,) int64, the cluster of each sample, -1
            for none.
        k (int): K new clusters.
        next_id (int): Of the first that is not an earlier one.

    Returns:
        tuple[np.ndarray, int]: (K,) int64, and the next id.

    Example:
        >>> kept_ids(np.array([4, 4, 4, 7]), np.array([1, 1, 0, 0]), 2, 8)
        (array([8, 4]), 9)
    """
    ids = np.full(k, -1)
    pairs, count = np.unique(np.stack([before, now]), axis=1,
                             return_counts=True)
    of_before, of_now = (dict(zip(*(x.tolist() for x in np.unique(
        values, return_counts=True)))) for values in (before, now))
    for (old, new), n in zip(pairs.T.tolist(), count.tolist()):
        if min(old, new) >= 0 and (
                n > SAME * (of_before[old] + of_now[new] - n)):
            ids[new] = old
    new = ids < 0
    ids[new] = next_id + np.arange(new.sum())
    return ids, next_id + int(new.sum())


def updated(made: Estimate, before: LikelihoodTable
            ) -> tuple[Estimate, list[str]]:
    """An estimate whose clusters have the ids of an earlier table's.

    Args:
        made (Estimate): As it was made.
        before (LikelihoodTable): The earlier table.

    Returns:
        tuple[Estimate, list[str]]: With what moved in its metadata, and
        lines for people.

    Raises:
        ValueError: See :func:`change_of`.
    """
    table, k = made.table, None
    if made.fitted is not None:  # a camera's may be nobody's rarest
        k = sum(map(len, made.fitted.sizes.values()))
    change = change_of(before, table, k)
    metadata = dict(table.metadata, update=change.as_dict())
    if 'names' in metadata:
        by_id = dict(zip(change.ids.tolist(), metadata['names']['clusters']))
        metadata['names'] = dict(metadata['names'], clusters=[
            by_id.get(i, '') for i in range(max(by_id, default=-1) + 1)])
    table = replace(table, cluster_id=renumbered(table.cluster_id,
                                                 change.ids),
                    metadata=metadata)
    fitted = made.fitted and replace(made.fitted, ids=change.ids)
    return replace(made, table=table, fitted=fitted), change.lines(before)


def _next_id(before):
    said = before.metadata.get('update')
    said = said.get('next_id') if isinstance(said, dict) else None
    least = int(before.cluster_id.max()) + 1
    if type(said) is int and least <= said < 2**31:
        return said
    return max(least, 0)
