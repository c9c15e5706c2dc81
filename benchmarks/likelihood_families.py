"""Embeddings whose true likelihoods are known, and scores of an estimate.

Every family draws N samples from modes of known sizes; the true likelihood
of a sample is the size of its mode over that of the largest. Lengths are in
units of the distance of a mode's centre from the origin, and `spread` is the
root mean square distance of a mode's samples from its centre. So samples of
one mode are about 1.4 spread apart, those of two modes about
1.4 sqrt(1 + spread^2).

Shape letters: N samples, D embedding size, R intrinsic rank, M modes.
"""
import zlib
from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata, spearmanr

RARE = 0.1  # share of samples that may count as rare


@dataclass(frozen=True)
class Family:
    """How to draw embeddings.

    Args:
        what (str): One line for a person.
        modes (int): M.
        decay (float): Mode k = 1, 2, ... is as large as k^-decay. 0 makes
            all modes exactly alike (or one larger by a sample).
        shares (tuple[float], optional): Exact shares instead.
        spread (float): See the module's docstring.
        rank (int): R, dimensions of the subspace that holds centres and
            spread; a little noise fills the others.
        dim (int): D.
        stretch (float): Ratio of a mode's largest to its smallest standard
            deviation, along axes of its own.
        tails (int, optional): Degrees of freedom of Student's t, with the
            same spread. None is Gaussian.
        outliers (float): Share of samples that are modes of their own.
        cone (float): Length of an offset that all samples share.
        path (bool): A mode is a smooth closed path with a little jitter,
            its frames in order.
        copies (float): Share of a mode's samples that are exact copies of
            one of them.
    """
    what: str
    modes: int = 30
    decay: float = 1.2
    shares: tuple = None
    spread: float = 0.5
    rank: int = 24
    dim: int = 512
    stretch: float = 1.0
    tails: int = None
    outliers: float = 0.0
    cone: float = 0.0
    path: bool = False
    copies: float = 0.0

    @property
    def flat(self):
        """Whether no sample is rarer than another."""
        return self.modes == 1 or (not self.decay and not self.shares)


FAMILIES = {
    'plain': Family('30 Gaussian modes, sizes k^-1.2'),
    'wide': Family('modes as wide as far apart', spread=1.0),
    'steep': Family('sizes k^-2', decay=2.0),
    'rank_8': Family('intrinsic rank 8, modes overlap', rank=8),
    'rank_60': Family('intrinsic rank 60', rank=60, spread=1.0),
    'rank_200': Family('intrinsic rank 200', rank=200, spread=1.0),
    'dim_64': Family('64 dimensions', dim=64),
    'dim_1280': Family('1280 dimensions', dim=1280),
    'anisotropic': Family(
        'every mode stretched 10:1 along axes of its own',
        stretch=10.0,
        spread=0.7),
    'heavy_tails': Family("Student's t, 5 degrees", tails=5, spread=0.7),
    'scattered': Family('5 % outliers, each alone', outliers=0.05),
    'cone': Family(
        'a narrow cone: half of all cosines exceed 0.75', cone=2.0),
    'cone_wide': Family('wide modes in that cone', cone=2.0, spread=1.0),
    'paths': Family(
        'drives: smooth paths of like length, whatever their frames',
        path=True),
    'paths_cone': Family('drives in a cone', path=True, cone=2.0),
    'copies': Family('30 % of every mode are copies of one', copies=0.3),
    'two_modes': Family(
        'two modes of 94 and 6 %',
        modes=2,
        shares=(0.94, 0.06),
        spread=0.8),
    'many_modes': Family('300 modes, sizes 1/k', modes=300, decay=1.0),
    'one_mode': Family('one mode: nothing is rare', modes=1),
    'one_mode_rank_200': Family(
        'one mode of intrinsic rank 200', modes=1, rank=200),
    'one_mode_cone': Family('one mode in a cone', modes=1, cone=2.0),
    'one_path': Family('one drive', modes=1, path=True),
    'uniform': Family('30 modes of one size', decay=0.0),
}


def family(name, seed, n):
    """Draw one family.

    Args:
        name (str): Of ``FAMILIES``.
        seed (int): >= 0.
        n (int): N.

    Returns:
        tuple[np.ndarray, np.ndarray]: Embeddings, (N, D) float32 rows of
        length 1, and true likelihood, (N,) float64 in (0, 1].
    """
    f = FAMILIES[name]
    # by name, so that a new family leaves the others as they are
    rng = np.random.default_rng([seed, zlib.crc32(name.encode())])
    x, mode = draw(f, rng, n)
    _, inverse, count = np.unique(mode, return_inverse=True,
                                  return_counts=True)
    truth = count[inverse.reshape(-1)] / count.max()
    return x, np.ones(n) if f.flat else truth


def draw(f, rng, n):
    """Draw from a :class:`Family`.

    Returns:
        tuple[np.ndarray, np.ndarray]: Embeddings, (N, D) float32 rows of
        length 1, and the mode of each, (N,) int64; outliers have numbers
        from M on.
    """
    mode = np.repeat(np.arange(f.modes), _sizes(f, rng, n))
    centres = _unit(rng.standard_normal((f.modes, f.rank)))
    x = np.empty((n, f.rank))
    for m in range(f.modes):
        rows = np.flatnonzero(mode == m)
        moved = (_path if f.path else _cloud)(f, rng, len(rows))
        x[rows] = centres[m] + f.spread * moved
    axes = np.linalg.qr(rng.standard_normal((f.dim, f.rank)))[0]
    noise = rng.standard_normal((n, f.dim)) * (0.05 / np.sqrt(f.dim))
    out = np.flatnonzero(rng.random(n) < f.outliers)
    # as far out as the samples of a mode are
    x[out] = np.hypot(1, f.spread) * _unit(
        rng.standard_normal((len(out), f.rank)))
    mode[out] = f.modes + np.arange(len(out))
    offset = f.cone * _unit(rng.standard_normal((1, f.dim)))
    order = np.arange(n) if f.path else rng.permutation(n)
    x = _unit(x @ axes.T + noise + offset).astype(np.float32)
    for m in range(f.modes):
        rows = np.flatnonzero(mode == m)
        x[rows[:int(f.copies * len(rows))]] = x[rows[:1]]
    return np.ascontiguousarray(x[order]), mode[order]


def _sizes(f, rng, n):
    share = np.array(f.shares or np.arange(1, f.modes + 1)**-f.decay)
    share = share / share.sum()
    if f.shares or not f.decay:
        return np.diff(np.rint(np.cumsum([0, *share]) * n).astype(int))
    return rng.multinomial(n, share)


def _cloud(f, rng, count):
    """(count, R) around 0, with a mean square length of 1."""
    x = rng.standard_normal((count, f.rank))
    if f.stretch != 1:
        deviation = np.geomspace(1, f.stretch, f.rank)
        turn = np.linalg.qr(rng.standard_normal((f.rank, f.rank)))[0]
        x = x * (deviation / np.sqrt((deviation**2).mean())) @ turn
    if f.tails:
        # one divisor a sample: the multivariate t, scaled to variance 1
        scale = rng.chisquare(f.tails, (count, 1)) / (f.tails - 2)
        x = x / np.sqrt(scale)
    return x / np.sqrt(f.rank)


def _path(f, rng, count):
    """(count, R) along three waves of random directions, and jitter."""
    time = np.linspace(0, 2 * np.pi, count, endpoint=False)
    x = 0.1 * rng.standard_normal((count, f.rank)) / np.sqrt(f.rank)
    for wave in (1, 2, 3):
        for turn in (np.sin, np.cos):
            direction = _unit(rng.standard_normal((1, f.rank)))
            x += turn(wave * time)[:, None] * direction / np.sqrt(3)
    return x


def _unit(x):
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def scores(truth, estimate):
    """How good an estimate is.

    Args:
        truth (np.ndarray): (N,) likelihoods in (0, 1].
        estimate (np.ndarray): (N,) likelihoods in (0, 1].

    Returns:
        dict[str, float]: If the truth is one value, ``spread``, the 5 to 95
        percentile range of the estimate over its maximum (best 0). Else
        ``rho``, Spearman's correlation with the truth (best 1, NaN for a
        constant estimate); ``gap``, the mean absolute difference, both over
        their maximum (best 0); ``auroc``, how well a low estimate picks out
        the rarest modes (best 1): as many whole modes as hold at most a
        tenth of the samples, but at least the samples of the smallest size.
    """
    relative = estimate / estimate.max()
    if truth.min() == truth.max():
        low, high = np.percentile(relative, [5, 95])
        return dict(spread=float(high - low))
    constant = estimate.min() == estimate.max()
    rho = np.nan if constant else spearmanr(estimate, truth)[0]
    value, count = np.unique(truth, return_counts=True)
    few = np.cumsum(count) <= RARE * len(truth)
    rare = truth <= value[max(few.sum() - 1, 0)]
    # Mann and Whitney: the chance that a rare sample ranks above another
    ranks = rankdata(-estimate)[rare]
    n = len(ranks)
    above = ranks.sum() - n * (n + 1) / 2
    return dict(
        rho=float(rho),
        gap=float(np.abs(relative - truth / truth.max()).mean()),
        auroc=float(above / (n * (len(truth) - n))))
