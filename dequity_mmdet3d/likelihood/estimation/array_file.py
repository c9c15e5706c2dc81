"""The .npz files beside a table, written."""
from __future__ import annotations

import zipfile
from collections.abc import Mapping
from typing import BinaryIO

import numpy as np

from ..clustering.stored_rows import StoredRows


def write_arrays(file: BinaryIO,
                 arrays: Mapping[str, np.ndarray | StoredRows]) -> None:
    """As ``numpy.savez``, with stored rows block by block.

    On a full disk numpy leaves an archive open, which complains of its closed
    file later; here it is closed, whatever is raised.

    Args:
        file (BinaryIO): To write to.
        arrays (Mapping[str, np.ndarray | StoredRows]): By name; no objects.

    Raises:
        OSError: If it cannot be written.
    """
    with zipfile.ZipFile(file, 'w') as archive:
        for name, array in arrays.items():
            with archive.open(f'{name}.npy', 'w', force_zip64=True) as f:
                if not isinstance(array, StoredRows):
                    np.lib.format.write_array(f, np.asanyarray(array),
                                              allow_pickle=False)
                    continue
                np.lib.format.write_array_header_1_0(f, dict(
                    shape=array.shape, fortran_order=False, descr='<f2'))
                for _, block in array.blocks():
                    f.write(block.astype('<f2').tobytes())
