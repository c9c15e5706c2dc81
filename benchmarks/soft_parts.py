"""The default estimate, all of it but one part.

The rows of ``ESTIMATES`` are without the last step, strays, and but for the
first without one part more.
"""
from dataclasses import replace
from functools import partial

import numpy as np
from real_images import estimate

from dequity_mmdet3d.likelihood.clustering.clearness import (
    clearness,
    likelihood,
)
from dequity_mmdet3d.likelihood.clustering.kernel_count import (
    KernelCount,
    cells_of,
    pair_quantiles,
)
from dequity_mmdet3d.likelihood.clustering.modes import modes_of
from dequity_mmdet3d.likelihood.clustering.soft_count import (
    ALIKE,
    NEAR,
    UNLIKE,
    SoftCount,
    far_count,
    with_line,
)
from dequity_mmdet3d.likelihood.clustering.subspace import principal_subspace
from dequity_mmdet3d.likelihood.clustering.viewpoint import (
    ball_centre,
    directions,
)
from dequity_mmdet3d.likelihood.embeddings.vectors import UnitVectors


def soft_parts(x, viewpoint=True, groups=None, alike=ALIKE, unlike=UNLIKE,
               near=NEAR, line=True, strays=True):
    """Likelihoods by the default estimate, or all of it but one part.

    Args:
        x (np.ndarray): (N, D) float32, rows of length 1.
        viewpoint (bool): Whether samples are seen as directions.
        groups (float, optional): Weight of the groups' sizes. Defaults to
            how clear they are.
        alike (float): Part of all pairs whose square is the bandwidth h.
        unlike (float, optional): As above, of the floor b; None is b = 0.
        near (float, optional): As above, of the neighbours that are asked;
            None asks nobody.
        line (bool): Whether a line makes up for what means vary less.
        strays (bool): Whether what is rarer than noise makes it stays rare.

    Returns:
        np.ndarray: (N,) float64 in (0, 1].
    """
    rows = principal_subspace(UnitVectors(x)).project(UnitVectors(x))
    if viewpoint:
        rows = directions(rows, ball_centre(rows))
    labels, cells, _ = modes_of(rows, 0, 1.0)
    h, far, close = pair_quantiles(
        rows, cells, [alike, unlike or UNLIKE, near or NEAR])
    counts = KernelCount(*cells_of(rows, cells), h,
                         np.exp(-far / h) if unlike else 0.)
    if near is None:
        log_share = counts.log_count(rows)
    else:
        soft = (with_line(counts, close, rows) if line else
                SoftCount(counts, close))
        if not strays:
            soft = replace(soft, noise=np.inf)
        log_share = soft.log_share(rows)
    if groups is None:
        groups, _ = clearness(far_count(rows, cells).log_count(rows), labels)
    return likelihood(log_share, np.bincount(labels)[labels] / len(labels),
                      groups)


_bare = partial(soft_parts, strays=False)
ESTIMATES = {
    'no strays': _bare,
    'no viewpoint': partial(_bare, viewpoint=False),
    'neighbours not asked': partial(_bare, near=None),
    'no floor (b = 0)': partial(_bare, unlike=None),
    'neighbours not asked, no floor': partial(
        _bare, near=None, unlike=None),
    'no line': partial(_bare, line=False),
    "h' of one pair in a thousand": partial(_bare, near=.001),
    "h' of one pair in thirty": partial(_bare, near=.03),
    "h' of one pair in ten": partial(_bare, near=.1),
    'b of five pairs in ten': partial(_bare, unlike=.5),
    'b of nine pairs in ten': partial(_bare, unlike=.9),
    'h of one pair in fifty': partial(_bare, alike=.02),
    'h of three pairs in ten': partial(_bare, alike=.3),
    'soft counts alone': partial(_bare, groups=0.),
    'soft counts alone, no viewpoint': partial(
        _bare, groups=0., viewpoint=False),
    'group sizes alone': partial(_bare, groups=1.),
    'modes': partial(estimate, method='modes'),
}
