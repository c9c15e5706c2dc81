"""Through the wrappers of a data set to MMDetection3D's data sets below them.

Shape letters: N samples.
"""
import pickle
from collections import Counter

import numpy as np
from mmengine.dataset import Compose

from dequity_mmdet3d.sample_ids import id_type_of, sample_id_in


def wrapped_by(dataset):
    """Data sets directly under a wrapper; none under a base dataset."""
    if joins(dataset):
        return list(dataset.datasets)
    return [dataset.dataset] if hasattr(dataset, 'dataset') else []


def joins(dataset):
    """Whether a wrapper has several data sets, one after the other."""
    # of a wrapper that shows the attributes of its data set, its own count
    return hasattr(dataset, 'datasets') and 'dataset' not in vars(dataset)


def mixers(dataset):
    """Wrappers with transforms of their own, after those of the data set.

    MMDetection's MultiImageMixDataset (Mosaic, MixUp, of YOLOX): its item i
    is item i of its data set, with parts of others in it.
    """
    below = [m for d in wrapped_by(dataset) for m in mixers(d)]
    return [dataset, *below] if _mixes(dataset) else below


def _mixes(dataset):
    return isinstance(vars(dataset).get('pipeline'), list)


def base_datasets(dataset):
    """The host's data sets below all wrappers, from left to right."""
    below = wrapped_by(dataset)
    return [base for d in below for base in base_datasets(d)] or [dataset]


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
    if joins(dataset):
        return np.concatenate(below)
    if _mixes(dataset):
        return below[0]
    if not hasattr(dataset, '_get_ori_dataset_idx'):
        raise ValueError(
            f'{type(dataset).__name__} does not tell which sample an index '
            'stands for (no _get_ori_dataset_idx, as the wrappers of '
            'mmengine and mmdet3d have); give it this method, put '
            'DequityDataset under it, or leave it out')
    rows = [dataset._get_ori_dataset_idx(i) for i in range(len(dataset))]
    return below[0][rows]


def unweighted(dataset):
    """ValueError: A data set of the host stands under no DequityDataset."""
    return ValueError(
        f'{name_of(dataset)} stands under no DequityDataset, so its samples '
        'have neither likelihood nor weight for DequityHook, DequityProbe '
        'and DequitySampler; wrap train_dataloader.dataset in '
        'DequityDataset, or leave these out of the config')


def epoch_weights(dataset):
    """Weights in the order of a (wrapped) data set's indices.

    Args:
        dataset: A :class:`.DequityDataset`, or wrappers of the host over
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


def stored_info(base, idx):
    """The info dict as a base dataset holds it.

    ``BaseDataset.get_data_info`` overwrites ``sample_idx``, by which KITTI
    names a frame, with the row number.
    """
    if not base.serialize_data:
        return base.data_list[idx]
    begin = 0 if idx == 0 else base.data_address[idx - 1]
    # the host's own dump of it, in memory
    return pickle.loads(
        memoryview(base.data_bytes[begin:base.data_address[idx]]))


def ids_of(base):
    """Ids of the samples of one of the host's data sets.

    Args:
        base (BaseDataset): A data set of the host.

    Returns:
        np.ndarray: (N,) ids by index. A data set with one item a camera
        has the id of the sample once a camera; a ``Seg3DDataset`` has the
        id of a scene as often as its ``scene_idxs`` show it.

    Raises:
        KeyError: If a sample has no id.
        ValueError: If an id names two items.
    """
    folder = _points_folder(base)
    repeats = hasattr(base, 'scene_idxs')
    ids, items = [], []
    for i in range(len(base)):
        info = stored_info(base, i)
        ids.append(sample_id_in(name_of(base), i, info, folder))
        items.append((ids[-1], _points_file(info)) if repeats else
                     (ids[-1], *info.get('images', ())))
    if repeats:  # the same file again is meant, another of that id is not
        items = [(name, ) for name, _ in set(items)]
    twice = [item[0] for item, count in Counter(items).items() if count > 1]
    if twice:
        raise ValueError(
            f'{name_of(base)} holds {len(twice)} sample ids more than once, '
            f'first {twice[:5]}; an id must name one sample: mend the info '
            'file')
    return np.array(ids, dtype=str)


def _points_folder(base):
    """What the host put before ``lidar_path`` when it read the info file."""
    return getattr(base, 'data_prefix', {}).get('pts', '')


def _points_file(info):
    return (info.get('lidar_points') or {}).get('lidar_path')


def _home_of(base):
    """Where the ids of a base dataset name one sample each.

    Numbers and tokens do so below ``data_root``, files in their folder, and
    the numbers of images in their annotation file.
    """
    kind = id_type_of(stored_info(base, 0)) if len(base) else None
    if kind == 'lidar_path':
        return _points_folder(base)
    return base.ann_file if kind == 'img_id' else base.data_root


def name_of(base):
    """What a message calls one of the host's data sets."""
    return f'{type(base).__name__} of {getattr(base, "ann_file", "?")}'


def check_joinable(bases, ids, provenance):
    """Raise ValueError where samples cannot be joined with a table by id.

    Args:
        bases (list): The host's data sets.
        ids (dict[int, np.ndarray]): ``id(base)`` to its (N,) ids.
        provenance (dict): Metadata of the likelihood table.
    """
    home_of = {}
    for base in bases:
        name = name_of(base)
        if getattr(base, 'test_mode', False):
            raise ValueError(
                f'{name} has test_mode=True, and weights are for training: '
                'use DequityDataset in train_dataloader only')
        computed_from = provenance.get('dataset')
        here = base.metainfo.get('dataset')
        if computed_from and here and computed_from != here:
            raise ValueError(
                f'{name} is a {here!r} data set, but the likelihood table '
                f'was computed from {computed_from!r}; compute one from this '
                'training set with dequity likelihoods')
        home = _home_of(base)
        for key in set(ids[id(base)].tolist()):
            if home_of.setdefault(key, home) != home:
                raise ValueError(
                    f'sample id {key!r} occurs in two data sets, under '
                    f'{home_of[key]} and {home}; give each its own '
                    'DequityDataset with its own table')


class _Transforms(Compose):
    """The transforms of several pipelines, for hooks that look for one."""

    def __init__(self, pipelines):
        self.transforms = [t for p in pipelines for t in p.transforms]


def pipeline_of(bases):
    """The pipeline of one base dataset, or a view of those of several."""
    if len(bases) == 1:
        return bases[0].pipeline
    return _Transforms([base.pipeline for base in bases])


def show_pipeline(dataset, pipeline):
    """Let wrappers show the pipeline below them.

    ``DisableObjectSampleHook`` of the host peels one wrapper and expects
    ``.pipeline`` there, where a further wrapper may stand now.
    """
    while wrapped_by(dataset):
        if not hasattr(dataset, 'pipeline'):
            dataset.pipeline = pipeline
        dataset = wrapped_by(dataset)[0]
