"""Embeddings whose modes are known."""
import numpy as np

from dequity_mmdet3d.likelihood.embeddings.vectors import unit_rows


def modes(sizes, spread=0.4, rank=16, dim=48, seed=0, cone=0.0):
    """Modes of given sizes in a subspace; rows in random order.

    Returns:
        tuple[np.ndarray, np.ndarray]: (N, D) float32 and the mode of each.
    """
    rng = np.random.default_rng(seed)
    mode = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
    centres = rng.standard_normal((len(sizes), rank))
    x = centres[mode] + spread * rng.standard_normal((len(mode), rank))
    x = unit_rows(x @ rng.standard_normal((rank, dim)))
    return unit_rows(x + cone / np.sqrt(dim)), mode


def agree(labels, mode):
    """Share of samples in the cluster that stands for their mode."""
    table = np.zeros((labels.max() + 2, mode.max() + 1), dtype=int)
    np.add.at(table, (labels, mode), 1)
    return table[:-1].max(axis=0).sum() / len(mode)
