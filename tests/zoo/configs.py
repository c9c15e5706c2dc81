"""The model zoo's 3D detectors, cheaper, with their own heads and losses."""
import copy
import functools
import importlib.util
import logging
from pathlib import Path

import mmdet3d
from mmdet3d.models.detectors import Base3DDetector
from mmdet3d.models.detectors.dfm import DfM
from mmdet3d.models.detectors.single_stage_mono3d import (
    SingleStageMono3DDetector,
)
from mmdet3d.registry import MODELS
from mmdet3d.utils import register_all_modules
from mmengine.config import Config

from dequity_mmdet3d.plugin import mend_host

register_all_modules()
mend_host()  # there are heads and losses without a training around them
ROOT = Path(mmdet3d.__file__).parent / '.mim/configs'

# Those from images only are built on the base classes of 2D detectors.
DETECTORS_3D = (Base3DDetector, SingleStageMono3DDetector, DfM)

# Of a first stage, before suppression; the zoo has 9000.
PROPOSALS = 2000
POSITIVE_IOU = .1  # of a proposal with a box; the zoo has 0.55
ROIS = 32  # of a sample, that reach the second stage's head; the zoo has 128

# A range is scaled by the first of these that suits the strides.
_FACTORS = (1 / 4, 1 / 3, 1 / 2)
# Forward and sideways, in metres, so much of it has to be left.
_LEAST_EXTENT = (12, 9)
# Parts of names of configs that take longer than others of their family.
_EXPENSIVE = ('voxel0075', 'voxel01', 'regnet', 'w2x', 'L12', '_nus-mono3d',
              'waymo', 'r101')


@functools.cache
def zoo_configs():
    """Names, relative to the host's folder of configs, sorted.

    Complete ones: what lies in ``_base_`` is built by the others. A config
    whose ``_base_`` the host does not have cannot be read, and is left out
    (one: multiview-fcos3d with a CenterHead).
    """
    return [
        name for name in sorted(
            path.relative_to(ROOT).as_posix() for path in ROOT.rglob('*.py'))
        if not name.startswith('_base_') and _is_detector_3d(_read(name))
    ]


def _is_detector_3d(cfg):
    model = (cfg or {}).get('model') or {}
    cls = MODELS.get(model['type']) if 'type' in model else None
    return isinstance(cls, type) and issubclass(cls, DETECTORS_3D)


@functools.cache
def _read(name):
    try:
        return Config.fromfile(ROOT / name)
    except FileNotFoundError:
        return None


def reason_not_built(name):
    """Why the model cannot be built here, or None."""
    if (_read(name).model.type == 'MinkSingleStage3DDetector'
            and importlib.util.find_spec('MinkowskiEngine') is None):
        return 'MinkowskiEngine, of which its backbone is made, is not here'
    return None


def load(name):
    """The config, needing no download and less time.

    Ranges of point clouds, with the grids, anchors and volumes on them,
    become smaller; second stages get fewer proposals, and take worse ones
    as positive. Modules, channels and losses stay.
    """
    cfg = copy.deepcopy(_read(name))  # what is changed is within
    cfg.load_from = None
    _walk(cfg.model, _drop_download)
    _walk(cfg.model, _ease_second_stage)
    _shrink(cfg.model)
    return cfg


def build(cfg):
    """The model, initialised and training.

    Raises:
        RuntimeError: The host lacks an optional package.
    """
    if cfg.model.type == 'MinkSingleStage3DDetector' and \
            importlib.util.find_spec('MinkowskiEngine') is None:
        raise RuntimeError('FCAF3D: MinkowskiEngine is not installed')
    model = MODELS.build(cfg.model)
    before = logging.root.manager.disable
    logging.disable(logging.INFO)  # three lines for each parameter
    try:
        model.init_weights()
    finally:
        logging.disable(before)
    if cfg.model.type == 'H3DNet':
        # It adds in place to what a ReLU keeps for its backward pass, which
        # PyTorch refuses, on any device.
        layer = model.roi_head.bbox_head.bbox_pred[0]
        layer.register_forward_hook(_clone_output)
    model.train()  # ImVoteNet returns None
    return model


def _clone_output(module, inputs, output):
    return output.clone()


def family(name):
    """What is a way of its own to compute losses: class names, detector
    first, then all heads."""
    model = _read(name).model
    heads = set()

    def collect(node, _):
        kind = node.get('type')
        if isinstance(kind, str) and kind.lower().endswith('head'):
            heads.add(kind.split('.')[-1])

    _walk(model, collect)
    return (model.type, *sorted(heads))


@functools.cache
def representatives():
    """One name, the cheapest, for each family that can be built.

    Returns:
        dict[tuple[str], str]: From ``family(name)`` to name.
    """
    names = [n for n in zoo_configs() if reason_not_built(n) is None]
    chosen = {}
    for name in sorted(names, key=_cost):
        chosen.setdefault(family(name), name)
    return dict(sorted(chosen.items()))


def _cost(name):
    return sum(word in name for word in _EXPENSIVE), len(name), name


def _walk(node, visit, path=()):
    """Visit all dicts, each before its parts."""
    if isinstance(node, dict):
        visit(node, path)
    items = (node.items() if isinstance(node, dict) else
             enumerate(node) if isinstance(node, (list, tuple)) else ())
    for key, value in list(items):
        _walk(value, visit, (*path, key))


def _drop_download(node, _):
    node.pop('pretrained', None)
    init = node.get('init_cfg')
    if isinstance(init, dict) and init.get('type') == 'Pretrained':
        node.pop('init_cfg')


def _ease_second_stage(node, path):
    """Fewer proposals, more of them positive: an untrained first stage puts
    none on a box, and the second would have nothing to regress."""
    if path[-1:] == ('rpn_proposal', ) and 'nms_post' in node:
        node['nms_pre'] = PROPOSALS
        for key in ('nms_post', 'max_num'):
            if key in node:
                node[key] = PROPOSALS
    if 'rcnn' in path and 'pos_iou_thr' in node:
        node.update(dict.fromkeys(
            ('pos_iou_thr', 'neg_iou_thr', 'min_pos_iou'), POSITIVE_IOU))
    if 'rcnn' in path and node.get('type') == 'IoUNegPiecewiseSampler':
        node['num'] = ROIS


# Smaller ranges


def _shrink(model):
    if model.get('coord_type') == 'DEPTH':
        # A room cannot be smaller, but its voxels larger.
        model.n_voxels = [number // 2 for number in model.n_voxels]
    grid = _grid(model)
    if grid is None:
        return
    factors = [_factor(*axis) for axis in zip(*grid, _LEAST_EXTENT)]
    if model.type == 'SASSD':
        # Its auxiliary points are placed from y = -40, a default argument.
        factors[1] = 1

    def scale(node, _):
        for key, function in _SCALED.items():
            if isinstance(node.get(key), (list, tuple)):
                node[key] = function(node[key], *factors)

    _walk(model, scale)


def _grid(model):
    """Upper ends, cells and necessary divisor of x and y, each (2,)."""
    voxel_layer = model.data_preprocessor.get('voxel_layer')
    if voxel_layer:
        limits = voxel_layer.point_cloud_range
        size = voxel_layer.voxel_size
        sparse = any('middle_encoder' in key and 'Sparse' in model[key].type
                     for key in model)
        divisor = 16 if sparse else 8
    elif model.type == 'MultiViewDfM':
        limits, size = model.anchor_generator.ranges[0], model.voxel_size
        divisor = 1
    elif model.get('coord_type') == 'LIDAR':
        limits, divisor = model.prior_generator.ranges[0], 1
        size = [(limits[3 + i] - limits[i]) / model.n_voxels[i]
                for i in range(2)]
    else:
        return None
    cells = [round((limits[3 + i] - limits[i]) / size[i]) for i in range(2)]
    return limits[3:5], cells, [divisor] * 2


def _factor(upper, cells, divisor, least_extent):
    # Not more than the zoo's own grid has.
    while cells % divisor:
        divisor //= 2
    for factor in _FACTORS:
        smaller = cells * factor
        if (upper * factor >= least_extent and smaller == int(smaller)
                and smaller % divisor == 0):
            return factor
    return 1


def _scale_range(limits, x, y):
    """(6,) x, y, z from and to, or (2,) x, y from."""
    scales = (x, y, 1, x, y, 1)[:len(limits)]
    return [limit * s for limit, s in zip(limits, scales)]


def _scale_ranges(ranges, x, y):
    return [_scale_range(limits, x, y) for limits in ranges]


def _scale_xyz(cells, x, y):
    return [round(cells[0] * x), round(cells[1] * y), *cells[2:]]


def _scale_zyx(cells, x, y):
    return [*cells[:-2], round(cells[-2] * y), round(cells[-1] * x)]


_SCALED = dict(
    point_cloud_range=_scale_range,
    pc_range=_scale_range,
    ranges=_scale_ranges,
    grid_size=_scale_xyz,
    n_voxels=_scale_xyz,
    sparse_shape=_scale_zyx,
    output_shape=_scale_zyx)
