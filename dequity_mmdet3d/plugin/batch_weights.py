"""The weights of the samples of a batch, now and over training.

Shape letters: B samples of a batch, N samples of an epoch.
"""
from __future__ import annotations

from typing import Any

import numpy as np

from dequity_mmdet3d.weight import (
    check_eta_gamma,
    check_normalize,
    mean_weight,
    weights_given_mean,
)

from ..weighting.draw import remaining_weights
from ..weighting.schedule import Schedule
from .equity_pipeline import LIKELIHOOD_KEY, WEIGHT_KEY


class BatchWeighting:
    """From the meta information of samples to their weights.

    Without arguments these are the data set's own. Otherwise they are made
    anew from the samples' likelihoods, after :meth:`fit`; see
    :class:`.loss.DequityLoss` for the arguments.

    Attributes:
        current (dict, optional): 'eta' and 'gamma' of now, where they are
            not the data set's.
    """

    def __init__(self, eta: float | None = None, gamma: float | None = None,
                 normalize: str | None = None, schedule: dict | None = None):
        self.own = not (eta is None and gamma is None and schedule is None)
        if normalize is not None and not self.own:
            raise ValueError(
                f'normalize={normalize!r} of DequityLoss needs its eta, '
                'gamma or schedule; to normalize the weights of the data '
                'set, set normalize of DequityDataset')
        check_eta_gamma(1 if eta is None else eta,
                        5 if gamma is None else gamma, ' of DequityLoss')
        check_normalize(normalize, ' of DequityLoss')
        self.normalize = normalize
        keys = ('eta', 'gamma', 'by')
        if schedule is not None and not (isinstance(schedule, dict)
                                         and set(schedule) <= {*keys}):
            raise ValueError(f'schedule of DequityLoss must be a dict of '
                             f'{", ".join(keys)}, such as '
                             'dict(gamma=[(0, 0), (10, 5)]), but got '
                             f'{schedule!r}')
        self.schedule = None if schedule is None else Schedule(**schedule)
        self.current: dict | None = None
        self._given = {
            name: value
            for name, value in (('eta', eta), ('gamma', gamma))
            if value is not None
        }
        # of the training set, see fit
        self._constant: Any = None
        self._epoch: Any = None
        self._mean: Any = None
        self._drawn: tuple | None = None

    def leave(self, power: float, mean_drawn: float) -> None:
        """Leave out what samples are drawn by already; after :meth:`fit`.

        Args:
            power (float): In (0, 1): samples are drawn by w ** power.
            mean_drawn (float): Mean of that over an epoch, see
                :func:`.remaining_weights`.

        Raises:
            ValueError: If the weights are not those of the data set, which
                samples are drawn by.
        """
        if self.own:
            raise ValueError(
                'DequityLoss has its own eta, gamma or schedule, but '
                f'DequitySampler(power={power}) draws by the weights of '
                'DequityDataset and leaves it the rest of them; remove one '
                'of the two')
        self._drawn = power, mean_drawn

    @property
    def lacks(self) -> bool:
        """bool: Whether eta or gamma of the data set are needed."""
        always = self.schedule.points if self.schedule else ()
        return self.own and not {'eta', 'gamma'} <= {*self._given, *always}

    def fit(self, likelihood: np.ndarray, eta: float = 1.0,
            gamma: float = 5.0) -> None:
        """Learn the training set, whose mean weight counts.

        Args:
            likelihood (np.ndarray): (N,) likelihoods of one epoch, NaN for
                samples without one.
            eta (float): Of the data set, where no other was given.
            gamma (float): Likewise.

        Raises:
            ValueError: If weights cannot be made from them at some time.
        """
        self._drawn = None
        if not self.own:
            return
        self._constant = dict(dict(eta=eta, gamma=gamma), **self._given)
        # each value once: a mean costs nothing where clusters are counted,
        # and under 0.1 ms a thousand samples where likelihoods are continuous
        self._epoch = np.unique(likelihood, return_counts=True)
        self.current = None
        for time in self.schedule.times if self.schedule else ():
            self.set_time(time)
        self.set_time(0)

    def set_time(self, time: float) -> None:
        """Move along the schedule.

        Args:
            time (float): Epochs or iterations, in the schedule's unit.
        """
        if not self.own:
            return
        now = dict(self._constant)
        if self.schedule is not None:
            now.update(self.schedule.at(time))
        if now != self.current:
            values, counts = self._epoch
            self._mean = mean_weight(
                values, **now, normalize=self.normalize, counts=counts)
            self.current = now

    def __call__(self, batch_input_metas: list[dict]) -> list[float]:
        """Weights of a batch.

        Args:
            batch_input_metas (list[dict]): Meta information of B samples.

        Returns:
            list[float]: B weights, not on the device.

        Raises:
            ValueError: If a sample carries no weight.
        """
        key = LIKELIHOOD_KEY if self.own else WEIGHT_KEY
        values: list = [meta.get(key) for meta in batch_input_metas]
        if None in values:
            raise ValueError(
                f'{values.count(None)} of {len(values)} samples of the batch '
                f'carry no {key}; wrap train_dataloader.dataset in '
                'DequityDataset')
        if not self.own:
            return values if self._drawn is None else remaining_weights(
                np.array(values), *self._drawn).tolist()
        if self.current is None:
            raise ValueError('DequityLoss with its own eta, gamma or schedule '
                             'must be fitted to the training set: call fit() '
                             'first')
        return weights_given_mean(
            np.array(values, dtype=np.float64), self._mean, **self.current,
            normalize=self.normalize).tolist()
