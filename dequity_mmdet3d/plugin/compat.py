"""Where the installed MMDetection3D stops, errs or does its work again.

Importing this package changes nothing. :func:`mend_host` mends each place
where it would fail on this machine, so that what stock MMDetection3D computes
where it works stays as it is; :func:`host_mends` tells what there is to mend,
what is mended, and why.
"""
import functools
import importlib
import os
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from mmengine.dist import is_main_process
from mmengine.logging import print_log

from .checkpoints import (
    allow_checkpoints,
    checkpoints_allowed,
    refuses_checkpoints,
    remove_after_saving,
    removes_after_saving,
    removes_before_saving,
)
from .compiled import are_kept, can_be_kept, keep

SPCONV_OPS = ('get_indice_pairs', 'indice_conv', 'indice_conv_backward',
              'indice_maxpool', 'indice_maxpool_backward')


@dataclass(frozen=True)
class Mend:
    """A place of the host that fails on some machines, or costs time.

    Args:
        name (str): What is replaced, or added.
        why (str): What goes wrong without, and where.
        needed (bool): Whether it would on this machine.
        applied (bool): Whether it is mended in this process.
    """
    name: str
    why: str
    needed: bool
    applied: bool


def host_mends():
    """The places that :func:`mend_host` knows; asking changes nothing.

    Returns:
        list[Mend]: All of them, needed here or not.
    """
    return [
        Mend(place.name, place.why, bool(place.needed()),
             bool(place.applied())) for place in _PLACES
    ]


def mend_host(quiet=False):
    """Let stock configs train and be evaluated on this machine.

    ``dequity train`` and ``dequity test`` call it, and so do
    ``DequityDataset``, ``DequityHook``, ``DequityProbe`` and the metrics when
    they are built, which a training does before it loads a sample or a
    checkpoint. It may be called any number of times.

    Args:
        quiet (bool): Whether to leave the log alone. Defaults to False: a
            line for each place that this call mended.

    Returns:
        list[Mend]: What this call mended.
    """
    mended = []
    for place in _PLACES:
        if place.needed() and not place.applied():
            place.apply()
            mended.append(Mend(place.name, place.why, True, True))
    # before the processes of a launcher know of each other, this tells them
    first = is_main_process() and os.environ.get('RANK', '0') == '0'
    for mend in mended if first and not quiet else ():
        print_log(f'mended for this machine: {mend.name}; {mend.why}',
                  'current')
    return mended


def _add_numpy_long():
    np.long = int


def _own_numpy_long():
    # hasattr would warn where numpy only tells that it is gone
    return vars(np).get('long') is int


def _spconv_ops():
    """spconv's operators where its CPU build is used, else None."""
    if torch.cuda.is_available():
        return None
    try:
        return importlib.import_module('spconv.pytorch.ops')
    except ImportError:  # an option of the host: mmcv's own ops serve then
        return None


def _no_stream():
    return 0


def _put_no_stream():
    _spconv_ops().get_current_stream = _no_stream


def _has_no_stream():
    return getattr(_spconv_ops(), 'get_current_stream', None) is _no_stream


def _put_one_thread():
    ops = _spconv_ops()
    for name in _threaded(ops):
        setattr(ops, name, _one_thread(getattr(ops, name)))


def _threaded(ops):
    """Names of spconv's operators that would use all threads."""
    return [name for name in SPCONV_OPS if hasattr(ops, name)
            and not hasattr(getattr(ops, name), '__wrapped__')]


def _has_one_thread():
    ops = _spconv_ops()
    return ops is not None and not _threaded(ops)


def _one_thread(function):

    @functools.wraps(function)
    def call(*args, **kwargs):
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            return function(*args, **kwargs)
        finally:
            torch.set_num_threads(threads)

    return call


def _kitti():
    # here, since the metrics of that package import this module
    from .evaluation import kitti
    return kitti


@dataclass(frozen=True)
class _Place:
    name: str
    why: str
    needed: Callable
    applied: Callable
    apply: Callable


_PLACES = (
    _Place('numpy.long',
           'ObjectSample asks for it, and numpy 1.24 to 1.26 lack it',
           lambda: 'long' not in vars(np) or _own_numpy_long(),
           _own_numpy_long, _add_numpy_long),
    _Place("spconv's CUDA stream",
           'the backward pass of its CPU build asks for one, which fails '
           'without CUDA, and does not use it',
           _spconv_ops, _has_no_stream, _put_no_stream),
    _Place("spconv's threads",
           'those of its CPU build race for the same sums, so that features '
           'and gradients differ by about 5 % from call to call; with one it '
           'is right, and faster',
           _spconv_ops, _has_one_thread, _put_one_thread),
    _Place("kitti_eval's rotated IoU",
           'it exists for CUDA only, and numba finds none',
           lambda: not _kitti().host_can_run(), lambda: _kitti().in_use(),
           lambda: _kitti().use_cpu_rotated_iou()),
    _Place('torch.load',
           'PyTorch 2.6 and newer refuse the log history and the ConfigDicts '
           "in mmengine's checkpoints, so that no run can be resumed or "
           'tested; they are data, and nothing else is allowed',
           refuses_checkpoints, checkpoints_allowed, allow_checkpoints),
    _Place("mmengine's CheckpointHook",
           'it removes the oldest checkpoint before the next one is there, '
           'which may be the only one, and the next may never come: it is '
           'killed, or the disk is full',
           removes_before_saving, removes_after_saving, remove_after_saving),
    _Place("numba's compiled code",
           'augmentation and evaluation are compiled anew by every process, '
           'for about 9 s; it is kept in files (NUMBA_CACHE_DIR says where)',
           can_be_kept, are_kept, keep),
)
