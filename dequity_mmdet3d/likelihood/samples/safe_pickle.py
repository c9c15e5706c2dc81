"""Read pickles, such as upstream's info files, without running their code.

A pickle may name any function of any installed module and have it called.
This reader knows the few that data of numbers and text needs and refuses all
others by name. Numpy's own are not among them: they trust the types and
sizes that a file gives them, so that a damaged file crashes the process, and
a crafted one does worse. Arrays are skipped, as nothing here needs them;
single numbers are decoded here.
"""
import builtins
import collections
import os
import pickle
import re

import numpy as np

from ...bounds import memory_for

_CONTAINERS = ('bool', 'complex', 'dict', 'float',
               'frozenset', 'int', 'list', 'set', 'slice', 'str', 'tuple')


class _Refused(Exception):
    pass


class UnreadArray:
    """Stands where the pickle has a numpy array."""

    def __init__(self, *args: object):
        pass

    def __setstate__(self, state: object) -> None:
        pass

    def __repr__(self) -> str:
        return '<array, not read>'


class _Type:
    """What a pickle says about the type of a number."""

    def __init__(self, code, *args):
        self.code, self.order = str(code), '='

    def __setstate__(self, state):
        if state[1] in ('<', '>'):
            self.order = state[1]


def _scalar(kind, raw=None):
    # other kinds, such as objects, have no meaning as bytes
    if not isinstance(kind, _Type) or not isinstance(
            raw, bytes) or not re.fullmatch(r'b1|[iufcSU]\d{1,5}', kind.code):
        raise _Refused('it holds a numpy scalar of another kind')
    return np.frombuffer(raw, np.dtype(kind.order + kind.code), 1)[0]


def _encode(text, encoding):
    # protocol 2 writes bytes as text in this encoding; codecs.encode itself
    # would admit every codec that happens to be registered
    if encoding != 'latin1':
        raise _Refused(f'it encodes bytes as {encoding!r}')
    return text.encode('latin1')


def _bytes_of(kind):
    """bytes or bytearray, but of nothing that is only a length."""

    def make(*args):
        if args and not isinstance(args[0], (str, bytes, bytearray)):
            raise _Refused(f'it makes {kind.__name__} of a length')
        return kind(*args)

    return make


def _admitted():
    table = {('numpy', 'ndarray'): UnreadArray, ('numpy', 'dtype'): _Type,
             ('collections', 'OrderedDict'): collections.OrderedDict,
             ('_codecs', 'encode'): _encode}
    # the second name is what Python 2, and so protocols 0 to 2, call it
    for module in ('builtins', '__builtin__'):
        table.update({(module, name): getattr(builtins, name)
                      for name in _CONTAINERS})
        table.update({(module, kind.__name__): _bytes_of(kind)
                      for kind in (bytes, bytearray)})
    table['__builtin__', 'unicode'] = str
    # numpy 1 and numpy 2
    for core in ('numpy.core', 'numpy._core'):
        table[f'{core}.multiarray', '_reconstruct'] = UnreadArray
        table[f'{core}.numeric', '_frombuffer'] = UnreadArray
        table[f'{core}.multiarray', 'scalar'] = _scalar
    return table


class _Reader(pickle.Unpickler):
    admitted = _admitted()

    def find_class(self, module, name):
        try:
            return self.admitted[module, name]
        except KeyError:
            raise _Refused(f'it asks for {module}.{name}') from None


def load_pickle(path, maker='dequity create-data'):
    """Read a pickle of containers, numbers and text.

    Args:
        path (str | Path): Pickle of any protocol.
        maker (str): What makes such files, for the advice of an error.

    Returns:
        object: What the pickle holds, with an :class:`UnreadArray` in the
        place of every numpy array.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is damaged, or asks for any other class or
            function; the message names it.
    """
    with open(path, 'rb') as f:
        try:
            with memory_for(os.fstat(f.fileno()).st_size):
                return _Reader(f).load()
        except _Refused as e:
            raise ValueError(
                f'{path} is refused: {e}. Only containers, numbers, text and '
                'numpy arrays may be in it, because a pickle can run any code;'
                f' make the file again with {maker}, or remove these objects '
                'from it') from e
        except (pickle.UnpicklingError, EOFError, AttributeError, ImportError,
                IndexError, KeyError, TypeError, ValueError, MemoryError,
                OverflowError, RecursionError, SystemError) as e:
            # a damaged pickle can raise any of these
            raise ValueError(
                f'{path} is not a complete pickle ({type(e).__name__}: {e}); '
                f'copy it anew, or make it with {maker}') from e
