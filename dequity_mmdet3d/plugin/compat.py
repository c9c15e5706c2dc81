"""Three places in which the installed host stops, and nothing beyond them.

Each is mended only where it would fail, so that on a machine on which the
stock host works nothing of it changes.
"""
import importlib

import numpy as np
import torch

from .evaluation import use_cpu_rotated_iou


def mend_host():
    """Let stock configs train and be evaluated on this machine.

    - ``ObjectSample`` asks for ``np.long``, which numpy 1.24 to 1.26 do not
      have.
    - spconv's CPU build asks for a CUDA stream in its backward pass, and
      does not use it.
    - KITTI's rotated IoU exists for CUDA only.

    May be called any number of times.
    """
    if 'long' not in vars(np):  # hasattr would warn
        np.long = int
    if not torch.cuda.is_available():
        _spconv_without_stream()
    use_cpu_rotated_iou()


def _spconv_without_stream():
    try:
        ops = importlib.import_module('spconv.pytorch.ops')
    except ImportError:  # an option of the host: mmcv's own ops serve then
        return
    ops.get_current_stream = _no_stream


def _no_stream():
    return 0
