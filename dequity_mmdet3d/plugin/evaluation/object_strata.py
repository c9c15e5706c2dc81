"""The strata of annotated objects, from their object table.

Shape letters: N objects of the table.
"""
from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from mmengine.logging import print_log

from dequity_mmdet3d.columns import neutral_of
from dequity_mmdet3d.figures import GAP, stratum_name
from dequity_mmdet3d.messages import counted, first_five
from dequity_mmdet3d.object_table import ObjectTable
from dequity_mmdet3d.strata import (
    BOUNDS,
    STRATA,
    check_bounds,
    edges_of,
    strata_of,
)

from .marks import InfoFile

NONE = -1  # in place of a stratum
# As they stand in names of figures, in the order of STRATA.
OBJECT_STRATA = tuple(stratum_name('object', s) for s in STRATA)
OBJECT_GAP = stratum_name('object', GAP)
_CURE = ('it must be the object table of the validation set, made from '
         'this info file: dequity likelihoods CONFIG --objects --split val '
         '--apply TABLE')


class ObjectStrata:
    """Tells the stratum of each annotated object of a validation set.

    Objects are rare, middle or common within their class: the shares are of
    the objects of a class in the table. Those that the table calls neutral
    (:func:`dequity_mmdet3d.columns.neutral_of`) and those of classes that it
    does not have are in no stratum.

    Args:
        path (str): Object table, see :mod:`dequity_mmdet3d.object_table`.
        ann_file (str): Info file of the validation set.
        bounds (Sequence[float]): See
            :func:`dequity_mmdet3d.strata.strata_of`.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the table lacks objects of its classes, or has some
            that are not in the info file; for bounds that are no two shares.
    """

    def __init__(self, path: str, ann_file: str,
                 bounds: Sequence[float] = BOUNDS):
        check_bounds(bounds)
        table = ObjectTable.load(path)
        self.path, self.classes = path, frozenset(table.classes)
        info_file = InfoFile(ann_file)
        ids = info_file.ids()
        places = [(row, i, name) for row in range(len(ids))
                  for i, name in enumerate(info_file.names(row))
                  if name in self.classes]
        rows = table.index([ids[row] for row, _, _ in places],
                           [i for _, i, _ in places])
        _check(path, ann_file, table, [
            (ids[row], i) for row, i, _ in places], rows)
        # an index that is in the table can be of another class there
        other = [(ids[row], i) for (row, i, name), at in zip(places, rows)
                 if table.class_name[at] != name]
        if other:
            raise ValueError(
                f'{path} has another class for '
                f'{counted(len(other), "object")} of {ann_file}, '
                f'{first_five(other)} (sample, index); {_CURE}')
        stratum = _strata(table, bounds, path)
        found = [np.full(len(info_file.names(row)), NONE)
                 for row in range(len(ids))]
        for (row, i, _), at in zip(places, rows):
            found[row][i] = stratum[at]
        self._of = dict(zip(ids, found))

    def of(self, sample_id: str) -> np.ndarray:
        """Strata of a sample's objects.

        Args:
            sample_id (str): Of the sample.

        Returns:
            np.ndarray: One int64 for each entry of its ``instances``: a
            place in ``STRATA``, or ``NONE``.
        """
        return self._of[sample_id]


def _check(path, ann_file, table, places, rows):
    absent = [place for place, at in zip(places, rows) if at < 0]
    if absent:
        raise ValueError(
            f'{path} lacks {len(absent)} of the {len(places)} annotated '
            f'objects of its classes in {ann_file}, {first_five(absent)} '
            f'(sample, index); {_CURE}')
    unknown = np.ones(len(table), bool)
    unknown[rows] = False
    if unknown.any():
        raise ValueError(
            f'{path} has {unknown.sum()} of its {len(table)} objects from '
            'elsewhere than ' + f'{ann_file}, ' + first_five(
                (str(table.sample_id[at]), int(table.object_index[at]))
                for at in np.flatnonzero(unknown)) +
            f' (sample, index); {_CURE}')


def _strata(table, bounds, path):
    """(N,) strata within the class; what bounds them is said."""
    seen = ~neutral_of(table)
    stratum = np.full(len(table), NONE)
    lines = []
    for name in table.classes:
        own = table.class_name == name
        rows = np.flatnonzero(own & seen)
        edges = None
        if len(rows):
            stratum[rows] = strata_of(table.likelihood[rows], bounds)
            edges = edges_of(table.likelihood[rows], bounds)
        lines.append(f'{name}: ' + (
            'all are alike, and so common' if edges is None else
            f'rare up to a likelihood of {edges[0]:.4g}, common from '
            f'{edges[1]:.4g}') + f' ({own.sum() - len(rows)} of {own.sum()} '
            'neutral)')
    print_log(f'strata of objects by {path}: ' + '; '.join(lines), 'current')
    return stratum
