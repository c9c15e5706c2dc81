"""Parquet files, opened in one way."""
from __future__ import annotations

from pathlib import Path
from typing import Any


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


def read_parquet(path: str | Path, cure: str) -> Any:
    """All of a file.

    Args:
        path (str | Path): That is there.
        cure (str): What to do if it is damaged.

    Returns:
        pyarrow.Table: With the file's metadata.

    Raises:
        ValueError: If it cannot be read as one.
    """
    pa, pq = arrow()
    try:
        with open(path, 'rb') as file:
            # In this thread: one of Arrow's would let go of Python's file
            # after the call, and a process that ends meanwhile aborts.
            return pq.ParquetFile(file).read(use_threads=False)
    except (pa.ArrowException, OSError) as e:
        # a damaged page is an OSError for pyarrow
        raise ValueError(f'{path} cannot be read as a Parquet file '
                         f'({str(e).splitlines()[0]}); {cure}') from e
