"""What a set of embeddings depends on, so that none is taken for another."""
import hashlib
import os

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
        first_image=os.fsencode(first).decode('utf-8', 'replace'))


def names_digest(paths):
    """SHA-256 of :func:`relative_names`, in their order."""
    digest = hashlib.sha256()
    for name in relative_names(paths):
        digest.update(os.fsencode(name) + b'\0')
    return digest.hexdigest()


def relative_names(paths):
    """The paths relative to the deepest folder that holds them all.

    Args:
        paths (Sequence[str]): Absolute or relative, at least one.

    Yields:
        str: In the same order; as they came where they have no folder in
        common, as on two drives of Windows.
    """
    # there are far fewer folders than paths
    folders = {os.path.dirname(path) for path in paths}
    try:
        root = os.path.commonpath([os.path.abspath(f) for f in folders])
    except ValueError:
        yield from map(str, paths)
        return
    cut = len(root.rstrip(os.sep)) + 1
    for path in paths:
        yield os.path.abspath(path)[cut:]
