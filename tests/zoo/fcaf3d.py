"""FCAF3D's losses without MinkowskiEngine, of which its layers are made.

Shape letters: B samples, N points (their number differs by level and
sample), C classes, R numbers of a box (6, with a yaw 8).
"""
from unittest import mock

import torch
from mmdet3d.models.dense_heads import fcaf3d_head as host
from mmdet3d.registry import MODELS  # noqa: F401  fills the registry

LEVELS = 4


class _HeadWithoutLayers(host.FCAF3DHead):

    def _init_layers(self, *args, **kwargs):
        pass


def fcaf3d_head(cfg):
    """The config's head, able to compute losses and nothing else."""
    head = {k: v for k, v in cfg.model.bbox_head.items() if k != 'type'}
    # The constructor asks only whether the package is there.
    with mock.patch.object(host, 'ME', object()):
        return _HeadWithoutLayers(**head)


def fcaf3d_predictions(cfg, boxes, seed=0):
    """The first four arguments of ``FCAF3DHead.loss_by_feat``.

    Args:
        boxes (list): (B) ``DepthInstance3DBoxes``, of ``data_samples``;
            points lie in and around them.

    Returns:
        tuple: centre scores (N, 1), boxes (N, R), class scores (N, C), each a
        leaf that requires its gradient, and points (N, 3), as
        ``list[level][sample]``.
    """
    random = torch.Generator().manual_seed(seed)
    head = cfg.model.bbox_head
    names = 'centers', 'boxes', 'classes', 'points'
    levels = {name: [[] for _ in range(LEVELS)] for name in names}
    for level in range(LEVELS):
        for sample, truth in enumerate(boxes):
            n = 160 // 2**level + 3 * sample
            centers = truth.gravity_center
            spread = torch.randn(n, 3, generator=random) * .4
            points = centers[torch.arange(n) % len(centers)] + spread
            noise = torch.randn(
                n, 1 + head.num_reg_outs + head.num_classes, generator=random)
            center, box, scores = noise.split(
                [1, head.num_reg_outs, head.num_classes], 1)
            # Distances to the six faces are positive.
            box = torch.cat([(box[:, :6] * .3).exp() * .4, box[:, 6:]], 1)
            for name, value in zip(names, (center, box, scores, points)):
                levels[name][level].append(
                    value.clone().requires_grad_(name != 'points'))
    return tuple(levels[name] for name in names)
