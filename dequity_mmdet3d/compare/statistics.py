"""What several seeds say of an arm, and of its difference to the baseline.

Shape letters: S seeds.
"""
import numpy as np
from scipy import stats

RESAMPLES = 20000


def summarize(values, baseline=None, level=0.95):
    """Mean and spread of an arm; with a baseline, the paired difference.

    Args:
        values (Sequence[float]): (S,) figures of the arm, NaN for a seed
            that is missing.
        baseline (Sequence[float], optional): (S,) of the same seeds.
        level (float): Confidence level of the interval.

    Returns:
        dict[str, float]: 'seeds' with a figure, 'mean', 'sd' (of single
        runs, NaN for fewer than two), and with a baseline 'pairs',
        'difference' (mean over the seeds that both have), 'low', 'high'.
    """
    values = np.asarray(values, dtype=np.float64)
    there = values[np.isfinite(values)]
    found = dict(
        seeds=len(there),
        mean=float(there.mean()) if len(there) else np.nan,
        sd=float(there.std(ddof=1)) if len(there) > 1 else np.nan)
    if baseline is not None:
        differences = values - np.asarray(baseline, dtype=np.float64)
        differences = differences[np.isfinite(differences)]
        low, high = paired_interval(differences, level)
        found.update(
            pairs=len(differences),
            difference=(float(differences.mean())
                        if len(differences) else np.nan),
            low=low,
            high=high)
    return found


def paired_interval(differences, level=0.95):
    """Bootstrap interval of the mean difference, corrected for few seeds.

    The percentile bootstrap of a mean of few values is too narrow: it
    replaces Student's t by the normal distribution, and divides by n where
    n - 1 is right. Both are mended by taking it at the level at which a
    normal interval would have the length of Student's (the expanded
    percentile interval of Hesterberg, "What Teachers Should Know About the
    Bootstrap", The American Statistician 69, 2015).

    Args:
        differences (np.ndarray): (S,) arm less baseline by seed.
        level (float): Confidence level.

    Returns:
        tuple[float, float]: Low and high end; NaN for fewer than three
        seeds, of which no interval can be told.
    """
    n = len(differences)
    if n < 3:
        return np.nan, np.nan
    if np.ptp(differences) == 0:  # scipy has no interval for a constant
        return float(differences[0]), float(differences[0])
    t = stats.t.ppf((1 + level) / 2, n - 1) * np.sqrt(n / (n - 1))
    interval = stats.bootstrap(
        (np.asarray(differences), ),
        np.mean,
        vectorized=True,
        n_resamples=RESAMPLES,
        confidence_level=1 - 2 * stats.norm.sf(t),
        method='percentile',
        random_state=np.random.default_rng(0)).confidence_interval
    return float(interval.low), float(interval.high)


def detectable(sd, seeds, level=0.95, power=0.8):
    """Smallest true difference that so many seeds would likely show.

    Args:
        sd (float): Standard deviation of the paired differences.
        seeds (int): Number of pairs, >= 2.
        level (float): Confidence level of the interval.
        power (float): Probability that the interval excludes zero.

    Returns:
        float: In the unit of ``sd``, by Student's t.
    """
    return float((stats.t.ppf((1 + level) / 2, seeds - 1) +
                  stats.t.ppf(power, seeds - 1)) * sd / np.sqrt(seeds))
