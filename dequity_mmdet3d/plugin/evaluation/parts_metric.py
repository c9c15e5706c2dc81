"""A metric that is run on all samples of a validation set, and on parts.

Shape letters: N samples.
"""
from __future__ import annotations

import copy
import logging
import os
import re
from collections.abc import Sequence
from typing import Any

from mmdet3d.registry import METRICS
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log

from dequity_mmdet3d.figures import placed
from dequity_mmdet3d.messages import counted, error_line
from dequity_mmdet3d.strata import BOUNDS

from .marks import InfoFile, ids_of, info_file_of, labels_of, marks_of
from .own_annotations import nothing_of, on_part_of
from .part_figures import add_gap, counts, is_figure
from .parts import LIKELIHOOD, Parts
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

    ``gap`` is rare less common. A stratum that the metric fails on is left
    out with a warning. What the metric writes to files it writes
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
        if ann_file and '://' not in ann_file and not os.path.isfile(
                ann_file):
            raise FileNotFoundError(f'there is no info file {ann_file}; give '
                                    'the ann_file of the validation set')
        self._info_file = ann_file or info_file_of(self.metric)
        named_there = not id and not getattr(self.metric, 'format_only', False)
        self.parts = Parts(table, bounds, by, tags,
                           self._info_file if named_there else None)
        if named_there and not self._info_file:
            self._warn_of_rows()
        super().__init__(
            collect_device=self.metric.collect_device,
            prefix=self.metric.prefix,
            collect_dir=getattr(self.metric, 'collect_dir', None))

    def _warn_of_rows(self):
        """Of ids that data samples seldom have, hours before them."""
        strata = self.parts.strata
        if (LIKELIHOOD in self.parts.by and
                strata.table.metadata.get('id_type') == 'sample_idx'):
            print_log(
                f"{strata.path} names samples by the 'sample_idx' of the info "
                'file, in place of which data samples mostly hold the row; '
                "name the validation set's info file with ann_file=..., or "
                'the entry that is the id with id=..., else the first '
                'evaluation will stop, unless they bring their id',
                'current', logging.WARNING)

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
        elif not entries:  # of nobody
            groups = [[] for _ in told]
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
            KeyError, ValueError: If the samples cannot be told apart.
        """
        marks, labels, groups = zip(*results) if results else ((), (), ())
        every = [entry for group in groups for entry in group]
        if getattr(self.metric, 'format_only', False):
            return self.metric.compute_metrics(every)
        if groups and not every:
            print_log(
                f'{self.name} keeps nothing in its results, so that it '
                'cannot be run on a part of the samples, and there are no '
                'figures of strata; let its process() append an entry a '
                'sample to self.results', 'current', logging.WARNING)
            return self.metric.compute_metrics(every)
        info_file = InfoFile(self._info_file) if self._info_file else None
        ids = ids_of(marks, info_file, self._id, self.parts.known)
        labels = self._names(marks, labels, info_file)
        on_part = on_part_of(self.metric, self._config, self._annotations)
        found: dict[str, float] = {}
        shown = []
        for split in self.parts.of(ids, labels) if ids else ():
            here = {name: self._on(name, rows, groups, ids, on_part)
                    for name, rows in split.parts.items()}
            add_gap(here)
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
                found.update(counts(name, rows, labels, stock))
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
        # whatever it is, of a part alone: the figures on all samples,
        # perhaps of a training of days, do not depend on it
        except Exception as e:
            print_log(
                f'{name} is left out: {self.name} cannot be run on its '
                f'{counted(len(rows), "sample")} alone '
                f'({type(e).__name__}: {error_line(e)}); its figures on all '
                'samples stay', 'current', logging.WARNING)
            return {}
        nothing = nothing_of(self.metric)
        return {key: float(value) for key, value in (figures or {}).items()
                if is_figure(value) and value != nothing}
