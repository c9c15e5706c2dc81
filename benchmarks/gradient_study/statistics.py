"""What gradients and draws say: the statistics of why.py, of arrays alone.

Shape letters: n batches in m groups, f frames, k repeats of a frame, d numbers
of a gradient, N samples of the training set, C classes, B samples of a batch.
"""
import math

import numpy as np

from dequity_mmdet3d.weight import effective_number
from dequity_mmdet3d.weighting.draw import systematic_draw


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


def log_noise(gram):
    """Logarithm of :func:`noise_ratio` and its standard error."""
    return jackknife(
        lambda rows: math.log(noise_ratio(gram[np.ix_(rows, rows)])),
        len(gram))


def ratio_of(log_a, log_b):
    """exp(a - b) of two independent (value, error), with its 95 % interval.

    Returns:
        tuple[float, float, float]: Ratio, lower and upper end.
    """
    difference, error = log_a[0] - log_b[0], math.hypot(log_a[1], log_b[1])
    return tuple(math.exp(difference + z * error) for z in (0, -1.96, 1.96))


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


def effective_repeats(k, rho):
    """How many independent gradients k repeats of correlation rho are worth:
    k / (1 + (k - 1) rho) (Kish, Survey Sampling, 1965).
    """
    return k / (1 + (k - 1) * rho)


def split(weight, a):
    """Draw by one part of a weight, weight by the rest.

    Args:
        weight (np.ndarray): (N,) floats > 0.
        a (float): Exponent of the part that is drawn by, 0 to 1.

    Returns:
        tuple[np.ndarray, np.ndarray]: (N,) weights to draw by, and to weight
        losses by; the expected gradient is that of ``weight`` and a uniform
        draw, for every a.
    """
    draw = weight**a
    return draw, weight**(1 - a) * draw.mean()


def batches_of(draw, n, size, rng):
    """(n, size) samples as the sampler deals them, epoch by epoch."""
    epochs = -(-n * size // len(draw))
    rows = [systematic_draw(draw, len(draw), rng) for _ in range(epochs)]
    return np.concatenate(rows)[:n * size].reshape(n, size)


def contributions(positives, loss_weight, batches):
    """Which positives a step weighs how much, on average.

    A positive of sample i counts w_i / F in its batch, F being the number of
    positives there, at least one a sample.

    Args:
        positives (np.ndarray): (N, C) numbers of positive anchors.
        loss_weight (np.ndarray): (N,) weights w of the losses.
        batches (np.ndarray): (n, B) samples.

    Returns:
        np.ndarray: (N, C) sums of w_i / F over the positives of a step.
    """
    factor = np.maximum(positives.sum(1), 1)[batches].sum(1)
    of_sample = np.zeros(len(positives))
    np.add.at(of_sample, batches,
              loss_weight[batches] / factor[:, None] / len(batches))
    return of_sample[:, None] * positives


def distinct(draws, of, n):
    """What draws hold of some samples.

    Args:
        draws (np.ndarray): Drawn samples, any shape.
        of (np.ndarray): (N,) bool, the samples that are looked at.
        n (int): N.

    Returns:
        tuple[int, int, float]: Draws of them, distinct ones, and the
        effective number of their counts.
    """
    count = np.bincount(np.ravel(draws), minlength=n)[of]
    return (int(count.sum()), int((count > 0).sum()),
            effective_number(count.astype(float)))


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
