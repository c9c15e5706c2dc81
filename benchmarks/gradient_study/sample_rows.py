"""Rows of why.py's table on samples and frames; see :mod:`.table`.

Limits are said as in :mod:`.mean_rows`.
"""
import numpy as np

from dequity_mmdet3d.strata import COMMON, RARE, STRATA
from dequity_mmdet3d.weight import effective_number

from .draws import batches_of, distinct, effective_repeats
from .setting import SIZE, way_of
from .statistics import likeness, mean_cosine, norm_distance
from .table import SEEDS, STUDY_STEPS, Row, by_step, errors


def repeats_row(frames, likelihood, rare, limit):
    """2: drawn samples bring new augmentations.

    Args:
        frames (list[dict]): By checkpoint, see frame_gradients.
        likelihood (np.ndarray): (N,).
        rare (np.ndarray): (N,) bool.
        limit (float): Of the correlation of two augmentations.
    """
    found = [likeness(x[RARE].sum(2)) for x in frames]
    draws = {name: np.mean([
        distinct(_draws(name, likelihood, seed), rare, len(rare))[0]
        for seed in SEEDS]) for name in ('weighting', 'drawing')}
    each = {name: n / rare.sum() for name, n in draws.items()}
    texts = {
        name: f'{draws[name]:.0f} pairs, {each[name]:.1f} of a rare sample, '
        'worth ' + by_step([effective_repeats(each[name], x['rho'])
                            for x in found])
        for name in draws}
    return Row(
        '2. Drawn samples bring new augmentations',
        f'rare (sample, augmentation) pairs in {STUDY_STEPS} steps, and how '
        'many independent gradients those of one sample are worth: cosine of '
        f'two augmentations of a frame {by_step([x["same"] for x in found])},'
        f' of two rare frames {by_step([x["other"] for x in found])}; '
        f'correlation rho {by_step([x["rho"] for x in found])}',
        texts['weighting'], texts['drawing'], f'all rho > {limit:g}',
        min(x['rho'] for x in found) > limit)


def _draws(name, likelihood, seed):
    draw, _ = way_of(name, likelihood)
    return batches_of(draw, STUDY_STEPS, SIZE,
                      np.random.default_rng((seed, 0)))


def norm_row(statistics, likelihood, rare, limits):
    """4: batch norm sees what is drawn.

    Args:
        statistics (list[dict]): By checkpoint, see norm_statistics.
        likelihood, rare (np.ndarray): (N,).
        limits (tuple[float, float]): Of the distance, as a part of that
            between rare and common frames, and of the relative change of a
            rare frame's loss.
    """
    def distances(name, other):
        return [norm_distance(x[name], x[other])[0] for x in statistics]

    spread = distances(RARE, COMMON)
    moved = [a / b for a, b in zip(distances('drawing', 'uniform'), spread)]
    again = [a / b for a, b in zip(distances('again', 'uniform'), spread)]
    loss, loss_again = ([float(x[f'{name} loss'] / x['uniform loss']) - 1
                         for x in statistics] for name in ('drawing', 'again'))
    share = {}
    for name in ('weighting', 'drawing'):
        draw, _ = way_of(name, likelihood)
        share[name] = draw[rare].sum() / draw.sum()
    return Row(
        '4. Batch norm sees rare frames more often',
        'share of rare frames in its statistics; distance of running means '
        'to those of uniform batches, rare to common being 1 '
        f'({by_step(spread)} standard deviations); change of a rare '
        "frame's loss by them",
        f'{share["weighting"]:.1%}; {by_step(again)} (other batches); loss '
        f'{by_step(loss_again, "{:+.2%}")}',
        f'{share["drawing"]:.1%}; {by_step(moved)}; loss '
        f'{by_step(loss, "{:+.2%}")}',
        f'moved < {limits[0]:g} and loss < {limits[1]:.0%} after training',
        moved[-1] < limits[0] and abs(loss[-1]) < limits[1])


def samples_row(likelihood, rare):
    """5: more distinct samples are learned from."""
    texts, rare_of = {'weighting': [], 'drawing': []}, {}
    n, every = len(rare), np.ones(len(rare), bool)
    for suffix, label in (('', 'eta 1'), (', eta 0.1', 'eta 0.1')):
        _, weight = way_of(f'weighting{suffix}', likelihood)
        rare_of['weighting', label] = effective_number(weight[rare])
        texts['weighting'].append(
            f'{label}: {effective_number(weight):.0f}, rare '
            f'{rare_of["weighting", label]:.0f}, in an epoch and in all')
        runs = [_draws(f'drawing{suffix}', likelihood, s) for s in SEEDS]
        epochs = [np.ravel(d)[:n] for d in runs]
        figures = {}
        for of, mask in (('all', every), (RARE, rare)):
            figures['epoch', of] = np.mean(
                [distinct(d, mask, n)[1] for d in epochs])
            figures['run', of] = np.mean(
                [distinct(d, mask, n)[2] for d in runs])
        rare_of['drawing', label] = figures['run', RARE]
        texts['drawing'].append(
            f'{label}: {figures["epoch", "all"]:.0f} distinct in an epoch, '
            f'rare {figures["epoch", RARE]:.0f}; in all '
            f'{figures["run", "all"]:.0f}, rare {figures["run", RARE]:.0f}')
    return Row(
        '5. More samples are learned from',
        f'effective number of {n} samples, of which {rare.sum()} are rare: '
        f'of the weights, and of how often each is drawn in {STUDY_STEPS} '
        'steps', '; '.join(texts['weighting']), '; '.join(texts['drawing']),
        'drawing is not 5 % above weighting among rare ones',
        all(rare_of['drawing', x] < 1.05 * rare_of['weighting', x]
            for x in ('eta 1', 'eta 0.1')))


def phase_row(frames, likelihood, stratum, limit):
    """6: weights act too late.

    Args:
        frames (list[dict]): By checkpoint, see frame_gradients.
        likelihood, stratum (np.ndarray): (N,).
        limit (float): Of the rare frames' share at the first checkpoint, as
            a part of the last one's.
    """
    rare = STRATA.index(RARE)
    _, weight = way_of('weighting', likelihood)

    def shares(size, value_of):
        """Of rare frames in the sum over the training set."""
        sums = [[size[s] * value_of(x, name).mean()
                 for s, name in enumerate(STRATA)] for x in frames]
        return [x[rare] / sum(x) for x in sums]

    def norm(x, name):
        return np.linalg.norm(x[name].sum(2), axis=-1)

    def loss(x, name):
        return x[f'{name} loss']

    sizes = np.bincount(stratum, minlength=len(STRATA))
    weighted = np.bincount(stratum, weight, minlength=len(STRATA))
    plain = shares(sizes, norm)
    apart = [mean_cosine(*(x[name].sum((1, 2)).astype(float)
                           for name in (RARE, COMMON))) for x in frames]
    return Row(
        '6. Weights act too late',
        'share of rare frames in the sum of gradient norms without weights '
        f'{by_step(plain, "{:.1%}")}, and of losses '
        f'{by_step(shares(sizes, loss), "{:.1%}")} '
        f'({sizes[rare] / sizes.sum():.1%} of the frames); cosine of the '
        f'mean gradients of rare and common frames {errors(apart)}',
        by_step(shares(weighted, norm), '{:.1%}'), 'the same weights',
        f'share at the start >= {limit:g} of that at the end',
        plain[0] >= limit * plain[-1])


