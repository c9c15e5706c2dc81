"""Samples with several cameras: one likelihood out of several images.

Shape letters: N samples, M images (of all samples and cameras), C cameras,
D embedding size.
"""
from dataclasses import dataclass

import numpy as np

from ..choices import CAMERAS, DEFAULT_CAMERAS
from .vectors import UnitVectors


@dataclass(frozen=True)
class View:
    """What is clustered together: all samples, or one camera's images.

    Args:
        name (str): Of the camera; '' for all.
        vectors (UnitVectors): (V, D) embeddings.
        rows (np.ndarray): (V,) int64, the sample of each.
    """
    name: str
    vectors: UnitVectors
    rows: np.ndarray


def views_of(parts, sample, camera, usable, names,
             policy=DEFAULT_CAMERAS):
    """Arrange the embeddings of images for clustering.

    Args:
        parts (Sequence[np.ndarray]): Arrays of together (M, D) numbers.
        sample (np.ndarray): (M,) int64, rising, in [0, N).
        camera (np.ndarray): (M,) int64 in [0, C).
        usable (np.ndarray): (M,) bool; every sample has at least one.
        names (Sequence[str]): C names.
        policy (str): One of :data:`.choices.CAMERAS`. 'mean' clusters the mean
            direction of a sample's images; 'concat' all of them side by
            side, where the camera's mean stands for a missing image; the
            other two cluster each camera by itself.

    Returns:
        list[View]: One for 'mean', 'concat' and a single camera; else C.

    Raises:
        ValueError: If ``policy`` is unknown.
    """
    if policy not in CAMERAS:
        raise ValueError(f'the policy for cameras must be one of {CAMERAS}, '
                         f'but got {policy!r}')
    n = int(sample[-1]) + 1
    everyone = np.arange(n)
    if len(names) == 1:
        return [View('', UnitVectors(parts, keep=usable), everyone)]
    if policy == 'mean':
        return [View('', UnitVectors(_mean(parts, sample, usable, n)),
                     everyone)]
    if policy == 'concat':
        out = _side_by_side(parts, sample, camera, usable, n, len(names))
        return [View('', UnitVectors(out), everyone)]
    keep = [usable & (camera == c) for c in range(len(names))]
    return [
        View(name, UnitVectors(parts, keep=k), sample[k])
        for name, k in zip(names, keep) if k.any()
    ]


def _blocks(parts, usable):
    """(rows in M, (B, D) float32 of length 1) of usable images."""
    where = np.flatnonzero(usable)
    for start, block in UnitVectors(parts, keep=usable).blocks():
        yield where[start:start + len(block)], block


def _mean(parts, sample, usable, n):
    out = None
    for rows, block in _blocks(parts, usable):
        if out is None:
            out = np.zeros((n, block.shape[1]), dtype=np.float32)
        np.add.at(out, sample[rows], block)
    return out


def _side_by_side(parts, sample, camera, usable, n, c):
    out = None
    for rows, block in _blocks(parts, usable):
        if out is None:
            out = np.zeros((n, c, block.shape[1]), dtype=np.float32)
        out[sample[rows], camera[rows]] = block
    missing = np.ones((n, c), dtype=bool)
    missing[sample[usable], camera[usable]] = False
    for k in range(c):
        if missing[:, k].any() and not missing[:, k].all():
            out[missing[:, k], k] = out[~missing[:, k], k].mean(axis=0)
    return out.reshape(n, -1)


def join_cameras(likelihoods, clusters, sizes, policy):
    """One likelihood a sample out of one a camera.

    Args:
        likelihoods (np.ndarray): (N, C) float64 in (0, 1], NaN for a camera
            without a usable image; not all of a sample's.
        clusters (np.ndarray): (N, C) int64.
        sizes (np.ndarray): (N, C) int64.
        policy (str): 'likelihood-mean' or 'likelihood-min'.

    Returns:
        tuple[np.ndarray, np.ndarray, np.ndarray]: Likelihood, (N,) float64;
        cluster and its size, (N,) int64, of the camera that sees the rarest.
    """
    rarest = np.nanargmin(likelihoods, axis=1)
    rows = np.arange(len(likelihoods))
    if policy == 'likelihood-min':
        joined = likelihoods[rows, rarest]
    else:
        joined = np.nanmean(likelihoods, axis=1)
    return joined, clusters[rows, rarest], sizes[rows, rarest]
