"""The embeddings that lie beside a finished table.

Shape letters: M images, D embedding size.
"""
from pathlib import Path

import numpy as np

from ...json_files import fields_of, read_json
from ..beside import embeddings_folder
from .names import names_digest
from .shards import Shards

_IDENTITY = dict(images=int, images_sha256=str, weights_sha256=(
    str, type(None)), dim=int, dtype=str, shard_size=int)


def stored_embeddings(table_path, metadata, paths):
    """Embeddings that a table was made from, without an encoder.

    Args:
        table_path (str | Path): Of the table, beside which they lie.
        metadata (dict): The table's; says which encoder it was.
        paths (Sequence[str]): M images, in the order of the table's samples,
            as when it was made; their folder may be another.

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
    digest = names_digest(paths)
    for path in sorted(folder.glob('*/identity.json')):
        try:
            about = fields_of(read_json(path), _IDENTITY)
            fits = (about['images'], about['images_sha256'],
                    about['weights_sha256'],
                    about.get('features', 'pooled')) == (
                        len(paths), digest, encoder.get('weights_sha256'),
                        encoder.get('features', 'pooled'))
            if min(about['dim'], about['shard_size']) < 1:
                continue
            shards = Shards(path.parent, paths, about['dim'], about['dtype'],
                            about['shard_size'])
        except (ValueError, TypeError):
            continue  # not ours, or damaged
        if not fits:
            continue
        records = [shards.read(k) for k in range(len(shards))]
        if None in records:
            continue
        usable = np.ones(len(paths), dtype=bool)
        for k, record in enumerate(records):
            for row, _ in record['failures']:
                usable[shards.span(k)[0] + row] = False
        return np.concatenate(list(shards)).astype(np.float32), usable
    raise FileNotFoundError(
        f'{folder} has no embeddings of these {len(paths)} images by '
        f'{encoder.get("name")}; repeat the command that '
        'made the table')
