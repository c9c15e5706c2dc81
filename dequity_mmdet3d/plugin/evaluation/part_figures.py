"""Figures of a metric on parts of the samples, and what stands beside them."""
from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from dequity_mmdet3d.figures import (
    FRAMES,
    GAP,
    OBJECTS,
    Figure,
    beside,
    parse,
)
from dequity_mmdet3d.strata import COMMON, RARE


def is_figure(value: Any) -> bool:
    """Whether a metric's value is a finite number."""
    return (isinstance(value, (int, float, np.number))
            and bool(np.isfinite(value)))


def add_gap(here: dict[str, dict[str, float]]) -> None:
    """Rare less common, where the strata are those of likelihood."""
    for stratum in list(here):
        common = beside(stratum, COMMON)
        if stratum == beside(stratum, RARE) and common in here:
            here[beside(stratum, GAP)] = {
                key: value - here[common][key] for key, value in
                here[stratum].items() if key in here[common]}


def counts(stratum: str, rows: np.ndarray, labels: Sequence[list] | None,
           stock: dict) -> Iterator[tuple[str, float]]:
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
