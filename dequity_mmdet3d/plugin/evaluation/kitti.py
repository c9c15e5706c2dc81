"""MMDetection3D's KITTI evaluation without CUDA.

All that keeps ``kitti_eval`` from running on a CPU is its rotated overlap,
whose module compiles for CUDA when it is imported. It is imported inside two
functions, ``bev_box_overlap`` and ``d3_box_overlap``, and nowhere else. These
two names of one module are what gets rebound here, and only where upstream's
own would fail: with CUDA nothing changes, so that results stay comparable
with published ones, made by upstream's kernel.

Shape letters: N predicted boxes, K annotated boxes.
"""
import contextlib
import functools

import numba.cuda
import numpy as np
from mmdet3d.evaluation.functional.kitti_utils import eval as host
from mmengine.logging import print_log

from .rotated_iou import INTERSECTION, rotated_iou

_REPLACED = ('bev_box_overlap', 'd3_box_overlap')
# Filled while ours are in place: what to put back.
_originals: dict = {}


def bev_box_overlap(boxes, qboxes, criterion: int = -1) -> np.ndarray:
    """Overlap of boxes seen from above; the host's function of this name.

    Args:
        boxes (np.ndarray): (N, 5): x, z, size along x, size along z [m],
            ``rotation_y`` [rad], in the camera frame.
        qboxes (np.ndarray): (K, 5), likewise.
        criterion (int): See :func:`.rotated_iou.rotated_iou`.

    Returns:
        np.ndarray: (N, K) float64.

    Raises:
        TypeError, ValueError: See :func:`.rotated_iou.rotated_iou`.
    """
    _say_once()
    return rotated_iou(boxes, qboxes, criterion)


def d3_box_overlap(boxes, qboxes, criterion: int = -1) -> np.ndarray:
    """Overlap of volumes; the host's function of this name.

    The heights are left to the host's own kernel, which runs on the CPU.

    Args:
        boxes (np.ndarray): (N, 7): x, y, z of the centre of the bottom, size
            along x (length), y (height), z (width) [m], ``rotation_y``
            [rad], in the camera frame, whose y points down.
        qboxes (np.ndarray): (K, 7), likewise.
        criterion (int): As in :func:`.rotated_iou.rotated_iou`, with volumes.

    Returns:
        np.ndarray: (N, K) float64.

    Raises:
        TypeError, ValueError: See :func:`.rotated_iou.rotated_iou`.
    """
    _say_once()
    seen_from_above = [0, 2, 3, 5, 6]
    overlaps = rotated_iou(boxes[:, seen_from_above],
                           qboxes[:, seen_from_above], INTERSECTION)
    # It turns the shared areas into overlaps in place.
    host.d3_box_overlap_kernel(boxes, qboxes, overlaps, criterion)
    return overlaps


def host_can_run() -> bool:
    """Whether the host's own kernel would run here.

    numba is asked, not torch: the kernel is numba's, which needs NVVM of the
    CUDA toolkit besides the driver. PyTorch's wheels do not bring it, so
    that CUDA may work in torch and still be missing for the evaluation.
    """
    return bool(numba.cuda.is_available())


def use_cpu_rotated_iou(force: bool = False) -> bool:
    """Give the host's KITTI evaluation an overlap that needs no CUDA.

    Calling it again changes nothing. ``use_host_rotated_iou`` undoes it.

    Args:
        force (bool): Also where the host's own would run, for example to
            compare the two.

    Returns:
        bool: Whether the overlaps of this module are in place now.
    """
    if _originals:
        return True
    if host_can_run() and not force:
        return False
    for name in _REPLACED:
        _originals[name] = getattr(host, name)
        setattr(host, name, globals()[name])
    return True


def in_use() -> bool:
    """Whether the overlaps of this module are in place."""
    return bool(_originals)


def use_host_rotated_iou() -> None:
    """Put the host's own functions back, if they were replaced."""
    while _originals:
        name, function = _originals.popitem()
        setattr(host, name, function)


@contextlib.contextmanager
def cpu_rotated_iou():
    """Evaluate with the overlaps of this module, with or without CUDA.

    On leaving, the host is as it was before.
    """
    installed_before = bool(_originals)
    use_cpu_rotated_iou(force=True)
    try:
        yield
    finally:
        if not installed_before:
            use_host_rotated_iou()


@functools.cache
def _say_once() -> None:
    print_log(
        'KITTI evaluation: rotated overlaps come from dequity_mmdet3d, in '
        "float64 on the CPU, not from mmdet3d's CUDA kernel. They are exact; "
        'that kernel is off by about 1e-5, and by far more where edges of two '
        'boxes nearly coincide.',
        logger='current')
