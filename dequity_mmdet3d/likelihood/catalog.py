"""What belongs to the samples of a table: images, embeddings, objects.

Shape letters: N samples, D embedding size.
"""
from dataclasses import dataclass

import numpy as np

from ..messages import first_five
from .choices import SPLITS


@dataclass(frozen=True)
class Catalog:
    """Beside the table.

    Args:
        images (list[str | None], optional): An image of each of the N
            samples, None where it is gone.
        vectors (np.ndarray, optional): (N, D) float32 embeddings.
        objects (dict[str, np.ndarray]): (N,) int64 objects by class; empty
            where annotations are not known.
        notes (list[str]): What the reader should be told.
    """
    images: list[str] | None
    vectors: np.ndarray | None
    objects: dict[str, np.ndarray]
    notes: list[str]


def open_catalog(table, table_path, *, config=None, split=SPLITS[0],
                 cfg_options=None, images=None, camera=None, embeddings=None,
                 objects=False):
    """Look up what belongs to the samples of a table, by file names.

    Args:
        table (LikelihoodTable): N samples.
        table_path (Path): Its file.
        config (str | Path, optional): The host's config that the table was
            made from.
        split (str): One of ``SPLITS``, of the config. Defaults to 'train'.
        cfg_options (Sequence[str], optional): ``key=value`` changes to the
            config.
        images (str | Path, optional): In place of a config, the folder that
            the table was made from.
        camera (str, optional): See :func:`catalog_of`.
        embeddings (str | Path, optional): A .npy file of (N, D) numbers.
        objects (bool): Count the objects that the config annotates.

    Returns:
        Catalog: See :func:`catalog_of`.

    Raises:
        ValueError: If arguments exclude each other; see also
            :func:`catalog_of` and what it reads.
        FileNotFoundError: If a named file or folder is not there.
    """
    from .samples import host_config, sources
    from .samples.instances import object_counts
    if config and images:
        raise ValueError('--config and --images both say where the images '
                         'are; give one of them')
    if not config and (cfg_options or split != SPLITS[0]):
        raise ValueError('--split and --cfg-options change --config, which '
                         'is not given')
    samples = counts = vectors = None
    if config:
        samples = host_config.samples_from_config(config, cfg_options, split)
        if objects:
            counts = object_counts(config, cfg_options, split)
    elif images:
        samples = sources.samples_from_folder(images)
    if embeddings:
        vectors = sources.samples_from_embeddings(embeddings)[1]
    return catalog_of(table, table_path, samples, counts, camera, vectors)


def catalog_of(table, table_path, samples=None, objects=None, camera=None,
               embeddings=None):
    """Look up what belongs to the samples of a table.

    Args:
        table (LikelihoodTable): N samples.
        table_path (Path): Its file, beside which the embeddings lie.
        samples (Samples, optional): Where their images are.
        objects (dict[str, dict[str, int]], optional): By sample id, see
            :func:`.instances.object_counts`.
        camera (str, optional): Whose image stands for a sample. Defaults to
            its first.
        embeddings (np.ndarray, optional): (N, D), in place of the stored.

    Returns:
        Catalog: With None or nothing, and a note, for what is not there.

    Raises:
        ValueError: If no sample of the table is among ``samples``, the
            camera is unknown, or the embeddings are not N finite rows.
    """
    notes, images, vectors = [], None, embeddings
    if vectors is not None:
        if len(vectors) != len(table):
            raise ValueError(f'the embeddings must be {len(table)}, one a '
                             f'sample of the table, but are {len(vectors)}')
        bad = ~np.isfinite(vectors).all(1)
        if bad.any():
            raise ValueError(
                f'{bad.sum()} of the {len(bad)} embeddings are not finite: '
                f'rows {first_five(np.flatnonzero(bad).tolist())}')
    rows = None
    if samples is None or not samples.images:
        notes.append('No images: name them with --config or --images.')
    else:
        rows = _rows_in(samples, table)
        notes += samples.outside  # a page may go to other people
        images = [None if row < 0 else _image_of(samples, row, camera)
                  for row in rows]
        gone = sum(row < 0 for row in rows)
        if gone:
            notes.append(f'{gone} of the {len(table)} samples of the table '
                         'are not where their images were looked for.')
    unseen = _no_scene(table.metadata)
    if vectors is None and unseen:
        notes.append(f'No map: {unseen}; --embeddings gives it some.')
    elif vectors is None and rows is not None:
        try:
            vectors = _stored(table, table_path, samples, rows)
        except FileNotFoundError as e:
            notes.append(f'No embeddings: {e}.')
    elif vectors is None:
        notes.append('No embeddings: without images they cannot be '
                     'assigned; or give them with --embeddings.')
    counts = {}
    if objects is not None:
        by_row = [objects.get(i, {}) for i in table.sample_id]
        names = dict.fromkeys(c for found in by_row for c in found)
        counts = {c: np.array([f.get(c, 0) for f in by_row]) for c in names}
    return Catalog(images, vectors, counts, notes)


def _no_scene(metadata):
    """Why a table's samples were not looked at; None if they were."""
    clustering, objects = (metadata.get(key) for key in (
        'clustering', 'objects'))
    if isinstance(clustering, dict) and clustering.get('method') == 'tags':
        return 'the table was made of tags, and no image was looked at'
    if isinstance(objects, dict) and objects.get('rule') != 'product':
        return 'the table was made of objects, and no scene was looked at'
    return None


def _rows_in(samples, table):
    where = {name: row for row, name in enumerate(samples.ids)}
    rows = [where.get(i, -1) for i in table.sample_id]
    if max(rows) < 0:
        raise ValueError(
            f'none of the {len(table)} samples of the table, such as '
            f'{table.sample_id[0]!r}, is among the {len(samples)} given, such '
            f'as {samples.ids[0]!r}; give the --config (and --split) or '
            '--images that the table was made from')
    return rows


def _image_of(samples, row, camera):
    names = samples.cameras[row]
    if camera is None or not names:
        return samples.images[row][0]
    if camera not in names:
        raise ValueError(f'sample {samples.ids[row]!r} has no camera '
                         f'{camera!r}, but {first_five(names)}; correct '
                         '--camera')
    return samples.images[row][names.index(camera)]


def _stored(table, table_path, samples, rows):
    """(N, D): the mean direction of a sample's usable images."""
    from .embeddings.lookup import stored_embeddings
    paths = [path for images in samples.images for path in images]
    stored, usable = stored_embeddings(table_path, table.metadata, paths,
                                       samples.data_root)
    counts = [len(images) for images in samples.images]
    sample = np.repeat(np.arange(len(samples)), counts)[usable]
    sums = np.zeros((len(samples), stored.shape[1]), np.float32)
    # the images of a sample follow each other
    first = np.flatnonzero(np.diff(sample, prepend=-1))
    sums[sample[first]] = np.add.reduceat(stored[usable], first, axis=0)
    sums = sums[rows]
    norms = np.linalg.norm(sums, axis=1, keepdims=True)
    return sums / np.where(norms > 0, norms, 1)
