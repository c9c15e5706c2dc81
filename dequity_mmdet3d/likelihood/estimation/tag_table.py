r"""Likelihoods from tags: how frequent a sample's combination of them is.

For those who know weather, time of day or road of each sample. The share of a
combination c of few samples is uncertain, and tends to what it were if tags
had nothing to do with each other (interpolation after Jelinek and Mercer,
1980):

.. math:: s_c = \lambda_c \frac{n_c}{N} + (1 - \lambda_c) \prod_t
    \frac{n_{c_t}}{N}, \quad \lambda_c = \frac{n_c}{n_c + 10}

with n_c the samples of the combination and n_{c_t} those with its value of
tag t. With one tag, that is its frequency.

Shape letters: N samples, T tags, C combinations.
"""
from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ...messages import counted
from ...provenance import Provenance
from ...table import LikelihoodTable
from ...tags import Tags
from ..choices import KINDS
from ..clustering import by_size
from .diagnosis import RARE, Diagnosis
from .estimate import likelihood_from_labels
from .weight_effect import weight_effect

# Samples at which a combination is worth as much as its tags one by one.
FEW = 10


def tag_shares(
    values: Sequence[Sequence[str]]
) -> tuple[np.ndarray, np.ndarray, list[tuple[str, ...]]]:
    """How frequent combinations of tags are.

    Args:
        values (Sequence[Sequence[str]]): T >= 1 tags of N >= 1 values.

    Returns:
        tuple[np.ndarray, np.ndarray, list[tuple[str, ...]]]: (N,) int64
        combination of each sample, 0 the most frequent; (N,) float64 share,
        in (0, 1]; and the values of each combination.

    Example:
        >>> tag_shares([['sun', 'sun', 'rain', 'sun']])[1].tolist()
        [0.75, 0.75, 0.25, 0.75]
    """
    n = len(values[0])
    rows = [*zip(*values)]
    names = sorted(set(rows))
    place = {name: i for i, name in enumerate(names)}
    labels = np.array([place[row] for row in rows])
    number = by_size(labels)
    labels = number[labels]
    names = [names[i] for i in np.argsort(number)]
    size = np.bincount(labels)
    alone = np.ones(len(names))
    for column in values:
        _, inverse, count = np.unique(
            np.array(column, dtype=object), return_inverse=True,
            return_counts=True)
        share = np.empty(len(names))
        share[labels] = count[inverse.reshape(-1)] / n
        alone *= share
    trust = size / (size + FEW)
    shares = trust * size / n + (1 - trust) * alone
    return labels, np.minimum(shares, 1.0)[labels], names


def table_from_tags(ids: Sequence[str], provenance: Provenance, tags: Tags,
                    by: Sequence[str] | None = None,
                    kind: str = KINDS[0]) -> LikelihoodTable:
    """The likelihood table of those who have tags.

    Args:
        ids (Sequence[str]): (N,) sample ids.
        provenance (Provenance): Of the samples.
        tags (Tags): Of all of them, and perhaps of others.
        by (Sequence[str], optional): Names of tags. Defaults to all.
        kind (str): One of :data:`.choices.KINDS`: the share over the
            largest, or as it is.

    Returns:
        LikelihoodTable: Its clusters are the combinations, whose names stand
        in the metadata, ``clustering``.

    Raises:
        KeyError: If there is no such tag.
        ValueError: If a sample has no tag, a tag has too many values, the
            kind is unknown, or a tag is named twice.
    """
    by = list(tags.columns) if by is None else list(by)
    if not by or len(set(by)) < len(by):
        raise ValueError(f'by must name tags, each once, but is {by!r}')
    labels, likelihood, names = tag_shares(
        [tags.values(name, ids) for name in by])
    _, size = likelihood_from_labels(labels, kind)
    if kind == 'relative':
        likelihood = likelihood / likelihood.max()
    diagnosis = Diagnosis(
        samples=len(ids), clusters=len(names),
        largest=float(size.max() / len(ids)),
        rare=int((likelihood <= RARE * likelihood.max()).sum()), lone=0,
        weights=weight_effect(likelihood))
    provenance = replace(
        provenance, kind=kind, seed=None, diagnosis=diagnosis.as_dict(),
        clustering=dict(method='tags', file=Path(tags.path).name, by=by,
                        combinations=[', '.join(name) for name in names]))
    return LikelihoodTable(
        np.array(ids), likelihood, labels, size,
        provenance.completed(ids, {}).as_dict())


def apply_tags(ids: Sequence[str], provenance: Provenance, tags: Tags,
               table: LikelihoodTable, table_tags: Tags) -> LikelihoodTable:
    """The likelihoods of other samples by the tags of a finished table.

    Args:
        ids (Sequence[str]): (N,) of the others.
        provenance (Provenance): Of them.
        tags (Tags): Of all of them.
        table (LikelihoodTable): Of :func:`table_from_tags`.
        table_tags (Tags): That it was made of.

    Returns:
        LikelihoodTable: Of the others. A combination that the table has none
        of belongs to no cluster; its share is the product above, with
        n_c = 0, and one sample's at least.

    Raises:
        KeyError: If a tag is missing.
        ValueError: If a sample has none, or the table was made otherwise.
    """
    about = table.metadata.get('clustering')
    by = about.get('by') if isinstance(about, dict) and (
        about.get('method') == 'tags') else None
    if not isinstance(by, list):
        raise ValueError('the table of --apply was not made by --method '
                         'tags; leave --method out')
    n, kind = len(table), table.metadata.get('kind')
    of_table = [table_tags.values(tag, table.sample_id.tolist())
                for tag in by]
    rows = {row: i for i, row in enumerate(zip(*of_table))}
    counts = [Counter(values) for values in of_table]
    largest = tag_shares(of_table)[1].max() if kind == 'relative' else 1.0
    likelihood, cluster = np.empty(len(ids)), np.full(len(ids), -1)
    size = np.ones(len(ids), dtype=np.int64)
    for i, row in enumerate(zip(*(tags.values(tag, ids) for tag in by))):
        if row in rows:
            at = rows[row]
            likelihood[i] = table.likelihood[at]
            cluster[i], size[i] = table.cluster_id[at], table.cluster_size[at]
            continue
        share = math.prod(count[value] / n for count, value in zip(
            counts, row))
        likelihood[i] = min(max(share, 1 / n) / largest, 1.0)
    provenance = replace(
        provenance, kind=kind, seed=None, clustering=about,
        applied=dict(ids_sha256=table.metadata.get('ids_sha256'),
                     split=table.metadata.get('split')))
    return LikelihoodTable(np.array(ids), likelihood, cluster, size,
                           provenance.completed(ids, {}).as_dict())


def rarest_line(table: LikelihoodTable) -> str:
    """str: The rarest combinations of such a table, for people."""
    names = table.metadata['clustering']['combinations']
    _, first = np.unique(table.cluster_id, return_index=True)
    rarest = first[np.argsort(table.likelihood[first], kind='stable')][:5]
    return 'rarest combinations: ' + '; '.join(
        f'{names[table.cluster_id[i]]} '
        f'({counted(int(table.cluster_size[i]), "sample")}, '
        f'{table.likelihood[i]:.3g})' for i in rarest)
