"""From embeddings to a table: plain values in, table out.

Shape letters: N samples.
"""
import platform
from dataclasses import dataclass, replace

import numpy as np

from ...table import LikelihoodTable
from ..clustering import ClusterSettings, cluster
from ..clustering.drives import numbered
from ..clustering.stored_rows import StoredRows
from ..embeddings.cameras import join_cameras
from .advice import advise
from .diagnosis import diagnose
from .estimate import (
    Columns,
    likelihood_from_labels,
    neutral_likelihood,
    refuse_degenerate,
)
from .modes_file import FittedModes
from .near_duplicates import near_duplicates
from .overlap import Overlap, TrainingRows
from .soft_fit import SoftFit
from .stability import repeat
from .text_names import MAX_NAMED, name_clusters
from .weight_effect import weight_effect


@dataclass(frozen=True)
class Estimate:
    """A finished estimate.

    Args:
        table (LikelihoodTable): One row a sample; those without a usable
            image come last.
        fitted (FittedModes, optional): To apply it to other samples; by the
            methods 'soft' and 'modes'.
        rows (TrainingRows, optional): Likewise, to find near duplicates of
            its samples.
    """
    table: LikelihoodTable
    fitted: FittedModes | None
    rows: TrainingRows | None = None


def make_table(embedded, settings=None, kind='relative', groups=None,
               texts=None):
    """Cluster, estimate, and say where it comes from.

    Args:
        embedded (Embedded): N samples.
        settings (ClusterSettings, optional): Defaults to the class's.
        kind (str): 'relative' or 'share', see :mod:`.estimate`.
        groups (Groups, optional): Which samples are of one drive.
        texts (Texts, optional): To name clusters by.

    Returns:
        Estimate: The table and what to think of it.

    Raises:
        ValueError: If the kind is unknown, or what was found is no estimate:
            nearly no sample in a cluster, or nearly each in its own.
    """
    settings = settings or ClusterSettings()
    found, diagnoses, columns = [], [], []
    drives = None
    if groups is not None:
        drives = numbered([groups.by_id[i] for i in embedded.ids])
    for view in embedded.views:
        of_view = None if drives is None else numbered(drives[view.rows])
        clustering = cluster(view.vectors, settings, of_view)
        refuse_degenerate(clustering)
        found.append(clustering)
        columns.append(_columns(clustering, kind))
        p = columns[-1].likelihood
        diagnoses.append(diagnose(clustering, p, repeat(
            clustering, view.vectors, settings, p, kind, of_view)))
    joined = _joined(embedded, columns)
    # of the camera that is the least sure
    diagnosis = min(diagnoses, key=lambda d: min(d.correlation or [1]))
    diagnosis = replace(diagnosis, weights=weight_effect(
        joined.likelihood, diagnosis.tenths, diagnosis.deviation))
    provenance = replace(
        embedded.provenance,
        seed=settings.seed,
        clustering=found[0].used if len(found) == 1 else {
            view.name: f.used for view, f in zip(embedded.views, found)},
        kind=kind,
        diagnosis=diagnosis.as_dict(),
        groups=None if groups is None else groups.about())
    if texts is not None:
        names = [name for f, v in zip(found, embedded.views)
                 for name in name_clusters(v.vectors, f.labels, texts)]
        provenance = replace(provenance, names=dict(
            source=texts.source, clusters=names[:MAX_NAMED]))
    if all(f.rows is not None for f in found):
        near = near_duplicates(
            [(f.rows, v.rows) for f, v in zip(found, embedded.views)],
            len(embedded.ids), drives)
        provenance = replace(provenance, near_duplicates=near.as_dict())
    why = [advice.why for advice in advise(provenance.as_dict())]
    provenance = replace(
        provenance, diagnosis=dict(diagnosis.as_dict(), why=why))
    table = _table(embedded, joined, provenance)
    fitted = None
    if all(f.modes is not None for f in found):
        fitted = FittedModes(
            {v.name: f.modes for v, f in zip(embedded.views, found)},
            {v.name: _sizes(f.labels) for v, f in zip(embedded.views, found)},
            about=dict(
                encoder=embedded.provenance.encoder,
                how=embedded.policy,
                kind=kind,
                n=len(embedded.ids),
                **{k: table.metadata[k]
                   for k in ('ids_sha256', 'split', 'date')}),
            soft={v.name: SoftFit(f.soft, float(f.likelihood.max()))
                  for v, f in zip(embedded.views, found)
                  if f.soft is not None}).of(table)
    rows = None
    if all(f.rows is not None for f in found):
        named = [*zip(embedded.views, found)]
        rows = TrainingRows(
            {v.name: f.rows if isinstance(f.rows, StoredRows) else
             f.rows.astype(np.float16) for v, f in named},
            {v.name: v.rows for v, _ in named},
            table.metadata['ids_sha256'], table.metadata['date']).of(table)
    return Estimate(table, fitted, rows)


def apply_table(embedded, fitted, overlap: Overlap | None = None):
    """The likelihoods of other samples under a fitted table, for analysis.

    Args:
        embedded (Embedded): N samples, by the same encoder.
        fitted (FittedModes): See :func:`make_table`.
        overlap (Overlap, optional): Of these samples, for the metadata.

    Returns:
        LikelihoodTable: ``cluster_id`` and ``cluster_size`` are those of the
        training set; -1 and 1 for a sample unlike all of it.

    Raises:
        ValueError: If the embeddings are not of the same kind.
    """
    fitted.check(embedded)
    columns = [
        fitted.columns(view.name, view.vectors) for view in embedded.views
    ]
    applied = dict(ids_sha256=fitted.about['ids_sha256'],
                   split=fitted.about['split'])
    if overlap is not None:
        applied['near_duplicates'] = overlap.as_dict()
    provenance = replace(
        embedded.provenance, kind=fitted.about['kind'], applied=applied)
    joined = _joined(embedded, columns)
    if fitted.ids is not None:
        joined = replace(joined, cluster_id=renumbered(joined.cluster_id,
                                                       fitted.ids))
    return _table(embedded, joined, provenance)


def renumbered(cluster_id, ids):
    """Clusters by other numbers.

    Args:
        cluster_id (np.ndarray): (N,) int64 from 0 to K - 1, -1 for none.
        ids (np.ndarray): (K,) int64.

    Returns:
        np.ndarray: (N,) int64.
    """
    return np.append(ids, -1)[cluster_id]


def _columns(clustering, kind):
    likelihood, size = likelihood_from_labels(clustering.labels, kind)
    if clustering.likelihood is not None:
        likelihood = clustering.likelihood
    if clustering.soft is not None and kind == 'relative':
        likelihood = likelihood / likelihood.max()
    return Columns(likelihood, clustering.labels, size,
                   int(clustering.labels.max()) + 1)


def _sizes(labels):
    return np.bincount(labels[labels >= 0])


def _joined(embedded, columns):
    """One estimate of all samples out of one a view.

    Args:
        embedded (Embedded): N samples, V views.
        columns (list[Columns]): V, of the samples that the view has.

    Returns:
        Columns: Clusters of all views are numbered through, view by view.
    """
    if len(columns) == 1:
        return columns[0]
    shape = len(embedded.ids), len(columns)
    likelihood = np.full(shape, np.nan)
    labels, size = np.full(shape, -1), np.ones(shape, dtype=np.int64)
    first = 0
    for v, (view, seen) in enumerate(zip(embedded.views, columns)):
        likelihood[view.rows, v] = seen.likelihood
        size[view.rows, v] = seen.cluster_size
        labels[view.rows, v] = np.where(
            seen.cluster_id < 0, -1, seen.cluster_id + first)
        first += seen.n_clusters
    return Columns(*join_cameras(likelihood, labels, size, embedded.policy),
                   first)


def _table(embedded, columns, provenance):
    """The table of all samples; those that were skipped come last."""
    ids, likelihood = list(embedded.ids), columns.likelihood
    labels, size = columns.cluster_id, columns.cluster_size
    if embedded.skipped:
        more = len(embedded.skipped)
        ids += embedded.skipped
        likelihood = np.append(
            likelihood, np.full(more, neutral_likelihood(likelihood)))
        labels = np.append(labels, np.full(more, -1))
        size = np.append(size, np.ones(more, dtype=np.int64))
        provenance = replace(provenance, skipped=list(embedded.skipped))
    provenance = provenance.completed(ids, versions(provenance.encoder))
    return LikelihoodTable(ids, likelihood, labels, size,
                           provenance.as_dict())


def versions(encoder):
    """Versions of the libraries that an estimate depends on."""
    import faiss
    found = dict(
        python=platform.python_version(),
        numpy=np.__version__,
        faiss=faiss.__version__)
    if encoder is not None:
        import PIL
        import torch
        found.update(torch=torch.__version__, pillow=PIL.__version__)
    return found
