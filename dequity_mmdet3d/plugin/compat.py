"""Places in which the installed host stops or errs, and nothing beyond them.

Each is mended only where it would fail, so that on a machine on which the
stock host works nothing of it changes.
"""
import functools
import importlib

import numpy as np
import torch
from mmengine.logging import HistoryBuffer

from .evaluation import use_cpu_rotated_iou

SPCONV_OPS = ('get_indice_pairs', 'indice_conv', 'indice_conv_backward',
              'indice_maxpool', 'indice_maxpool_backward')


def mend_host():
    """Let stock configs train and be evaluated on this machine.

    - ``ObjectSample`` asks for ``np.long``, which numpy 1.24 to 1.26 do not
      have.
    - spconv's CPU build asks for a CUDA stream in its backward pass, and
      does not use it; and its threads race for the same sums, so that its
      features and gradients differ by about 5 % from call to call on two
      cores. It gets one thread, with which it is right, and faster.
    - KITTI's rotated IoU exists for CUDA only.
    - PyTorch 2.6 and newer refuse the log history in mmengine's
      checkpoints, so that no run can be resumed or tested.

    May be called any number of times.
    """
    if 'long' not in vars(np):  # hasattr would warn
        np.long = int
    if not torch.cuda.is_available():
        _mend_spconv()
    use_cpu_rotated_iou()
    _allow_log_history()


def _mend_spconv():
    try:
        ops = importlib.import_module('spconv.pytorch.ops')
    except ImportError:  # an option of the host: mmcv's own ops serve then
        return
    ops.get_current_stream = _no_stream
    for name in SPCONV_OPS:
        function = getattr(ops, name, None)
        if function is not None and not hasattr(function, '__wrapped__'):
            setattr(ops, name, _one_thread(function))


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


def _no_stream():
    return 0


def _allow_log_history():
    """Name what mmengine's checkpoints hold beside tensors as safe.

    Loading stays restricted: a checkpoint still cannot run code.
    """
    if not hasattr(torch.serialization, 'add_safe_globals'):
        return
    multiarray = importlib.import_module(
        'numpy._core.multiarray' if hasattr(np, '_core') else
        'numpy.core.multiarray')
    allowed = [HistoryBuffer, np.ndarray, np.dtype]
    allowed += {type(np.dtype(t)) for t in 'bhilqBHILQefd?US'}
    for module in ('numpy.core.multiarray', 'numpy._core.multiarray'):
        allowed += [(getattr(multiarray, name), f'{module}.{name}')
                    for name in ('_reconstruct', 'scalar')]
    # it stores its own methods, as getattr(HistoryBuffer, name)
    allowed.append((_history_method, 'builtins.getattr'))
    torch.serialization.add_safe_globals(allowed)


def _history_method(owner, name):
    if owner is not HistoryBuffer or name.startswith('_'):
        raise ValueError(f'the checkpoint asks for {owner!r}.{name}, which a '
                         "log history does not hold; it is not mmengine's")
    return getattr(owner, name)
