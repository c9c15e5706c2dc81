"""``DequitySampler``: rare samples are drawn more often.

Shape letters: N items of the data set, n draws of an epoch.
"""
from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from mmdet3d.registry import DATA_SAMPLERS
from mmengine.dataset import DefaultSampler
from mmengine.logging import print_log

from ..weighting.draw import check_power, expected_counts, systematic_draw
from .registration import register
from .walk import base_datasets, by_index, epoch_weights


def sampler_of(loader: Any) -> Any:
    """The sampler of a data loader, also below a batch sampler of its own.

    torch's loader shows another there (MMDetection's
    AspectRatioBatchSampler).
    """
    return getattr(loader.batch_sampler, 'sampler', loader.sampler)


def draws_by_weights(sampler: Any) -> bool:
    """Whether a sampler draws by the whole weights of DequityDataset.

    Args:
        sampler (Sampler): A :class:`DequitySampler`, unless its ``power``
            leaves a part of the weights to the losses; or another with
            ``dataset`` and (N,) ``weights``, which tells by their values:
            one that took ``frame_weights`` of :class:`.DequityDataset`.
    """
    if isinstance(sampler, DequitySampler):
        return sampler.power == 1
    weights = getattr(sampler, 'weights', None)
    if weights is None or not hasattr(sampler, 'dataset'):
        return False
    weights = np.asarray(weights, dtype=float)
    ours = epoch_weights(sampler.dataset)
    # equal ones are those of any sampler
    return (weights.shape == ours.shape and bool(np.ptp(ours) > 0)
            and bool(np.allclose(weights, ours)))


def own_frame_weights(dataset: Any) -> np.ndarray | None:
    """Weights to draw samples by that data sets bring themselves.

    Args:
        dataset (Dataset): A data set, or wrappers of the host over some.

    Returns:
        np.ndarray: (N,) float64 by index, from the ``frame_weights`` below;
        None where none has any.

    Raises:
        ValueError: If some have and some have not.
    """
    own = [hasattr(base, 'frame_weights') for base in base_datasets(dataset)]
    if not any(own):
        return None
    if not all(own):
        raise ValueError(
            f'{own.count(False)} of {len(own)} data sets have no '
            'frame_weights of their own and the others do; give all of '
            'them some, or draw samples with DequitySampler')

    def weights_of(dataset):
        weights = getattr(dataset, 'frame_weights', None)
        return None if weights is None else np.asarray(weights, dtype=float)

    return by_index(dataset, weights_of)


@register(DATA_SAMPLERS)
class DequitySampler(DefaultSampler):
    """Draws each sample as often as its weight says, n w_i / sum(w) times.

    The other way to use a likelihood table: in place of weighting the loss
    of a rare sample, show it more often. An epoch has n = len(dataset)
    draws, as with ``DefaultSampler``, and sample i, of weight w_i
    (``DequityDataset.weight``), is drawn e_i = n w_i / sum(w) times on
    average. On a weighted config it takes one line; the config's
    ``DequityHook`` then leaves the losses alone, since rare samples would
    count twice::

        train_dataloader = dict(sampler=dict(type='DequitySampler'))

    The draw is systematic (:func:`.systematic_draw`): a sample appears
    floor(e_i) or ceil(e_i) times in each epoch, so that its count varies by
    at most 1/4 (variance) where n independent draws would vary by about
    e_i. With equal weights it is a plain shuffle; independent draws would
    leave out 37 % of the samples in each epoch.

    The draw of epoch k is a function of the seed and k alone. A resumed
    training goes on with the draws of an undisturbed one (if the config has
    ``randomness=dict(seed=...)``; mmengine draws another seed otherwise,
    for ``DefaultSampler`` too), and so does ``IterBasedTrainLoop``, whose
    passes over the data are the epochs. Each of several processes takes
    every world_size-th index of one common draw.

    With ``power`` a below 1 a part of the weight is drawn and the rest is
    left to the losses: sample i is drawn e_i = n w_i^a / sum_j w_j^a times
    and ``DequityHook`` multiplies its loss by w_i / e_i, so that the
    expected gradient is that of the whole weights whatever a is, and only
    its variance changes (importance sampling). At 1 the losses stay as they
    are, which is the same up to a common factor.

    Args:
        dataset (Dataset): A :class:`.DequityDataset`, or wrappers of the
            host (RepeatDataset, ConcatDataset, CBGSDataset,
            ClassBalancedDataset) over such.
        shuffle (bool): Only True: draws are random. It is an argument since
            configs that were written for ``DefaultSampler`` give it.
            Defaults to True.
        seed (int, optional): Seed >= 0, equal in all processes. None
            draws one for all. Defaults to None.
        round_up (bool): Whether the first draws are repeated at the end, so
            that each process gets as many. Defaults to True.
        power (float): Exponent a of the weights to draw by, in (0, 1].
            Defaults to 1.

    Attributes:
        weights (np.ndarray): (N,) float64 that samples are drawn by.

    Raises:
        ValueError: If shuffle is False, power is out of range, a part of
            the data set has no weights, or the weights cannot be drawn
            from.
    """

    def __init__(self, dataset: Any, shuffle: bool = True,
                 seed: int | None = None, round_up: bool = True,
                 power: float = 1.0):
        if not shuffle:
            raise ValueError(
                f'DequitySampler draws at random, but got shuffle={shuffle!r}'
                '; leave shuffle out, or use DefaultSampler')
        check_power(power, ' of DequitySampler')
        super().__init__(dataset, shuffle, seed, round_up)
        self.power = power
        self.weights = epoch_weights(dataset)**power
        self._log(expected_counts(self.weights, len(dataset)))

    def _log(self, expected):
        # below 1, the expected count is the probability to be drawn at all
        print_log(
            f'DequitySampler: {len(expected)} draws an epoch, of about '
            f'{np.minimum(expected, 1).sum():.0f} distinct items; expected '
            f'count of an item {expected.min():.4f} to {expected.max():.4f}',
            'current')

    def __iter__(self) -> Iterator[int]:
        """Indices of this process in the current epoch."""
        rng = np.random.default_rng((self.seed, self.epoch))
        draw = systematic_draw(self.weights, len(self.weights), rng)
        # np.resize repeats from the start
        draw = np.resize(draw, self.total_size)
        return iter(draw[self.rank::self.world_size].tolist())
