"""The offline half from end to end, for tools: plain values in, table out."""
import platform
from dataclasses import dataclass, field
from datetime import datetime, timezone

import numpy as np

from .. import __version__
from ..table import FORMAT_VERSION, LikelihoodTable, ids_fingerprint
from .cameras import mean_over_cameras
from .cluster import cluster
from .estimate import likelihood_from_labels
from .vectors import unit_rows


@dataclass(frozen=True)
class Embedded:
    """Samples as numbers.

    Args:
        ids (list[str]): N sample ids.
        vectors (np.ndarray): (N, D) float32 rows of length 1.
        provenance (dict): ``source``, ``dataset``, ``split``, ``id_type`` and
            ``encoder`` of :mod:`dequity_mmdet3d.table`.
        rate (float, optional): Images a second of those encoded now.
        skipped (list[str]): Sample ids without any usable image; they are
            not among ``ids``.
        encoded (Encoded, optional): Where the embeddings lie, and the
            images that failed.
    """
    ids: list
    vectors: np.ndarray
    provenance: dict
    rate: float = None
    skipped: list = field(default_factory=list)
    encoded: object = None


def embed_samples(samples, encoder, settings, store, skip_bad=False,
                  bad_list=None, team=None):
    """Encode the images of samples; the mean direction over the cameras.

    Args:
        samples (Samples): With images.
        encoder (Encoder): See :mod:`.encoders`.
        settings (EncodeSettings): How to run; None takes the defaults.
        store (ShardStore): Where embeddings are kept.
        skip_bad (bool): Go on without images that cannot be used.
        bad_list (str, optional): File for the list of those images; written
            by process 0 if there are any.
        team (Alone, optional): The processes that share the work.

    Returns:
        Embedded: One vector for every sample with a usable image.

    Raises:
        UnreadableImages: If any image cannot be used, or with ``skip_bad``
            if none can.
        OSError: See :func:`.encode.encode_images`.
    """
    from .bad_images import UnreadableImages, write_bad_images
    from .encode import encode_images
    paths = [path for images in samples.images for path in images]
    counts = np.array([len(images) for images in samples.images])
    encoded = encode_images(paths, encoder, settings, store, team)
    if encoded.failures:
        if bad_list is not None and (team is None or team.rank == 0):
            write_bad_images(bad_list, encoded.failures)
        if not skip_bad or not encoded.usable.any():
            raise UnreadableImages(encoded.failures, len(paths), bad_list)
    several = counts.max() > 1
    # counts of usable images from here on
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    counts = np.add.reduceat(encoded.usable.astype(int), starts)
    ids = [i for i, count in zip(samples.ids, counts) if count]
    vectors = np.concatenate([np.float32(s) for s in encoded.shards])
    vectors = vectors[encoded.usable]
    if several:
        vectors = mean_over_cameras(vectors, counts[counts > 0])
    # rounding to float16 left the length by up to 1e-3
    vectors = unit_rows(vectors, ids)
    width, height = encoder.preprocess.size
    fingerprint = dict(
        name=encoder.name,
        pretrained=encoder.pretrained,
        weights_sha256=encoder.fingerprint,
        dim=encoder.dim,
        resize=f'squash to {width}x{height}',
        precision=encoder.precision,
        embedding_dtype=store.dtype,
        cameras='mean direction' if several else 'one')
    return Embedded(
        ids, vectors, dict(samples.provenance, encoder=fingerprint),
        encoded.rate, [i for i, count in zip(samples.ids, counts)
                       if not count], encoded)


def embed_given(samples, embeddings):
    """Take the user's own embeddings; only their directions matter.

    Args:
        samples (Samples): N of them.
        embeddings (np.ndarray): (N, D) real numbers.

    Returns:
        Embedded: Rows scaled to length 1.

    Raises:
        ValueError: If rows hold NaN, inf or only zeros.
    """
    return Embedded(samples.ids, unit_rows(embeddings, samples.ids),
                    dict(samples.provenance, encoder=None))


def make_table(embedded, clustering=None, kind='relative'):
    """Cluster, estimate, and say where it comes from.

    Args:
        embedded (Embedded): N samples.
        clustering (KMeansSettings, optional): Defaults to the class's.
        kind (str): 'relative' or 'share', see :mod:`.estimate`.

    Returns:
        LikelihoodTable: One row per sample, in the order of ``embedded``.

    Raises:
        ValueError: If the kind is unknown or ids are not unique.
    """
    labels, used = cluster(embedded.vectors, clustering)
    likelihood, size = likelihood_from_labels(labels, kind)
    ids = list(embedded.ids)
    metadata = dict(
        embedded.provenance,
        format_version=FORMAT_VERSION,
        package_version=__version__,
        ids_sha256=ids_fingerprint(ids),
        seed=used.pop('seed'),
        clustering=used,
        kind=kind,
        n=len(ids),
        versions=_versions(embedded.provenance['encoder']),
        date=datetime.now(timezone.utc).isoformat(timespec='seconds'))
    return LikelihoodTable(ids, likelihood, labels, size, metadata)


def _versions(encoder):
    import faiss
    versions = dict(
        python=platform.python_version(),
        numpy=np.__version__,
        faiss=faiss.__version__)
    if encoder is not None:
        import PIL
        import torch
        versions.update(torch=torch.__version__, pillow=PIL.__version__)
    return versions


def summary(table):
    """What a person wants to know about a finished table.

    Args:
        table (LikelihoodTable): Any.

    Returns:
        list[str]: Lines of text.
    """
    order = np.argsort(table.likelihood, kind='stable')
    largest = int(table.cluster_size.max())
    rows = [('rarest', order[:3]), ('most common', order[::-1][:3])]
    lines = [
        f'{len(table)} samples in {table.n_clusters} clusters; the largest '
        f'holds {largest} ({largest / len(table):.1%})'
    ]
    unclustered = int((table.cluster_id < 0).sum())
    if unclustered:
        lines.append(f'{unclustered} samples belong to no cluster')
    if table.likelihood.min() == table.likelihood.max():
        lines.append('every likelihood is the same, so that all weights will '
                     'be equal: too few samples or clusters?')
    for name, some in rows:
        lines.append(f'{name}: ' + ', '.join(
            f'{table.sample_id[i]} ({table.likelihood[i]:.3g})' for i in some))
    return lines
