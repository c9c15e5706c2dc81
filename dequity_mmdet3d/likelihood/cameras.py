"""From the embeddings of a sample's cameras to one embedding.

Shape letters: N samples, M images (of all samples and cameras), D embedding
size.
"""
import numpy as np


def mean_over_cameras(embeddings, counts):
    """One embedding for every sample: the mean of its images' directions.

    Args:
        embeddings (np.ndarray): (M, D) float32 rows of length 1, the images
            of one sample after the other.
        counts (Sequence[int]): (N,) images of each sample, >= 1, sum M.

    Returns:
        np.ndarray: (N, D) float32. Not of length 1 for several cameras.

    Raises:
        ValueError: If the counts do not fit.
    """
    counts = np.asarray(counts)
    if (counts < 1).any() or counts.sum() != len(embeddings):
        raise ValueError(f'counts must be 1 or more and sum to '
                         f'{len(embeddings)}, but sum to {counts.sum()} with '
                         f'the smallest {counts.min()}')
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    return np.add.reduceat(embeddings, starts) / counts[:, None].astype(
        np.float32)
