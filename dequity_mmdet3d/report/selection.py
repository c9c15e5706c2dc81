"""Which samples the page shows one by one.

Shape letters: N samples of the table, P of them on the page.
"""
import numpy as np

_ENDS = 64


def rows_on_page(table, max_samples, seed=0):
    """Which samples to show one by one.

    Args:
        table (LikelihoodTable): N samples.
        max_samples (int): Number of them to show.
        seed (int): Of the choice.

    Returns:
        np.ndarray: (P,) int64 rising rows, all if N is at most
        ``max_samples``. Else as many of each cluster as all can have, so
        that no rare cluster is thinned out for the sake of a common one.
    """
    n = len(table)
    if n <= max_samples:
        return np.arange(n)
    order = np.random.default_rng(seed).permutation(n)
    # where likelihoods differ within a cluster (or there is none), the
    # rarest and the most common come first
    by_p = np.argsort(table.likelihood, kind='stable')
    ends = np.concatenate([by_p[:_ENDS], by_p[::-1][:_ENDS]])[:max_samples]
    order = np.concatenate([ends, order[~np.isin(order, ends)]])
    group = table.cluster_id[order]
    by_group = np.argsort(group, kind='stable')
    sizes = np.unique(group, return_counts=True)[1]
    turn = np.empty(n, np.int64)  # how many of its cluster come before
    turn[by_group] = np.arange(n) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return np.sort(order[np.argsort(turn, kind='stable')[:max_samples]])
