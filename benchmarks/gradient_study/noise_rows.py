"""Rows of why.py's table on the noise of gradients; see :mod:`.table`."""
import functools

import numpy as np

from dequity_mmdet3d.strata import RARE, STRATA

from .setting import SIZE, WHOLE, way_of
from .statistics import (
    batch_noise,
    group_log,
    log_noise,
    noise_ratio,
    ratio_of,
)
from .table import CLASSES, Row, by_step, intervals


def noise_row(batches, noise):
    """3: the gradient of a batch has less variance.

    Args:
        batches (list[dict]): By checkpoint, see batch_gradients.
        noise (list[Callable]): By checkpoint, see :func:`.noise_of`.
    """
    names = ('weighting', 'drawing')
    whole = [ratio_of(*(log_noise(b[name].astype(float))
                        for name in names[::-1])) for b in batches]
    level = {name: by_step([noise_ratio(b[name] @ b[name].T)
                            for b in batches], '{:.2g}') for name in names}
    parts = {part: [against(x, *names[::-1], part) for x in noise]
             for part in ('all', RARE)}
    return Row(
        '3. The gradient of a batch has less variance for the same mean',
        'variance over squared mean of the gradient of a batch; variance by '
        f'drawing over that by weighting, of batches {intervals(whole)}, '
        f'from single frames {intervals(parts["all"])}, of the part that '
        f'rare frames bring {intervals(parts[RARE])}',
        level['weighting'], level['drawing'],
        'ratio of the rare part not below 1, with its interval, at any '
        'checkpoint', not any(high < 1 for _, _, high in parts[RARE]))


def noise_of(frames, likelihood, stratum):
    """The noise of a batch's gradient, from gradients of frames.

    Args:
        frames (dict): See frame_gradients.
        likelihood, stratum (np.ndarray): (N,).

    Returns:
        Callable: From a way and a part ('all', a class, a stratum, or both)
        to (1 + f,) noises: from all frames, and without one of each stratum.
        A sample counts w / F in a batch; F is taken at its mean for what
        the sample itself has.
    """
    gradients = np.stack([frames[s] for s in STRATA]).astype(float)
    factor = np.stack([frames[f'{s} F'] for s in STRATA])
    rows = np.stack([frames[f'{s} row'] for s in STRATA])
    strata, f, k = factor.shape
    own = np.arange(strata).repeat(f * k).reshape(factor.shape)
    grams = {}

    def gram(cls):
        if cls not in grams:
            x = gradients.sum(3) if cls is None else (
                gradients[..., CLASSES.index(cls), :])
            x = x.reshape(strata * f * k, -1)
            grams[cls] = x @ x.T
        return grams[cls]

    def noise(way, part):
        draw, weight = (np.broadcast_to(x[rows][..., None], factor.shape)
                        for x in way_of(way, likelihood))
        found, names = [], part.split()
        products = gram(next((x for x in names if x in CLASSES), None))
        only = next((STRATA.index(x) for x in names if x in STRATA), own)
        for left in (None, *range(f)):
            used = np.ones(factor.shape, bool)
            if left is not None:
                used[:, left] = False
            share = draw * np.bincount(stratum)[own] * used
            share = share / share.sum()
            mean = (share * factor).sum()
            counts = weight / (factor + (SIZE - 1) * mean) * (own == only)
            found.append(batch_noise(products, share.ravel(),
                                     counts.ravel(), SIZE))
        return np.array(found)

    return functools.cache(noise)


def against(noise, way, other, part):
    """Ratio of noises of two ways on the same frames, with its interval."""
    return ratio_of(group_log(noise(way, part) / noise(other, part)), (0, 0))


def step_row(batches):
    """8: less noise is a longer step of AdamW.

    Args:
        batches (list[dict]): By checkpoint, see batch_gradients.
    """
    rare = STRATA.index(RARE)
    logs = [{name: group_log(b[f'{name} step'][:, rare])
             for name in ('baseline', 'weighting', 'drawing')}
            for b in batches]
    ratios = {name: [ratio_of(x[name], x['baseline']) for x in logs]
              for name in ('weighting', 'drawing')}
    more = [ratio_of(x['drawing'], x['weighting']) for x in logs]
    return Row(
        '8. AdamW makes longer steps of what is less noisy',
        'how fast the mean step, E g / sqrt(E g^2), lowers the loss of rare '
        f'frames, that without weights being 1; drawing over weighting '
        f'{intervals(more)}',
        intervals(ratios['weighting']), intervals(ratios['drawing']),
        'ratio not above 1, with its interval, at any checkpoint',
        not any(low > 1 for _, low, _ in more))


# ways of one expected gradient, the second of each pair being 1
PAIRS = (*((way, 'weighting') for way in (
    'split 0.25', 'split 0.5', 'split 0.75', 'drawing')),
    ('drawing, eta 0.1', 'weighting, eta 0.1'))


def details(batches, noise):
    """Lines: variances by way, those of weighting by the same weights being
    1; and how fast AdamW's mean step lowers losses, without weights 1.

    Args:
        batches (list[dict]): By checkpoint, see batch_gradients.
        noise (list[Callable]): By checkpoint, see :func:`noise_of`.
    """
    yield '| variance of | ' + ' | '.join(way for way, _ in PAIRS) + ' |'
    yield '| --- ' * (len(PAIRS) + 1) + '|'
    for part in ('all', *CLASSES, *STRATA, *(
            f'{RARE} {cls}' for cls in CLASSES)):
        yield f'| {part} | ' + ' | '.join(
            intervals([against(x, *pair, part) for x in noise])
            for pair in PAIRS) + ' |'
    logs = [{n: log_noise(b[n].astype(float)) for n in WHOLE}
            for b in batches]
    yield '| all, of batches | ' + ' | '.join(
        intervals([ratio_of(x[a], x[b]) for x in logs])
        if a in WHOLE else '' for a, b in PAIRS) + ' |'
    names = [n for n in WHOLE if n != 'baseline']
    yield ''
    yield "| AdamW's step for | " + ' | '.join(names) + ' |'
    yield '| --- ' * (len(names) + 1) + '|'
    for part, stratum in enumerate(STRATA):
        logs = [{n: group_log(b[f'{n} step'][:, part]) for n in WHOLE}
                for b in batches]
        yield f'| {stratum} | ' + ' | '.join(
            intervals([ratio_of(x[n], x['baseline']) for x in logs])
            for n in names) + ' |'
