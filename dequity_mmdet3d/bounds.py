"""Bounds for files of any origin: none takes more than its size warrants."""
from __future__ import annotations

import contextlib
import math
import tokenize
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

try:
    import resource
except ImportError:  # Windows: no such limit there
    resource = None  # type: ignore[assignment]

if TYPE_CHECKING:
    import numpy as np

LEAST = 256 * 2**20  # bytes that any file may take
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


def read_arrays(path: str | Path) -> dict[str, np.ndarray]:
    """The arrays of an .npz file that ``numpy.savez`` wrote.

    Args:
        path (str | Path): Of any origin.

    Returns:
        dict[str, np.ndarray]: By name. Together they have no more bytes
        than the file: what is compressed, or says that it is larger, is not
        read; nor are objects.

    Raises:
        OSError: If it cannot be read.
        ValueError: If it is no such file, or damaged.
    """
    import numpy as np
    try:
        with zipfile.ZipFile(path) as archive:
            whole = sum(m.file_size for m in archive.infolist())
            if whole > Path(path).stat().st_size:
                raise ValueError(f'its arrays would have {whole} bytes, which '
                                 'are more than it has itself')
            return {member.filename.removesuffix('.npy'):
                    _array(archive, member, np.lib.format)
                    for member in archive.infolist()}
    except (zipfile.BadZipFile, EOFError, KeyError, NotImplementedError,
            OverflowError, RuntimeError, SyntaxError, TypeError,
            tokenize.TokenError) as e:
        # what zipfile and numpy raise about damage
        raise ValueError(f'no archive of arrays ({e})') from e


def _array(archive: zipfile.ZipFile, member: zipfile.ZipInfo,
           npy: Any) -> Any:
    import numpy as np
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
        raw = f.read()  # all, so that its checksum is seen
    if dtype.hasobject:
        raise ValueError(f'{member.filename!r} holds objects')
    if min(shape, default=0) < 0 or (
            math.prod(shape) * dtype.itemsize != len(raw)):
        raise ValueError(f'{member.filename!r} must hold {shape} of {dtype}, '
                         f'but has {len(raw)} bytes')
    array = np.frombuffer(raw, dtype)
    return array.reshape(shape, order='F' if fortran else 'C').copy()
