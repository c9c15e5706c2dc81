"""KITTI evaluation without CUDA: the wiring, the volumes, the AP."""
import numpy as np
import pytest
from mmdet3d.evaluation import kitti_eval
from mmdet3d.evaluation.functional.kitti_utils import eval as host

from dequity_mmdet3d.plugin import evaluation
from dequity_mmdet3d.plugin.evaluation import kitti

CLASSES = ['Pedestrian', 'Cyclist', 'Car']
SIZES = dict(  # length, height, width [m]
    Car=(3.9, 1.6, 1.6),
    Pedestrian=(0.8, 1.7, 0.6),
    Cyclist=(1.8, 1.7, 0.6))


def annotations(rng, names):
    """One frame of KITTI annotations, far enough apart to be unambiguous."""
    count = len(names)
    cell = rng.permutation(40)[:count]
    corner = rng.uniform(0, 800, (count, 2))
    return dict(
        name=np.array(names),
        truncated=np.zeros(count),
        occluded=np.zeros(count, int),
        alpha=rng.uniform(-3, 3, count),
        bbox=np.concatenate([corner, corner + [90, 80]], 1),
        dimensions=np.array([SIZES[name] for name in names]).reshape(-1, 3),
        location=np.stack([
            cell % 8 * 8 - 32.0,
            rng.uniform(1, 2, count),
            cell // 8 * 8 + 8.0
        ], -1),
        rotation_y=rng.uniform(-np.pi, np.pi, count),
        score=np.ones(count))


def detections(rng, frame, noise):
    found = {key: value.copy() for key, value in frame.items()}
    count = len(found['name'])
    found['location'] += noise * rng.normal(0, 1, (count, 3))
    found['rotation_y'] += noise * rng.normal(0, 1, count)
    found['score'] = rng.uniform(0.1, 1, count)
    return found


def no_boxes():
    return dict(
        name=np.array([]),
        truncated=np.array([]),
        occluded=np.array([]),
        alpha=np.array([]),
        bbox=np.zeros((0, 4)),
        dimensions=np.zeros((0, 3)),
        location=np.zeros((0, 3)),
        rotation_y=np.array([]),
        score=np.array([]))


@pytest.fixture
def frames():
    # 45 of each class: AP needs 41 recall positions.
    rng = np.random.default_rng(0)
    return [annotations(rng, CLASSES * 3) for _ in range(15)]


@pytest.fixture
def host_without_cuda(monkeypatch):
    """The host as it is before the plugin came, and without CUDA."""
    evaluation.use_host_rotated_iou()
    monkeypatch.setattr(kitti, 'host_can_run', lambda: False)
    yield
    evaluation.use_host_rotated_iou()
    monkeypatch.undo()
    evaluation.use_cpu_rotated_iou()


def average_precisions(frames, found):
    with evaluation.cpu_rotated_iou():
        _, values = kitti_eval(
            frames, found, CLASSES, eval_types=['bbox', 'bev', '3d'])
    return values


def test_perfect_detections_have_ap_100(frames):
    values = average_precisions(frames, frames)
    # 3 classes and overall (no loose), 3 kinds, 3 difficulties, AP11 and 40.
    assert len(values) == (3 * 2 + 1) * 3 * 3 * 2
    for name, value in values.items():
        assert value == pytest.approx(100, abs=1e-9), name


def test_no_detections_have_ap_0(frames):
    values = average_precisions(frames, [no_boxes() for _ in frames])
    assert set(values.values()) == {0.0}


def test_frames_without_detections_cost_recall(frames):
    found = [no_boxes() if i % 3 == 0 else f for i, f in enumerate(frames)]
    values = average_precisions(frames, found)
    # 30 of 45 objects: recall 26.7 / 40, whose nearest position is the 27th.
    assert values['KITTI/Car_3D_AP40_easy_strict'] == pytest.approx(67.5)


def test_class_without_annotations_has_ap_0(frames):
    rng = np.random.default_rng(1)
    cars = [annotations(rng, ['Car'] * 4) for _ in range(15)]
    values = average_precisions(cars, cars)
    assert values['KITTI/Car_3D_AP40_easy_strict'] == pytest.approx(100)
    assert values['KITTI/Cyclist_3D_AP40_easy_strict'] == 0


def test_yaw_counts(frames):
    """A car turned by 90 degrees: 1.6^2 / (2 * 3.9 * 1.6 - 1.6^2) = 0.26."""
    turned = [dict(f, rotation_y=f['rotation_y'] + np.pi / 2) for f in frames]
    values = average_precisions(frames, turned)
    assert values['KITTI/Car_BEV_AP40_easy_loose'] == 0
    assert values['KITTI/Car_2D_AP40_easy_loose'] == pytest.approx(100)


def test_diverged_detections_have_ap_0(frames):
    broken = [dict(f, location=f['location'] * np.nan) for f in frames]
    values = average_precisions(frames, broken)
    assert values['KITTI/Car_3D_AP40_easy_loose'] == 0


def test_volumes_by_hand():
    # y points down, and a box stands on its y: [y - height, y].
    box = np.array([[0, 0, 10, 4, 2, 2, 0.3]])
    others = np.repeat(box, 5, 0)
    others[1, 1] = -1  # half of the height
    others[2, 1] = -2  # on top of it
    others[3, 4] = 1  # the lower half
    others[4, 3:6] = -1  # DontCare
    expected = {-1: [1, 1 / 3, 0, 1 / 2, 0], 0: [1, 1 / 2, 0, 1 / 2, 0]}
    for criterion, values in expected.items():
        overlaps = kitti.d3_box_overlap(box, others, criterion)
        np.testing.assert_allclose(overlaps, [values], atol=1e-9)


def test_volumes_are_areas_times_heights():
    rng = np.random.default_rng(3)
    boxes, others = np.empty((2, 50, 7))
    for group in (boxes, others):
        group[:, :3] = rng.uniform(-2, 2, (50, 3))
        group[:, 3:6] = rng.uniform(0.5, 4, (50, 3))
        group[:, 6] = rng.uniform(-4, 4, 50)
    plane = [0, 2, 3, 5, 6]
    area = evaluation.rotated_iou(boxes[:, plane], others[:, plane], 2)
    low = np.minimum(boxes[:, None, 1], others[None, :, 1])
    high = np.maximum(boxes[:, None, 1] - boxes[:, None, 4],
                      others[None, :, 1] - others[None, :, 4])
    shared = area * np.maximum(low - high, 0)
    volume, other = boxes[:, 3:6].prod(1), others[:, 3:6].prod(1)
    expected = shared / (volume[:, None] + other[None] - shared)
    assert (expected > 0).mean() > 0.3
    np.testing.assert_allclose(
        kitti.d3_box_overlap(boxes, others), expected, atol=1e-12)


def test_rebinds_and_restores(host_without_cuda):
    before = host.bev_box_overlap, host.d3_box_overlap
    assert evaluation.use_cpu_rotated_iou()
    ours = kitti.bev_box_overlap, kitti.d3_box_overlap
    assert (host.bev_box_overlap, host.d3_box_overlap) == ours
    # A second call must not take ours for the host's own.
    assert evaluation.use_cpu_rotated_iou()
    evaluation.use_host_rotated_iou()
    evaluation.use_host_rotated_iou()
    assert (host.bev_box_overlap, host.d3_box_overlap) == before


def test_leaves_a_host_that_runs_alone(host_without_cuda, monkeypatch):
    monkeypatch.setattr(kitti, 'host_can_run', lambda: True)
    before = host.bev_box_overlap
    assert not evaluation.use_cpu_rotated_iou()
    assert host.bev_box_overlap is before
    assert evaluation.use_cpu_rotated_iou(force=True)
    assert host.bev_box_overlap is kitti.bev_box_overlap


def test_context_restores_after_an_error(host_without_cuda):
    before = host.bev_box_overlap
    with pytest.raises(KeyError):
        with evaluation.cpu_rotated_iou():
            assert host.bev_box_overlap is kitti.bev_box_overlap
            raise KeyError
    assert host.bev_box_overlap is before
    evaluation.use_cpu_rotated_iou()
    with evaluation.cpu_rotated_iou():
        pass
    assert host.bev_box_overlap is kitti.bev_box_overlap


def test_says_once_where_the_overlaps_come_from(monkeypatch):
    said = []
    monkeypatch.setattr(kitti, 'print_log',
                        lambda message, logger: said.append(message))
    kitti._say_once.cache_clear()
    box = np.array([[0, 0, 0, 1, 1, 1, 0.0]])
    for _ in range(2):
        kitti.d3_box_overlap(box, box)
        kitti.bev_box_overlap(box[:, :5], box[:, :5])
    assert len(said) == 1 and 'CPU' in said[0]
