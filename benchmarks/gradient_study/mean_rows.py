"""Rows of why.py's table on mean gradients; see :mod:`.table`.

A limit stands in the row that it can refute, and in why.py, where it was
written before anything was looked at.
"""
import math

import numpy as np

from dequity_mmdet3d.strata import RARE, STRATA

from .draws import batches_of, contributions
from .setting import SIZE, WAYS, way_of
from .statistics import mean_cosine, moments
from .table import CLASSES, Row, by_step, errors


def factor_row(changes, norms, limit, max_norm):
    """1: AdamW undoes a common factor.

    Args:
        changes (list[dict]): By checkpoint, (n, d) changes by optimizer and
            factor, 1 or another.
        norms (np.ndarray): Of the training's gradients.
        limit (float): Of the difference by AdamW, as a part of SGD's.
        max_norm (float): Where the config clips.
    """
    relative = {
        name: [[float(np.linalg.norm(c[name, False][i] - c[name, True][i])
                      / np.linalg.norm(c[name, True][i])) for i in (0, -1)]
               for c in changes] for name in ('AdamW', 'SGD')}
    n = len(changes[0]['SGD', True])
    text = {name: f'{name}: {by_step([r[0] for r in rows], "{:.2g}")} after a '
                  f'step, {by_step([r[1] for r in rows], "{:.2g}")} after {n}'
            for name, rows in relative.items()}
    first = {name: max(r[0] for r in rows) for name, rows in relative.items()}
    return Row(
        "1. AdamW undoes a common factor of the weights",
        'relative difference of the update where all losses are 0.58 times '
        f'as large. Clipped at {max_norm:g}: {(norms > max_norm).mean():.1%} '
        f'of {len(norms)} steps (median norm {np.median(norms):.1f})',
        f'{text["AdamW"]}; {text["SGD"]}', 'no factor',
        f'AdamW > {limit:g} of SGD', first['AdamW'] > limit * first['SGD'])


def mean_row(batches, positives, likelihood, stratum, limits):
    """7: the number of positives makes the expected gradient another.

    Args:
        batches (list[dict]): By checkpoint, see batch_gradients.
        positives (np.ndarray): (N, C).
        likelihood, stratum (np.ndarray): (N,).
        limits (tuple[float, float]): Of the cosine, and of the relative
            difference of the rare frames' share.
    """
    rare = stratum == STRATA.index(RARE)
    share, factor = {}, {}
    for name in ('baseline', 'weighting', 'drawing'):
        counted, factor[name] = counted_by(name, positives, likelihood)
        share[name] = counted[rare].sum() / counted.sum()
    plain = way_of('weighting', likelihood)[1] * positives.sum(1)
    cosines, lengths = ({'own': [], 'fixed': []} for _ in range(2))
    for b in batches:
        pair = [b[name] for name in ('drawing', 'weighting')]
        fixed = [x * (b[f'{name} F'] / b['weighting F'].mean())[:, None]
                 for name, x in zip(('drawing', 'weighting'), pair)]
        for kind, (ours, other) in (('own', pair), ('fixed', fixed)):
            cosines[kind].append(mean_cosine(ours, other))
            lengths[kind].append(math.sqrt(np.divide(*(
                max(moments(x @ x.T)[0], 0) for x in (ours, other)))))
    change = share['drawing'] / share['weighting'] - 1
    return Row(
        '7. The number of positives makes the mean gradient another',
        'share of the rare frames in all w / F of positives (without weights '
        f'{share["baseline"]:.1%}, were F fixed '
        f'{plain[rare].sum() / plain.sum():.1%}) and positives of a batch; '
        'drawing against weighting, cosine of mean gradients '
        f'{errors(cosines["own"])} (F fixed {errors(cosines["fixed"])}) and '
        'ratio of their lengths '
        f'{by_step(lengths["own"])} (fixed {by_step(lengths["fixed"])})',
        f'{share["weighting"]:.1%}; {factor["weighting"]:.0f}',
        f'{share["drawing"]:.1%}; {factor["drawing"]:.0f}',
        f'cosines >= {limits[0]:g} and shares within {limits[1]:.0%}',
        min(x for x, _ in cosines['own']) >= limits[0]
        and abs(change) <= limits[1])


def counted_by(name, positives, likelihood):
    """What counts how much by a way, and the mean positives of a batch.

    Returns:
        tuple[np.ndarray, float]: (N, C), see :func:`.contributions`.
    """
    draw, weight = way_of(name, likelihood)
    dealt = batches_of(draw, 100_000, SIZE, np.random.default_rng(0))
    return (contributions(positives, weight, dealt),
            positives.sum(1)[dealt].sum(1).mean())


def shares(positives, likelihood, stratum):
    """Lines: shares of parts in all w / F of positives, by each way."""
    counted = {n: counted_by(n, positives, likelihood)[0] for n in WAYS}
    yield '| share of w / F | ' + ' | '.join(counted) + ' |'
    yield '| --- ' * (len(counted) + 1) + '|'
    every = np.ones(len(stratum), bool)
    for part, rows in (('', every), *(
            (f'{name} ', stratum == i) for i, name in enumerate(STRATA))):
        for c, cls in enumerate(CLASSES):
            yield f'| {part}{cls} | ' + ' | '.join(
                f'{x[rows, c].sum() / x.sum():.1%}'
                for x in counted.values()) + ' |'
