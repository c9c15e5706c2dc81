"""How clusters and likelihoods agree with tags.

Shape letters: N samples.
"""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from ...table import LikelihoodTable
from ...tags import Tags
from .overlap import TrainingRows
from .ranks import mean_ranks
from .tag_suspects import Suspect, neighbours_of, suspects, unheard_line

_SHOWN = 5
_NAMED = 50
_LISTED = 8


@dataclass(frozen=True)
class Agreement:
    """One tag beside a table.

    Args:
        told (float, optional): Share of the tag's entropy that the cluster
            of a sample tells, in [0, 1]. None where all have one value.
        purity (float): Share of the samples whose value is the most frequent
            one of their cluster.
        auroc (dict[str, float]): Of each value: how often a sample with it
            is less likely than one without, in [0, 1]; 0.5 by chance.
        samples (dict[str, int]): With each value.
    """
    told: float | None
    purity: float
    auroc: dict[str, float]
    samples: dict[str, int]

    def line(self, tag: str) -> str:
        """str: For people."""
        if not self.auroc:
            return f'tag {tag}: all samples have {next(iter(self.samples))!r}'
        order = sorted(self.auroc, key=lambda v: -self.auroc[v])
        shown = order if len(order) <= 2 * _SHOWN else (
            order[:_SHOWN] + order[-_SHOWN:])
        return (f'tag {tag}: clusters tell {self.told:.0%} of it (purity '
                f'{self.purity:.0%}); rare by look (AUROC) ' + ', '.join(
                    f'{v} {self.auroc[v]:.2f}' for v in shown))


def agreement(table: LikelihoodTable, tags: Tags, tag: str) -> Agreement:
    """Compare a table with a tag.

    Args:
        table (LikelihoodTable): N samples.
        tags (Tags): Of all of them.
        tag (str): Which.

    Returns:
        Agreement: A sample without a cluster is one of its own.

    Raises:
        KeyError: If there is no such tag.
        ValueError: If a sample has none, or there are too many values.
    """
    names, value, samples = np.unique(
        np.array(tags.values(tag, table.sample_id.tolist())),
        return_inverse=True, return_counts=True)
    cluster = table.cluster_id.copy()
    alone = cluster < 0
    cluster[alone] = cluster.max() + 1 + np.arange(alone.sum())
    _, cluster = np.unique(cluster, return_inverse=True)
    both, count = np.unique(
        np.stack([cluster.reshape(-1), value.reshape(-1)]), axis=1,
        return_counts=True)
    largest = np.zeros(both[0].max() + 1)
    np.maximum.at(largest, both[0], count)
    whole = _entropy(samples)
    inside = _entropy(count) - _entropy(np.bincount(cluster.reshape(-1)))
    auroc = {} if len(names) == 1 else {
        str(name): _auroc(table.likelihood, value.reshape(-1) == i)
        for i, name in enumerate(names)}
    return Agreement(
        None if len(names) == 1 else float(np.clip(1 - inside / whole, 0, 1)),
        float(largest.sum() / len(table)), auroc,
        dict(zip(map(str, names), samples.tolist())))


def agreement_lines(metadata: dict) -> list[str]:
    """list[str]: What a table's metadata say of tags; none without them.

    Raises:
        TypeError: If they say something else.
    """
    tags = metadata.get('tags') or {}
    return [Agreement(**about).line(tag) for tag, about in (
        tags.get('agreement') or {}).items()] + _named_lines(
            tags.get('clusters') or [])


def _named_lines(clusters):
    named = [f'{c} {name}' for c, name in enumerate(clusters) if name]
    more = ', ...' if len(named) > _LISTED else ''
    return [f'clusters by tags: {", ".join(named[:_LISTED])}{more}'] * bool(
        named)


def _entropy(count):
    share = count / count.sum()
    return float(-(share * np.log(share)).sum())


def _auroc(likelihood, ours):
    """Part of pairs in which ours is the less likely, ties by half."""
    n = int(ours.sum())
    below = mean_ranks(likelihood)[ours].sum() - n * (n + 1) / 2
    return float(1 - below / (n * (len(ours) - n)))


def cluster_names(table: LikelihoodTable, tags: Tags,
                  by: Sequence[str]) -> list[str]:
    """What to call the largest clusters.

    Args:
        table (LikelihoodTable): N samples.
        tags (Tags): Of all of them.
        by (Sequence[str]): Names of tags.

    Returns:
        list[str]: Of clusters 0 to 49, or as many as there are: the value of
        each tag that half of their samples have, with the share.
    """
    ids = table.sample_id.tolist()
    values = [np.array(tags.values(tag, ids)) for tag in by]
    found = []
    for cluster in range(min(int(table.cluster_id.max()) + 1, _NAMED)):
        own = table.cluster_id == cluster
        names = []
        for value in values:
            known, count = np.unique(value[own], return_counts=True)
            if len(count) and 2 * count.max() >= own.sum():
                names.append(f'{known[count.argmax()]} '
                             f'{count.max() / own.sum():.0%}')
        found.append(', '.join(names))
    return found


def with_tags(table: LikelihoodTable, tags: Tags, by: Sequence[str],
              rows: TrainingRows | None = None
              ) -> tuple[LikelihoodTable, list[str], list[Suspect] | None]:
    """A table that says in its metadata how it agrees with tags.

    Args:
        table (LikelihoodTable): N samples.
        tags (Tags): Of all of them.
        by (Sequence[str]): Names of tags.
        rows (TrainingRows, optional): What it was made from.

    Returns:
        tuple[LikelihoodTable, list[str], list[Suspect] | None]: The table,
        lines for people, and the suspects, None without rows.

    Raises:
        KeyError: If there is no such tag.
        ValueError: If a sample has none, or there are too many values.
    """
    found = {tag: agreement(table, tags, tag) for tag in by}
    about = dict(file=Path(tags.path).name,
                 agreement={tag: asdict(a) for tag, a in found.items()},
                 clusters=cluster_names(table, tags, by))
    table = replace(table, metadata=dict(table.metadata, tags=about))
    lines = [a.line(tag) for tag, a in found.items()]
    lines += _named_lines(about['clusters'])
    if rows is None:
        return table, lines, None
    lines += [line for tag in by
              for line in unheard_line(tag, found[tag].samples)]
    near = neighbours_of(rows, len(table))
    return table, lines, [s for tag in by
                          for s in suspects(table, rows, tags, tag, near)]
