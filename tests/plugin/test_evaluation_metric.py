"""The host's KittiMetric, named in a config as ever, without CUDA."""
import numpy as np
import pytest
import torch
from mmdet3d.registry import DATASETS, METRICS
from mmengine import dump

from dequity_mmdet3d.plugin.evaluation import cpu_rotated_iou

CLASSES = ['Pedestrian', 'Cyclist', 'Car']
SIZES = [(0.8, 1.7, 0.6), (1.8, 1.7, 0.6), (3.9, 1.6, 1.6)]
FRAMES, FIRST = 15, 1200

# x right, y down, z forward from x forward, y left, z up.
LIDAR2CAM = [[0, -1, 0, 0], [0, 0, -1, 0], [1, 0, 0, 0], [0, 0, 0, 1]]
CAM2IMG = [[721, 0, 621, 0], [0, 721, 187, 0], [0, 0, 1, 0], [0, 0, 0, 1]]


def instance(rng, label, column, row):
    """An object that is in sight and large enough to count as easy."""
    location = [column * 6.0 - 6, rng.uniform(1, 2), row * 6.0 + 14]
    yaw = rng.uniform(-np.pi, np.pi)
    return dict(
        bbox=[0.0, 0.0, 90.0, 80.0],
        bbox_label=label,
        bbox_3d=[*location, *SIZES[label], yaw],
        bbox_label_3d=label,
        depth=location[2],
        center_2d=[0.0, 0.0],
        num_lidar_pts=10,
        difficulty=0,
        truncated=0.0,
        occluded=0,
        alpha=0.5,
        score=0.0,
        index=0,
        group_id=0)


@pytest.fixture
def ann_file(tmp_path):
    """An info file of version 1.1 whose frame numbers begin at 1200.

    9 objects a frame, 45 of each class: AP needs 41 recall positions.
    """
    rng = np.random.default_rng(0)
    data_list = []
    for number in range(FIRST, FIRST + FRAMES):
        camera = dict(
            img_path=f'{number:06d}.png',
            height=375,
            width=1242,
            cam2img=CAM2IMG,
            lidar2cam=LIDAR2CAM)
        data_list.append(
            dict(
                sample_idx=number,
                images=dict(CAM2=camera),
                lidar_points=dict(
                    num_pts_feats=4, lidar_path=f'{number:06d}.bin'),
                instances=[
                    instance(rng, label, (label + row) % 3, row)
                    for label in range(3) for row in range(3)
                ]))
    metainfo = dict(categories={c: i for i, c in enumerate(CLASSES)})
    path = tmp_path / 'kitti_infos_val.pkl'
    dump(dict(metainfo=metainfo, data_list=data_list), str(path))
    return str(path)


def evaluate(ann_file, keep, **kwargs):
    """KittiMetric fed with the annotated boxes of the rows to keep."""
    dataset = DATASETS.build(
        dict(
            type='KittiDataset',
            data_root='',
            ann_file=ann_file,
            pipeline=[],
            metainfo=dict(classes=CLASSES),
            test_mode=True))
    metric = METRICS.build(
        dict(
            dict(type='KittiMetric'),
            ann_file=ann_file,
            metric='bbox',
            pcd_limit_range=[0, -40, -5, 70.4, 40, 5],
            **kwargs))
    metric.dataset_meta = dataset.metainfo
    for row in range(len(dataset)):
        info = dataset.get_data_info(row)
        # The host's data sets put the row of the info file in place of the
        # frame number, and the metric looks it up by row.
        assert info['sample_idx'] == row
        truth = info['eval_ann_info']
        count = len(truth['gt_labels_3d']) if keep(row) else 0
        found = dict(
            bboxes_3d=truth['gt_bboxes_3d'][:count],
            labels_3d=torch.from_numpy(truth['gt_labels_3d'][:count]),
            scores_3d=torch.linspace(0.9, 0.1, count))
        metric.process({}, [
            dict(sample_idx=row, pred_instances={}, pred_instances_3d=found)
        ])
    with cpu_rotated_iou():
        values = metric.evaluate(len(dataset))
    prefix = 'Kitti metric/pred_instances_3d/KITTI/'
    assert all(name.startswith(prefix) for name in values)
    return {name[len(prefix):]: value for name, value in values.items()}


def test_annotated_boxes_have_ap_100(ann_file):
    values = evaluate(ann_file, lambda row: True)
    for kind in ('BEV', '3D'):
        assert values[f'Overall_{kind}_AP40_easy'] == pytest.approx(100)


def test_first_frame_without_detections(ann_file):
    values = evaluate(ann_file, lambda row: row > 0)
    # 42 of 45 objects: recall 37.3 / 40, whose nearest position is the 37th.
    assert values['Car_3D_AP40_easy_strict'] == pytest.approx(92.5)


def test_no_detections_at_all(ann_file):
    values = evaluate(ann_file, lambda row: False)
    assert set(values.values()) == {0.0}
