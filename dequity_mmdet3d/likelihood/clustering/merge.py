r"""Cells of one mode are merged; how far apart is told by the data itself.

Two groups of samples are compared along the line that joins their means:

.. math:: d' = \frac{\sqrt{\max(|m_a - m_b|^2 - b, 0)}}{s}

with the pooled standard deviation s along that line. It has no unit, so that
it means the same in a narrow cone and on the whole sphere, in 8 dimensions
and in 200: the two halves of a normal distribution are 2.6 apart, those of a
uniform one sqrt(12) = 3.5, whatever their width. The correction b is what the
distance of the means of two samples *of one mode* would be by chance: its
expectation plus three standard deviations (Bai and Saranadasa 1996, with
the effective number of dimensions), without which small groups in many
dimensions would always look far apart.

Groups merge from the least separated on, while d' rises level by level. Which
level to stop at is again read from the data: where the shares of the modes
change least.

Shape letters: K cells, Q dimensions, P pairs, L levels.
"""
from dataclasses import dataclass

import numpy as np

# Below the first level even the halves of one mode stay apart.
LEVELS = np.arange(2.5, 5.251, 0.125)
FIRST = 3.0
# Stable means: over this much of d'.
WINDOW = 0.5
# A plateau at a higher level must be flatter by this (nats per unit of d'):
# where modes touch, they would all run together before the last one.
PREFER_LOW = 0.125
# Flat is also where merging has not begun: with so many samples a cell that
# modes hold several, the entropy must have fallen to this part.
BEGUN = 0.9
SEVERAL = 10
NEIGHBOURS = 8
LARGER = 16  # times as many samples: takes several groups in one round
CHANCE = 3.0  # standard deviations
PRIOR = 4.0  # samples' worth of the common cell, in the spread of small groups


@dataclass(frozen=True)
class Merged:
    """What became of the cells.

    Args:
        labels (np.ndarray): (K,) int64, the mode of each cell.
        level (float): The d' at which merging stopped.
        entropy (np.ndarray): (L,) entropy of the modes' shares, in nats, at
            each of ``LEVELS``.
    """
    labels: np.ndarray
    level: float
    entropy: np.ndarray


def merge_cells(cells):
    """Merge the cells of each mode.

    Args:
        cells (Cells): K cells.

    Returns:
        Merged: The modes.
    """
    groups = _Groups(cells)
    entropy, steps = [], []
    max_entropy = None
    if len(cells.labels) >= SEVERAL * len(cells.size):
        max_entropy = BEGUN * groups.entropy()
    for level in LEVELS:
        while True:
            pairs = groups.mergeable(level)
            if not len(pairs):
                break
            for a, b in pairs:
                groups.merge(a, b)
                steps.append((level, a, b))
            groups.settle()
        entropy.append(groups.entropy())
    entropy = np.array(entropy)
    stop = stable_level(entropy, max_entropy)
    mode = np.arange(len(cells.size))
    # a cell that was merged away is never merged again: last one first
    for _, a, b in reversed([s for s in steps if s[0] <= stop]):
        mode[b] = mode[a]
    labels = np.unique(mode, return_inverse=True)[1].reshape(-1)
    return Merged(labels, float(stop), entropy)


def stable_level(entropy, max_entropy=None):
    """The level around which the shares of the modes change least.

    Args:
        entropy (np.ndarray): (L,) as in :class:`Merged`.
        max_entropy (float, optional): Above it merging has hardly begun.

    Returns:
        float: One of ``LEVELS``, half a window above ``FIRST`` or higher.
    """
    step = LEVELS[1] - LEVELS[0]
    width = int(round(WINDOW / step))
    start = np.flatnonzero(LEVELS[:-width] >= FIRST - 1e-9)
    drop = entropy[start] - entropy[start + width]
    cost = drop + PREFER_LOW * (LEVELS[start] - FIRST)
    if max_entropy is not None and (entropy[start] <= max_entropy).any():
        cost[entropy[start] > max_entropy] = np.inf
    return LEVELS[start[np.argmin(cost)] + width // 2]


class _Groups:
    """Groups of cells, each known by the number of one of its cells."""

    def __init__(self, cells):
        self.size = cells.size.copy()
        self.mean = cells.mean.copy()
        self.scatter = cells.scatter.copy()
        self.trace = np.einsum('kii->k', self.scatter).astype(np.float64)
        self.scale, self.dims = cells.scale, cells.dims
        k = len(self.size)
        self.alive = np.ones(k, dtype=bool)
        self.near = np.full((k, min(NEIGHBOURS, k - 1)), -1)
        self.stale = np.ones(k, dtype=bool)  # whose neighbours are not known
        self.touched = np.zeros(k, dtype=bool)  # merged in this round
        self.keys = np.empty(0, dtype=np.int64)  # pairs a * K + b, a < b
        self.apart = np.empty(0)  # d' of these
        if k > 1:
            self.settle()

    def entropy(self):
        share = self.size[self.alive] / self.size[self.alive].sum()
        return float(-(share * np.log(share)).sum())

    def mergeable(self, level):
        """Pairs (into, from) below the level, the least separated of both.

        A group so much larger that it hardly changes takes all for which it
        is the nearest at once; one by one, the rounds would be thousands.
        """
        k = len(self.size)
        a, b = self.keys // k, self.keys % k
        least = np.full(k, np.inf)
        np.minimum.at(least, a, self.apart)
        np.minimum.at(least, b, self.apart)
        below = np.flatnonzero(self.apart < level)
        a, b, apart = a[below], b[below], self.apart[below]
        swap = self.size[b] > self.size[a]
        a, b = np.where(swap, b, a), np.where(swap, a, b)
        ok = (apart <= least[b]) & ((apart <= least[a]) |
                                    (self.size[a] >= LARGER * self.size[b]))
        taken = np.zeros(k, dtype=bool)  # into another, in this round
        takes = np.zeros(k, dtype=bool)  # another into it
        pairs = []
        for i, j in zip(a[ok].tolist(), b[ok].tolist()):
            much = self.size[i] >= LARGER * self.size[j]
            if taken[i] or taken[j] or takes[j] or (takes[i] and not much):
                continue
            taken[j] = takes[i] = True
            pairs.append((i, j))
        return pairs

    def merge(self, a, b):
        """Let group b go into group a."""
        between = self.mean[b] - self.mean[a]
        total = self.size[a] + self.size[b]
        weight = self.size[a] * self.size[b] / total
        self.scatter[a] += self.scatter[b]
        self.scatter[a] += (weight * np.outer(between, between)).astype(
            np.float32)
        self.trace[a] += self.trace[b] + weight * (between @ between)
        self.mean[a] += between * (self.size[b] / total)
        self.size[a] = total
        self.alive[b] = False
        self.touched[[a, b]] = True

    def settle(self):
        """After a round of merges: find neighbours and compare with them."""
        k = len(self.size)
        a, b = self.keys // k, self.keys % k
        old = ~(self.touched[a] | self.touched[b])
        self.keys, self.apart = self.keys[old], self.apart[old]
        self.stale |= self.touched | (
            (self.near >= 0) & ~self.alive[self.near]).any(axis=1)
        self.stale &= self.alive
        self._find_neighbours(np.flatnonzero(self.stale))
        rows, column = np.nonzero((self.near >= 0) & self.alive[:, None])
        other = self.near[rows, column]
        keys = np.unique(
            np.minimum(rows, other) * k + np.maximum(rows, other))
        # pairs that were compared stay in view, near or not
        new = np.setdiff1d(keys, self.keys, assume_unique=True)
        self.keys = np.concatenate([self.keys, new])
        self.apart = np.concatenate(
            [self.apart, self._separation(new // k, new % k)])
        order = np.argsort(self.keys)
        self.keys, self.apart = self.keys[order], self.apart[order]
        self.stale[:] = False
        self.touched[:] = False

    def _find_neighbours(self, rows):
        there = np.flatnonzero(self.alive)
        take = min(self.near.shape[1], len(there) - 1)
        self.near[rows] = -1
        if take < 1:
            return
        mean = self.mean[there]
        square = np.einsum('kq,kq->k', mean, mean)
        where = np.searchsorted(there, rows)
        for i in range(0, len(rows), 1024):
            part = slice(i, i + 1024)
            far = square[None] - 2 * self.mean[rows[part]] @ mean.T
            far[np.arange(len(far)), where[part]] = np.inf  # itself
            nearest = np.argpartition(far, take - 1, axis=1)[:, :take]
            self.near[rows[part], :take] = there[nearest]

    def _separation(self, a, b):
        """d' of pairs, (P,) float64."""
        if not len(a):
            return np.empty(0)
        line = self.mean[b] - self.mean[a]
        square = np.einsum('pq,pq->p', line, line)
        line /= np.sqrt(np.maximum(square, 1e-24))[:, None]
        line = line.astype(np.float32)
        along = self._scatter_along(a, line) + self._scatter_along(b, line)
        freedom = self.size[a] + self.size[b] - 2 + PRIOR
        total = (self.trace[a] + self.trace[b] + PRIOR * self.scale) / freedom
        along = (along + PRIOR * self.scale / self.dims) / freedom
        chance = total * (1 / self.size[a] + 1 / self.size[b]) * (
            1 + CHANCE * np.sqrt(2 / self.dims))
        apart = np.sqrt(np.maximum(square - chance, 0) / along)
        apart[square < 1e-12] = 0  # copies
        return apart

    def _scatter_along(self, groups, line):
        """Scatter of each group along a line, group by group: no copies."""
        out = np.zeros(len(groups))
        order = np.argsort(groups, kind='stable')
        cuts = np.flatnonzero(np.diff(groups[order])) + 1
        for rows in np.split(order, cuts):
            group = groups[rows[0]]
            if self.size[group] > 1:
                some = line[rows]
                out[rows] = np.einsum('pq,pq->p', some @ self.scatter[group],
                                      some)
        return out
