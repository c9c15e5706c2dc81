"""Bounds for files of any origin: none takes more than its size warrants."""
from __future__ import annotations

import contextlib
import math
import os
import struct
import tokenize
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

try:
    import resource
except ImportError:  # Windows: no such limit there
    resource = None  # type: ignore[assignment]

if TYPE_CHECKING:
    import numpy as np

LEAST = 256 * 2**20  # bytes that any file may take
_CHUNK = 2**24  # bytes at a time of an array that is left on the disk
# Of memory for a byte of a pickle: an empty dict is two bytes, and 64 then.
_PER_BYTE = 100


@contextlib.contextmanager
def memory_for(n_bytes: int) -> Iterator[None]:
    """Let the system refuse memory that a file cannot need.

    A pickle of 40 bytes can ask for 8 GB, in ways that cannot be told before
    it is read. Where the system has no such limit, nothing happens.

    Args:
        n_bytes (int): Size of the file that is read meanwhile.

    Raises:
        MemoryError: By what asks for more.
    """
    used = _address_space()
    if used is None:
        yield
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    limit = used + LEAST + _PER_BYTE * n_bytes
    if soft != resource.RLIM_INFINITY:
        limit = min(limit, soft)
    resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def _address_space() -> int | None:
    """Bytes that this process has asked for so far, where that is told."""
    if resource is None:
        return None
    try:
        pages = int(Path('/proc/self/statm').read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return None
    return pages * resource.getpagesize()


def read_arrays(path: str | Path,
                map_from: int | None = None) -> dict[str, np.ndarray]:
    """The arrays of an .npz file that ``numpy.savez`` wrote.

    Args:
        path (str | Path): Of any origin.
        map_from (int, optional): Arrays of so many bytes and more are memory
            maps for reading. Defaults to none.

    Returns:
        dict[str, np.ndarray]: By name; a missing one is a ValueError that
        names it. Together they have no more bytes
        than the file: what is compressed, or says that it is larger, is not
        read; nor are objects. Checksums are compared, those of maps as well.

    Raises:
        OSError: If it cannot be read.
        ValueError: If it is no such file, or damaged.
    """
    try:
        # opened once: another file may take its place meanwhile
        with (open(os.fspath(path), 'rb') as file,
              zipfile.ZipFile(file) as archive):
            whole = sum(m.file_size for m in archive.infolist())
            if whole > os.fstat(file.fileno()).st_size:
                raise ValueError(f'its arrays would have {whole} bytes, which '
                                 'are more than it has itself')
            return _Arrays({member.filename.removesuffix('.npy'):
                            _array(file, archive, member, map_from)
                            for member in archive.infolist()})
    except (zipfile.BadZipFile, EOFError, KeyError, NotImplementedError,
            OverflowError, RuntimeError, SyntaxError, TypeError,
            tokenize.TokenError) as e:
        # what zipfile and numpy raise about damage
        raise ValueError(f'no archive of arrays ({e})') from e


class _Arrays(dict):
    """Says what is missing to who reads a file that lacks it."""

    def __missing__(self, name: str) -> Any:
        raise ValueError(f'it has no {name!r}')


def _array(file: BinaryIO, archive: zipfile.ZipFile, member: zipfile.ZipInfo,
           map_from: int | None) -> Any:
    import numpy as np
    from numpy.lib import format as npy
    if (member.compress_type != zipfile.ZIP_STORED
            or member.file_size != member.compress_size):
        raise ValueError(f'{member.filename!r} is compressed, which '
                         'numpy.savez does not do')
    with archive.open(member) as f:
        version = npy.read_magic(f)
        if version not in ((1, 0), (2, 0)):
            raise ValueError(f'{member.filename!r} is of version {version}')
        shape, fortran, dtype = (npy.read_array_header_1_0 if version == (
            1, 0) else npy.read_array_header_2_0)(f)
        header, raw = f.tell(), b''
        n_bytes = member.file_size - header
        mapped = map_from is not None and n_bytes >= map_from
        if mapped:
            while f.read(_CHUNK):  # to its end, so that its checksum is seen
                pass
        else:
            raw = f.read()
            n_bytes = len(raw)
    if dtype.hasobject:
        raise ValueError(f'{member.filename!r} holds objects')
    if min(shape, default=0) < 0 or (
            math.prod(shape) * dtype.itemsize != n_bytes):
        raise ValueError(f'{member.filename!r} must hold {shape} of {dtype}, '
                         f'but has {n_bytes} bytes')
    order: Any = 'F' if fortran else 'C'
    if mapped:
        return np.memmap(file, dtype, 'r', _start(file, member) + header,
                         shape, order)
    return np.frombuffer(raw, dtype).reshape(shape, order=order).copy()


def _start(file: BinaryIO, member: zipfile.ZipInfo) -> int:
    """Where the bytes of a member begin in the file."""
    file.seek(member.header_offset)
    # zip's local header: its lengths of name and extra come last
    name, extra = struct.unpack('<26x2H', file.read(30))
    return int(member.header_offset + 30 + name + extra)
