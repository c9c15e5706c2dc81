"""From samples to embeddings, with what the user is told on the way."""
from dataclasses import dataclass

from ...messages import counted
from ..beside import bad_images_path, embeddings_folder
from ..choices import (
    DEFAULT_ENCODER,
    EMBEDDING_DTYPES,
    FEATURES,
    SHARD_SIZE,
)
from ..prompts import texts_for


@dataclass(frozen=True)
class Encoding:
    """How images become embeddings, and where these are kept.

    Args:
        encoder, pretrained, device, precision, features: See
            :func:`.build_encoder`; 'auto' is a precision, too.
        batch_size, workers: See :class:`.encode.EncodeSettings`.
        skip_bad (bool): Go on without images that cannot be used.
        embeddings_dir (str, optional): Where the embeddings are kept.
            Defaults to a folder beside the table.
        embedding_dtype, shard_size: See :class:`.shards.ShardStore`.
    """
    encoder: str = DEFAULT_ENCODER
    pretrained: str | None = None
    device: str | None = None
    precision: str = 'auto'
    features: str = FEATURES[0]
    batch_size: int | None = None
    workers: int | None = None
    skip_bad: bool = False
    embeddings_dir: str | None = None
    embedding_dtype: str = EMBEDDING_DTYPES[0]
    shard_size: int = SHARD_SIZE


def encode_samples(samples, out, encoding, cameras, fitted, names, team, say):
    """The samples' embeddings, out of this run and earlier ones.

    Args:
        samples (Samples): With images.
        out (str | Path): The table that they are for.
        encoding (Encoding): How.
        cameras, team, say: See :func:`.runner.compute_likelihoods`.
        fitted (FittedModes, optional): See :func:`.embed.embed_samples`,
            and its errors.
        names (tuple, optional): Texts, see :func:`.prompts.prompts_for`.

    Returns:
        tuple[Embedded, Texts | None]: And the texts as embeddings.
    """
    from ..embeddings.shards import ShardStore
    from .embed import embed_samples
    from .encode import EncodeSettings
    from .encoders import build_encoder, pick_device
    from .encoders.precision import pick_precision
    say(f'loading {encoding.encoder}')
    device = team.device(encoding.device)
    # machines of one run may differ in what they can do; process 0 decides
    precision = team.gather(
        pick_precision(encoding.precision, pick_device(device)))[0]
    encoder = build_encoder(encoding.encoder, encoding.pretrained, device,
                            precision, encoding.features)
    texts = texts_for(encoder, names, say)
    store = ShardStore(encoding.embeddings_dir or embeddings_folder(out),
                       encoding.embedding_dtype, encoding.shard_size, say)
    say(f'encoding {counted(len(samples), "sample")} with {encoder.name} ('
        f'{encoder.features}) in {encoder.precision} on {encoder.device}' +
        (f', {team.world} processes' if team.world > 1 else ''))
    settings = EncodeSettings(batch_size=encoding.batch_size,
                              workers=encoding.workers)
    embedded = embed_samples(
        samples, encoder, settings, store, encoding.skip_bad,
        bad_images_path(out), team, cameras, fitted)
    encoded = embedded.encoded
    if encoded.rate is not None:
        say(f'{encoded.rate:.1f} images/s')
    if encoded.failures:
        say(f'{len(encoded.failures)} of {len(encoded.usable)} images cannot '
            f'be used; they are listed in {bad_images_path(out)}')
    if embedded.skipped:
        n = len(embedded.skipped)
        say(counted(n, 'sample has no usable image; its row is neutral',
                    'samples have no usable image; their rows are neutral'))
    return embedded, texts
