"""How often each sample is drawn, and which ones an epoch draws.

Shape letters: N samples, n draws of an epoch.
"""
import numpy as np

# Expected counts this close below a whole number are that number: equal
# weights must give each item once, whatever their sum is rounded to.
SNAP = 1e-9


def expected_counts(weights: np.ndarray, n: int) -> np.ndarray:
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
            'DequityDataset (with eta=0 a sample of likelihood 1 has weight '
            '0), and check that the data set is not empty')
    weights = weights / weights.max()  # their sum neither over- nor underflows
    return n * weights / weights.sum()


def check_power(power: float, of: str = '') -> None:
    """Raise ValueError unless weights can be drawn by to this power.

    Args:
        power (float): In (0, 1].
        of (str): Whose it is, for the message: ' of DequitySampler'.
    """
    if (isinstance(power, bool) or not isinstance(power, (int, float))
            or not 0 < power <= 1):
        raise ValueError(f'power{of} must be a number above 0, up to 1, but '
                         f'got {power!r}')


def remaining_weights(weights: np.ndarray, power: float,
                      mean_drawn: float) -> np.ndarray:
    """What is left for the losses of samples that are drawn by w^a.

    Importance sampling: sample i is drawn n w_i^a / sum_j w_j^a times, so
    its loss is multiplied by w_i over that count a draw,
    w_i^(1 - a) mean_j(w_j^a), and the expected gradient is that of the
    weights themselves.

    Args:
        weights (np.ndarray): (B,) of some samples, >= 0.
        power (float): The exponent a, in (0, 1].
        mean_drawn (float): Mean of w^a over the samples of an epoch.

    Returns:
        np.ndarray: (B,) float64; all the mean weight for a = 1.
    """
    weights = np.asarray(weights, dtype=np.float64)
    return weights**(1 - power) * mean_drawn


def systematic_draw(weights: np.ndarray, n: int,
                    rng: np.random.Generator) -> np.ndarray:
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
