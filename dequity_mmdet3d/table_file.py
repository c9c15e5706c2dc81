"""The Parquet file of a likelihood table: written whole, read with suspicion.

The layout is described in :mod:`dequity_mmdet3d.table`, whose class is what
others use.
"""
from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .json_files import parse_json
from .parquet_file import arrow, read_parquet
from .whole_file import real_target, whole_file

if TYPE_CHECKING:
    import numpy as np

FORMAT_VERSION = 1
COLUMNS = ('sample_id', 'likelihood', 'cluster_id', 'cluster_size')
REMAKE = 'make it again with dequity likelihoods'
METADATA_KEY = b'dequity_mmdet3d'
_LEVELS = 50  # of the provenance, which has 6
# names that promise what a Parquet file is not
_OTHER_FORMATS = ('.arrow', '.csv', '.feather', '.html', '.json', '.jsonl',
                  '.npy', '.npz', '.pickle', '.pkl', '.tsv', '.txt', '.xlsx')


def write_table(path: str | Path, columns: dict[str, np.ndarray],
                metadata: dict) -> None:
    """Write the columns; the file is complete or not there at all.

    Args:
        path (str | Path): Parquet file; its folder is made if needed.
        columns (dict[str, np.ndarray]): (N,) each, keys as in ``COLUMNS``.
        metadata (dict): JSON-able provenance, to which the format version
            is added.

    Raises:
        ValueError: If the name is that of another format.
        OSError: If the file cannot be written there.
    """
    pa, pq = arrow()
    _check_name(path)
    types = (pa.string(), pa.float64(), pa.int64(), pa.int64())
    text = json.dumps(dict(metadata, format_version=FORMAT_VERSION))
    table = pa.Table.from_arrays(
        [pa.array(columns[c], t) for c, t in zip(COLUMNS, types)],
        schema=pa.schema(
            list(zip(COLUMNS, types)),
            metadata={METADATA_KEY: text.encode()}))
    try:
        with whole_file(path, parents=True) as f:
            pq.write_table(table, f)
    except OSError as e:
        raise _unwritable(path, e) from e


def check_writable(path: str | Path) -> None:
    """Raise an error unless a table could be saved at ``path``.

    Tries it for real, as permissions alone do not tell, and leaves no trace:
    to be asked before the long work, not after it.

    Raises:
        ValueError: If the name is that of another format.
        OSError: If the file cannot be written there.
    """
    arrow()
    _check_name(path)
    made: list[Path] = []
    try:
        target = real_target(path)
        for folder in [*reversed(target.parent.parents), target.parent]:
            if not folder.exists():
                folder.mkdir()
                made.append(folder)
        with tempfile.TemporaryFile(dir=target.parent):
            pass
    except OSError as e:
        raise _unwritable(path, e) from e
    finally:
        for folder in reversed(made):
            folder.rmdir()


def _check_name(path: str | Path) -> None:
    if Path(path).suffix.lower() in _OTHER_FORMATS:
        raise ValueError(
            f'{path} names another format, but a likelihood table is a '
            'Parquet file; give a name that ends with .parquet (dequity '
            'export csv TABLE makes a CSV file of it)')


def read_table(path: str | Path) -> tuple[dict[str, np.ndarray], dict]:
    """Read the columns of a table and check their types.

    Args:
        path (str | Path): Parquet file written by :func:`write_table`.

    Returns:
        tuple[dict[str, np.ndarray], dict]: (N,) columns, keys as in
        ``COLUMNS``, and the provenance. Values are not checked here.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no likelihood table, or of a newer format.
    """
    pa, _ = arrow()
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(
            f'likelihood table {path} does not exist (looked from '
            f'{Path.cwd()}); make it with dequity likelihoods, or '
            'correct the path')
    seen: list[Any] = []
    wrong: ValueError | None = None
    try:
        table = read_parquet(path, REMAKE, COLUMNS, seen.append)
    except ValueError as e:
        wrong = e
    # what it is not says more than what is wrong inside
    if seen:
        metadata = _metadata(path, seen[0].metadata or {})
        if any(seen[0].names.count(c) != 1 for c in COLUMNS):
            raise ValueError(f'{path} must have each of the columns '
                             f'{list(COLUMNS)} once, but has '
                             f'{seen[0].names}; {REMAKE}') from wrong
    if wrong is not None:
        raise wrong
    types = pa.types
    rules = (('string', lambda t: types.is_string(t) or types.is_large_string(
        t)), ('double', types.is_floating), ('int64', types.is_integer),
             ('int64', types.is_integer))
    for name, (want, fits) in zip(COLUMNS, rules):
        column = table.column(name)
        if not fits(column.type) or column.null_count:
            raise ValueError(
                f'{path}: column {name!r} must be {want} without nulls, but '
                f'is {column.type} with {column.null_count}; {REMAKE}')
    return {c: table.column(c).to_numpy() for c in COLUMNS}, metadata


def _metadata(path: Path, raw: dict[bytes, bytes]) -> dict:
    try:
        metadata = parse_json(raw[METADATA_KEY], _LEVELS)
    except (KeyError, ValueError):  # ValueError: no JSON, or far too deep
        metadata = None
    if not isinstance(metadata, dict):
        raise ValueError(
            f'{path} does not say where it comes from (key '
            f'{METADATA_KEY.decode()!r} of the file metadata), so this '
            f'package did not write it; {REMAKE}, or write your own values '
            'with dequity_mmdet3d.table.LikelihoodTable(...).save(path)')
    version = metadata.get('format_version')
    if version != FORMAT_VERSION:
        raise ValueError(
            f'{path} has format version {version!r}, but this package reads '
            f'{FORMAT_VERSION}; upgrade dequity_mmdet3d, or {REMAKE}')
    return metadata


def _unwritable(path: str | Path, error: OSError) -> OSError:
    return OSError(f'cannot write the likelihood table {path}: '
                   f'{error.strerror or error}; give a file in a folder that '
                   'you can write to')
