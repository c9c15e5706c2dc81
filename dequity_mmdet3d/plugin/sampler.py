"""``DequitySampler``: rare samples are drawn more often.

Shape letters: N items of the data set, n draws of an epoch.
"""
import numpy as np
from mmengine.dataset import DefaultSampler
from mmengine.logging import print_log

from mmdet3d.registry import DATA_SAMPLERS
from .walk import epoch_weights

# Expected counts this close below a whole number are that number: equal
# weights must give each item once, whatever their sum is rounded to.
SNAP = 1e-9


def expected_counts(weights, n):
    """How often each item is drawn on average: n w_i / sum(w).

    Args:
        weights (np.ndarray): (N,) finite floats >= 0, not all 0; only their
            ratios count.
        n (int): Number of draws, >= 0.

    Returns:
        np.ndarray: (N,) float64 of sum n.

    Raises:
        ValueError: For weights that are no probabilities up to a factor.
    """
    weights = np.asarray(weights, dtype=np.float64)
    if weights.ndim != 1:
        raise ValueError('weights must be one a sample, of shape (N,), but '
                         f'have shape {weights.shape}; take '
                         'DequityDataset.weight')
    for bad, what in ((~np.isfinite(weights), 'not finite'),
                      (weights < 0, 'negative')):
        if bad.any():
            first = np.flatnonzero(bad)[0]
            raise ValueError(
                f'weights must be finite and >= 0, but {bad.sum()} of '
                f'{len(weights)} are {what}, first weights[{first}] = '
                f'{weights[first]}; check eta, gamma and the likelihood '
                'table of DequityDataset')
    if not weights.any():
        raise ValueError(
            'at least one weight must be above 0, but all '
            f'{len(weights)} are 0, so no sample can be drawn; raise eta of '
            'DequityDataset (with eta=0 a sample of likelihood 1 weighs 0), '
            'and check that the data set is not empty')
    weights = weights / weights.max()  # their sum neither over- nor underflows
    return n * weights / weights.sum()


def systematic_draw(weights, n, rng):
    """Draw n indices with probability proportional to their weights.

    Systematic resampling: of the expected count e_i = n w_i / sum(w),

    1. floor(e_i) copies of item i are drawn for sure;
    2. the remainders e_i - floor(e_i), in random order, are laid end to end
       on a line, and the points u, u + 1, u + 2, ... with one uniform
       offset u in [0, 1) draw the items they fall on. A remainder is shorter
       than 1, so that an item is hit at most once, with a probability
       equal to its remainder;
    3. all draws are shuffled.

    So item i appears floor(e_i) or ceil(e_i) times, e_i on average.

    Args:
        weights (np.ndarray): (N,) floats >= 0; only their ratios count.
        n (int): Number of draws, >= 0.
        rng (np.random.Generator): Source of the two orders and the offset.

    Returns:
        np.ndarray: (n,) int64 indices in [0, N).

    Raises:
        ValueError: As :func:`expected_counts`.
    """
    expected = expected_counts(weights, n)
    count = np.floor(expected + SNAP).astype(np.int64)
    left = n - count.sum()
    order = rng.permutation(len(count))
    offset = rng.random()
    if left > 0:
        remainder = np.maximum(expected - count, 0)[order]
        end = np.cumsum(remainder)
        end = end / end[-1] * left
        # points below the end of each remainder; the last point lies below
        # the end of the line, however its sum is rounded
        passed = np.where(end == left, left, np.ceil(end - offset))
        count[order] += np.diff(passed, prepend=0).astype(np.int64)
    return rng.permutation(np.repeat(np.arange(len(count)), count))


@DATA_SAMPLERS.register_module()
class DequitySampler(DefaultSampler):
    """Draws each sample as often as its weight says, n w_i / sum(w) times.

    The other way to use a likelihood table: in place of weighing the loss
    of a rare sample, show it more often. An epoch has n = len(dataset)
    draws, as with ``DefaultSampler``, and sample i, of weight w_i
    (``DequityDataset.weight``), is drawn e_i = n w_i / sum(w) times on
    average. On a config that weighs it takes one line; the config's
    ``DequityHook`` then leaves the losses alone, since rare samples would
    count twice::

        train_dataloader = dict(sampler=dict(type='DequitySampler'))

    The draw is systematic (:func:`systematic_draw`): a sample appears
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

    Args:
        dataset (Dataset): A :class:`DequityDataset`, or wrappers of the
            host (RepeatDataset, ConcatDataset, CBGSDataset,
            ClassBalancedDataset) over such.
        shuffle (bool): Only True: draws are random. It is an argument since
            configs that were written for ``DefaultSampler`` give it.
            Defaults to True.
        seed (int, optional): Seed >= 0, equal in all processes. None
            draws one for all. Defaults to None.
        round_up (bool): Whether the first draws are repeated at the end, so
            that each process gets as many. Defaults to True.

    Raises:
        ValueError: If shuffle is False, a part of the data set has no
            weights, or the weights cannot be drawn from.
    """

    def __init__(self, dataset, shuffle=True, seed=None, round_up=True):
        if not shuffle:
            raise ValueError(
                f'DequitySampler draws at random, but got shuffle={shuffle!r}'
                '; leave shuffle out, or use DefaultSampler')
        super().__init__(dataset, shuffle, seed, round_up)
        self.weights = epoch_weights(dataset)
        self._log(expected_counts(self.weights, len(dataset)))

    def _log(self, expected):
        # below 1, the expected count is the probability to be drawn at all
        print_log(
            f'DequitySampler: {len(expected)} draws an epoch, of about '
            f'{np.minimum(expected, 1).sum():.0f} distinct items; expected '
            f'count of an item {expected.min():.4f} to {expected.max():.4f}',
            'current')

    def __iter__(self):
        """Indices of this process in the current epoch."""
        rng = np.random.default_rng((self.seed, self.epoch))
        draw = systematic_draw(self.weights, len(self.weights), rng)
        # np.resize repeats from the start
        draw = np.resize(draw, self.total_size)
        return iter(draw[self.rank::self.world_size].tolist())
