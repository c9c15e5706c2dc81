"""The recipes, and how strong each may be on a data set.

Shape letters: N samples, C classes.
"""
from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from dequity_mmdet3d.class_content import sample_factors
from dequity_mmdet3d.likelihood.estimation.advice import EVEN
from dequity_mmdet3d.weight import share_of_rarest
from dequity_mmdet3d.weight_settings import WeightSettings

from .draws import Draws, draws_by
from .rules import (
    CAREFUL_ETAS,
    ENOUGH,
    ETAS,
    GAMMA,
    LEAST_EFFECTIVE,
    MOST_LOST,
    TS,
)

# by name: the strategy of `dequity compare --arms`, and its options
RECIPES = {
    'baseline': ('baseline', ()),
    'equity': ('equity', ('eta', 'gamma')),
    'sampling': ('sampling', ('eta', 'gamma')),
    'irfs': ('irfs', ('t', )),
    'irfs+look': ('irfs+look', ('eta', 'gamma', 't')),
    'objects': ('sampling', ('eta', 'gamma')),
}


@dataclass(frozen=True)
class Recipe:
    """What to do with the samples of a training set.

    Args:
        name (str): Of ``RECIPES``.
        settings (WeightSettings): Of the weights; of 'baseline' none of it
            is used.
        draws (Draws): What it makes of an epoch.
    """
    name: str
    settings: WeightSettings
    draws: Draws

    @property
    def drawn(self) -> bool:
        """bool: Whether samples are drawn by weights."""
        return self.name not in ('baseline', 'equity')

    @property
    def numbers(self) -> dict[str, float]:
        """dict[str, float]: Its options."""
        return {name: getattr(self.settings, name)
                for name in RECIPES[self.name][1]}

    @property
    def uses_table(self) -> bool:
        """bool: Whether it needs a likelihood table."""
        return 'eta' in self.numbers

    @property
    def options(self) -> dict:
        """dict: Of ``DequityDataset``."""
        options: dict = dict(self.numbers)
        if self.settings.content is not None:
            options['content'] = self.settings.content
        if self.settings.form is not None:
            options['form'] = self.settings.form
        return options

    def undone(self, own: dict) -> dict:
        """What a config must not keep beside it.

        Args:
            own (dict): Options of its ``DequityDataset``.

        Returns:
            dict: Options of this recipe that say so.
        """
        found: dict = {}
        if own.get('content') and self.settings.content is None:
            found['content'] = None
        if own.get('form') and self.settings.form is None:
            found['form'] = 'equity'
        return found

    def arm(self, table: str | None = None, own: dict | None = None) -> str:
        """As ``dequity compare --arms`` names it.

        Args:
            table (str, optional): Where it is not the config's.
            own (dict, optional): Options of the config.

        Returns:
            str: Such as 'sampling:eta=0.5,gamma=5'.
        """
        options = [f'{k}={v:g}' for k, v in self.numbers.items()]
        if self.numbers:
            options += [f'{k}={v or "none"}'
                        for k, v in self.undone(own or {}).items()]
        if table is not None and self.uses_table:
            options.append(f'table={table}')
        strategy = RECIPES[self.name][0]
        return strategy + ':' * bool(options) + ','.join(options)


def recipes_for(likelihood: np.ndarray, counts: np.ndarray,
                by_objects: np.ndarray | None = None) -> dict[str, Recipe]:
    """Each recipe, as strong as :mod:`.recommend.rules` lets it be.

    Args:
        likelihood (np.ndarray): (N,) floats in (0, 1], of looks.
        counts (np.ndarray): (N, C) int64 objects by class; C is 0 where
            they are not known.
        by_objects (np.ndarray, optional): (N,) floats in (0, 1], likelihoods
            of samples by their objects.

    Returns:
        dict[str, Recipe]: By name. 'baseline' is always there; a recipe that
        no setting keeps within the bounds, or that changes nothing, is not.
    """
    n, known = len(likelihood), counts.shape[1] > 0
    etas = ETAS if known else CAREFUL_ETAS
    found = {'baseline': Recipe('baseline', WeightSettings(gamma=0.0),
                                draws_by(np.ones(n), counts))}

    def add(name: str, p: np.ndarray,
            choices: Iterable[WeightSettings]) -> None:
        recipe = _strongest(name, p, counts, choices)
        if recipe is not None:
            found[name] = recipe

    add('equity', likelihood, _by_eta(CAREFUL_ETAS))
    add('sampling', likelihood, _by_eta(etas))
    if by_objects is not None:
        add('objects', by_objects, _by_eta(etas))
    if known:
        add('irfs', likelihood, (
            WeightSettings(form='none', content='irfs', t=t) for t in TS))
    if 'irfs' in found:
        t = found['irfs'].settings.t
        add('irfs+look', likelihood, (
            WeightSettings(eta, GAMMA, content='irfs', t=t)
            for eta in ETAS))
    return found


def _by_eta(etas: Iterable[float]) -> Iterable[WeightSettings]:
    return (WeightSettings(eta, GAMMA) for eta in etas)


def _strongest(name: str, likelihood: np.ndarray, counts: np.ndarray,
               choices: Iterable[WeightSettings]) -> Recipe | None:
    """The first choice within the bounds, if it makes a difference."""
    for settings in choices:
        weight = _weights(settings, likelihood, counts)
        recipe = Recipe(name, settings, draws_by(
            weight, counts, drawn=name != 'equity'))
        if is_bounded(recipe.draws, counts):
            return recipe if _differs(settings, likelihood, weight) else None
    return None


def is_bounded(draws: Draws, counts: np.ndarray) -> bool:
    """Whether an epoch keeps the bounds of :mod:`.recommend.rules`.

    Args:
        draws (Draws): Of N samples.
        counts (np.ndarray): (N, C), as they were made with. Classes of less
            than ``ENOUGH`` objects are not judged.

    Returns:
        bool: True where no class loses too many looks, and the effective
        number of samples is high enough.
    """
    return (draws.lost(judged_classes(counts)) <= MOST_LOST
            and draws.effective >= LEAST_EFFECTIVE * len(draws.often))


def judged_classes(counts: np.ndarray) -> np.ndarray:
    """(C,) bool: classes of enough objects, of (N, C) counts."""
    return counts.sum(0) >= ENOUGH


def _weights(settings: WeightSettings, likelihood: np.ndarray,
             counts: np.ndarray) -> np.ndarray:
    factor = None
    if settings.content is not None:
        factor = sample_factors(counts, settings.content, settings.t)
    return settings.weights(likelihood, likelihood, 1.0, factor, factor)


def _differs(settings: WeightSettings, likelihood: np.ndarray,
             weight: np.ndarray) -> bool:
    """Whether weights are worth their name."""
    if settings.content is None:
        return share_of_rarest(likelihood, weight) > EVEN
    return bool(np.ptp(weight) > 0)
