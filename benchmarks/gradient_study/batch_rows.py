"""Rows of why.py's table on the gradients of batches; see :mod:`.table`.

A limit stands in the row that it can refute, and in why.py, where it was
written before anything was looked at.
"""
import math

import numpy as np

from dequity_mmdet3d.strata import RARE, STRATA

from .setting import SIZE, WAYS, way_of
from .statistics import (
    batches_of,
    contributions,
    group_log,
    log_noise,
    mean_cosine,
    moments,
    ratio_of,
)
from .table import CLASSES, PARTS, Row, by_step, errors, intervals


def part_of(gradients, part):
    """(n, d) of a class or a stratum, or of the whole loss."""
    if part == 'all':
        return gradients[:, :len(CLASSES)].sum(1)
    return gradients[:, PARTS.index(part)]


def log_noise_of(gradients, part):
    x = part_of(gradients, part).astype(float)
    return log_noise(x @ x.T)


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
    text = {name: f'{name}: {by_step([r[0] for r in rows])} after a step, '
                  f'{by_step([r[1] for r in rows])} after {n}'
            for name, rows in relative.items()}
    first = {name: max(r[0] for r in rows) for name, rows in relative.items()}
    return Row(
        "1. AdamW undoes a common factor of the weights",
        'relative difference of the update where all losses are 0.58 times '
        f'as large. Clipped at {max_norm:g}: {(norms > max_norm).mean():.1%} '
        f'of {len(norms)} steps (median norm {np.median(norms):.1f})',
        f'{text["AdamW"]}; {text["SGD"]}', 'no factor',
        f'AdamW > {limit:g} of SGD', first['AdamW'] > limit * first['SGD'])


def noise_row(batches):
    """3: the gradient of a batch has less variance.

    Args:
        batches (list[dict]): By checkpoint, see batch_gradients.
    """
    ratios, noise = {}, {}
    for part in ('all', RARE):
        logs = [{name: log_noise_of(b[name], part)
                 for name in ('weighting', 'drawing')} for b in batches]
        noise[part] = {name: by_step([math.exp(x[name][0]) for x in logs],
                                     '{:.3g}') for name in logs[0]}
        ratios[part] = [ratio_of(x['drawing'], x['weighting']) for x in logs]
    return Row(
        '3. The gradient of a batch has less variance for the same mean',
        'variance over squared mean, of the whole gradient and of the part '
        'of the rare frames; drawing over weighting: whole '
        f'{intervals(ratios["all"])}, rare {intervals(ratios[RARE])}',
        *[f'{noise["all"][name]}; rare {noise[RARE][name]}'
          for name in ('weighting', 'drawing')],
        'rare ratio not below 1, with its interval, at any checkpoint',
        not any(high < 1 for _, _, high in ratios[RARE]))


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
        draw, weight = way_of(name, likelihood)
        dealt = batches_of(draw, 100_000, SIZE, np.random.default_rng(0))
        counted = contributions(positives, weight, dealt)
        share[name] = counted[rare].sum() / counted.sum()
        factor[name] = positives.sum(1)[dealt].sum(1).mean()
    cosines, lengths = ({'own': [], 'fixed': []} for _ in range(2))
    for b in batches:
        pair = [part_of(b[name], 'all') for name in ('drawing', 'weighting')]
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
        f'{share["baseline"]:.1%}) and positives of a batch; drawing against '
        f'weighting, cosine of mean gradients {errors(cosines["own"])} (F '
        f'held fixed {errors(cosines["fixed"])}) and ratio of their lengths '
        f'{by_step(lengths["own"])} (fixed {by_step(lengths["fixed"])})',
        f'{share["weighting"]:.1%}; {factor["weighting"]:.0f}',
        f'{share["drawing"]:.1%}; {factor["drawing"]:.0f}',
        f'cosines >= {limits[0]:g} and shares within {limits[1]:.0%}',
        min(x for x, _ in cosines['own']) >= limits[0]
        and abs(change) <= limits[1])


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


def details(batches):
    """Lines: the noise of each part by each way, weighting's being 1."""
    names = list(WAYS)
    yield '| part | ' + ' | '.join(names) + ' |'
    yield '| --- ' * (len(names) + 1) + '|'
    for part in ('all', *PARTS):
        logs = [{n: log_noise_of(b[n], part) for n in names} for b in batches]
        yield f'| {part} | ' + ' | '.join(
            intervals([ratio_of(x[n], x['weighting']) for x in logs])
            if n != 'weighting' else by_step(
                [math.exp(x[n][0]) for x in logs], '{:.3g}')
            for n in names) + ' |'
    for part, stratum in enumerate(STRATA):
        logs = [{n: group_log(b[f'{n} step'][:, part]) for n in names}
                for b in batches]
        yield f"| AdamW's step for {stratum} | " + ' | '.join(
            intervals([ratio_of(x[n], x['weighting']) for x in logs])
            if n != 'weighting' else '1' for n in names) + ' |'
