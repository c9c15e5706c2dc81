"""Configs and batches that tests of the training half make."""
import copy
import multiprocessing
import os
import socket

import numpy as np
import torch
from mmengine import load
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import Runner

from dequity_mmdet3d.object_table import ObjectTable
from tests.helpers import ROOT


def load_config(name, data_root):
    """A config of this project on another data root, without workers."""
    os.environ['MINI_KITTI'] = f'{data_root}/'
    init_default_scope('mmdet3d')
    cfg = Config.fromfile(ROOT / 'configs' / f'{name}.py')
    for split in ('train', 'val', 'test'):
        loader = cfg[f'{split}_dataloader']
        loader.num_workers, loader.persistent_workers = 0, False
    return cfg


def move_kitti(cfg, root):
    """Point a config for stock KITTI to another data root."""
    text = cfg.pretty_text.replace('data/kitti/', f'{root}/')
    return Config.fromstring(text, '.py')


def in_two_processes(function, *args):
    """Call ``function(rank, port, *args)`` in a process for each rank.

    A server imports what takes seconds, once, and forks processes that have
    done nothing else.
    """
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        port = s.getsockname()[1]
    multiprocessing.get_context('forkserver').set_forkserver_preload(
        ['dequity_mmdet3d.plugin'])
    torch.multiprocessing.start_processes(
        function, (port, *args), nprocs=2, start_method='forkserver')


def first_batch(cfg, batch_size):
    """A batch as it leaves the training data loader."""
    loader = copy.deepcopy(cfg.train_dataloader)
    loader.batch_size = batch_size
    np.random.seed(0)  # the host's augmentations draw from the global state
    return next(iter(Runner.build_dataloader(loader, seed=0)))


def label_counts(root, classes, frames=range(4, 16)):
    """(N, C) objects by frame and class, from KITTI's own label files."""
    counts = []
    for i in frames:
        file = root / f'training/label_2/{i:06d}.txt'
        names = [line.split()[0] for line in file.read_text().splitlines()]
        counts.append([names.count(c) for c in classes])
    return np.array(counts)


def save_objects(path, rows, metadata=None):
    """The path of a table of (sample id, index, class, likelihood)."""
    ids, places, classes, p = zip(*rows)
    n = len(rows)
    ObjectTable(ids, np.array(places), classes, np.array(p, float),
                np.full(n, -1), np.ones(n, int), metadata or {}).save(path)
    return str(path)


def object_rows(path, likelihood=lambda i: 1.0):
    """Rows of an object table for all objects of an info file."""
    infos = load(path)
    names = {n: c for c, n in infos['metainfo']['categories'].items()}
    return [(str(info.get('token', info['sample_idx'])), i,
             names[thing['bbox_label_3d']], likelihood(i))
            for info in infos['data_list']
            for i, thing in enumerate(info['instances'])
            if thing['bbox_label_3d'] >= 0]
