"""The paper authors' own tables, ``*_cluster_info.pkl``, as a table of ours.

Such a file is a pickled dict of one entry a sample, by its token (nuScenes)
or its frame number, as text with leading zeros (KITTI)::

    {'000134': {'cluster_id': 5, 'cluster_size': 80,
                'largest_cluster_size': 400}, ...}

The numbers may be numpy's. Cluster -1 holds what DBSCAN calls noise, counted
as one cluster, and may be the largest.

Shape letters: N samples.
"""
import hashlib
import numbers
import platform
from collections import Counter
from pathlib import Path

import numpy as np

from ...messages import first_five
from ...provenance import Provenance
from ...sample_ids import check_ids, sample_id_of
from ...table import LikelihoodTable
from .. import choices
from ..clustering.density import settle_noise
from ..samples.safe_pickle import load_pickle

KEYS = ('cluster_id', 'cluster_size', 'largest_cluster_size')
# 'nearest' needs the embeddings, which these tables do not hold
NOISE = tuple(n for n in choices.NOISE if n != 'nearest')
_MAKER = "the authors' notebook"


def table_from_cluster_info(path, kind='relative', noise='single'):
    """Make a likelihood table from one of the authors'.

    The sizes are those in the file, so that a part of a table keeps the
    likelihoods of the whole.

    Args:
        path (str | Path): ``*_cluster_info.pkl``; no code in it is run.
        kind (str): 'relative' to the largest cluster, as the authors', or
            'share' of all samples. Defaults to 'relative'.
        noise (str): 'single' makes each sample of cluster -1 a cluster of
            one, and the largest is that of the others. 'cluster' keeps
            them one cluster, as the authors' code does; it gets the next
            free number, as -1 means no cluster here. Defaults to 'single'.

    Returns:
        LikelihoodTable: One row per entry, in the order of the file.
        ``metadata['notes']`` lists what the user should be told.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is damaged, asks for code or is not such a
            table; if its numbers contradict each other; if it holds a part
            of a table and the kind is 'share', which needs the whole; or
            if an option is unknown.
    """
    if kind not in choices.KINDS:
        raise ValueError(f'kind must be one of {choices.KINDS}, but got '
                         f'{kind!r}')
    if noise not in NOISE:
        raise ValueError(f'noise must be one of {NOISE}, but got {noise!r}; '
                         "'nearest' needs the embeddings, which these tables "
                         'do not hold')
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f'there is no table {path} (looked from '
                                f'{Path.cwd()}); correct the path')
    try:
        ids, id_type, columns = _read(load_pickle(path, _MAKER))
        label, size, largest = columns
        sizes, missing = _check(ids, *columns)
        whole, notes = _largest(sizes, int(largest[0]), noise, missing)
        if kind == 'share':
            if notes:
                raise ValueError("a share needs the whole table; use the kind "
                                 f"'relative': {notes[0]}")
            whole = len(ids)
        if noise == 'single':
            size = np.where(label == -1, 1, size)
        label = settle_noise(label, None, noise)
        provenance = Provenance(
            'cluster_info',
            id_type,
            clustering=dict(method="authors' table", noise=noise),
            kind=kind,
            cluster_info=dict(
                file=path.name,
                sha256=hashlib.sha256(path.read_bytes()).hexdigest()),
            notes=notes)
        provenance = provenance.completed(
            ids, dict(python=platform.python_version(), numpy=np.__version__))
        return LikelihoodTable(ids, size / whole, label, size,
                               provenance.as_dict())
    except ValueError as e:
        text = str(e)
        named = text.startswith(str(path))  # as the reader's own are
        raise ValueError(text if named else f'{path}: {text}') from e


def _read(data):
    """Ids, their type, and the three columns, each (N,) int64."""
    advice = f'make it again with {_MAKER}'
    if not isinstance(data, dict) or not data:
        what = 'an empty dict' if data == {} else f'a {type(data).__name__}'
        raise ValueError('the file must be a dict of one entry a sample, but '
                         f'is {what}; {advice}')
    wrong = [k for k, v in data.items() if not isinstance(v, dict)
             or not set(KEYS) <= set(v)]
    if wrong:
        raise ValueError(
            f'every entry must be a dict with {", ".join(KEYS)}, but '
            f'{len(wrong)} of {len(data)} are not: {first_five(wrong)}; '
            f'{advice}')
    wrong = [k for k, v in data.items() for key in KEYS
             if not _is_count(v[key])]
    if wrong:
        raise ValueError(
            f'{", ".join(KEYS)} must be whole numbers, but {len(wrong)} are '
            f'not, those of {first_five(wrong)}; {advice}')
    columns = [np.array([int(v[key]) for v in data.values()], dtype=np.int64)
               for key in KEYS]
    return (*_ids(list(data)), columns)


def _is_count(value):
    return (isinstance(value, numbers.Integral) and not isinstance(value, bool)
            and abs(int(value)) < 2**62)


def _ids(keys):
    wrong = [k for k in keys if isinstance(k, bool)
             or not isinstance(k, (str, numbers.Integral))]
    if wrong:
        raise ValueError('a sample must be named by a token or a frame '
                         f'number, but {len(wrong)} are not: '
                         f'{first_five(wrong)}')
    # All or none: a token of nothing but digits must keep its zeros.
    frames = all(str(k).isascii() and str(k).isdigit() for k in keys)
    id_type = 'sample_idx' if frames else 'token'
    ids = [sample_id_of({id_type: k}) if str(k) else '' for k in keys]
    return check_ids(ids), id_type


def _check(ids, label, size, largest):
    """Sizes by cluster, and how many clusters and samples are not whole."""

    def refuse(bad, rule):
        if bad.any():
            some = [ids[i] for i in np.flatnonzero(bad)]
            raise ValueError(f'{rule}, but {len(some)} of {len(ids)} samples '
                             f'break that: {first_five(some)}')

    refuse(label < -1, 'cluster_id must be -1 (noise) or more')
    refuse(size < 1, 'cluster_size must be 1 or more')
    refuse(largest != largest[0], 'largest_cluster_size must be one number '
           f'for all, {largest[0]} as that of the first sample')
    refuse(size > largest, 'cluster_size must be at most '
           f'largest_cluster_size, {largest[0]}')
    _, first, inverse = np.unique(
        label, return_index=True, return_inverse=True)
    refuse(size != size[first][inverse.reshape(-1)],
           'cluster_size must be the same throughout a cluster')
    count = Counter(label.tolist())
    sizes = dict(zip(label[first].tolist(), size[first].tolist()))
    refuse(
        np.array([count[k] > sizes[k] for k in label.tolist()]),
        'a cluster must not have more samples in the file than its '
        'cluster_size')
    lack = [sizes[k] - count[k] for k in sizes if sizes[k] > count[k]]
    return sizes, (len(lack), sum(lack))


def _largest(sizes, largest, noise, missing):
    """The size of the largest cluster, and what tells a part of a table."""
    notes = []
    clusters, samples = missing
    if clusters:
        notes.append(
            f'{clusters} of {len(sizes)} clusters have more samples than the '
            f'file does, {samples} in all: it was taken as a part of a larger '
            'table, and its sizes were kept')
    others = [size for k, size in sizes.items() if k != -1]
    if largest not in sizes.values():
        notes.append(f'the largest cluster, of {largest} samples, is not in '
                     'the file')
        if noise == 'single' and -1 not in sizes:
            notes[-1] += '; if it was noise, these likelihoods are too low'
    elif noise == 'single' and largest not in others:
        # noise was the largest, so the largest of the others counts
        largest = max(others, default=1)
        if notes:
            notes.append('noise was the largest cluster; in its stead counts '
                         f'the largest other in the file, of {largest}, but '
                         'there may be a larger one outside')
    return largest, notes
