"""Samples as embeddings, arranged for clustering.

Shape letters: N samples, M images (of all samples and cameras), D embedding
size.
"""
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ...provenance import Provenance
from ..choices import DEFAULT_CAMERAS
from ..embeddings.cameras import View, views_of
from ..embeddings.names import stamp_of
from ..embeddings.vectors import UnitVectors


@dataclass(frozen=True)
class Embedded:
    """Samples as numbers.

    Args:
        ids (list[str]): N sample ids.
        views (list[View]): What to cluster: all samples at once, or each
            camera by itself.
        provenance (Provenance): With the encoder.
        policy (str): One of :data:`.choices.CAMERAS`.
        skipped (list[str]): Sample ids without any usable image; they are
            not among ``ids``.
        encoded (Encoded, optional): Where the embeddings lie, and the
            images that failed.
        stamp (str, optional): Of the file that the embeddings are mapped
            from, when it was opened.
    """
    ids: list[str]
    views: list[View]
    provenance: Provenance
    policy: str = DEFAULT_CAMERAS
    skipped: list[str] = field(default_factory=list)
    encoded: Any = None
    stamp: str | None = None

    def check_file(self) -> None:
        """Raise ValueError if the file of the embeddings was written to.

        To be asked before what was made of them is written. Those of images
        lie in files that nobody changes.
        """
        if self.stamp is None:
            return
        path = file_of(self.views[0].vectors.parts[0])
        if stamp_of(path) != self.stamp:
            raise ValueError(
                f'{path} was changed while it was read, so that the table '
                'would be of neither state; wait for what writes it, then '
                'repeat the same command')


def embed_samples(samples, encoder, settings, store, skip_bad=False,
                  bad_list=None, team=None, policy=DEFAULT_CAMERAS,
                  fitted=None):
    """Encode the images of samples.

    Args:
        samples (Samples): With images.
        encoder (Encoder): See :mod:`.encoders`.
        settings (EncodeSettings): How to run; None takes the defaults.
        store (ShardStore): Where embeddings are kept.
        skip_bad (bool): Go on without images that cannot be used.
        bad_list (str, optional): File for the list of those images; written
            by process 0 if there are any.
        team (Alone, optional): The processes that share the work.
        policy (str): What becomes of several cameras, see :mod:`.cameras`.
        fitted (FittedModes, optional): What the embeddings are to be
            compared with.

    Returns:
        Embedded: Every sample with a usable image.

    Raises:
        ValueError: If ``fitted`` was made with another encoder; nothing is
            encoded then.
        UnreadableImages: If any image cannot be used, or with ``skip_bad``
            if none can.
        OSError: See :func:`.encode.encode_images`.
    """
    from .bad_images import UnreadableImages, write_bad_images
    from .encode import encode_images
    names = sorted({c for cameras in samples.cameras for c in cameras})
    about = _about(encoder, store, policy if len(names) > 1 else 'one')
    if fitted is not None:
        fitted.check_encoder(about)
    paths = [path for images in samples.images for path in images]
    encoded = encode_images(paths, encoder, settings, store, team,
                            samples.data_root)
    if encoded.failures:
        if bad_list is not None and (team is None or team.rank == 0):
            write_bad_images(bad_list, encoded.failures)
        if not skip_bad or not encoded.usable.any():
            raise UnreadableImages(encoded.failures, len(paths), bad_list)
    sample = np.repeat(
        np.arange(len(samples)), [len(images) for images in samples.images])
    has = np.zeros(len(samples), dtype=bool)
    has[sample[encoded.usable]] = True
    # numbers of the samples that are left
    sample = np.maximum(np.cumsum(has) - 1, 0)[sample]
    number = {name: c for c, name in enumerate(names)}
    camera = np.array(
        [number[c] for cameras in samples.cameras for c in cameras])
    views = []
    if team is None or team.rank == 0:  # the others only encode
        views = views_of(encoded.shards, sample, camera, encoded.usable,
                         names, policy)
    return Embedded([i for i, h in zip(samples.ids, has) if h], views,
                    replace(samples.provenance, encoder=about), policy,
                    [i for i, h in zip(samples.ids, has) if not h], encoded)


def _about(encoder, store, cameras):
    """What a table says of its embeddings."""
    width, height = encoder.preprocess.size
    return dict(
        name=encoder.name,
        pretrained=encoder.pretrained,
        weights_sha256=encoder.fingerprint,
        features=encoder.features,
        dim=encoder.dim,
        resize=f'squash to {width}x{height}',
        precision=encoder.precision,
        embedding_dtype=store.dtype,
        cameras=cameras)


def embed_given(samples, embeddings):
    """Take the user's own embeddings; only their directions matter.

    Args:
        samples (Samples): N of them.
        embeddings (np.ndarray): (N, D) real numbers; may be a memory map
            larger than memory.

    Returns:
        Embedded: All samples.

    Raises:
        ValueError: If rows hold NaN, inf or only zeros.
    """
    path = file_of(embeddings)
    stamp = None if path is None else stamp_of(path)
    vectors = UnitVectors(embeddings, samples.ids).check()
    return Embedded(samples.ids, [View('', vectors, np.arange(len(vectors)))],
                    samples.provenance, stamp=stamp)


def file_of(embeddings):
    """str, optional: What embeddings are mapped from; None in memory."""
    return getattr(embeddings, 'filename', None)
