"""Parquet files, opened in one way."""
from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from .bounds import LEAST

# Rows for a byte of a table: N different ids do not fit into N / 8 bytes.
_ROWS_PER_BYTE = 8
_ENDINGS = '.parquet', '.parq', '.pq'
_LONG = 256  # characters of an id or a tag, where they repeat
# Times that the pages of a Parquet file may grow when they are unpacked.
_UNPACKED = 200


def stem_of(path: str | Path) -> str:
    """A table's path without the ending of a Parquet file.

    What lies beside the table is called by it; ``l_0.5`` has none.

    Example:
        >>> stem_of('a/t.parquet'), stem_of('a/l_0.5')
        ('a/t', 'a/l_0.5')
    """
    stem, ending = os.path.splitext(path)
    return stem if ending.lower() in _ENDINGS else os.fspath(path)


def arrow() -> tuple[Any, Any]:
    """pyarrow and its Parquet part.

    Raises:
        ImportError: If they cannot be imported.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as e:
        raise ImportError(
            f'pyarrow, which reads and writes likelihood tables, cannot be '
            f"imported ({e}); with numpy 1.x: pip install 'pyarrow<26'") from e
    return pyarrow, pyarrow.parquet


def read_parquet(path: str | Path, cure: str,
                 columns: Sequence[str] | None = None,
                 said: Callable | None = None) -> Any:
    """A Parquet file of flat columns.

    Args:
        path (str | Path): That is there, of any origin.
        cure (str): What to do if it is damaged.
        columns (Sequence[str], optional): Those to read. Defaults to all.
        said (Callable, optional): Is given the file's schema before a row
            is read, to refuse it.

    Returns:
        pyarrow.Table: With the file's metadata. Text is not repeated in memory
        before it is known to fit: a file of 22 KB can hold 4.6 GB otherwise.

    Raises:
        ValueError: If it is no such file, damaged, or too large when
            unpacked.
    """
    pa, pq = arrow()
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
    except (pa.ArrowException, OSError, OverflowError, ValueError) as e:
        # a damaged page is an OSError for pyarrow
        why = str(e).splitlines()[0] if str(e) else type(e).__name__
        raise ValueError(f'{path} cannot be read as a Parquet file ({why}); '
                         f'{cure}') from e


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
    if unpacked > max(_UNPACKED * size, LEAST):
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
