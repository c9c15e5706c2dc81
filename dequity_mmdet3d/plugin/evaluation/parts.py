"""Parts of a validation set that a metric is run on, by whatever one knows.

Shape letters: N samples.
"""
from __future__ import annotations

import logging
import math
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from mmengine.logging import print_log

from dequity_mmdet3d.figures import stratum_name
from dequity_mmdet3d.messages import first_five
from dequity_mmdet3d.strata import BOUNDS, STRATA, check_bounds, strata_of
from dequity_mmdet3d.tag_file import read_tags, tags_beside, tags_path
from dequity_mmdet3d.tags import Tags

from .marks import InfoFile
from .strata import Strata

LIKELIHOOD, CLASS_FREQUENCY, DISTANCE = (
    'likelihood', 'class frequency', 'distance')
_KNOWN = (LIKELIHOOD, CLASS_FREQUENCY, DISTANCE)


@dataclass(frozen=True)
class Split:
    """The samples, told apart by one thing.

    Args:
        by (str): What.
        parts (dict[str, np.ndarray]): Rows of the samples (int64) by name of
            the stratum; disjoint, together all N. Of ``STRATA`` some may be
            empty, of a tag's values none.
    """
    by: str
    parts: dict[str, np.ndarray]


class Parts:
    """Tells samples apart by likelihood, tags or classes.

    Args:
        table (str, optional): Likelihood table of the validation set, for
            'likelihood'; see :class:`.strata.Strata`.
        bounds (Sequence[float]): Shares of the samples, for 'likelihood' and
            'class frequency'; see :func:`dequity_mmdet3d.strata.strata_of`.
        by (str | Sequence[str], optional): Any of 'likelihood', 'class
            frequency' and columns of ``tags``. Defaults to 'likelihood'
            where there is a table, and to all tags that there are.
        tags (str, optional): Tag file; see :mod:`dequity_mmdet3d.tag_file`.
            Defaults to the one beside the table, where ``by`` names a tag.
        ann_file (str, optional): Info file of the validation set, to see at
            once whether its samples have their likelihoods and tags: those
            that lack them are warned of, as a part of it may be evaluated.

    Raises:
        FileNotFoundError: If a file is not there.
        KeyError: If the tag file has no such tag.
        ValueError: For bounds that are not two rising shares, if something
            to tell samples apart by is missing, doubled, or tells objects
            apart; if a sample of the table has no tag, or the table none
            of the samples of the info file.
    """

    def __init__(self, table: str | None = None,
                 bounds: Sequence[float] = BOUNDS,
                 by: str | Sequence[str] | None = None,
                 tags: str | None = None,
                 ann_file: str | None = None):
        check_bounds(bounds)
        self.bounds = tuple(bounds)
        self.tags: Tags | None = read_tags(tags) if tags else None
        self.strata = Strata(table, bounds) if table else None
        self._table = table
        if by is None:
            by = [LIKELIHOOD] * bool(table) + list(
                self.tags.columns if self.tags else ())
        self.by = [by] if isinstance(by, str) else list(by)
        if not self.by or len({*self.by}) < len(self.by):
            raise ValueError(
                f'by must name what samples are told apart by, each once, '
                f'but is {by!r}; give table=..., tags=..., or '
                f"by={CLASS_FREQUENCY!r}")
        named = [name for name in self.by if name not in _KNOWN]
        if named and table and self.tags is None:
            self.tags = tags_beside(table)
            if self.tags is not None:
                print_log(f'tags of {self.tags.path}, which lies beside the '
                          'table', 'current')
        for name in self.by:
            self._check(name)
        self._foresee(named, ann_file)

    def _foresee(self, named, ann_file):
        """What the first evaluation would stop at, hours later."""
        if self.strata is not None:  # its samples are those to evaluate
            for name in named:
                self.tags.values(name, self.strata.table.sample_id.tolist())
        by_likelihood = LIKELIHOOD in self.by
        if not (named or by_likelihood) or not (
                ann_file and os.path.isfile(ann_file)):
            return
        info_file = InfoFile(ann_file)
        ids = info_file.ids()
        try:
            if by_likelihood:
                self.strata.rows(ids)
            for name in named:
                self.tags.values(name, ids)
        except ValueError as e:
            if by_likelihood and not info_file.may_name(
                    {*self.strata.table.sample_id.tolist()}):
                raise ValueError(f'{ann_file}: {e}') from e
            # the data set may take a part of the file
            print_log(f'{e}; if {ann_file} is evaluated whole, the '
                      'evaluation will stop', 'current', logging.WARNING)

    def _check(self, name: str) -> None:
        if name == DISTANCE:
            raise ValueError(
                f'by={DISTANCE!r} tells objects apart, and the samples that '
                'a metric is given hold objects at all distances; use a '
                'metric with figures by range of its own')
        if name == LIKELIHOOD and self.strata is None:
            raise ValueError(
                f'by={LIKELIHOOD!r} needs table=..., made by dequity '
                'likelihoods CONFIG --split val --apply TRAINING_TABLE '
                '--out TABLE')
        if name not in (LIKELIHOOD, CLASS_FREQUENCY):
            if self.tags is None:
                beside = ('' if self._table is None else
                          f' (there is no {tags_path(self._table)})')
                raise ValueError(
                    f'by={name!r} is a tag and needs tags=FILE{beside}; or '
                    f'tell samples apart by {LIKELIHOOD!r} or '
                    f'{CLASS_FREQUENCY!r}')
            self.tags.check_column(name)

    def of(self, ids: Sequence[str],
           labels: Sequence[Iterable] | None) -> list[Split]:
        """Tell samples apart.

        Args:
            ids (Sequence[str]): (N,) sample ids.
            labels (Sequence[Iterable], optional): (N,) classes of the
                annotated objects of each sample; None where nobody knows.

        Returns:
            list[Split]: In the order of ``by``.

        Raises:
            ValueError: If a sample has no likelihood, tag or classes.
        """
        return [Split(name, self._split(name, ids, labels))
                for name in self.by]

    def _split(self, name, ids, labels):
        if name not in (LIKELIHOOD, CLASS_FREQUENCY):
            return _by_value(name, self.tags.values(name, ids),
                             self.tags.path)
        if name == LIKELIHOOD:
            stratum = self.strata.of(ids)
        elif labels is None:
            raise ValueError(
                f'by={CLASS_FREQUENCY!r} needs the annotated objects of each '
                "sample, but the data samples bring none ('eval_ann_info', "
                "'gt_instances' or 'instances'); name the validation set's "
                'info file with ann_file=..., or let the test pipeline pack '
                'the annotations')
        else:
            stratum = strata_of(frequency_of_rarest(labels), self.bounds)
        return {stratum_name(name, s): np.flatnonzero(stratum == i)
                for i, s in enumerate(STRATA)}

    @property
    def known(self) -> set[str]:
        """set[str]: All ids that table and tags name."""
        tables = [self.strata.table.sample_id.tolist()] if self.strata else []
        return set().union(*tables, self.tags.ids if self.tags else ())


def parts_of(table: str | None, bounds: Sequence[float],
             by: str | Sequence[str] | None, tags: str | None,
             ann_file: str | None, objects: str | None) -> Parts | None:
    """Parts, if there are to be any.

    Args:
        table, bounds, by, tags, ann_file: See :class:`Parts`.
        objects (str, optional): Object table; where there is one, samples
            need not be told apart.

    Returns:
        Parts, optional: None where objects alone are told apart.
    """
    if objects and not (table or by or tags):
        return None
    return Parts(table, bounds, by, tags, ann_file)


def _by_value(name, values, path):
    """Rows by value of a tag, the most frequent value first."""
    order = sorted(Counter(values).items(), key=lambda item: (-item[1], item))
    names = {value: stratum_name(name, value) for value, _ in order}
    if len({*names.values()}) < len(names):
        raise ValueError(
            f'{path}: values of {name!r} differ only in spaces or slashes, '
            f'{first_five(sorted(names))}; make them one')
    found = np.array(values, dtype=object)
    return {s: np.flatnonzero(found == value) for value, s in names.items()}


def frequency_of_rarest(labels: Sequence[Iterable]) -> np.ndarray:
    """How frequent the rarest class is that a sample holds.

    Args:
        labels (Sequence[Iterable]): (N,) classes of the objects of each
            sample.

    Returns:
        np.ndarray: (N,) float64, share of the class in the objects of all
        samples, in (0, 1]; infinite for a sample without objects, which
        holds nothing rare.

    Example:
        >>> frequency_of_rarest([['Car', 'Cyclist'], ['Car', 'Car'], []])
        array([0.25, 0.75,  inf])
    """
    labels = [list(here) for here in labels]
    count = Counter(c for here in labels for c in here)
    return np.array([
        min((count[c] / count.total() for c in set(here)), default=math.inf)
        for here in labels])
