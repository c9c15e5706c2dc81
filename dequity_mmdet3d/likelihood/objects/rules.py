"""From the likelihoods of objects to that of their sample.

Shape letters: N samples, M objects.
"""
import numpy as np

from ..choices import OBJECT_RULES


def sample_likelihood(rule, sample, likelihood, seen, n, scene=None,
                      without=None):
    """How common each sample is, by its objects.

    Args:
        rule (str): 'min', the rarest object's; 'mean', the mean; 'product',
            the geometric mean of the rarest object's and the scene's, which
            stays in the range of both.
        sample (np.ndarray): (M,) int64 in [0, N), whose it is.
        likelihood (np.ndarray): (M,) float64 in (0, 1].
        seen (np.ndarray): (M,) bool. An object that was not looked at has
            no say in a sample that has others.
        n (int): N.
        scene (np.ndarray, optional): (N,) float64 in (0, 1], for 'product'.
        without (float, optional): What a sample without objects gets by
            'min' and 'mean'. Defaults to the largest of the others.

    Returns:
        tuple[np.ndarray, np.ndarray]: (N,) float64 in (0, 1]; by 'product'
        a sample without objects has the scene's. And (N,) int64, the row of
        the rarest object that counts; -1 for none.

    Raises:
        ValueError: If the rule is unknown.
    """
    if rule not in OBJECT_RULES:
        raise ValueError(f'the rule must be one of {OBJECT_RULES}, but got '
                         f'{rule!r}')
    some = np.zeros(n, dtype=bool)
    some[sample[seen]] = True
    rows = np.flatnonzero(seen | ~some[sample])
    order = rows[np.lexsort((likelihood[rows], sample[rows]))]
    owner, first, count = np.unique(sample[order], return_index=True,
                                    return_counts=True)
    rarest = np.full(n, -1)
    rarest[owner] = order[first]
    if rule == 'product':
        joined = scene.copy()
        joined[owner] = np.sqrt(scene[owner] * likelihood[order[first]])
        return joined, rarest
    found = likelihood[order[first]]
    if rule == 'mean':
        found = np.add.reduceat(likelihood[order], first) / count
    joined = np.full(n, found.max() if without is None else without)
    joined[owner] = np.minimum(found, 1.0)
    return joined, rarest
