"""The samples of an MMDetection3D config's training set, or of another split.

A config is Python, and reading it runs it, as mmengine does: open those of
people whose code you would run. Beyond that nothing is: ``custom_imports``
stay unimported and no dataset is built, so mmdet3d need only lie on the disk,
as the base of the config. Info files are data and run nothing. What
MMDetection3D's datasets do with the entries is repeated here from
``mmengine.dataset.BaseDataset`` and ``mmdet3d.datasets.Det3DDataset``.
"""
import os.path as osp
import re

from ... import config_files
from ...config_files import type_name
from ...info_files import info_path
from ...messages import counted, first_five
from ...provenance import Provenance
from ...sample_ids import id_type_of, sample_id_in, sample_id_of
from .coco import coco_trained
from .groups import sequence_of_info
from .image_folders import image_paths, outside_notes
from .info_file import read_info_file
from .info_tags import info_tags
from .sources import Samples


def read_config(path, cfg_options=None):
    """As :func:`dequity_mmdet3d.config_files.read_config`, as plain
    containers.

    Returns:
        dict: With lazy objects, which import on access, unbuilt.
    """
    config = config_files.read_config(path, cfg_options)
    return (config._to_lazy_dict()
            if hasattr(config, '_to_lazy_dict') else dict(config))


def base_datasets(dataset):
    """The datasets inside any nesting of wrappers.

    Args:
        dataset (dict): The ``dataset`` of a dataloader.

    Returns:
        tuple[list[dict], list[str]]: The inmost dataset configs, in order,
        and the ``table`` of every DequityDataset on the way.

    Raises:
        ValueError: If something else than a dict stands for a dataset.
    """
    if not isinstance(dataset, dict):
        raise ValueError('a dataset must be a dict in the config, but is '
                         f'{dataset!r}')
    tables = []
    if type_name(dataset) == 'DequityDataset' and isinstance(
            dataset.get('table'), str):
        tables.append(dataset['table'])
    if 'dataset' in dataset:
        inner = [dataset['dataset']]
    elif 'datasets' in dataset:
        inner = list(dataset['datasets'])
    else:
        return [dataset], tables
    bases = []
    for cfg in inner:
        more, inner_tables = base_datasets(cfg)
        bases += more
        tables += inner_tables
    return bases, tables


def samples_from_config(path, cfg_options=None, split='train',
                        images=True):
    """Every sample of ``train_dataloader.dataset``, with its images.

    Args:
        path (str | Path): The host's config file.
        cfg_options (Sequence[str], optional): See :func:`read_config`.
        split (str): 'train', 'val' or 'test', whose dataloader to take.
            Defaults to 'train'.
        images (bool): Whether to look for images.

    Returns:
        Samples: Ids by :func:`.sample_id_of`. Their
        ``table_path`` is the ``table`` of the config's DequityDataset, or
        else ``<data_root>/<dataset>_likelihoods.parquet``.

    Raises:
        FileNotFoundError: If the config, an info file or every known place
            of a camera's images does not exist.
        ValueError: If the config has no such set that lists images, or
            one id stands for different images.
        KeyError: If a sample has no id.
    """
    bases, tables = bases_of_split(path, cfg_options, split)
    paths, cameras, groups, entries = {}, {}, {}, {}
    id_types, names, splits, notes, again = set(), [], [], [], 0
    outside = []
    for base in bases:
        infos, metainfo, ann_file = training_infos(base, path)
        found, seen_by, said = image_paths(
            infos, base.get('data_root') or '', base.get('data_prefix'),
            ann_file) if images else ([()] * len(infos), [()] * len(infos), [])
        notes += said
        if base.get('data_root'):
            outside += outside_notes(found, base['data_root'])
        names.append(metainfo.get('dataset'))
        splits.append(osp.basename(ann_file))
        folder = points_folder(base)
        for info, where, named in zip(infos, found, seen_by):
            name = sample_id_of(info, folder)
            id_types.add(id_type_of(info))
            again += name in paths
            cameras[name] = named
            groups[name] = sequence_of_info(info, metainfo.get('dataset'))
            entries[name] = info
            if paths.setdefault(name, where) != where:
                raise ValueError(
                    f'{path}: sample id {name!r} stands for two samples, with '
                    f'the images {first_five(paths[name])} and '
                    f'{first_five(where)}; one table cannot hold both, so '
                    'keep these data sets apart')
    if again:
        notes.append(
            counted(again, 'sample is', 'samples are') + ' listed more than '
            'once with the same images; each gets one row')
    names = sorted({str(n) for n in names if n}) or ['dataset']
    # an info file says this name, and must not say a folder with it
    default = re.sub(r'[^\w.+=,-]', '_', '-'.join(names)) + (
        '_likelihoods.parquet')
    default = osp.join(bases[0].get('data_root') or '', default)
    return Samples(
        list(paths), list(paths.values()),
        Provenance(
            'config',
            '-'.join(sorted(id_types)),
            dataset='-'.join(names) if names != ['dataset'] else None,
            split=' '.join(dict.fromkeys(splits))),
        table_path=_one_table(tables) or default,
        notes=notes,
        cameras=[cameras[name] for name in paths],
        groups=[groups[name] for name in paths],
        data_root=bases[0].get('data_root') or None,
        outside=outside,
        tags=info_tags(' '.join(dict.fromkeys(splits)), list(entries),
                       list(entries.values())))


def bases_of_split(path, cfg_options=None, split='train'):
    """The inmost data sets of a split, and the tables on the way.

    Args and errors: see :func:`samples_from_config`.

    Returns:
        tuple[list[dict], list[str]]: See :func:`base_datasets`.
    """
    return base_datasets(dataset_of_split(path, cfg_options, split))


def dataset_of_split(path, cfg_options=None, split='train'):
    """The data set of a split, with all its wrappers.

    Args and errors: see :func:`samples_from_config`.

    Returns:
        object: A dict, if the config is right.
    """
    cfg = read_config(path, cfg_options)
    try:
        return cfg[f'{split}_dataloader']['dataset']
    except (KeyError, TypeError):
        raise ValueError(
            f'{path} must have {split}_dataloader.dataset, but its keys are '
            f'{sorted(cfg)}; give the config that you train with') from None


def points_folder(base):
    """str: What the host puts before ``lidar_path``."""
    prefix = (base.get('data_prefix') or {}).get('pts')
    root = base.get('data_root') or ''
    return '' if prefix is None else osp.join(root, prefix)


def _one_table(tables):
    tables = list(dict.fromkeys(tables))
    if len(tables) > 1:
        raise ValueError('the config names several likelihood tables '
                         f'({first_five(tables)}); say which to write: --out')
    return tables[0] if tables else None


def training_infos(base, config):
    """The info dicts that the host would train on; see its BaseDataset.

    Args:
        base (dict): The config of an inmost data set.
        config (str | Path): Where it stands, for errors.

    Returns:
        tuple[list[dict], dict, str]: Entries, ``metainfo`` and path of the
        info file.

    Raises:
        See :func:`samples_from_config`.
    """
    ann_file = info_path(base)
    if ann_file is None:
        raise ValueError(
            f'{config}: dataset {type_name(base)} must name its info file in '
            f'ann_file, but has {base.get("ann_file")!r}; use --images for a '
            'plain folder')
    infos, metainfo = read_info_file(ann_file)
    for row, info in enumerate(infos):
        sample_id_in(ann_file, row, info)
    step = base.get('load_interval', 1)  # WaymoDataset
    infos = coco_trained(infos, metainfo, base)[::step]
    indices = base.get('indices')
    if indices is not None:
        if base.get('load_type') == 'mv_image_based':
            raise ValueError(
                f'{config}: indices={indices!r} counts single images under '
                "load_type='mv_image_based', which cut through samples; "
                'remove indices with --cfg-options')
        if isinstance(indices, int):
            infos = infos[:indices] if indices >= 0 else infos[indices:]
        else:
            infos = [infos[i] for i in indices]
    if not infos:
        raise ValueError(f'{config}: the data set of {ann_file} is empty')
    return infos, metainfo, ann_file
