"""What several seeds say of an arm, and of its difference to the baseline.

Shape letters: S seeds.
"""
import numpy as np

MIN_PAIRS = 3  # of an interval: two have no spread to speak of


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
    r"""Student's t interval of the mean difference.

    mean(d) ± t sd(d) / sqrt(S), with t the (1 + level) / 2 quantile of
    Student's distribution of S - 1 degrees of freedom (Student, "The
    Probable Error of a Mean", Biometrika 6, 1908). For normal differences it
    holds the truth in just ``level`` of all cases, however few seeds.

    Args:
        differences (np.ndarray): (S,) arm less baseline by seed.
        level (float): Confidence level.

    Returns:
        tuple[float, float]: Low and high end; NaN for fewer than
        ``MIN_PAIRS`` seeds, of which no interval is told.

    Raises:
        ImportError: If scipy is not there.
    """
    n = len(differences)
    if n < MIN_PAIRS:
        return np.nan, np.nan
    if np.ptp(differences) == 0:  # scipy has no interval for a constant
        return float(differences[0]), float(differences[0])
    stats = _scipy_stats()
    low, high = stats.t.interval(
        level, n - 1, loc=np.mean(differences), scale=stats.sem(differences))
    return float(low), float(high)


def t_factor(level, pairs):
    """How many standard errors an interval reaches to either side.

    Args:
        level (float): Confidence level.
        pairs (int): Number of pairs, >= 2.

    Returns:
        float: The (1 + level) / 2 quantile of Student's distribution.
    """
    return float(_scipy_stats().t.ppf((1 + level) / 2, pairs - 1))


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
    stats = _scipy_stats()
    return float((stats.t.ppf((1 + level) / 2, seeds - 1) +
                  stats.t.ppf(power, seeds - 1)) * sd / np.sqrt(seeds))


def _scipy_stats():
    try:
        from scipy import stats
    except ImportError as e:
        raise ImportError(f'intervals need scipy ({e}): pip install '
                          "'dequity_mmdet3d[compare]'") from e
    return stats
