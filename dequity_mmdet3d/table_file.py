"""The Parquet file of a table: written whole, read with suspicion.

The layouts are described in :mod:`dequity_mmdet3d.table` and
:mod:`dequity_mmdet3d.object_table`, whose classes are what others use.
"""
from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .json_files import parse_json
from .parquet_file import arrow, read_parquet
from .sample_ids import ids_fingerprint
from .table_digest import DIGEST_KEY, digest_of, what_changed
from .whole_file import real_target, whole_file

if TYPE_CHECKING:
    import numpy as np

FORMAT_VERSION = 1
REMAKE = 'make it again with dequity likelihoods'
METADATA_KEY = b'dequity_mmdet3d'
_LEVELS = 50  # of the provenance, which has 6
# names that promise what a Parquet file is not
_OTHER_FORMATS = ('.arrow', '.csv', '.feather', '.html', '.json', '.jsonl',
                  '.npy', '.npz', '.pickle', '.pkl', '.tsv', '.txt', '.xlsx')


@dataclass(frozen=True)
class Schema:
    """Which table a file holds.

    Args:
        name (str): What its metadata call it under ``table``; '' for the
            likelihood table, whose files have no such entry.
        title (str): What messages call it.
        make (str): What makes it, for messages.
        columns (dict[str, str]): 'string', 'double' or 'int64' by name.
    """
    name: str
    title: str
    make: str
    columns: dict[str, str]


LIKELIHOODS = Schema(
    '', 'likelihood table', 'dequity likelihoods',
    dict(sample_id='string', likelihood='double', cluster_id='int64',
         cluster_size='int64'))
COLUMNS = tuple(LIKELIHOODS.columns)


def write_table(path: str | Path, columns: dict[str, np.ndarray],
                metadata: dict, schema: Schema = LIKELIHOODS) -> None:
    """Write the columns; the file is complete or not there at all.

    Args:
        path (str | Path): Parquet file; its folder is made if needed.
        columns (dict[str, np.ndarray]): (N,) each, keys as in ``schema``.
        metadata (dict): JSON-able provenance, to which the format version
            and the schema's name are added.
        schema (Schema): Of the table. Defaults to the likelihood table's.

    Raises:
        ValueError: If the name is that of another format.
        OSError: If the file cannot be written there.
    """
    pa, pq = arrow()
    _check_name(path, schema)
    types = dict(string=pa.string(), double=pa.float64(), int64=pa.int64())
    fields = [(c, types[kind]) for c, kind in schema.columns.items()]
    about = dict(metadata, format_version=FORMAT_VERSION)
    if schema.name:
        about['table'] = schema.name
    text = json.dumps(about).encode()
    table = pa.Table.from_arrays(
        [pa.array(columns[c], t) for c, t in fields],
        schema=pa.schema(
            fields, metadata={METADATA_KEY: text,
                              DIGEST_KEY: digest_of(columns, text)}))
    try:
        with whole_file(path, parents=True) as f:
            pq.write_table(table, f)
    except OSError as e:
        raise _unwritable(path, e, schema) from e


def check_writable(path: str | Path, schema: Schema = LIKELIHOODS) -> None:
    """Raise an error unless a table could be saved at ``path``.

    Tries it for real, as permissions alone do not tell, and leaves no trace:
    to be asked before the long work, not after it.

    Raises:
        ValueError: If the name is that of another format.
        OSError: If the file cannot be written there.
    """
    arrow()
    _check_name(path, schema)
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
        raise _unwritable(path, e, schema) from e
    finally:
        for folder in reversed(made):
            folder.rmdir()


def _check_name(path: str | Path, schema: Schema) -> None:
    if Path(path).suffix.lower() in _OTHER_FORMATS:
        raise ValueError(
            f'{path} names another format, but the {schema.title} is a '
            'Parquet file; give a name that ends with .parquet (dequity '
            'export csv TABLE makes a CSV file of it)')


def read_table(
        path: str | Path, schema: Schema = LIKELIHOODS
) -> tuple[dict[str, np.ndarray], dict]:
    """Read the columns of a table and check their types.

    Args:
        path (str | Path): Parquet file written by :func:`write_table`.
        schema (Schema): Of the table. Defaults to the likelihood table's.

    Returns:
        tuple[dict[str, np.ndarray], dict]: (N,) columns, keys as in
        ``schema``, and the provenance. Values are not checked here.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no such table, of a newer format, or not what
            was written; tables before 0.2 do not tell the last.
    """
    pa, _ = arrow()
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(
            f'{schema.title} {path} does not exist (looked from '
            f'{Path.cwd()}); make it with {schema.make}, or '
            'correct the path')
    seen: list[Any] = []
    wrong: ValueError | None = None
    try:
        table = read_parquet(path, REMAKE, list(schema.columns), seen.append)
    except ValueError as e:
        wrong = e
    # what it is not says more than what is wrong inside
    if seen:
        metadata = _metadata(path, seen[0].metadata or {})
        if metadata.get('table', '') != schema.name:
            raise ValueError(
                f'{path} should hold the {schema.title}, but holds a table '
                f'of {metadata.get("table", "samples")}; give the path of '
                f'the {schema.title}') from wrong
        if any(seen[0].names.count(c) != 1 for c in schema.columns):
            raise ValueError(f'{path} must have each of the columns '
                             f'{list(schema.columns)} once, but has '
                             f'{seen[0].names}; {REMAKE}') from wrong
    if wrong is not None:
        raise wrong
    raw = table.schema.metadata or {}
    types = pa.types
    fits = dict(
        string=lambda t: types.is_string(t) or types.is_large_string(t),
        double=types.is_floating, int64=types.is_integer)
    for name, want in schema.columns.items():
        column = table.column(name)
        if not fits[want](column.type) or column.null_count:
            raise ValueError(
                f'{path}: column {name!r} must be {want} without nulls, but '
                f'is {column.type} with {column.null_count}; {REMAKE}')
    columns = {c: table.column(c).to_numpy() for c in schema.columns}
    if DIGEST_KEY in raw:
        changed = what_changed(columns, raw[METADATA_KEY], raw[DIGEST_KEY])
    else:  # written before there were digests
        changed = _other_ids(columns, metadata)
    if changed:
        raise ValueError(
            f'{path}: its {changed} are not what was written (SHA-256), so '
            f'the file was damaged or changed; {REMAKE}, or save values of '
            'your own with LikelihoodTable(...).save')
    return columns, metadata


def _other_ids(columns: dict[str, np.ndarray], metadata: dict) -> str | None:
    said = metadata.get('ids_sha256')
    right = said is None or said == ids_fingerprint(columns['sample_id'])
    return None if right else 'sample ids'


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


def _unwritable(path: str | Path, error: OSError,
                schema: Schema) -> OSError:
    return OSError(f'cannot write the {schema.title} {path}: '
                   f'{error.strerror or error}; give a file in a folder that '
                   'you can write to')
