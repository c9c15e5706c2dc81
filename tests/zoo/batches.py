"""Made batches, as the training dataloader of a zoo config would give them.

A scene is made in a LiDAR frame (x ahead, y left, z up, origin of the boxes
at the bottom centre) and converted to the dataset's own kind of boxes. The
config's last transform packs it, so that a sample holds what its pipeline
would have put there.

Shape letters: N points, F numbers a point, M boxes, V views, H and W the
image's height and width.
"""
import math

import numpy as np
import torch
from mmdet3d.registry import TRANSFORMS
from mmdet3d.structures import Box3DMode, get_box_type
from mmengine.dataset import pseudo_collate

IMAGE_SHAPE = (192, 320)  # H, W
VIEWS = 2  # of configs that have several
SEVERAL_VIEWS = ('MultiViewDfM', 'DETR3D', 'PETR')
POINTS_IN_BOX = 80
INDOOR = ('ScanNetDataset', 'S3DISDataset', 'SUNRGBDDataset')
UPRIGHT = ('ScanNetDataset', 'S3DISDataset')  # whose boxes have no yaw

# Boxes ahead and to the left, fractions of a scene's depth and width: apart
# from each other, and in the image.
_PLACES = ((.45, .3), (.5, -.35), (.85, .6), (.9, -.6))
_TO_DEPTH = np.array([[0., -1, 0], [1, 0, 0], [0, 0, 1]])
_TO_CAMERA = np.array([[0., -1, 0], [0, 0, -1], [1, 0, 0]])


def make_batch(cfg, batch_size, seed=0):
    """What the training dataloader gives, before ``data_preprocessor``.

    Samples differ in points, image, boxes, labels and, two neighbours at
    least, in the number of boxes (1 to 4). Every call makes all tensors
    anew, from the seed only.

    Args:
        cfg (Config): From ``load(name)``.

    Returns:
        dict: ``inputs``: ``points``, list of (N, F) float32, and/or ``img``,
        list of (3, H, W) or (V, 3, H, W) uint8; ``data_samples``: list of
        ``Det3DDataSample``.
    """
    dataset = _dataset(cfg.train_dataloader.dataset)
    pack = TRANSFORMS.build(_pack(dataset))
    return pseudo_collate([
        pack(_sample(cfg, dataset, index, np.random.default_rng([seed,
                                                                index])))
        for index in range(batch_size)
    ])


def _dataset(dataset):
    """The dataset inside its wrappers (repetition, class balance)."""
    while 'pipeline' not in dataset:
        dataset = dataset.get('dataset') or dataset.datasets[0]
    return dataset


def _pack(dataset):
    """The pipeline's last transform, able to train."""
    pack = dataset.pipeline[-1]
    if not any(key.startswith('gt_') for key in pack['keys']):
        # Waymo's car: the zoo's pipeline forgets the boxes.
        return dict(
            type='Pack3DDetInputs',
            keys=[*pack['keys'], 'gt_bboxes_3d', 'gt_labels_3d'])
    # Two still have its name of mmdet3d 0.x.
    return dict(pack, type='Pack3DDetInputs')


def _sample(cfg, dataset, index, rng):
    """What the transforms before the last one would have gathered."""
    keys = _pack(dataset)['keys']
    boxes, labels = _boxes(cfg, dataset, index, rng)
    points, instance = _points(cfg, dataset, boxes, rng)
    box_type, box_mode = get_box_type(_box_type(dataset))
    results = dict(
        sample_idx=index,
        box_type_3d=box_type,
        box_mode_3d=box_mode,
        flip=False,
        pcd_horizontal_flip=False,
        pcd_vertical_flip=False,
        transformation_3d_flow=[],
        gt_bboxes_3d=_convert(dataset, boxes, box_mode, box_type),
        gt_labels_3d=labels)
    if 'points' in keys:
        results['points'] = points.astype(np.float32)
        if box_mode == Box3DMode.DEPTH:
            results['points'][:, :3] = points[:, :3] @ _TO_DEPTH.T
        results['points'] = torch.from_numpy(results['points'])
    if 'pts_instance_mask' in keys:
        # Points of no box: a class beyond the last.
        results['pts_instance_mask'] = instance + 1
        results['pts_semantic_mask'] = np.append(
            labels, len(_classes(cfg, dataset)))[instance]
    if 'img' in keys:
        _add_image(results, cfg, boxes, labels, rng)
    return {
        key: value
        for key, value in results.items()
        if not key.startswith(('gt_', 'pts_')) or key in keys
    }


def _box_type(dataset):
    default = 'Depth' if dataset.type in INDOOR else 'LiDAR'
    return dataset.get('box_type_3d', default)


def _classes(cfg, dataset):
    metainfo = dataset.get('metainfo', {})
    return (metainfo.get('classes') or metainfo.get('CLASSES')
            or cfg.class_names)


# Boxes


def _boxes(cfg, dataset, index, rng):
    """(M, 7) or, with velocities, (M, 9) float64, and (M,) int64 labels."""
    number = 1 + (index + int(rng.integers(0, 2)) * 2) % 4
    places = rng.permutation(4)[:number]
    num_classes = len(_classes(cfg, dataset))
    # In order, so that two samples are not of the same class only.
    labels = (index + np.arange(number) * 2 + rng.integers(0, 2)) % num_classes
    depth, width, _ = _room(cfg, dataset)
    boxes = np.zeros((number, 7))
    for box, place, label in zip(boxes, places, labels):
        size, bottom = _size(cfg.model, label, dataset)
        scale = .1 if dataset.type in INDOOR else .4
        jitter = rng.uniform(-scale, scale, 2)
        box[:2] = np.multiply(_PLACES[place], (depth, width)) + jitter
        box[2] = bottom
        box[3:6] = size * rng.uniform(.93, 1.07, 3)
        if dataset.type not in UPRIGHT:
            # Near the directions of anchors, so that some are positive.
            box[6] = rng.choice([0, math.pi / 2]) + rng.uniform(-.12, .12)
    if dataset.type == 'NuScenesDataset':
        boxes = np.concatenate([boxes, rng.normal(0, 2, (number, 2))], 1)
    return boxes, labels.astype(np.int64)


def _room(cfg, dataset):
    """How far boxes are ahead and to a side, and the floor, in metres."""
    if dataset.type in INDOOR:
        return 4.2, 2., -1.5
    upper = _find(cfg.model, 'voxel_layer', {}).get('point_cloud_range') \
        or (0, 0, 0, 16, 9)
    return min(upper[3] - 2, 15), min(upper[4] - 2.5, 8), -1.8


def _size(model, label, dataset):
    """Size of a class and height of its boxes' bottom, of an anchor or of
    the coder's means where there are."""
    heads = [_find(model, key) for key in
             ('bbox_head_3d', 'pts_bbox_head', 'rpn_head', 'bbox_head')]
    for head in filter(None, heads):
        anchors = head.get('anchor_generator', {})
        if 'sizes' in anchors:
            sizes, ranges = anchors['sizes'], anchors['ranges']
            return (np.array(sizes[label % len(sizes)]),
                    ranges[label % len(ranges)][2])
    means = _find(model, 'mean_sizes')
    if means:
        return np.array(means[label % len(means)]), -1.5
    if dataset.type in INDOOR:
        return np.array([1., .8, .9]), -1.5
    return np.array([3.9, 1.6, 1.56]), -1.8


def _find(node, name, default=None):
    """The first value under a key, at any depth."""
    if isinstance(node, dict):
        if name in node:
            return node[name]
        node = list(node.values())
    if isinstance(node, (list, tuple)):
        for part in node:
            found = _find(part, name)
            if found is not None:
                return found
    return default


def _convert(dataset, boxes, mode, box_type):
    from mmdet3d.structures import LiDARInstance3DBoxes
    lidar = LiDARInstance3DBoxes(
        torch.tensor(boxes, dtype=torch.float32), box_dim=boxes.shape[1])
    converted = lidar if mode == Box3DMode.LIDAR else lidar.convert_to(mode)
    if dataset.type not in UPRIGHT:
        return converted
    # Their files give the centre, and no yaw.
    size = converted.dims[:, [1, 0, 2]]
    return box_type(
        torch.cat([converted.gravity_center, size], 1),
        box_dim=6,
        with_yaw=False,
        origin=(.5, .5, .5))


# Points


def _points(cfg, dataset, boxes, rng):
    """(N, F) float64 in the LiDAR frame, and (N,) box of each, or -1."""
    number = _point_number(cfg, rng)
    inside = min(POINTS_IN_BOX, number // 8) * len(boxes)
    box = np.repeat(np.arange(len(boxes)), inside // len(boxes))
    box = np.concatenate([box, np.full(number - len(box), -1)])
    xyz = _background(cfg, dataset, number, rng)
    of = boxes[box[box >= 0]]
    local = rng.uniform(-.48, .48, (len(of), 3))
    # Half of them near a face, of which H3DNet makes its primitives.
    face = np.arange(0, len(of), 2)
    local[face, rng.integers(0, 3, len(face))] = rng.choice([-.49, .49],
                                                            len(face))
    local *= of[:, 3:6]
    cos, sin = np.cos(of[:, 6]), np.sin(of[:, 6])
    xyz[box >= 0] = of[:, :3] + np.stack(
        [cos * local[:, 0] - sin * local[:, 1],
         sin * local[:, 0] + cos * local[:, 1],
         local[:, 2] + of[:, 5] / 2], 1)  # yapf: disable
    order = rng.permutation(number)
    features = rng.uniform(0, 1, (number, _point_dims(dataset) - 3))
    return np.concatenate([xyz, features], 1)[order], box[order]


def _background(cfg, dataset, number, rng):
    """A floor, and some points above it."""
    depth, width, floor = _room(cfg, dataset)
    xyz = rng.uniform((.5, -width - 1, 0), (depth + 1, width + 1, 1),
                      (number, 3))
    xyz[:, 2] = floor + .05 * xyz[:, 2] + np.where(
        rng.uniform(size=number) < .3, 2 * xyz[:, 2], 0)
    return xyz


def _point_number(cfg, rng):
    """Enough for a sampling backbone; otherwise samples differ."""
    sampled = _find(cfg.model, 'num_points')
    if isinstance(sampled, (list, tuple)):  # of an attention it is a number
        return int(sampled[0] * 1.25)
    return int(rng.integers(2500, 3000))


def _point_dims(dataset):
    dims = 0
    for transform in dataset.pipeline:
        if transform['type'].startswith('LoadPoints'):
            sweeps = transform['type'].endswith('Sweeps')
            use = transform.get('use_dim', [0, 1, 2, 4] if sweeps else 3)
            dims = use if isinstance(use, int) else len(use)
            dims += transform.get('shift_height', False)
    return max(dims, 3)


# Images


def _add_image(results, cfg, boxes, labels, rng):
    """The image, its calibration, and what of the boxes is seen in it."""
    height, width = IMAGE_SHAPE
    cam2img = np.eye(4)
    cam2img[:2, :3] = [[width / 2, 0, width / 2], [0, width / 2, height / 2]]
    lidar2cam = np.eye(4)
    lidar2cam[:3, :3] = _TO_CAMERA
    results.update(
        img=rng.integers(0, 256, (height, width, 3)).astype(np.uint8),
        img_shape=IMAGE_SHAPE,
        ori_shape=IMAGE_SHAPE,
        pad_shape=IMAGE_SHAPE,
        scale_factor=np.ones(4),
        cam2img=cam2img,
        ori_cam2img=cam2img,
        lidar2cam=lidar2cam,
        lidar2img=cam2img @ lidar2cam,
        depth2img=cam2img[:3, :3] @ _TO_CAMERA @ _TO_DEPTH.T)
    if cfg.model.type == 'SMOKEMono3D':
        # Of two samples one was shifted, and is left out of the regression.
        results.update(
            affine_aug=bool(results['sample_idx'] % 3 == 1),
            trans_mat=np.diag([1 / 4, 1 / 4, 1]).astype(np.float32))
    _add_projections(results, cam2img @ lidar2cam, boxes, labels, rng)
    if cfg.model.type in SEVERAL_VIEWS:
        _add_views(results, rng)


def _add_projections(results, lidar2img, boxes, labels, rng):
    """2D boxes (M, 4), centres (M, 2), depths (M,), attributes (M,)."""
    from mmdet3d.structures import LiDARInstance3DBoxes
    boxes = LiDARInstance3DBoxes(
        torch.tensor(boxes[:, :7], dtype=torch.float32))
    corners = _project(boxes.corners.numpy(), lidar2img)
    centers = _project(boxes.gravity_center.numpy(), lidar2img)
    limit = np.array(IMAGE_SHAPE[::-1]) - 1.
    low = corners[..., :2].min(1).clip(0, limit - 8)
    high = np.maximum(corners[..., :2].max(1).clip(0, limit), low + 4)
    results.update(
        gt_bboxes=np.concatenate([low, high], 1).astype(np.float32),
        gt_bboxes_labels=labels,
        centers_2d=centers[:, :2].clip(0, limit).astype(np.float32),
        depths=centers[:, 2].astype(np.float32),
        attr_labels=rng.integers(0, 8, len(labels)))


def _project(points, lidar2img):
    """(..., 3) to (..., 3): pixel and depth."""
    uvd = points @ lidar2img[:3, :3].T + lidar2img[:3, 3]
    depth = uvd[..., 2:].clip(.5)
    return np.concatenate([uvd[..., :2] / depth, depth], -1)


def _add_views(results, rng):
    """The same camera, turned a little from view to view."""
    views = range(VIEWS)
    lidar2cam = []
    for view in views:
        cos, sin = math.cos(.4 * view), math.sin(.4 * view)
        turned = np.eye(4)
        turned[:2, :2] = [[cos, -sin], [sin, cos]]
        lidar2cam.append(results['lidar2cam'] @ turned)
    results.update(
        img=[rng.permutation(results['img']) for _ in views],
        num_views=VIEWS,
        num_ref_frames=0,
        lidar2cam=lidar2cam,
        cam2img=[results['cam2img'] for _ in views],
        ori_cam2img=[results['ori_cam2img'] for _ in views],
        scale_factor=[np.ones(4) for _ in views],
        flip=[False for _ in views])
