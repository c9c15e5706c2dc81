"""Likelihoods of objects within their classes: plain values in, table out.

Each class is estimated as a set of samples is, see
:mod:`.make_table`, and is kept as a view of its own, see
:class:`.modes_file.FittedModes`.

Shape letters: N samples, M objects.
"""
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...columns import neutral_of
from ...messages import counted
from ...object_table import ObjectTable
from ..embeddings.cameras import View
from ..embeddings.vectors import UnitVectors
from ..encoding.embed import Embedded
from ..estimation.diagnosis import RARE, Diagnosis
from ..estimation.estimate import neutral_likelihood
from ..estimation.make_table import make_table, versions
from ..estimation.modes_file import FittedModes
from ..samples.groups import Groups
from .point_features import directions, standard_of


@dataclass(frozen=True)
class Crops:
    """Embeddings of the objects that can be looked at.

    Args:
        encoded (Encoded): Of K crops.
        row (np.ndarray): (M,) int64, the crop of each object; -1 for none.
    """
    encoded: Any
    row: np.ndarray

    def vectors(self, rows: np.ndarray, name: str) -> UnitVectors:
        """UnitVectors: (K, D) of the given objects, of class ``name``."""
        keep = np.zeros(len(self.encoded.usable), dtype=bool)
        keep[self.row[rows]] = True
        return UnitVectors(self.encoded.shards, keep=keep)


@dataclass(frozen=True)
class PointFeatures:
    """Point features of objects, see :mod:`.point_features`.

    Args:
        raw (list): (M,) of six numbers each, None for an object without.
        standard (dict): Mean and deviation of each class, two lists of six;
            filled where a class has none.
    """
    raw: list
    standard: dict

    def vectors(self, rows: np.ndarray, name: str) -> UnitVectors:
        """UnitVectors: (K, 7) of the given objects, of class ``name``."""
        some = np.array([self.raw[row] for row in rows])
        if name not in self.standard:
            self.standard[name] = [v.tolist() for v in standard_of(some)]
        return UnitVectors(directions(some, *map(
            np.array, self.standard[name])))


@dataclass(frozen=True)
class ObjectEstimate:
    """What was found.

    Args:
        table (ObjectTable): M objects; those that were not judged are its
            ``neutral`` ones.
        fitted (FittedModes, optional): To apply it to other objects.
        lines (list[str]): For people, a class each.
    """
    table: ObjectTable
    fitted: FittedModes | None
    lines: list[str]


def names_of(objects, rows):
    """list[str]: What the given objects are called among all of a set."""
    return [f'{objects.sample[i]} {objects.index[i]}' for i in rows]


def fit_objects(objects, seen, vectors, provenance, ids, clustering=None,
                kind='relative', groups=None):
    """Estimate class by class how common each object looks.

    Args:
        objects (Objects): M of them.
        seen (np.ndarray): (M,) bool, which can be looked at.
        vectors (Crops | PointFeatures): Of these.
        provenance (Provenance): With the encoder.
        ids (Sequence[str]): (N,) of the samples.
        clustering (ClusterSettings, optional): Defaults to the class's.
        kind (str): One of ``KINDS``.
        groups (Groups, optional): Drives of the samples.

    Returns:
        ObjectEstimate: Clusters are numbered through, class by class. A
        class with one object that is seen, or whose estimate fails, has
        nothing to compare with: its likelihoods are 1 and neutral.
    """
    columns, lines, made = _Columns(objects, seen), [], {}
    for name, rows in columns.rows.items():
        of = _embedded(objects, rows, vectors, name, provenance, '')
        drives = None if groups is None else Groups(
            {row: groups.by_id[objects.sample[i]]
             for row, i in zip(of.ids, rows)}, groups.source)
        try:
            if len(rows) < 2:
                raise ValueError('its one object has nothing to be compared '
                                 'with')
            made[name] = make_table(of, clustering, kind, drives)
        except ValueError as e:
            lines.append(f'class {name} is neutral: {e}')
            columns.leave(name)
            continue
        table = made[name].table
        columns.set(name, table.likelihood, table.cluster_id,
                    table.cluster_size)
        columns.stability[name] = Diagnosis.from_dict(
            table.metadata['diagnosis']).stability
    table = columns.table(replace(provenance, kind=kind), ids)
    fitted = None
    if made and all(m.fitted is not None for m in made.values()):
        fitted = _together({k: m.fitted for k, m in made.items()}, table)
    return ObjectEstimate(table, fitted, lines + columns.lines())


def apply_objects(objects, seen, vectors, provenance, ids, fitted, source):
    """The likelihoods of other objects under a fitted estimate.

    Args:
        objects, seen, vectors, provenance, ids: See :func:`fit_objects`.
        fitted (FittedModes): Of :func:`fit_objects`.
        source (ObjectTable): What it was made with.

    Returns:
        ObjectEstimate: Clusters are the training set's, -1 for an object
        unlike all of it. Objects that are not seen, or of a class without an
        estimate, are neutral.

    Raises:
        ValueError: If the embeddings are not of the same kind.
    """
    fitted.check_encoder(provenance.encoder)
    columns, lines, first = _Columns(objects, seen), [], 0
    neutral = neutral_of(source)
    for name in fitted.modes:
        of = source.class_name == name
        # what 'share' divides by
        own = replace(fitted, about=dict(fitted.about,
                                         n=int((of & ~neutral).sum())))
        if name in columns.rows:
            view = _embedded(objects, columns.rows[name], vectors, name,
                             provenance, name)
            own.check(view)
            found = own.columns(name, view.views[0].vectors)
            columns.set(name, found.likelihood, found.cluster_id,
                        found.cluster_size, first, neutral_likelihood(
                            source.likelihood[of & ~neutral]))
        first += len(fitted.sizes[name])
    for name in [n for n in columns.rows if n not in fitted.modes]:
        lines.append(f'class {name} is neutral: the table has no estimate of '
                     'it')
        columns.leave(name)
    provenance = replace(
        provenance, kind=fitted.about['kind'],
        applied=dict(ids_sha256=fitted.about['ids_sha256'],
                     split=fitted.about['split']))
    table = columns.table(provenance, ids)
    return ObjectEstimate(table, None, lines + columns.lines())


def _embedded(objects, rows, vectors, name, provenance, view):
    """Embedded: The given objects, of class ``name``."""
    return Embedded(
        names_of(objects, rows),
        [View(view, vectors.vectors(rows, name), np.arange(len(rows)))],
        provenance)


class _Columns:
    """The columns of an object table, filled class by class."""

    def __init__(self, objects, seen):
        m = len(objects.sample)
        self.objects, self.seen = objects, seen.copy()
        self.class_name = np.array(objects.classes, dtype=object)
        self.likelihood, self.cluster = np.ones(m), np.full(m, -1)
        self.size, self.first = np.ones(m, dtype=np.int64), 0
        self.stability = {}
        self.rows = {
            name: rows for name in dict.fromkeys(objects.classes)
            if len(rows := np.flatnonzero(
                seen & (self.class_name == name)))}

    def leave(self, name):
        """Nothing can be said of a class."""
        self.seen[self.rows[name]] = False

    def set(self, name, likelihood, cluster, size, first=None, neutral=None):
        rows = self.rows[name]
        first = self.first if first is None else first
        self.likelihood[rows], self.size[rows] = likelihood, size
        self.cluster[rows] = np.where(cluster < 0, -1, cluster + first)
        self.first = max(self.first, int(self.cluster.max()) + 1)
        self.likelihood[(self.class_name == name) & ~self.seen] = (
            neutral_likelihood(likelihood) if neutral is None else neutral)

    def lines(self):
        lines = []
        for name, rows in self.rows.items():
            rows = rows[self.seen[rows]]
            if len(rows):
                rare = (self.likelihood[rows] < RARE).mean()
                clusters = len({*self.cluster[rows].tolist()} - {-1})
                lines.append(
                    f'{name}: {len(rows)} of '
                    f'{int((self.class_name == name).sum())} objects looked '
                    f'at, {counted(clusters, "cluster")}, {rare:.1%} rare '
                    f'(likelihood below {RARE:g})' + (
                        '' if self.stability.get(name) is None else
                        f', stability {self.stability[name]:.2f}'))
        return lines

    def table(self, provenance, ids):
        provenance = provenance.completed(
            list(ids), versions(provenance.encoder)).as_dict()
        return ObjectTable(
            self.objects.sample, np.array(self.objects.index),
            self.class_name, self.likelihood, self.cluster, self.size,
            dict(provenance, neutral=np.flatnonzero(~self.seen).tolist()))


def _together(fitted, table):
    """One file's modes, a view for each class."""
    some = next(iter(fitted.values()))
    return FittedModes(
        {name: f.modes[''] for name, f in fitted.items()},
        {name: f.sizes[''] for name, f in fitted.items()},
        dict(some.about, n=len(table),
             **{k: table.metadata[k]
                for k in ('ids_sha256', 'split', 'date')}),
        {name: f.soft[''] for name, f in fitted.items() if f.soft})
