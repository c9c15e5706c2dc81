"""Detectors of the host's projects/, of which this package knows nothing.

pip does not install them. The environment variable MMDET3D names a clone of
the host, as it does for the configs of this repository; its modules can be
imported within :func:`project` only.
"""
import contextlib
import copy
import importlib
import os
import sys
from pathlib import Path
from types import ModuleType
from unittest import mock

import torch
from mmcv.ops import Voxelization
from mmdet.models import dense_heads
from mmdet.models.dense_heads import DETRHead
from mmdet3d import registry
from mmdet3d.registry import MODELS
from mmengine.config import Config
from mmengine.registry import Registry
from torch.nn.modules.batchnorm import _BatchNorm

from .batches import VIEWS, make_batch
from .configs import build
from .cpu_ops import cpu_ops
from .step import train_step

# package, and config below projects/
PROJECTS = {
    'BEVFusion':
    ('BEVFusion.bevfusion', 'BEVFusion/configs/'
     'bevfusion_lidar_voxel0075_second_secfpn_8xb4-cyclic-20e_nus-3d.py'),
    'DETR3D': ('DETR3D.detr3d', 'DETR3D/configs/detr3d_r101_gridmask.py'),
    'PETR': ('PETR.petr',
             'PETR/configs/petr_vovnet_gridmask_p4_800x320.py'),
}
QUERIES = 30  # the projects have 200 or 900
CELLS = 384  # of BEVFusion's grid, a side; the project has 1440


def reason_not_here():
    """Why no project can be built here, or None."""
    folder = os.environ.get('MMDET3D')
    if not folder:
        return ('the environment variable MMDET3D names no clone of '
                'MMDetection3D, whose projects/ pip does not install')
    if not (Path(folder) / 'projects').is_dir():
        return f'there is no folder projects/ in MMDET3D={folder}'
    return None


@contextlib.contextmanager
def project(name, batch_size):
    """A detector of a project, cheaper, with its own head, and a batch.

    Backbones and grids become smaller and queries fewer; heads, decoders,
    coders, assigners and losses stay.

    Yields:
        tuple[nn.Module, dict]: The model, initialised and training, and
        what its data loader would give.
    """
    package, config = PROJECTS[name]
    folder = Path(os.environ['MMDET3D'])
    with _importable(folder):
        if name == 'BEVFusion':
            sys.modules[f'projects.{package}.ops'] = _bevfusion_ops()
        with mock.patch.object(dense_heads, 'DETRHead', _QueryHead):
            importlib.import_module(f'projects.{package}')
        cfg = Config.fromfile(
            folder / 'projects' / config, import_custom_modules=False)
        _EASE[name](cfg)
        model, batch = build(cfg), make_batch(cfg, batch_size)
        with cpu_ops():
            if name == 'BEVFusion':
                _settle(model, batch)
            yield model, batch


@contextlib.contextmanager
def _importable(folder):
    """Import from a clone, and leave no trace of it.

    Each of the three projects registers a HungarianAssigner3D of its own,
    and the host refuses the second.
    """
    registries = [r for r in vars(registry).values()
                  if isinstance(r, Registry)]
    before = [dict(r.module_dict) for r in registries]
    # the last place, as the clone has the names mmdet3d and tests, too
    sys.path.append(str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))
        for known, r in zip(before, registries):
            r.module_dict.clear()
            r.module_dict.update(known)
        for module in [m for m in sys.modules
                       if m.split('.')[0] == 'projects']:
            del sys.modules[module]


class _QueryHead(DETRHead):
    """The base of DETR3DHead when it was written (mmdet 3.0.0rc).

    Later ones, all that this host takes, have the transformer in the
    detector, and refuse the arguments of the project's config. Targets and
    losses are the project's own in any case.
    """

    def __init__(self, *args, transformer, num_query, in_channels,
                 positional_encoding, **kwargs):
        self.num_query, self.in_channels = num_query, in_channels
        # needed by _init_layers, but modules come after Module.__init__
        self.__dict__['transformer'] = MODELS.build(transformer)
        super().__init__(*args, **kwargs)
        self.transformer = self.__dict__.pop('transformer')


def _bevfusion_ops():
    """In place of its package ``ops``, which has to be compiled with CUDA.

    The pooling of images to a plane is not needed for LiDAR, and of its
    voxels mmcv's differ by the order of the axes.
    """

    class XYZVoxelization(Voxelization):

        def forward(self, points):
            voxels, zyx, numbers = super().forward(points)
            return voxels, zyx.flip(1), numbers

    ops = ModuleType('ops')
    ops.Voxelization, ops.bev_pool = XYZVoxelization, None
    return ops


def _ease_detr3d(cfg):
    model = cfg.model
    model.img_backbone = dict(
        type='mmdet.ResNet', depth=18, out_indices=(0, 1, 2, 3),
        norm_eval=True)
    model.img_neck.in_channels = [64, 128, 256, 512]
    head = model.pts_bbox_head
    head.num_query = QUERIES
    layers = head.transformer.decoder.transformerlayers
    layers.attn_cfgs[1].num_cams = VIEWS
    # what mmdet 3.0.0rc had under this name added checks only
    layers.type = 'BaseTransformerLayer'


def _ease_petr(cfg):
    model = cfg.model
    model.use_grid_mask = False  # it asks for CUDA
    model.img_backbone.spec_name = 'V-19-slim-eSE'
    model.img_neck.in_channels = [384, 512]
    model.pts_bbox_head.num_query = QUERIES


def _ease_bevfusion(cfg):
    """Fewer voxels of the same size."""
    # the pipeline asks for images, but does not load them
    pack = cfg.train_dataloader.dataset.dataset.pipeline[-1]
    pack['keys'] = [key for key in pack['keys'] if key != 'img']
    model, head = cfg.model, cfg.model.bbox_head
    limit = CELLS / 2 * head.train_cfg.voxel_size[0]
    limits = [-limit, -limit, -5., limit, limit, 3.]
    model.data_preprocessor.voxelize_cfg.point_cloud_range = limits
    head.train_cfg.point_cloud_range = limits
    head.test_cfg.pc_range = head.bbox_coder.pc_range = limits[:2]
    model.pts_middle_encoder.sparse_shape = [CELLS, CELLS, 41]
    head.train_cfg.grid_size = head.test_cfg.grid_size = [CELLS, CELLS, 41]
    head.num_proposals = QUERIES


def _settle(model, batch):
    """Let batch normalisations in evaluation mode know the batch.

    Untrained they hardly scale what comes in, and after 25 layers of
    BEVFusion's the heat map, whose highest places become queries, is flat:
    rounding would choose, another way in a batch than for a sample alone.
    """
    norms = [m for m in model.modules() if isinstance(m, _BatchNorm)]
    momenta = [m.momentum for m in norms]
    for m in norms:
        m.momentum = 1.0
    with torch.no_grad():
        train_step(model, copy.deepcopy(batch))
    for m, momentum in zip(norms, momenta):
        m.momentum = momentum


def stop_checkpointing(model):
    """Let PETR's decoder keep what is needed for the backward pass.

    Gradients of chosen parameters cannot be had otherwise.
    """
    for module in model.modules():
        if hasattr(module, 'use_checkpoint'):
            module.use_checkpoint = False


_EASE = dict(
    BEVFusion=_ease_bevfusion, DETR3D=_ease_detr3d, PETR=_ease_petr)
