"""The settings of the weights of a training set, and what they make.

A weight is the product of two numbers: how rare the sample looks, from its
likelihood, and how rare the classes are that it holds. Either may be left
out.

Shape letters: N samples, M samples of an epoch.
"""
from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from .class_content import check_content
from .weight import (
    check_eta_gamma,
    check_normalize,
    count_weight,
    dequity_weight,
    sample_weights,
)
from .weight_choices import FORMS, REPEATS


@dataclass(frozen=True)
class WeightSettings:
    """How weights are made.

    Args:
        eta (float): Floor of the weight, >= 0; of the form 'equity'.
        gamma (float): Focus on rare samples, >= 0; likewise.
        normalize (str, optional): 'mean' divides the weights by their mean
            over an epoch.
        form (str, optional): What a likelihood p becomes: 'equity' for
            :func:`.dequity_weight`; 'effective', 'inverse',
            'sqrt-inverse' for :func:`.count_weight` of how many samples
            look alike; 'none' where the look does not count. None is
            'equity' with a likelihood table and 'none' without.
        content (str, optional): What the classes of a sample give, see
            :func:`.sample_factors`. None where they do not count.
        t (float): In (0, 1], of the contents 'rfs' and 'irfs'. The 0.3 is
            for a few classes; LVIS, of 1,203, has 0.001.
        beta (float): In [0, 1), of the form and the content 'effective'.
    """
    eta: float = 1.0
    gamma: float = 5.0
    normalize: str | None = None
    form: str | None = None
    content: str | None = None
    t: float = 0.3
    beta: float = 0.999

    def check(self, of: str = '') -> None:
        """Raise ValueError for a value that is out of range.

        Args:
            of (str): Whose they are, for the message: ' of arm X'.
        """
        check_eta_gamma(self.eta, self.gamma, of)
        check_normalize(self.normalize, of)
        if self.form is not None and self.form not in FORMS:
            raise ValueError(f'form{of} must be one of {", ".join(FORMS)}, '
                             f'but got {self.form!r}')
        check_content('rfs' if self.content is None else self.content,
                      self.t, self.beta, of)

    def check_table(self, table: object, of: str = '') -> None:
        """Raise ValueError unless there is something to make weights from.

        Args:
            table (object): The likelihood table, or None.
            of (str): See :meth:`check`.
        """
        if table is None and self.form not in (None, 'none'):
            raise ValueError(f'form={self.form!r}{of} needs a likelihood '
                             'table; give one (dequity likelihoods), or '
                             "form='none'")
        if self.content is None and (table is None or self.form == 'none'):
            raise ValueError(f'weights{of} are made from a likelihood table '
                             "or from classes; give table=FILE, content='rfs' "
                             'or both')

    def check_used(self, names: Iterable[str], of: str = '',
                   table: object = True) -> None:
        """Raise ValueError for a number that nothing uses.

        Args:
            names (Iterable[str]): Of the settings that were given.
            of (str): See :meth:`check`.
            table (object): The likelihood table, or None.
        """
        form = self.form_with(table)
        uses = {
            'eta': form == 'equity', 'gamma': form == 'equity',
            't': self.content in REPEATS,
            'beta': 'effective' in (form, self.content)}
        needs = {'eta': "form='equity'", 'gamma': "form='equity'",
                 't': "content='rfs' or 'irfs'",
                 'beta': "form or content='effective'"}
        for name in names:
            if not uses.get(name, True):
                raise ValueError(
                    f'{name}{of} belongs to {needs[name]}, but the form is '
                    f'{form!r} and the content {self.content!r}; leave it '
                    'out')

    def form_with(self, table: object) -> str:
        """str: The form, where ``table`` is the table or None."""
        return self.form or ('none' if table is None else 'equity')

    @property
    def is_plain(self) -> bool:
        """bool: Whether the weight is that of the likelihood alone, by eta
        and gamma, which a loss may then set anew.
        """
        return self.form in (None, 'equity') and self.content is None

    def look(self, likelihood: np.ndarray, alike: float | None
             ) -> np.ndarray:
        """What the likelihoods give.

        Args:
            likelihood (np.ndarray): (N,) in (0, 1], NaN for none.
            alike (float, optional): How many samples look alike where
                p = 1, see :func:`alike_of`; None without a table.

        Returns:
            np.ndarray: (N,) float64 >= 0, NaN stays NaN; 1 for 'none'.
        """
        form = self.form_with(alike)
        if form == 'equity':
            return dequity_weight(likelihood, self.eta, self.gamma)
        if form == 'none':
            return np.ones(len(likelihood))
        # a sample looks like itself at least; NaN passes
        return count_weight(np.maximum(likelihood * alike, 1), form,
                            self.beta)

    def weights(self, likelihood: np.ndarray, epoch: np.ndarray,
                alike: float | None = None,
                factor: np.ndarray | None = None,
                epoch_factor: np.ndarray | None = None) -> np.ndarray:
        """Weights of samples.

        Args:
            likelihood (np.ndarray): (N,) in (0, 1]; one without (NaN) looks
                as rare as the mean of the epoch.
            epoch (np.ndarray): (M,) likelihoods of one epoch.
            alike (float, optional): See :meth:`look`.
            factor (np.ndarray, optional): (N,) :func:`.sample_factors`.
            epoch_factor (np.ndarray, optional): (M,) likewise, with it.

        Returns:
            np.ndarray: (N,) float64 >= 0; above 1 by repeat factors or
            ``normalize``.

        Raises:
            ValueError: If no mean exists that is needed.
        """
        if factor is None and self.form_with(alike) == 'equity':
            return sample_weights(likelihood, self.eta, self.gamma,
                                  self.normalize, epoch)
        look = self.look(epoch, alike)
        mean = np.nanmean(look)
        weight = self._product(likelihood, alike, mean, factor)
        if not self.normalize:
            return weight
        mean = self._product(epoch, alike, mean, epoch_factor).mean()
        if mean == 0:
            raise ValueError("normalize='mean' needs a mean weight above 0, "
                             'but every weight is 0; raise eta')
        return weight / mean

    def _product(self, likelihood: np.ndarray, alike: float | None,
                 mean: float, factor: np.ndarray | None) -> np.ndarray:
        look = self.look(likelihood, alike)
        look = np.where(np.isnan(look), mean, look)
        return look if factor is None else look * factor

    def text(self, table: object) -> str:
        """str: What the start-up line says of them."""
        form = self.form_with(table)
        parts = []
        if form == 'equity':
            parts += [f'eta {self.eta}, gamma {self.gamma}']
        elif form != 'none':
            parts += [f'look {form}']
        if self.content:
            parts += [f'classes {self.content}']
        if self.content in REPEATS:
            parts += [f't {self.t}']
        if 'effective' in (form, self.content):
            parts += [f'beta {self.beta}']
        return ', '.join([*parts, f'normalize {self.normalize}'])


def alike_of(likelihood: np.ndarray, cluster_size: np.ndarray) -> float:
    """How many samples of a table look alike where the likelihood is 1.

    The most common sample looks like as many as the largest cluster has, so
    that a relative likelihood is multiplied by the largest count.

    Args:
        likelihood (np.ndarray): (N,) of a table.
        cluster_size (np.ndarray): (N,) of it.

    Returns:
        float: Above 1.

    Raises:
        ValueError: If no two samples are in one cluster: nothing is counted.
    """
    largest = int(cluster_size.max())
    if largest < 2:
        raise ValueError(
            'the table has no cluster of two or more samples, so it does not '
            "tell how many look alike; take form='equity', or a table of "
            'dequity likelihoods')
    return largest / float(likelihood.max())
