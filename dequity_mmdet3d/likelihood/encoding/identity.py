"""What an image's embedding depends on beside the image."""
from ..embeddings.changes import FORMAT
from .images import DRAFT_MARGIN


def identity_of(encoder, batch_size, dtype):
    """Everything that decides the bits of an embedding, but the image.

    The list of images, the number of workers and processes and the size of
    a shard are not among them.

    Args:
        encoder (Encoder): See :mod:`.encoders`.
        batch_size (int): Images in a forward pass; kernels may add up in
            another order for another one.
        dtype (str): Of the stored numbers.

    Returns:
        dict: JSON-able.
    """
    # 'pooled' is what it was before there were more
    more = {} if encoder.features == 'pooled' else dict(
        features=encoder.features)
    return dict(
        format=FORMAT,
        encoder=encoder.name,
        weights_sha256=encoder.fingerprint,
        dim=encoder.dim,
        preprocess=f'{encoder.preprocess.describe()}, JPEG from '
        f'{DRAFT_MARGIN} times that',
        precision=encoder.precision,
        device=encoder.device.type,
        batch_size=batch_size,
        dtype=dtype,
        **more)
