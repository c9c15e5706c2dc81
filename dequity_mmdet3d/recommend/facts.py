"""What the rules ask of a data set.

Shape letters: N samples, C classes, M objects.
"""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dequity_mmdet3d.strata import RARE, STRATA, strata_of

from .recipes import Recipe, judged_classes, recipes_for
from .rules import HOLDS, RARE_PART, SCARCE, TOGETHER
from .trust import Trust


@dataclass(frozen=True)
class Objects:
    """Objects that were looked at, of samples that have a likelihood.

    Args:
        table (str): The likelihood table of samples by their objects.
        by_objects (np.ndarray): (N,) its likelihoods.
        sample (np.ndarray): (M,) int64 in [0, N), whose each is.
        class_name (np.ndarray): (M,) str.
        likelihood (np.ndarray): (M,) floats in (0, 1].
    """
    table: str
    by_objects: np.ndarray
    sample: np.ndarray
    class_name: np.ndarray
    likelihood: np.ndarray


@dataclass(frozen=True)
class Facts:
    """Figures of a data set.

    Args:
        likelihood (np.ndarray): (N,) floats in (0, 1], of looks.
        trust (Trust): In them.
        recipes (dict[str, Recipe]): That are possible, see
            :func:`.recipes_for`.
        rare (np.ndarray): (N,) bool, the rare third; equal likelihoods stay
            together, so that it may be less or more, or none.
        counts (np.ndarray): (N, C) int64 objects by class.
        classes (tuple[str, ...]): (C,) names; none where objects are not
            known.
        objects (Objects, optional): By how common they look themselves.
        keep_order (bool): Whether samples are to come as they would.
    """
    likelihood: np.ndarray
    trust: Trust
    recipes: dict[str, Recipe]
    rare: np.ndarray
    counts: np.ndarray
    classes: tuple[str, ...] = ()
    objects: Objects | None = None
    keep_order: bool = False

    @property
    def look(self) -> bool:
        """bool: Whether draws by look are to be trusted, and change some."""
        return self.trust.tenable and 'sampling' in self.recipes

    @property
    def judged(self) -> np.ndarray:
        """np.ndarray: (C,) bool, classes with enough objects."""
        return judged_classes(self.counts)

    @property
    def has_classes(self) -> bool:
        """bool: Whether there are classes to balance, two at least."""
        return int(self.judged.sum()) > 1

    @property
    def scarcest(self) -> int | None:
        """int, optional: Class with the fewest objects that is judged."""
        if not self.has_classes:
            return None
        objects = self.counts.sum(0)
        return int(np.where(self.judged, objects, objects.max() + 1).argmin())

    @property
    def held(self) -> np.ndarray:
        """np.ndarray: (C,) float64, share of each class in rare looks."""
        objects = np.maximum(self.counts.sum(0), 1)
        return self.counts[self.rare].sum(0) / objects

    @property
    def looks_hold(self) -> bool:
        """bool: Whether rare looks hold the scarcest class."""
        scarcest = self.scarcest
        return scarcest is not None and bool(self.rare.any()) and bool(
            self.held[scarcest] >= HOLDS * self.rare.mean())

    @property
    def scarce(self) -> list[int]:
        """list[int]: Classes that balancing by classes looks at more often,
        the most first.
        """
        if 'irfs' not in self.recipes or not self.has_classes:
            return []
        looks = np.where(self.judged, self.recipes['irfs'].draws.looks, 0)
        return [int(c) for c in np.argsort(-looks, kind='stable')
                if looks[c] >= SCARCE]

    @property
    def left_behind(self) -> list[int]:
        """list[int]: Scarce classes that draws by look would see less."""
        if 'sampling' not in self.recipes:
            return []
        looks = self.recipes['sampling'].draws.looks
        return [c for c in self.scarce if looks[c] < 1]

    @property
    def rare_objects(self) -> tuple[float, float] | None:
        """tuple[float, float], optional: Which part of the rare objects, and
        of all that were looked at, stands in rare looks. None where no
        object is rare.
        """
        if self.objects is None:
            return None
        rare = np.zeros(len(self.objects.likelihood), dtype=bool)
        for name in np.unique(self.objects.class_name):
            own = np.flatnonzero(self.objects.class_name == name)
            rare[own] = _rare_part(self.objects.likelihood[own])
        if not rare.any():
            return None
        there = self.rare[self.objects.sample]
        return float(there[rare].mean()), float(there.mean())

    @property
    def objects_apart(self) -> bool:
        """bool: Whether rare objects stand in common looks."""
        found = self.rare_objects
        return found is not None and found[0] < TOGETHER * found[1]


def facts_of(likelihood: np.ndarray, trust: Trust,
             classes: Sequence[str] = (), counts: np.ndarray | None = None,
             objects: Objects | None = None,
             keep_order: bool = False) -> Facts:
    """Look at a data set.

    Args:
        likelihood, trust, classes, objects, keep_order: See :class:`Facts`.
        counts (np.ndarray, optional): (N, C) int64; None where objects are
            not known.

    Returns:
        Facts: With its recipes.
    """
    if counts is None:
        counts = np.zeros((len(likelihood), 0), dtype=np.int64)
    return Facts(
        likelihood, trust, recipes_for(
            likelihood, counts, None if objects is None else
            objects.by_objects),
        _rare_part(likelihood), counts, tuple(classes), objects, keep_order)


def _rare_part(likelihood: np.ndarray) -> np.ndarray:
    """(N,) bool: the rare third."""
    bounds = (RARE_PART, 2 * RARE_PART)
    return strata_of(likelihood, bounds) == STRATA.index(RARE)
