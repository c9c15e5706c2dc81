"""From the objects that samples hold to one number a sample.

Class balancing weighs classes; a sample may hold several. It gets the
highest factor of the classes it holds, as in repeat factor sampling, and a
sample without objects the lowest.

Shape letters: N samples, C classes.
"""
from __future__ import annotations

import numpy as np

from .weight import count_weight
from .weight_choices import CONTENTS, COUNTED, REPEATS


def check_counts(counts: np.ndarray) -> np.ndarray:
    """Object counts as an array, or a ValueError that says what they lack.

    Args:
        counts (np.ndarray): (N, C) whole numbers >= 0, not all 0.

    Returns:
        np.ndarray: (N, C) int64.
    """
    counts = np.asarray(counts)
    if counts.ndim != 2 or counts.dtype.kind not in 'iu':
        raise ValueError(
            'object counts must be whole numbers of shape (samples, classes)'
            f', but have shape {counts.shape} of {counts.dtype}')
    if (counts < 0).any():
        row, c = np.argwhere(counts < 0)[0]
        raise ValueError(
            f'object counts must be 0 or more, but {(counts < 0).sum()} are '
            f'negative, first {counts[row, c]} of class {c} in sample {row}')
    if not counts.any():
        raise ValueError(
            f'none of {len(counts)} samples holds an object of the '
            f'{counts.shape[1]} classes, so no class is rare; check the '
            'classes and the annotations of the data set')
    return counts.astype(np.int64)


def class_factors(counts: np.ndarray, content: str, t: float = 0.3,
                  beta: float = 0.999) -> np.ndarray:
    r"""How much each class counts.

    - 'rfs': the repeat factor :math:`r_c = \max(1, \sqrt{t / f_c})`, f_c
      the share of samples with an object of class c (`Gupta et al., LVIS,
      CVPR 2019 <https://arxiv.org/abs/1908.03195>`_);
    - 'irfs': the same, where f_c is the geometric mean of the share of
      samples and the share of all objects (`Yaman et al., 2023
      <https://arxiv.org/abs/2305.08069>`_);
    - 'effective', 'inverse', 'sqrt-inverse': :func:`.count_weight` of the
      number of objects of the class.

    Args:
        counts (np.ndarray): (N, C) objects by sample and class.
        content (str): Of :data:`.CONTENTS`.
        t (float): In (0, 1], below which f_c a class is repeated.
        beta (float): In [0, 1), of 'effective'.

    Returns:
        np.ndarray: (C,) float64, repeat factors >= 1, others in (0, 1]; NaN
        for a class that no sample holds, which counts for none.

    Raises:
        ValueError: For bad counts, see :func:`check_counts`, or arguments.

    Example:
        >>> counts = np.array([[1, 0], [1, 0], [1, 0], [1, 1]])
        >>> class_factors(counts, 'rfs', t=1.0).tolist()
        [1.0, 2.0]
    """
    counts = check_counts(counts)
    check_content(content, t, beta)
    objects = counts.sum(0).astype(np.float64)
    objects[objects == 0] = np.nan
    if content in COUNTED:
        return count_weight(objects, content, beta)
    share = (counts > 0).mean(0)
    if content == 'irfs':
        share = np.sqrt(share * (objects / counts.sum()))
    share = np.where(np.isnan(objects), np.nan, share)
    return np.maximum(1, np.sqrt(t / share))


def sample_factors(counts: np.ndarray, content: str, t: float = 0.3,
                   beta: float = 0.999) -> np.ndarray:
    """How much each sample counts: as the class it holds that counts most.

    A sample without objects has 1 by a repeat factor, and the factor of the
    most common class otherwise: the lowest there can be.

    Args and errors: see :func:`class_factors`.

    Returns:
        np.ndarray: (N,) float64, repeat factors >= 1, others in (0, 1].
    """
    factors = class_factors(counts, content, t, beta)
    lowest = 1.0 if content in REPEATS else float(np.nanmin(factors))
    held = np.where(np.asarray(counts) > 0, factors, lowest)
    return held.max(1)


def check_content(content: str, t: float, beta: float, of: str = '') -> None:
    """Raise ValueError for an unknown content, or t or beta out of range.

    Args:
        content (str): Of :data:`.CONTENTS`.
        t (float): In (0, 1].
        beta (float): In [0, 1).
        of (str): Whose they are, for the message: ' of DequityDataset'.
    """
    if content not in CONTENTS:
        raise ValueError(f'content{of} must be one of {", ".join(CONTENTS)}, '
                         f'but got {content!r}')
    for name, value, good, text in (
            ('t', t, lambda x: 0 < x <= 1, '(0, 1]'),
            ('beta', beta, lambda x: 0 <= x < 1, '[0, 1)')):
        if isinstance(value, bool) or not isinstance(
                value, (int, float)) or not good(value):
            raise ValueError(f'{name}{of} must be a number in {text}, but '
                             f'got {value!r}')
