"""What draws hold, and how much of it counts: for why.py, arrays alone.

Shape letters: N samples of the training set, C classes, n batches of B
samples, k repeats.
"""
import numpy as np

from dequity_mmdet3d.weight import effective_number
from dequity_mmdet3d.weighting.draw import systematic_draw


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


def effective_repeats(k, rho):
    """How many independent gradients k repeats of correlation rho are worth:
    k / (1 + (k - 1) rho) (Kish, Survey Sampling, 1965).
    """
    return k / (1 + (k - 1) * rho)
