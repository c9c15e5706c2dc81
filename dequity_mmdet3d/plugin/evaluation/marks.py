"""What the samples of an evaluation are called, and which objects they hold.

MMDetection3D's data sets put the row of the info file in place of a frame's
number ('sample_idx'), so that a data sample alone mostly does not know what
it is called. The info file does.

Shape letters: N samples.
"""
from __future__ import annotations

import os
from collections.abc import Collection, Sequence, Set
from typing import Any

import numpy as np
from mmengine.fileio import load

from dequity_mmdet3d.sample_ids import id_type_of, sample_id_in, sample_id_of

# What is kept of a data sample until all of them are there.
MARKS = ('token', 'sample_id', 'sample_idx', 'img_id', 'lidar_path')


def marks_of(sample: Any, id_key: str | None = None) -> dict:
    """What a data sample tells of its name.

    Args:
        sample (dict | BaseDataElement): As a metric's ``process`` gets it.
        id_key (str, optional): A further entry to keep.

    Returns:
        dict: Those of ``MARKS`` that it has.

    Raises:
        KeyError: If it lacks ``id_key``.
    """
    if id_key is not None:
        if sample.get(id_key) is None:
            raise KeyError(
                f'id={id_key!r} must name an entry of the data samples, but '
                f'they have only {sorted(map(str, sample.keys()))}; let the '
                f"pipeline pack it (meta_keys), or give another")
        return {id_key: str(sample.get(id_key))}
    return {key: sample.get(key) for key in MARKS
            if isinstance(sample.get(key), (str, int, np.integer))}


def labels_of(sample: Any) -> list[int] | None:
    """Classes of a sample's annotated objects.

    Args:
        sample (dict | BaseDataElement): As a metric's ``process`` gets it.

    Returns:
        list[int], optional: Places in the data set's classes; None if it
        does not tell.
    """
    found: Any = None
    if sample.get('eval_ann_info') is not None:
        info = sample.get('eval_ann_info')
        # a 2D and monocular annotation may have the first alone
        found = info.get('gt_labels_3d', info.get('gt_bboxes_labels'))
    elif sample.get('instances') is not None:
        found = [i['bbox_label'] for i in sample.get('instances')
                 if not i.get('ignore_flag')]
    elif sample.get('gt_instances') is not None:
        found = sample.get('gt_instances').get('labels')
    if found is None:
        return None
    return [int(label) for label in found if label >= 0]


class InfoFile:
    """The validation set's info file.

    Args:
        path (str): Of version 1.1, as the data set's ``ann_file``.

    Raises:
        ValueError: If it is not one.
    """

    def __init__(self, path: str):
        self.path = path
        content = load(path)
        if not isinstance(content, dict) or not content.get('data_list'):
            raise ValueError(
                f'{path}: expected an info file of MMDetection3D 1.1 or '
                "newer, with a 'data_list'; name the ann_file of the "
                'validation set')
        self.infos = content['data_list']
        categories = content.get('metainfo', {}).get('categories') or {}
        self._class_of = {number: name for name, number in
                          categories.items()}

    def rows(self, marks: Sequence[dict]) -> np.ndarray:
        """Which infos samples are.

        Args:
            marks (Sequence[dict]): (N,) of all samples.

        Returns:
            np.ndarray: (N,) int64.

        Raises:
            ValueError: If they are those of another file.
        """
        rows = np.array([int(m['sample_idx']) for m in marks])
        n = len(self.infos)
        if len(marks) > n and not len(marks) % n:
            rows //= len(marks) // n  # an item a camera
        if len(rows) and not 0 <= rows.min() <= rows.max() < n:
            raise ValueError(
                f'{self.path} has {n} samples, but the evaluation speaks of '
                f'row {rows.max()}; give the ann_file of the validation set')
        for row, mark in zip(rows, marks):
            points = self.infos[row].get('lidar_points') or {}
            names = [str(n) for n in (points.get('lidar_path'),
                                      mark.get('lidar_path')) if n]
            if len({os.path.basename(n) for n in names}) > 1:
                raise ValueError(
                    f'{self.path}: row {row} is of {names[0]}, but the '
                    f'evaluation read {names[1]}; give the ann_file of the '
                    'validation set, all of it in its order')
        return rows

    def ids(self) -> list[str]:
        """list[str]: Of its samples; none of those that are called by their
        file of points, whose folder it does not tell.
        """
        try:
            return [sample_id_of(info) for info in self.infos
                    if id_type_of(info) != 'lidar_path']
        except KeyError:  # the data samples may know
            return []

    def may_name(self, known: Set[str]) -> bool:
        """Whether a sample of it may be called by one of some ids.

        Args:
            known (set[str]): Ids.

        Returns:
            bool: False only where no entry that data samples may be named
            by is among them; True also for samples that it does not name.
        """
        for info in self.infos:
            path = str((info.get('lidar_points') or {}).get('lidar_path'))
            try:
                names = {sample_id_of(info), _known_end(path, known)}
            except KeyError:  # the data samples may know
                return True
            names |= {str(info[key]) for key in ('token', 'sample_id',
                                                 'img_id') if key in info}
            if id_type_of(info) == 'lidar_path' or not names.isdisjoint(
                    known):
                return True
        return False

    def names(self, row: int) -> list[str]:
        """list[str]: Classes of all of an info's instances; '' of those
        that are to be ignored.
        """
        labels = [i.get('bbox_label_3d', i.get('bbox_label', -1))
                  for i in self.infos[row].get('instances') or ()]
        return [self._class_of.get(label, '') if label >= 0 else ''
                for label in labels]

    def labels(self, row: int, classes: Collection[str]) -> list[str] | None:
        """list[str], optional: Classes of an info's objects that count."""
        instances = self.infos[row].get('instances')
        if instances is None or not self._class_of:
            return None
        names = [self._class_of.get(i.get('bbox_label_3d', -1), '')
                 for i in instances]
        return [name for name in names if name in classes]


def info_file_of(metric: Any) -> str | None:
    """The info file that a metric of MMDetection3D names already."""
    path = getattr(metric, 'ann_file', None)
    if not isinstance(path, str) or not path.endswith(('.pkl', '.pickle')):
        return None
    places = path, os.path.join(getattr(metric, 'data_root', None) or '',
                                path)
    return next(filter(os.path.exists, places), None)


def ids_of(marks: Sequence[dict], info_file: InfoFile | None = None,
           id_key: str | None = None,
           known: Set[str] = frozenset()) -> list[str]:
    """What samples are called.

    Args:
        marks (Sequence[dict]): (N,) of :func:`marks_of`.
        info_file (InfoFile, optional): Of the validation set.
        id_key (str, optional): The entry that is the id.
        known (set[str]): Ids of the table and of the tags, among
            which a file of points is looked for.

    Returns:
        list[str]: (N,) ids, in this order of precedence: ``id_key``; 'token'
        or 'sample_id' of the data samples; the entry of the info file; the
        'img_id' of MMDetection; the file of points.

    Raises:
        KeyError: If none of them is there.
        ValueError: See :meth:`InfoFile.rows`.
    """
    if not marks:
        return []
    for key in filter(None, (id_key, 'token', 'sample_id')):
        if all(key in m for m in marks):
            return [str(m[key]) for m in marks]
    if info_file is not None and all('sample_idx' in m for m in marks):
        return [sample_id_in(info_file.path, row, info_file.infos[row])
                for row in info_file.rows(marks)]
    if all('img_id' in m for m in marks):
        return [str(m['img_id']) for m in marks]
    if all('lidar_path' in m for m in marks):
        ids = [_known_end(str(m['lidar_path']), known) for m in marks]
        # a file that tells nobody's id, where there is a better way
        if not known or not known.isdisjoint(ids):
            return ids
    raise KeyError(
        'the data samples do not tell what they are called, having only '
        f"{sorted(marks[0])}, of which 'sample_idx' is a row; name the "
        "validation set's info file with ann_file=..., or the entry that is "
        'the id with id=...')


def _known_end(path, known):
    """The longest end of a path that is an id, else the name of the file."""
    parts = path.split('/')
    ends = ('/'.join(parts[i:]) for i in range(len(parts)))
    return next((end for end in ends if end in known), parts[-1])
