"""What gradients say: the statistics of why.py, of arrays alone.

Shape letters: n batches in m groups, M gradients, f frames, k augmentations
of a frame, d numbers of a gradient.
"""
import math

import numpy as np


def moments(gram):
    """Signal |E g|^2 and noise tr Cov g of gradients, both without bias.

    Args:
        gram (np.ndarray): (n, n) inner products of n independent draws.

    Returns:
        tuple[float, float]: The mean over pairs of two draws; and what the
        mean square lies above it. The signal may come out below 0 where the
        noise hides it.
    """
    n, own = len(gram), np.trace(gram)
    signal = (gram.sum() - own) / (n * (n - 1))
    return signal, own / n - signal


def noise_ratio(gram):
    """tr Cov g / |E g|^2, the noise scale of McCandlish et al., 2018
    (arXiv 1812.06162), of what is drawn; no factor of g changes it. NaN
    where no signal is seen.
    """
    signal, noise = moments(gram)
    return noise / signal if signal > 0 else math.nan


def mean_cosine(ours, others):
    """Cosine between two expected gradients, the noise of means taken out.

    Args:
        ours, others (np.ndarray): (n, d) gradients of independent draws.

    Returns:
        tuple[float, float]: Cosine, which may come out above 1, and its
        standard error.
    """
    a, b, cross = ours @ ours.T, others @ others.T, ours @ others.T

    def cosine(rows, columns):
        signals = [moments(x[np.ix_(i, i)])[0]
                   for x, i in ((a, rows), (b, columns))]
        return (cross[np.ix_(rows, columns)].mean()
                / math.sqrt(math.prod(signals))
                if min(signals) > 0 else math.nan)

    every = [np.arange(len(x)) for x in (ours, others)]
    value, first = jackknife(lambda i: cosine(i, every[1]), len(ours))
    _, second = jackknife(lambda i: cosine(every[0], i), len(others))
    return value, math.hypot(first, second)


def jackknife(statistic, n):
    """A statistic of n independent draws, with its standard error.

    Args:
        statistic (Callable): From the (m,) numbers of the draws that count
            to a float.
        n (int): Number of draws.

    Returns:
        tuple[float, float]: Value and error (Efron, 1982).
    """
    every = np.arange(n)
    left = np.array([statistic(np.delete(every, i)) for i in every])
    return float(statistic(every)), math.sqrt(
        (n - 1) / n * ((left - left.mean())**2).sum())


def log_noise(gradients):
    """Logarithm of the noise tr Cov g, and its standard error.

    Args:
        gradients (np.ndarray): (n, d) of independent draws. For two ways
            of one expected gradient the difference of two is that of their
            noise ratios, but needs no signal to be seen.
    """
    gram = gradients @ gradients.T
    return jackknife(
        lambda rows: math.log(moments(gram[np.ix_(rows, rows)])[1]),
        len(gram))


def ratio_of(log_a, log_b):
    """exp(a - b) of two independent (value, error), with its 95 % interval.

    Returns:
        tuple[float, float, float]: Ratio, lower and upper end.
    """
    difference, error = log_a[0] - log_b[0], math.hypot(log_a[1], log_b[1])
    return tuple(math.exp(difference + z * error) for z in (0, -1.96, 1.96))


def adaptive_steps(sums, squares, targets):
    """How fast AdamW's mean step lowers losses: <G, E g / sqrt(E g^2)>.

    Args:
        sums (np.ndarray): (m, P) sums of gradients in m groups, over n.
        squares (np.ndarray): (m, P) of their squares.
        targets (np.ndarray): (t, P) gradients G of the losses.

    Returns:
        np.ndarray: (1 + m, t), of all groups, and without each of them.
    """
    kept = np.concatenate([[sums.sum(0)], sums.sum(0) - sums])
    square = np.concatenate([[squares.sum(0)], squares.sum(0) - squares])
    # without a group both are sums over fewer
    scale = np.r_[1, np.full(len(sums), len(sums) / (len(sums) - 1))]
    root = np.sqrt(square * scale[:, None])
    return (kept * scale[:, None] / np.maximum(root, 1e-8)) @ targets.T


def batch_noise(gram, share, factor, size):
    """Noise tr Cov of a sum over the samples of a batch.

    Args:
        gram (np.ndarray): (M, M) inner products of gradients.
        share (np.ndarray): (M,) probabilities of a draw, of sum 1.
        factor (np.ndarray): (M,) by what a drawn gradient counts.
        size (int): Independent draws of a batch.

    Returns:
        float: size (E |a g|^2 - |E a g|^2).
    """
    mean = share * factor
    return size * float((mean * factor) @ np.diag(gram) - mean @ gram @ mean)


def group_log(values):
    """Logarithm of a value, and its standard error by groups.

    Args:
        values (np.ndarray): (1 + m,), of all, and without each group.
    """
    if min(values) <= 0:
        return math.nan, math.nan
    left, m = np.log(values[1:]), len(values) - 1
    return math.log(values[0]), math.sqrt(
        (m - 1) / m * ((left - left.mean())**2).sum())


def likeness(gradients):
    """How alike gradients of one frame are, and of two.

    Args:
        gradients (np.ndarray): (f, k, d), k augmentations of f frames.

    Returns:
        dict[str, float]: 'same' and 'other', the mean cosines of two
        augmentations of one frame and of two frames; 'rho', the share of the
        frame in the variance of a gradient, (same - other) / (own - other)
        of the mean inner products: the intraclass correlation.
    """
    f, k, d = gradients.shape
    x = gradients.reshape(f * k, d).astype(float)
    norm = np.linalg.norm(x, axis=1)
    gram = x @ x.T
    frame = np.arange(f * k) // k
    alike = frame[:, None] == frame
    pair = alike & ~np.eye(f * k, dtype=bool)
    cosine = gram / np.maximum(np.outer(norm, norm), 1e-300)
    same, other, own = gram[pair].mean(), gram[~alike].mean(), (norm**2).mean()
    return dict(same=cosine[pair].mean(), other=cosine[~alike].mean(),
                rho=(same - other) / (own - other))


def norm_distance(ours, others):
    """Distance of batch norm statistics, in standard deviations.

    Args:
        ours, others (tuple[np.ndarray, np.ndarray]): (m,) means and
            variances of all channels.

    Returns:
        tuple[float, float]: Root mean square over the channels of the
        difference of means, in standard deviations of ``others``, and of
        the logarithm of the ratio of standard deviations.
    """
    (mean, var), (mean_0, var_0) = ours, others
    used = (var > 1e-12) & (var_0 > 1e-12)  # no channel that is constant
    shift = (mean - mean_0)[used] / np.sqrt(var_0[used])
    scale = np.log(var[used] / var_0[used]) / 2
    return tuple(math.sqrt((x**2).mean()) for x in (shift, scale))
