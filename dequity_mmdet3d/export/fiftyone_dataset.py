"""A likelihood table as a data set of FiftyOne.

Shape letters: N samples, D embedding size.
"""
import os

from dequity_mmdet3d.weight import sample_weights

# FiftyOne's own 'id' is another
FIELDS = ('dequity_id', 'likelihood', 'cluster_id', 'cluster_size', 'weight')
_BATCH = 1000


def make_dataset(name, table, images, vectors=None, eta=1.0, gamma=5.0,
                 normalize=None, overwrite=False, progress=None):
    """Make a persistent data set; it has its name once it is complete.

    Args:
        name (str): Of the data set.
        table (LikelihoodTable): N samples.
        images (Sequence[str | None]): N files; samples without one are left
            out, as FiftyOne has none without a file.
        vectors (np.ndarray, optional): (N, D), for the field 'embedding'.
        eta, gamma, normalize: Of the field 'weight', see
            :func:`dequity_mmdet3d.weight.sample_weights`.
        overwrite (bool): Replace a data set of that name.
        progress (Callable[[Iterable, int], Iterable], optional): Wraps the
            samples, whose number it gets.

    Returns:
        int: Number of samples in it.

    Raises:
        ValueError: If the name is taken, or there are no such weights.
        ImportError: If FiftyOne is not there.
    """
    weight = sample_weights(table.likelihood, eta, gamma, normalize)
    fo = _fiftyone()
    if fo.dataset_exists(name) and not overwrite:
        raise ValueError(f'FiftyOne has a data set {name!r} already; give '
                         'another --name, or --overwrite')
    columns = (table.sample_id, table.likelihood, table.cluster_id,
               table.cluster_size, weight)
    rows = [row for row, path in enumerate(images) if path is not None]

    def samples():
        for row in rows:
            values = {f: _plain(c[row]) for f, c in zip(FIELDS, columns)}
            if vectors is not None:
                values['embedding'] = vectors[row]
            yield fo.Sample(filepath=os.path.abspath(images[row]), **values)

    # without a name of its own it is gone with the process
    dataset = fo.Dataset()
    try:
        dataset.info = dict(dequity_mmdet3d=table.metadata, eta=eta,
                            gamma=gamma, normalize=normalize)
        found = samples() if progress is None else progress(
            samples(), len(rows))
        for batch in _batches(found):
            dataset.add_samples(batch, progress=False)
        dataset.save()
        if fo.dataset_exists(name):
            fo.delete_dataset(name)
        dataset.name = name
        dataset.persistent = True
    except BaseException:
        dataset.delete()
        raise
    return len(rows)


def _plain(value):
    return value.item() if hasattr(value, 'item') else value


def _batches(items):
    batch = []
    for item in items:
        batch.append(item)
        if len(batch) == _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _fiftyone():
    try:
        import fiftyone
    except ImportError as e:
        raise ImportError(f'FiftyOne cannot be imported ({e}): pip install '
                          'fiftyone') from e
    return fiftyone
