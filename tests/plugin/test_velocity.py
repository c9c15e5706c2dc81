"""Boxes of KITTI for a head that asks for a velocity."""
import pytest
import torch
from mmdet3d.structures import LiDARInstance3DBoxes

from dequity_mmdet3d.plugin.velocity import ZeroVelocity


def test_a_velocity_of_zero():
    rows = torch.arange(14.0).reshape(2, 7)
    boxes = LiDARInstance3DBoxes(rows)
    done = ZeroVelocity().transform(dict(gt_bboxes_3d=boxes, other=1))
    moved = done['gt_bboxes_3d']
    assert done['other'] == 1 and moved.box_dim == 9
    assert moved.tensor.tolist() == [[*row, 0, 0] for row in rows.tolist()]
    assert (moved.gravity_center == boxes.gravity_center).all()


def test_what_moves_keeps_its_velocity_and_nothing_stays_nothing():
    moving = LiDARInstance3DBoxes(torch.ones(1, 9), box_dim=9)
    assert ZeroVelocity()(dict(gt_bboxes_3d=moving))['gt_bboxes_3d'] is moving
    empty = LiDARInstance3DBoxes(torch.zeros(0, 7))
    done = ZeroVelocity()(dict(gt_bboxes_3d=empty))['gt_bboxes_3d']
    assert done.tensor.shape == (0, 9)


def test_no_boxes():
    with pytest.raises(KeyError, match='after LoadAnnotations3D'):
        ZeroVelocity()(dict())
