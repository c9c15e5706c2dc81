"""Through the wrappers of a data set to the host's data sets below them.

Shape letters: N samples.
"""
import pickle
from collections import Counter

import numpy as np
from mmengine.dataset import Compose

from dequity_mmdet3d.sample_ids import sample_id_of


def wrapped_by(dataset):
    """Data sets directly under a wrapper; an empty list for a leaf."""
    if hasattr(dataset, 'datasets'):
        return list(dataset.datasets)
    return [dataset.dataset] if hasattr(dataset, 'dataset') else []


def leaves_of(dataset):
    """The host's data sets below all wrappers, from left to right."""
    below = wrapped_by(dataset)
    return [leaf for d in below for leaf in leaves_of(d)] or [dataset]


def by_index(dataset, values_of):
    """Values in the order of a (wrapped) data set's indices.

    Args:
        dataset: A data set, or wrappers of the host over some.
        values_of (Callable): From one of them to its (N,) values by index,
            or None for those of what it wraps.

    Returns:
        np.ndarray: (len(dataset),) values, repeats included.

    Raises:
        ValueError: For a wrapper that does not tell which sample an index
            stands for.
    """
    values = values_of(dataset)
    if values is not None:
        return values
    below = [by_index(d, values_of) for d in wrapped_by(dataset)]
    if hasattr(dataset, 'datasets'):
        return np.concatenate(below)
    if not hasattr(dataset, '_get_ori_dataset_idx'):
        raise ValueError(
            f'{type(dataset).__name__} does not tell which sample an index '
            'stands for (no _get_ori_dataset_idx, as the wrappers of '
            'mmengine and mmdet3d have); give it this method, put '
            'DequityDataset under it, or leave it out')
    return below[0][[
        dataset._get_ori_dataset_idx(i) for i in range(len(dataset))
    ]]


def unweighted(dataset):
    """ValueError: A data set of the host stands under no DequityDataset."""
    return ValueError(
        f'{name_of(dataset)} stands under no DequityDataset, so its samples '
        'carry no weight; wrap train_dataloader.dataset in DequityDataset, '
        'or leave equity (default_hooks.dequity, DequitySampler) out')


def epoch_weights(dataset):
    """Weights in the order of a (wrapped) data set's indices.

    Args:
        dataset: A :class:`DequityDataset`, or wrappers of the host over
            DequityDatasets. What has an attribute ``weight`` after its
            ``full_init`` counts as one.

    Returns:
        np.ndarray: (len(dataset),) weights, repeats included.

    Raises:
        ValueError: If a part of the data set stands under no
            DequityDataset, or under a wrapper that does not tell which
            sample an index stands for.
    """

    def weights_of(dataset):
        if hasattr(dataset, 'full_init'):
            dataset.full_init()
        if hasattr(dataset, 'weight'):
            return dataset.weight
        if not wrapped_by(dataset):
            raise unweighted(dataset)
        return None

    return by_index(dataset, weights_of)


def stored_info(leaf, idx):
    """The info dict as the data set holds it.

    ``BaseDataset.get_data_info`` overwrites ``sample_idx``, by which KITTI
    names a frame, with the row number.
    """
    if not leaf.serialize_data:
        return leaf.data_list[idx]
    begin = 0 if idx == 0 else leaf.data_address[idx - 1]
    # the host's own dump of it, in memory
    return pickle.loads(
        memoryview(leaf.data_bytes[begin:leaf.data_address[idx]]))


def ids_of_leaf(leaf):
    """Ids of the samples of one of the host's data sets.

    Args:
        leaf (BaseDataset): A data set of the host.

    Returns:
        np.ndarray: (N,) ids by index. A data set with one item a camera
        has the id of the sample once a camera.

    Raises:
        ValueError: If an id names two items.
    """
    infos = (stored_info(leaf, i) for i in range(len(leaf)))
    items = [(sample_id_of(info), *info.get('images', ())) for info in infos]
    twice = [item[0] for item, count in Counter(items).items() if count > 1]
    if twice:
        raise ValueError(
            f'{name_of(leaf)} holds {len(twice)} sample ids more than once, '
            f'first {twice[:5]}; an id must name one sample: mend the info '
            'file')
    return np.array([item[0] for item in items], dtype=str)


def name_of(leaf):
    """What a message calls one of the host's data sets."""
    return f'{type(leaf).__name__} of {getattr(leaf, "ann_file", "?")}'


def check_leaves(leaves, leaf_ids, provenance):
    """Raise ValueError where samples cannot be joined with a table by id.

    Args:
        leaves (list): The host's data sets.
        leaf_ids (dict[int, np.ndarray]): ``id(leaf)`` to its (N,) ids.
        provenance (dict): Metadata of the likelihood table.
    """
    root_of = {}
    for leaf in leaves:
        name = name_of(leaf)
        if getattr(leaf, 'test_mode', False):
            raise ValueError(
                f'{name} has test_mode=True, and weights are for training: '
                'use DequityDataset in train_dataloader only')
        made_for = provenance.get('dataset')
        here = leaf.metainfo.get('dataset')
        if made_for and here and made_for != here:
            raise ValueError(
                f'{name} is a {here!r} data set, but the likelihood table '
                f'was computed from {made_for!r}; compute one from this '
                'training set with tools/compute_likelihoods.py')
        for key in leaf_ids[id(leaf)].tolist():
            if root_of.setdefault(key, leaf.data_root) != leaf.data_root:
                raise ValueError(
                    f'sample id {key!r} occurs in two data sets, under '
                    f'{root_of[key]} and {leaf.data_root}; give each its '
                    'own DequityDataset with its own table')


class _Transforms(Compose):
    """The transforms of several pipelines, for hooks that look for one."""

    def __init__(self, pipelines):
        self.transforms = [t for p in pipelines for t in p.transforms]


def pipeline_of(leaves):
    """The pipeline of one leaf, or a view of all transforms of several."""
    if len(leaves) == 1:
        return leaves[0].pipeline
    return _Transforms([leaf.pipeline for leaf in leaves])


def show_pipeline(dataset, pipeline):
    """Let wrappers show the pipeline below them.

    ``DisableObjectSampleHook`` of the host peels one wrapper and expects
    ``.pipeline`` there, where a further wrapper may stand now.
    """
    while wrapped_by(dataset):
        if not hasattr(dataset, 'pipeline'):
            dataset.pipeline = pipeline
        dataset = wrapped_by(dataset)[0]
