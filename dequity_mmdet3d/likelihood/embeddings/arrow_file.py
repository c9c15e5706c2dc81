"""One file of embeddings: Arrow's IPC format, also called Feather V2.

    path       string, an image's name, see :mod:`.names`
    stamp      string, its size and time of change when it was read
    embedding  fixed_size_list<float16 or float32>[D], null where there is none
    reason     string, why there is none; else null

uncompressed and in one record batch, so that embeddings can be mapped into
memory, and any reader of Arrow opens it. The file's name ends with the CRC-32
of all its bytes: what is damaged, wherever, is noticed before it is parsed.

Shape letters: m images of one file, D embedding size.
"""
from __future__ import annotations

import os
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import ipc

METADATA_KEY = b'dequity_mmdet3d'
_NAME = re.compile(r'(\d{6,})-([0-9a-f]{8})\.arrow')
_CHUNK = 1 << 20  # bytes at a time, whatever the size of the file


@dataclass(frozen=True)
class Records:
    """All of a file but its embeddings.

    Args:
        path (pa.Array): (m,) large_string.
        stamp (pa.Array): (m,) large_string.
        reason (pa.Array): (m,) string, null where there is an embedding.
        offset (int): Where in the file the numbers begin, in bytes.
    """
    path: pa.Array
    stamp: pa.Array
    reason: pa.Array
    offset: int


def file_name(number: int, content: bytes) -> str:
    """Of a file with this content.

    Example:
        >>> file_name(3, b'ARROW1')
        '000003-74f2a2fa.arrow'
    """
    return f'{number:06d}-{zlib.crc32(content):08x}.arrow'


def file_number(name: str) -> int | None:
    """The number in such a name; None if it is not one."""
    found = _NAME.fullmatch(name)
    return None if found is None else int(found[1])


def is_whole(path: Path) -> bool:
    """Whether a file is there, and its bytes are those of its name."""
    found = _NAME.fullmatch(path.name)
    crc = 0
    try:
        with open(path, 'rb') as f:
            while chunk := f.read(_CHUNK):
                crc = zlib.crc32(chunk, crc)
    except OSError:
        return False
    return found is not None and crc == int(found[2], 16)


def to_bytes(paths: Sequence[str], stamps: Sequence[str],
             embeddings: np.ndarray, reasons: Sequence[str | None],
             identity: str) -> bytes:
    """The content of a file.

    Args:
        paths (Sequence[str]): m names.
        stamps (Sequence[str]): m of them.
        embeddings (np.ndarray): (m, D) float16 or float32.
        reasons (Sequence[str | None]): m, None where there is an embedding.
        identity (str): Of the folder that this file belongs to.
    """
    reason = pa.array(reasons, pa.string())
    m, dim = embeddings.shape
    numbers = pa.array(np.ascontiguousarray(embeddings).reshape(-1))
    good = np.array([r is None for r in reasons])
    # what a list without an embedding holds is not seen; from_arrays takes
    # no mask before pyarrow 15
    embedding = pa.Array.from_buffers(
        pa.list_(numbers.type, dim), m,
        [pa.py_buffer(np.packbits(good, bitorder='little'))],
        children=[numbers])
    columns = dict(path=pa.array(paths, pa.string()),
                   stamp=pa.array(stamps, pa.string()),
                   embedding=embedding, reason=reason)
    batch = pa.RecordBatch.from_arrays(
        [*columns.values()], schema=pa.schema(
            [(name, c.type) for name, c in columns.items()],
            metadata={METADATA_KEY: identity.encode()}))
    sink = pa.BufferOutputStream()
    with ipc.new_file(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return sink.getvalue().to_pybytes()


def read_records(path: str | Path, dim: int, dtype: np.dtype,
                 identity: str) -> Records:
    """Read a file with suspicion.

    Args:
        path (str | Path): Of the file.
        dim (int): D.
        dtype (np.dtype): Of the numbers.
        identity (str): Of the folder that it should belong to.

    Raises:
        FileNotFoundError: If it is not there.
        ValueError: If it is damaged, of another layout, or belongs to
            another folder.
    """
    try:
        with pa.memory_map(os.fspath(path)) as source:
            reader = ipc.open_file(source)
            if reader.num_record_batches != 1:
                raise ValueError('it must have one record batch, but has '
                                 f'{reader.num_record_batches}')
            batch = reader.get_batch(0)
            batch.validate(full=True)
            _check(batch, dim, dtype, identity)
            source.seek(0)
            start = source.read_buffer(1).address
            numbers = batch.column('embedding').values.buffers()[1]
            offset = numbers.address - start
            # as it is not where the file was compressed
            if not 0 <= offset <= source.size() - (
                    len(batch) * dim * dtype.itemsize):
                raise ValueError('its embeddings do not lie in it as they '
                                 'are')
            return Records(
                batch.column('path').cast(pa.large_string()),
                batch.column('stamp').cast(pa.large_string()),
                # copied, so that the file is not held
                pa.concat_arrays([batch.column('reason'),
                                  pa.nulls(0, pa.string())]),
                offset)
    except FileNotFoundError:
        raise
    except (pa.ArrowException, OSError, KeyError, ValueError,
            OverflowError) as e:
        raise ValueError(f'{path} is no file of these embeddings ('
                         f'{str(e).splitlines()[0] if str(e) else e!r})'
                         ) from e


def _check(batch, dim, dtype, identity):
    """Raise ValueError unless a batch is what :func:`to_bytes` makes."""
    told = (batch.schema.metadata or {}).get(METADATA_KEY)
    if told != identity.encode():
        raise ValueError(f'it belongs to {told!r}')
    want = dict(path=pa.string(), stamp=pa.string(),
                embedding=pa.list_(pa.from_numpy_dtype(dtype), dim),
                reason=pa.string())
    got = dict(zip(batch.schema.names, batch.schema.types))
    if got != want or len(batch.schema) != len(want):
        raise ValueError(f'its columns must be {want}, but are {got}')
    if batch.column('path').null_count or batch.column('stamp').null_count:
        raise ValueError('a path or a stamp is missing')
    if not len(batch):
        raise ValueError('it is empty')
    column = batch.column('embedding')
    if not batch.column('reason').is_null().equals(column.is_valid()):
        raise ValueError('a row must have an embedding or a reason')
    if column.offset or column.values.null_count or (
            len(column.values) != len(batch) * dim):
        raise ValueError('its embeddings are not (m, D) numbers')


def map_embeddings(path: str | Path, records: Records, dim: int,
                   dtype: np.dtype) -> np.ndarray:
    """(m, D) memory map of a file's embeddings, zero where there is none."""
    return np.memmap(path, dtype, 'r', records.offset,
                     (len(records.path), dim))
