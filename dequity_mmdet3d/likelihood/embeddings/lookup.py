"""The embeddings that lie beside a finished table.

Shape letters: M images, D embedding size.
"""
from pathlib import Path

import numpy as np

from ...json_files import fields_of, read_json
from ..beside import embeddings_folder
from ..choices import EMBEDDING_DTYPES
from .names import image_names, stamp_of
from .row_index import NOWHERE, Index, Rows
from .shards import Shards

_PART = 1024
_IDENTITY = dict(weights_sha256=(str, type(None)), dim=int, dtype=str)


def stored_embeddings(table_path, metadata, paths, root=None):
    """Embeddings that a table was made from, without an encoder.

    Args:
        table_path (str | Path): Of the table, beside which they lie.
        metadata (dict): The table's; says which encoder it was.
        paths (Sequence[str]): M images.
        root (str, optional): See :func:`.names.image_names`; the folder may
            be another than when the table was made.

    Returns:
        tuple[np.ndarray, np.ndarray]: (M, D) float32 of length 1, zero for
        images that cannot be used, and (M,) bool, which can.

    Raises:
        FileNotFoundError: If there are none of this encoder and these
            images, or not all of them.
    """
    folder = Path(embeddings_folder(str(table_path)))
    encoder = metadata.get('encoder')
    encoder = encoder if isinstance(encoder, dict) else {}
    names = image_names(paths, root)
    stamps = None
    for path in sorted(folder.glob('*/identity.json')):
        shards = _shards_of(path, encoder)
        if shards is None:
            continue
        read = {name: shards.read(name) for name in shards.names()}
        index = Index(shards, {n: r for n, r in read.items() if r})
        row = index.find(names)
        if (row == NOWHERE).any():
            continue
        # of images that have changed, the rows that fit them now; where they
        # were copied without their times, the newest
        stamps = stamps or [stamp_of(p) for p in paths]
        exact = index.find(names, stamps)
        row = np.where(exact == NOWHERE, row, exact)
        usable = np.ones(len(paths), dtype=bool)
        usable[[i for i, _ in index.reasons(row)]] = False
        return np.concatenate([
            np.asarray(part, np.float32)
            for part in Rows(index, row, _PART)]), usable
    raise FileNotFoundError(
        f'{folder} has no embeddings of these {len(paths)} images by '
        f'{encoder.get("name")}; repeat the command that '
        'made the table')


def _shards_of(path, encoder):
    """The shards beside an identity.json; None if they are another's."""
    try:
        about = fields_of(read_json(path), _IDENTITY)
    except (OSError, ValueError):
        return None  # not ours, or damaged
    theirs = about['weights_sha256'], about.get('features', 'pooled')
    if theirs != (encoder.get('weights_sha256'),
                  encoder.get('features', 'pooled')) or (
            not 0 < about['dim'] < 2**31
            or about['dtype'] not in EMBEDDING_DTYPES):
        return None
    return Shards(path.parent, about['dim'], about['dtype'])
