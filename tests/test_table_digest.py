"""The digest of a table, by hand."""
import hashlib
import struct

import numpy as np
import pytest

from dequity_mmdet3d import table_digest
from dequity_mmdet3d.table_digest import (
    columns_sha256,
    digest_of,
    what_changed,
)


def columns(**changes):
    return dict(dict(name=np.array(['ab', 'ü', 'c'], dtype=object),
                     p=np.array([0.5, 1.0, 0.25]),
                     n=np.array([2, 1, -1])), **changes)


@pytest.mark.parametrize('block', [1, 2, 100])
def test_by_hand(monkeypatch, block):
    # how much is read at a time changes nothing
    monkeypatch.setattr(table_digest, '_BLOCK', block)
    text = (b'name 3\n' + struct.pack('<3q', 2, 1, 1) + 'abüc'.encode() +
            b'p 3\n' + struct.pack('<3d', 0.5, 1, 0.25) +
            b'n 3\n' + struct.pack('<3q', 2, 1, -1))
    assert columns_sha256(columns()) == hashlib.sha256(text).hexdigest()


def test_width_does_not_count():
    narrow = columns(p=np.array([0.5, 1, 0.25], '>f4'),
                     n=np.array([2, 1, -1], np.int8))
    assert columns_sha256(narrow) == columns_sha256(columns())


def test_what_changed():
    digest = digest_of(columns(), b'{}')
    other = columns(p=np.array([0.5, 1.0, 0.125]))
    assert what_changed(columns(), b'{}', digest) is None
    assert what_changed(other, b'{}', digest) == 'columns'
    assert what_changed(columns(), b'{ }', digest) == 'metadata'
    assert what_changed(other, b'', digest) == 'columns and metadata'
    assert what_changed(columns(), b'{}', b'') == 'sums'
