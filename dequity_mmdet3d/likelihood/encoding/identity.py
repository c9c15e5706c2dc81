"""What a set of embeddings depends on, so that none is taken for another."""
import os

from ..embeddings.names import names_digest, relative_names
from .images import DRAFT_MARGIN


def identity_of(paths, encoder, batch_size, dtype, shard_size):
    """Everything that decides the bits of the embeddings.

    The number of workers and processes is not among them, nor is the place
    of the data set: a copy elsewhere with the same names, sizes and times of
    change goes on with the same embeddings.

    Args:
        paths (Sequence[str]): M >= 1 images.
        encoder (Encoder): See :mod:`.encoders`.
        batch_size (int): Images in a forward pass; kernels may add up in
            another order for another one.
        dtype (str): Of the stored numbers.
        shard_size (int): Images in a file.

    Returns:
        dict: JSON-able.
    """
    first = next(relative_names(paths))
    # said only of what is new: folders of pooled features stay known
    more = {} if encoder.features == 'pooled' else dict(
        features=encoder.features)
    return dict(
        format=1,
        encoder=encoder.name,
        weights_sha256=encoder.fingerprint,
        dim=encoder.dim,
        preprocess=f'{encoder.preprocess.describe()}, JPEG from '
        f'{DRAFT_MARGIN} times that',
        precision=encoder.precision,
        device=encoder.device.type,
        batch_size=batch_size,
        dtype=dtype,
        shard_size=shard_size,
        images=len(paths),
        images_sha256=names_digest(paths),
        first_image=os.fsencode(first).decode('utf-8', 'replace'),
        **more)
