"""Bounds for files of any origin: none takes more than its size warrants."""
from __future__ import annotations

import contextlib
import math
import tokenize
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

try:
    import resource
except ImportError:  # Windows: no such limit there
    resource = None  # type: ignore[assignment]

if TYPE_CHECKING:
    import numpy as np

_LEAST = 256 * 2**20  # bytes that any file may take
# Of memory for a byte of a pickle: an empty dict is two bytes, and 64 then.
_PER_BYTE = 100
# Rows for a byte of a table: N different ids do not fit into N / 8 bytes.
_ROWS_PER_BYTE = 8
_LONG = 256  # characters of an id or a tag, where they repeat
# Times that the pages of a Parquet file may grow when they are unpacked.
_UNPACKED = 200


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
    limit = used + _LEAST + _PER_BYTE * n_bytes
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


def read_parquet(path: str | Path, columns: Sequence[str] | None = None,
                 said: Any = None) -> Any:
    """A Parquet file of flat columns.

    Args:
        path (str | Path): Of any origin.
        columns (Sequence[str], optional): Those to read. Defaults to all.
        said (Callable, optional): Is given the file's schema before a row
            is read, to refuse it.

    Returns:
        pyarrow.Table: Text is not repeated in memory before it is known to
        fit: a file of 22 KB can hold 4.6 GB otherwise.

    Raises:
        ValueError: If it is no such file, damaged, or too large when
            unpacked; the message is without the path.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq
    try:
        with open(path, 'rb') as f:
            size = f.seek(0, 2)
            f.seek(0)
            file = pq.ParquetFile(f)
            schema = file.schema_arrow
            if said is not None:
                said(schema)
            names = [n for n in columns or schema.names if n in schema.names]
            _check_parquet(file.metadata, [schema.field(n) for n in names],
                           size)
            texts = [n for n in names if _is_text(schema.field(n).type)]
            file = pq.ParquetFile(f, read_dictionary=texts)
            # In this thread: one of Arrow's would let go of Python's file
            # after the call, and a process that ends meanwhile aborts.
            table = file.read(columns=names, use_threads=False)
            table = pa.table(
                [_plain(table.column(n), n, schema.field(n).type)
                 for n in names],
                schema=pa.schema([schema.field(n) for n in names],
                                 schema.metadata))
            table.validate(full=True)  # that text is UTF-8
            return table
    except (pa.ArrowException, OSError, OverflowError, UnicodeDecodeError
            ) as e:
        # a damaged page is an OSError for pyarrow
        raise ValueError(str(e).splitlines()[0] if str(e) else
                         type(e).__name__) from e


def _check_parquet(metadata: Any, fields: list, size: int) -> None:
    import pyarrow as pa
    for field in fields:
        if pa.types.is_nested(field.type):
            raise ValueError(f'column {field.name!r} is {field.type}, and '
                             'columns hold single values here')
    if metadata.num_rows > _ROWS_PER_BYTE * size:
        raise ValueError(f'it says that it has {metadata.num_rows} rows, and '
                         f'{size} bytes cannot hold as many different ids')
    unpacked = sum(metadata.row_group(g).total_byte_size
                   for g in range(metadata.num_row_groups))
    if unpacked > max(_UNPACKED * size, _LEAST):
        raise ValueError(f'its {size} bytes would become {unpacked}; write it '
                         'again with another compression')


def _is_text(kind: Any) -> bool:
    import pyarrow as pa
    return pa.types.is_string(kind) or pa.types.is_large_string(kind)


def _plain(column: Any, name: str, kind: Any) -> Any:
    """Text as it is in place of places in a dictionary."""
    import pyarrow as pa
    import pyarrow.compute as pc
    if not pa.types.is_dictionary(column.type):
        return column
    for part in column.chunks:
        if not _is_text(part.dictionary.type):
            continue
        lengths = pc.binary_length(part.dictionary).take(part.indices)
        whole = pc.sum(lengths).as_py() or 0
        if whole > max(part.dictionary.nbytes, _LONG * len(part), 2**20):
            raise ValueError(f'column {name!r} repeats long texts, {whole} '
                             'bytes in all')
    return column.cast(kind)
