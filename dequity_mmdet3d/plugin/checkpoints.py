"""Mmengine's checkpoints: what may be loaded, and which is removed when.

A checkpoint may be anybody's. PyTorch loads tensors and containers, and what
is named here: the log history, whose arrays of numbers are checked by their
values, ConfigDicts, and texts of numpy's, which names of KITTI's classes are.
Numpy's own functions are not among it, as they trust the types and sizes that
a file gives, so that a crafted one crashes the process.
"""
import functools
import re

import numpy as np
import torch
from mmengine.config import ConfigDict
from mmengine.hooks import CheckpointHook
from mmengine.logging import HistoryBuffer

_CODES = '?bhilqBHILQefd'
# A name that no pickle can say, for it ends its names by this: arrays are
# filled by their own method, but not made by a file as it likes.
_UNSAID = '\n'


class Foreign(ValueError):
    """A checkpoint holds what mmengine's do not."""


def what_is_refused(error):
    """What of a checkpoint would not be loaded.

    Args:
        error (Foreign | UnpicklingError): Of ``torch.load``, which
            writes paragraphs, with the advice to load it nevertheless.

    Returns:
        str: For a message.
    """
    if isinstance(error, Foreign):
        return str(error)
    name = re.search(r'GLOBAL ([\w.]+)', str(error))
    return (f'it asks for {name[1]}, which no checkpoint needs' if name else
            'it holds more than tensors and numbers')


class _ArrayName:
    """Stands for ``numpy.ndarray``, which a pickle names but need not have."""

    def __new__(cls, *_):
        raise Foreign('the checkpoint makes an array by hand, which a log '
                      "history does not; it is not mmengine's")


class _Text:
    """Stands for numpy's type of a text, whose size a file could forge.

    Args:
        length (int): In characters.
    """

    def __init__(self, length):
        self.length = length

    def __setstate__(self, state):
        """What else numpy would take from the file."""


def allow_checkpoints():
    """Let ``torch.load`` take what mmengine's checkpoints hold.

    Loading stays restricted: a checkpoint still cannot run code. A
    ``ConfigDict`` is a dict of what is allowed by itself.
    """
    allowed = [HistoryBuffer, ConfigDict]
    allowed += {type(np.dtype(code)) for code in _CODES}
    allowed += [(np.ndarray, _UNSAID), (_ArrayName, 'numpy.ndarray'),
                (_Text, _UNSAID + _UNSAID),
                (_dtype, 'numpy.dtype')]
    for module in ('numpy.core.multiarray', 'numpy._core.multiarray'):
        allowed += [(_empty_array, f'{module}._reconstruct'),
                    (_scalar, f'{module}.scalar')]
    # it stores its own methods, as getattr(HistoryBuffer, name)
    allowed.append((_history_method, 'builtins.getattr'))
    torch.serialization.add_safe_globals(allowed)


def checkpoints_allowed():
    """bool: Whether :func:`allow_checkpoints` was called."""
    found = torch.serialization.get_safe_globals()
    return HistoryBuffer in found and ConfigDict in found


def refuses_checkpoints():
    """bool: Whether this PyTorch would not load them."""
    return torch.__version__ >= (2, 6)


def _dtype(code, *_):
    """The one that numpy has for a kind of number; its size is fixed."""
    if isinstance(code, str) and re.fullmatch(r'U\d{1,4}', code):
        return _Text(int(code[1:]))
    # one letter, and bytes: no list of fields, no text that numpy parses
    dtype = (np.dtype(code) if isinstance(code, str)
             and re.fullmatch(r'b1|[iuf][1248]', code) else None)
    if dtype is None or dtype.isbuiltin != 1:
        raise Foreign(f'the checkpoint has values of type {code!r}, but a '
                      "log history has numbers; it is not mmengine's")
    return dtype


def _empty_array(*_):
    return np.empty(0)


def _scalar(dtype, raw):
    if isinstance(dtype, _Text):
        return _text(dtype.length, raw)
    if not isinstance(dtype, np.dtype) or not isinstance(raw, bytes) or (
            len(raw) != dtype.itemsize or dtype.char not in _CODES):
        raise Foreign('the checkpoint has a number whose size is not that '
                      "of its type; it is not mmengine's")
    return np.frombuffer(raw, dtype)[0]


def _text(length, raw):
    """A text of numpy's, from characters of four bytes each."""
    try:
        if len(raw) != 4 * length:
            raise ValueError
        # an ordinary string: equal to numpy's, and found by it in a dict
        return raw.decode('utf-32-le').rstrip('\0')
    except (AttributeError, TypeError, ValueError) as e:
        raise Foreign('the checkpoint has a text whose size is not that '
                      "of its type; it is not mmengine's") from e


def _history_method(owner, name):
    if owner is not HistoryBuffer or name.startswith('_'):
        raise Foreign(f'the checkpoint asks for {owner!r}.{name}, which a '
                      "log history does not hold; it is not mmengine's")
    return getattr(owner, name)


_SAVE = '_save_checkpoint_with_step'


def remove_after_saving():
    """Let mmengine remove its oldest checkpoint when the next one is there.

    A training that is killed while it saves, or whose disk is full, else
    loses what it has with ``max_keep_ckpts=1``.
    """
    setattr(CheckpointHook, _SAVE, _saved_first(
        getattr(CheckpointHook, _SAVE)))


def removes_before_saving():
    """bool: Whether this mmengine does, by nature."""
    return hasattr(CheckpointHook, _SAVE)


def removes_after_saving():
    """bool: Whether :func:`remove_after_saving` was called."""
    return hasattr(getattr(CheckpointHook, _SAVE, None), '__wrapped__')


class _Later:
    """A file backend that removes files later.

    Args:
        backend (BaseStorageBackend): Of mmengine.
    """

    def __init__(self, backend):
        self._backend, self._waiting = backend, []

    def __getattr__(self, name):
        return getattr(self._backend, name)

    def remove(self, path):
        self._waiting.append((self._backend.remove, path))

    def rmtree(self, path):
        self._waiting.append((self._backend.rmtree, path))

    def finish(self, new):
        """Remove them, but for the one that was written meanwhile."""
        for remove, path in self._waiting:
            if path != new:
                remove(path)


def _saved_first(save):

    @functools.wraps(save)
    def save_first(hook, *args, **kwargs):
        backend = hook.file_backend
        hook.file_backend = later = _Later(backend)
        try:
            save(hook, *args, **kwargs)
        finally:
            hook.file_backend = backend
        later.finish(hook.last_ckpt)

    return save_first
