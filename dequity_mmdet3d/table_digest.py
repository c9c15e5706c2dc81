"""The digest of a table: are these the values that were written?

Parquet decodes a flipped bit into another value, and says nothing. So a
table's file carries SHA-256 sums of its columns and of its provenance, and
what lies beside the table names it by that of its columns.

Shape letters: N rows.
"""
from __future__ import annotations

import hashlib
from collections.abc import Mapping

import numpy as np

# Of the file's metadata: the sum of the columns, a space, that of the
# provenance's bytes.
DIGEST_KEY = b'dequity_mmdet3d_sha256'
_BLOCK = 1 << 17  # rows of text at a time: a table has millions


def columns_sha256(columns: Mapping[str, np.ndarray]) -> str:
    """SHA-256 of named columns.

    Args:
        columns (Mapping[str, np.ndarray]): (N,) each: real numbers, integers
            or, as objects, strings. Their order counts, the width of their
            numbers does not.

    Returns:
        str: Hexadecimal.
    """
    digest = hashlib.sha256()
    for name, values in columns.items():
        values = np.asarray(values)
        digest.update(f'{name} {len(values)}\n'.encode())
        if values.dtype.kind in 'fiu':
            wide = '<f8' if values.dtype.kind == 'f' else '<i8'
            digest.update(np.ascontiguousarray(values, dtype=wide).data)
            continue
        # with the lengths, because 'ab', 'c' is not 'a', 'bc'
        lengths = np.fromiter(map(len, values), '<i8', len(values))
        digest.update(lengths.data)
        for start in range(0, len(values), _BLOCK):
            block = values[start:start + _BLOCK]
            digest.update(''.join(block.tolist()).encode())
    return digest.hexdigest()


def digest_of(columns: Mapping[str, np.ndarray], provenance: bytes) -> bytes:
    """What a file carries under ``DIGEST_KEY``.

    Args:
        columns (Mapping[str, np.ndarray]): See :func:`columns_sha256`.
        provenance (bytes): As it stands in the file.

    Returns:
        bytes: Two sums.
    """
    return (f'{columns_sha256(columns)} '
            f'{hashlib.sha256(provenance).hexdigest()}').encode()


def what_changed(columns: Mapping[str, np.ndarray], provenance: bytes,
                 digest: bytes) -> str | None:
    """Which part of a file is not what was written.

    Args:
        columns (Mapping[str, np.ndarray]): As they were read.
        provenance (bytes): Likewise.
        digest (bytes): What the file carries.

    Returns:
        str, optional: For people; None where all is as it was written.
    """
    found = digest_of(columns, provenance).split()
    wrong = [what for what, ours, theirs in zip(
        ('columns', 'metadata'), found, digest.split()) if ours != theirs]
    if len(digest.split()) != len(found):
        return 'sums'
    return ' and '.join(wrong) or None
