"""The model zoo's 3D segmentors, cheaper, and made batches for them.

Heads and losses are the zoo's own; networks have fewer points, and voxels of
a smaller range.

Shape letters: N points, F numbers a point.
"""
import copy
import functools
import importlib.util

import torch
from mmdet3d.models.segmentors.base import Base3DSegmentor
from mmdet3d.registry import MODELS
from mmdet3d.structures import Det3DDataSample, PointData

from .configs import ROOT, _drop_download, _read, _walk

# Points in which a set abstraction of PointNet++ and PAConv samples.
SAMPLED = (128, 64, 48, 32)
# Of a scene of the LiDAR; different, as those of real sweeps are.
SWEEPS = (320, 400, 360)
_BACKENDS = dict(torchsparse='torchsparse', minkowski='MinkowskiEngine')


@functools.cache
def segmentor_configs():
    """Names, relative to the host's folder of configs, sorted."""
    return [
        name for name in sorted(
            path.relative_to(ROOT).as_posix() for path in ROOT.rglob('*.py'))
        if not name.startswith('_base_') and _is_segmentor(_read(name))
    ]


def _is_segmentor(cfg):
    kind = ((cfg or {}).get('model') or {}).get('type')
    cls = MODELS.get(kind) if kind else None
    return isinstance(cls, type) and issubclass(cls, Base3DSegmentor)


def reason_no_segmentor(name):
    """Why the model cannot be built here, or None."""
    backbone = _read(name).model.backbone
    needs = _BACKENDS.get(backbone.get('sparseconv_backend'))
    if backbone.type == 'SPVCNNBackbone':
        needs = 'torchsparse'
    if needs and importlib.util.find_spec(needs) is None:
        return f'{needs}, of which its backbone is made, is not here'
    if _uses_cuda(_read(name).model):
        return 'its PAConv is an operator for CUDA only'
    if backbone.type in ('MinkUNetBackbone', 'Asymm3DSpconv'):
        return ('its sparse convolutions do not run on the CPU; its head is '
                'in tests/plugin/test_segmentors.py')
    return None


def _uses_cuda(model):
    return 'CUDA' in str(model.backbone.get('sa_cfg', ''))


def load_segmentor(name):
    """The config, needing no download and less time."""
    cfg = copy.deepcopy(_read(name))
    cfg.load_from = None
    _walk(cfg.model, _drop_download)
    if 'num_points' in cfg.model.backbone:
        cfg.model.backbone.num_points = SAMPLED
    if 'PAConv' in str(cfg.model.backbone.get('sa_cfg')):
        # neighbours, of each of which it makes a kernel of 16
        cfg.model.backbone.num_samples = (8, ) * 4
    voxels = cfg.model.data_preprocessor.get('voxel_layer')
    if voxels and 'grid_shape' in voxels:  # Cylinder3D
        voxels.grid_shape = cfg.grid_shape = [48, 36, 16]
        cfg.model.voxel_encoder.update(grid_shape=[48, 36, 16])
        cfg.model.backbone.grid_size = [48, 36, 16]
    return cfg


def segmentor_batch(cfg, batch_size, seed=0):
    """What the training dataloader gives, before ``data_preprocessor``.

    Returns:
        dict: ``inputs``: ``points``, list of (N, F) float32; ``data_samples``
        with a label a point.
    """
    sweeps = cfg.model.data_preprocessor.get('voxel', False)
    classes = cfg.model.decode_head.num_classes
    dims = _find_dims(cfg, sweeps)
    points, samples = [], []
    for i in range(batch_size):
        generator = torch.Generator().manual_seed(100 * seed + i)
        n = SWEEPS[i % len(SWEEPS)] if sweeps else 2 * SAMPLED[0]
        scene = torch.rand(n, dims, generator=generator)
        scene[:, :3] *= torch.tensor([6., 6, 2] if sweeps else [1.5, 1.5, 2])
        points.append(scene)
        sample = Det3DDataSample()
        sample.gt_pts_seg = PointData(pts_semantic_mask=torch.randint(
            classes, (n, ), generator=generator))
        samples.append(sample)
    return dict(inputs=dict(points=points), data_samples=samples)


def _find_dims(cfg, sweeps):
    return 4 if sweeps else cfg.model.backbone.in_channels


@functools.cache
def segmentor_representatives():
    """One name, the shortest, for each backbone and head that can be built.

    Returns:
        dict[tuple[str], str]: From detector, backbone and head to name.
    """
    chosen = {}
    for name in sorted(segmentor_configs(), key=lambda n: (len(n), n)):
        if reason_no_segmentor(name) is None:
            chosen.setdefault(segmentor_family(name), name)
    return dict(sorted(chosen.items()))


def segmentor_terms(name):
    """Patterns of the loss terms of samples; None where all are."""
    # PAConv adds a regularisation of its parameters, which is of no sample
    paconv = 'PAConvHead' in segmentor_family(name)
    return ['decode.*'] if paconv else None


def segmentor_family(name):
    """tuple[str]: Detector, backbone and head, by class."""
    model = _read(name).model
    return model.type, model.backbone.type, model.decode_head.type
