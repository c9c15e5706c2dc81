"""A metric that is run on all samples of a validation set, and on parts.

Shape letters: N samples.
"""
from __future__ import annotations

import copy
import os
import re
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from mmdet3d.registry import METRICS
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log

from dequity_mmdet3d.figures import (
    FRAMES,
    GAP,
    OBJECTS,
    Figure,
    beside,
    parse,
    placed,
)
from dequity_mmdet3d.messages import error_line
from dequity_mmdet3d.strata import BOUNDS, COMMON, RARE

from .marks import InfoFile, ids_of, info_file_of, labels_of, marks_of
from .own_annotations import nothing_of, on_part_of
from .parts import Parts
from .report import report_parts

# Attributes of metrics that name what they write.
_WRITES = re.compile(r'(?!default_)\w+_prefix|\w*(save_?path|out_?file\w*|'
                     r'(out|output|save)_dir)')


class PartsMetric(BaseMetric):
    """A metric that is run on all samples, and on each stratum of them.

    The figures on all samples stay what they are. Each figure on a stratum
    has the stratum before the last part of its name, and beside them stands
    the number of samples and, where the data samples bring their
    annotations, of annotated objects::

        coco/bbox_mAP
        coco/weather=rain/bbox_mAP
        coco/weather=rain/frames
        coco/weather=rain/objects

    ``gap`` is rare less common. What the metric writes to files it writes
    for each stratum too, with its name in theirs.

    Args:
        metric (dict | BaseMetric): The metric. It must add one entry a
            sample to its ``results`` (or any number, with batches of one).
        table, by, tags, bounds: See :class:`.parts.Parts`.
        ann_file (str, optional): Info file of the validation set, which
            tells what samples are called. Defaults to the metric's own.
        id (str, optional): The entry of the data samples that is their id,
            in place of the info file.
        annotations (str, optional): See :func:`.own_annotations.on_part_of`.

    Raises:
        TypeError: If ``metric`` is no metric of mmengine's.
        ValueError: If it cannot be run on a part; see also
            :class:`.parts.Parts`.
    """

    def __init__(self,
                 metric: dict | BaseMetric,
                 table: str | None = None,
                 by: str | Sequence[str] | None = None,
                 tags: str | None = None,
                 bounds: Sequence[float] = BOUNDS,
                 ann_file: str | None = None,
                 id: str | None = None,
                 annotations: str | None = None):
        config = metric if isinstance(metric, dict) else None
        self.metric: Any = METRICS.build(metric) if config else metric
        self.name = type(self.metric).__name__
        if not isinstance(self.metric, BaseMetric):
            raise TypeError('metric must be the config of a metric of '
                            f'mmengine, or one, but got {self.name}')
        if type(self.metric).evaluate is not BaseMetric.evaluate:
            raise ValueError(
                f'{self.name} has an evaluate() of its own, so that it '
                'cannot be run on a part of the samples; put what it does '
                'into compute_metrics()')
        on_part_of(self.metric, config, annotations)
        self._config, self._annotations = config, annotations
        self._id = id
        self._info_file = ann_file or info_file_of(self.metric)
        self.parts = Parts(table, bounds, by, tags,
                           None if id else self._info_file)
        super().__init__(
            collect_device=self.metric.collect_device,
            prefix=self.metric.prefix,
            collect_dir=getattr(self.metric, 'collect_dir', None))

    @property
    def dataset_meta(self) -> dict | None:
        """dict, optional: Of the data set; the metric gets it, too."""
        return self.metric.dataset_meta

    @dataset_meta.setter
    def dataset_meta(self, dataset_meta: dict) -> None:
        self.metric.dataset_meta = dataset_meta

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Let the metric process a batch; keep which entry is of whom.

        Raises:
            ValueError: If the metric's entries cannot be told apart.
        """
        told = [(marks_of(s, self._id), labels_of(s)) for s in data_samples]
        self.metric.results = []
        self.metric.process(data_batch, data_samples)
        entries, self.metric.results = self.metric.results, []
        if len(told) == 1:
            groups = [entries]
        elif len(entries) == len(told):
            groups = [[entry] for entry in entries]
        else:
            raise ValueError(
                f'{self.name} made {len(entries)} results of a batch of '
                f'{len(told)} samples, so that they cannot be told apart; '
                'set val_dataloader.batch_size (and test_dataloader\'s) to 1')
        self.results += [(*t, group) for t, group in zip(told, groups)]

    def compute_metrics(self, results: list) -> dict:
        """The metric's figures, and those of the strata.

        Args:
            results (list[tuple]): Marks, labels (or None) and the metric's
                entries of each of N samples.

        Returns:
            dict[str, float]: By name, without the metric's prefix.

        Raises:
            RuntimeError: If the metric failed on a part.
        """
        marks, labels, groups = zip(*results) if results else ((), (), ())
        every = [entry for group in groups for entry in group]
        if getattr(self.metric, 'format_only', False):
            return self.metric.compute_metrics(every)
        if groups and not every:
            raise ValueError(
                f'{self.name} keeps nothing in its results, so that it '
                'cannot be run on a part of the samples; let its process() '
                'append to self.results')
        info_file = InfoFile(self._info_file) if self._info_file else None
        ids = ids_of(marks, info_file, self._id, self.parts.known)
        labels = self._names(marks, labels, info_file)
        on_part = on_part_of(self.metric, self._config, self._annotations)
        found: dict[str, float] = {}
        shown = []
        for split in self.parts.of(ids, labels) if ids else ():
            here = {name: self._on(name, rows, groups, ids, on_part)
                    for name, rows in split.parts.items()}
            _add_gap(here)
            shown.append((split, here))
        # the last, as metrics change their entries, and on the entries
        # themselves, so that nothing is different from a metric alone
        stock = self.metric.compute_metrics(every)
        if not stock:
            return stock
        for split, here in shown:
            for name, figures in here.items():
                found.update({placed(k, name): v for k, v in figures.items()
                              if k in stock})
            for name, rows in split.parts.items():
                found.update(_counts(name, rows, labels, stock))
            print_log(
                f'{self.name} by {split.by}\n' +
                report_parts(stock, found, list(here), self.prefix),
                'current')
        return {**stock, **found}

    def _names(self, marks, labels, info_file):
        """Classes (by name) of each sample's objects, or None."""
        classes = tuple((self.dataset_meta or {}).get('classes') or ())
        if any(here is not None for here in labels):
            return [[classes[c] if c < len(classes) else str(c)
                     for c in here or ()] for here in labels]
        if info_file is None or not all('sample_idx' in m for m in marks):
            return None
        found = [info_file.labels(row, classes)
                 for row in info_file.rows(marks)]
        return None if any(here is None for here in found) else found

    def _on(self, name, rows, groups, ids, on_part):
        """dict[str, float]: Figures on some samples; {} without any."""
        if not len(rows):
            return {}
        entries = [entry for row in rows for entry in groups[row]]
        metric = copy.copy(self.metric)  # what it remembers is of the part
        metric.results = []
        for attribute, value in list(vars(metric).items()):
            if _WRITES.fullmatch(attribute) and isinstance(value, str):
                start, end = os.path.splitext(value)
                setattr(metric, attribute, f'{start}_{name}{end}')
        try:
            with on_part(metric, entries, [ids[row] for row in rows]):
                # copied, as metrics change their entries
                figures = metric.compute_metrics(copy.deepcopy(entries))
        except Exception as e:
            raise RuntimeError(
                f'{self.name} cannot be run on a part of the samples: '
                f'{type(e).__name__} on the {len(rows)} of {name!r}: '
                f'{error_line(e)}; tell samples apart by something else '
                "(by=...), or use the metric without DequityMetric") from e
        nothing = nothing_of(self.metric)
        return {key: float(value) for key, value in (figures or {}).items()
                if _is_number(value) and value != nothing}


def _is_number(value: Any) -> bool:
    return (isinstance(value, (int, float, np.number))
            and bool(np.isfinite(value)))


def _add_gap(here: dict[str, dict[str, float]]) -> None:
    """Rare less common, where the strata are those of likelihood."""
    for stratum in list(here):
        common = beside(stratum, COMMON)
        if stratum == beside(stratum, RARE) and common in here:
            here[beside(stratum, GAP)] = {
                key: value - here[common][key] for key, value in
                here[stratum].items() if key in here[common]}


def _counts(stratum, rows, labels, stock) -> Iterator[tuple[str, float]]:
    """Numbers of samples and objects of a stratum, by name, beside figures."""
    read = [parse(name) for name in stock]
    for start in {name.rpartition('/')[0]: None for name in stock}:
        def name(kind, cls='', start=start):
            return Figure(stratum, cls, kind, prefix=start).name()

        yield name(FRAMES), float(len(rows))
        if labels is None:
            continue
        objects = [c for row in rows for c in labels[row]]
        yield name(OBJECTS), float(len(objects))
        for cls in {f.cls: None for f in read if f and f.cls}:
            if any(cls in here for here in labels):
                yield name(OBJECTS, cls), float(objects.count(cls))
