"""AP and recall on rare and on common objects."""
import copy

import numpy as np
import pytest
import torch
from mmdet3d.registry import METRICS
from mmdet3d.structures import CameraInstance3DBoxes
from mmengine import load

from dequity_mmdet3d.figures import Figure
from dequity_mmdet3d.plugin import DequityMetric, DequityNuScenesMetric
from dequity_mmdet3d.plugin.evaluation import (
    cpu_rotated_iou,
    nuscenes_objects,
    object_strata,
)
from dequity_mmdet3d.plugin.evaluation.kitti_objects import evaluate_objects
from dequity_mmdet3d.plugin.evaluation.object_strata import ObjectStrata
from dequity_mmdet3d.plugin.evaluation.report import report_objects
from dequity_mmdet3d.strata import STRATA
from tests.plugin.helpers import object_rows, save_objects
from tests.plugin.test_evaluation import CLASSES, annotations
from tests.plugin.test_evaluation_metric import (  # noqa: F401, a fixture
    FIRST,
    FRAMES,
    ann_file,
    evaluate,
)
from tests.plugin.test_strata import (  # noqa: F401, a fixture
    nuscenes,
    nuscenes_values,
)

KINDS = ['bbox', 'bev', '3d']
NAME = 'Car_3D_{}_moderate_strict'


def cars(count):
    """A frame of cars, a lane each."""
    box = np.array([100., 100, 200, 200])
    return dict(
        name=np.array(['Car'] * count), truncated=np.zeros(count),
        occluded=np.zeros(count, int), alpha=np.zeros(count),
        bbox=np.array([box + [200 * i, 0, 200 * i, 0]
                       for i in range(count)]).reshape(-1, 4),
        dimensions=np.full((count, 3), (3.9, 1.6, 1.6)),
        location=np.array([(8. * i, 1, 20) for i in range(count)]
                          ).reshape(-1, 3),
        rotation_y=np.zeros(count), score=np.zeros(count))


def picked(anno, which, scores):
    found = {k: v[which] for k, v in anno.items()}
    return dict(found, score=np.array(scores, float))


def on_objects(gt, dt, strata, classes=('Car', ), kinds=KINDS):
    with cpu_rotated_iou():
        return evaluate_objects(gt, dt, strata, list(classes), kinds)


def test_few_cars_by_hand():
    """Of four cars in lanes 0 to 3 one is rare, two are common, one is in no
    stratum; what stands in lane 4 is none.
    """
    lanes = cars(5)
    gt = [picked(lanes, [0, 1, 2, 3], [0] * 4)]
    # from the top: a common car, nothing, the one without a stratum, the
    # rare one; the other common car is missed
    dt = [picked(lanes, [1, 4, 3, 0], [.9, .8, .7, .6])]
    got = on_objects(gt, dt, [np.array([0, 2, 2, -1])])
    for kind in ('2D', 'BEV', '3D'):
        ap, recall = (f'Car_{kind}_{what}_easy_strict'
                      for what in ('AP40', 'recall'))
        assert got[f'object=rare/{recall}'] == 100
        assert got[f'object=common/{recall}'] == 50
        assert got[f'object=gap/{recall}'] == 50
        # one of four cars is rare, so that a quarter of a false positive is
        # its own: precision 1 / (1 + 1/4) at all recalls
        assert got[f'object=rare/{ap}'] == pytest.approx(80)
        # precision 1 at half of the recalls, and 0 beyond. The two cars
        # stand for 42, of which 21 are found, with the same score: as
        # upstream's thresholds are, at 20 or 21 of 40 positions
        assert got[f'object=common/{ap}'] == pytest.approx(50, abs=2.5)
    assert [got[f'object={s}/Car_easy_objects']
            for s in STRATA] == [1, 0, 2]
    assert not any(k.startswith('object=middle/') and 'objects' not in k
                   for k in got)
    shown = report_objects(got, [Figure('', 'Car', '3D_AP40', 'easy',
                                        'strict')])
    assert '80.000 (1)' in shown and '- (0)' in shown and '+30.000' in shown


def test_an_ignored_object_is_not_a_false_positive():
    """Were objects of other strata removed, what finds them would be."""
    gt = [cars(4)]
    dt = [dict(cars(4), score=np.array([.9, .8, .7, .6]))]
    got = on_objects(gt, dt, [np.array([2, 2, 2, 0])])
    assert got[f'object=rare/{NAME.format("AP40")}'] == 100
    assert got[f'object=common/{NAME.format("AP40")}'] == 100


def moved(rng, gt):
    """Detections: some off, some false, and scores that say little."""
    found = []
    for anno in gt:
        n = len(anno['name'])
        keep = rng.permutation(n)[:max(n - 2, 0)]
        dt = picked(anno, keep, rng.uniform(.1, 1, len(keep)))
        dt['location'] = dt['location'] + np.where(
            rng.uniform(size=(len(keep), 1)) < .2, 3, .02) * [1, 0, 1]
        found.append(dt)
    return found


@pytest.fixture
def scene():
    rng = np.random.default_rng(0)
    gt = [annotations(rng, CLASSES * 5) for _ in range(30)]
    return gt, moved(rng, gt), [rng.choice([-1, 0, 1, 2], len(a['name']))
                                for a in gt]


def test_one_stratum_of_all_is_upstream_s_evaluation(scene):
    from mmdet3d.evaluation import kitti_eval
    gt, dt, _ = scene
    gt[3]['occluded'][:4] = 2
    gt[0] = {k: v[:0] for k, v in gt[0].items()}
    dt[5] = {k: v[:0] for k, v in dt[5].items()}
    order = [*range(1, len(gt)), 0]  # upstream stops at an empty first frame
    with cpu_rotated_iou():
        want = kitti_eval([gt[i] for i in order], [dt[i] for i in order],
                          CLASSES, eval_types=[*KINDS])[1]
    got = on_objects(gt, dt, [np.full(len(a['name']), 2) for a in gt],
                     CLASSES)
    checked = 0
    for key, value in got.items():
        if 'AP40' in key:
            name = key.replace('object=common/', 'KITTI/')
            assert value == pytest.approx(want[name], abs=1e-3), key
            checked += 1
    assert checked == 3 * 3 * 3 * 2


def slowly(gt, dt, strata, stratum):
    """AP_R40 of easy cars in 3D, one threshold after the other.

    Cars are far apart, and a detection is right where its own is near.
    """
    scores, false, m, n = [], [], 0, 0
    for anno, found, its in zip(gt, dt, strata):
        m += sum(anno['name'] == 'Car')
        n += sum((anno['name'] == 'Car') & (its == stratum))
        for i in np.flatnonzero(found['name'] == 'Car'):
            near = np.flatnonzero((np.abs(
                anno['location'] - found['location'][i]) < .1).all(1))
            if not len(near):
                false.append(found['score'][i])
            elif its[near[0]] == stratum:
                scores.append(found['score'][i])
    scores.sort(reverse=True)
    # the score at which each recall of 0, 1/40, ... is come nearest to
    thresholds, recall = [], 0.
    for k, score in enumerate(scores):
        left, right = (k + 1) / n, (k + 2) / n
        if k < len(scores) - 1 and right - recall < recall - left:
            continue
        thresholds.append(score)
        recall += 1 / 40
    precision = []
    for t in thresholds:
        tp = sum(s >= t for s in scores)
        precision.append(tp / (tp + n / m * sum(s >= t for s in false)))
    best = [max(precision[i:]) for i in range(1, len(precision))]
    return 100 * sum(best) / 40, 100 * len(scores) / n


def test_each_stratum_against_a_slow_reference(scene):
    gt, dt, strata = scene
    with cpu_rotated_iou():
        got = evaluate_objects(gt, dt, strata, ['Car'], ['3d'])
    aps = set()
    for s, name in enumerate(STRATA):
        n = sum(((i == s) & (a['name'] == 'Car')).sum()
                for i, a in zip(strata, gt))
        times = -(-41 // n)  # few stand there several times
        ap, recall = slowly(gt * times, dt * times, strata * times, s)
        assert got[f'object={name}/Car_3D_AP40_easy_strict'] == pytest.approx(
            ap, abs=1e-3)
        assert got[f'object={name}/Car_3D_recall_easy_strict'] == (
            pytest.approx(recall, abs=1e-3))
        aps.add(round(ap))
    assert len(aps) > 1 and 0 not in aps and 100 not in aps


# ---- in the metrics


def test_kitti(ann_file, tmp_path):  # noqa: F811
    """Nine objects a frame, three a class: the first of them is rare."""
    objects = save_objects(tmp_path / 'o.parquet', object_rows(
        ann_file, lambda i: (.1, .5, 1)[i % 3]))

    def keep(row):
        return row > 1

    stock = evaluate(ann_file, keep)
    got = evaluate(ann_file, keep, type='DequityKittiMetric', objects=objects)
    assert {k: got[k] for k in stock} == stock
    more = {k: v for k, v in got.items() if k not in stock}
    assert all(k.startswith('object=') for k in more)
    for s in STRATA:
        assert more[f'object={s}/Car_easy_objects'] == FRAMES
        # 13 of 15 frames, and nothing false
        assert more[f'object={s}/{NAME.format("recall")}'] == pytest.approx(
            100 * 13 / 15, abs=1e-3)
        assert more[f'object={s}/{NAME.format("AP40")}'] == pytest.approx(
            100 * 13 / 15, abs=2.5)
    assert more[f'object=gap/{NAME.format("AP40")}'] == 0


def test_strata_are_of_a_class(ann_file, tmp_path,  # noqa: F811
                               monkeypatch):
    said = []
    monkeypatch.setattr(object_strata, 'print_log',
                        lambda line, _: said.append(line))
    rows = object_rows(ann_file, lambda i: (i + 1) / 10)
    neutral = [at for at, row in enumerate(rows) if row[1] == 8]
    path = save_objects(tmp_path / 'o.parquet', rows,
                        dict(neutral=neutral))
    # three likelihoods a class, of a third of its objects each; of the last
    # class a third is neutral, and of the others half is rare
    got = ObjectStrata(path, ann_file, (.2, .5)).of(str(FIRST))
    assert got.tolist() == [0, 1, 2, 0, 1, 2, 0, 2, -1]
    assert 'Car: rare up to a likelihood of 0.7, common from 0.8 (15 of 45 ' \
        'neutral)' in said[0]
    # a class that the table does not have is in no stratum
    path = save_objects(tmp_path / 'p.parquet', rows[:0] + [
        row for row in rows if row[2] == 'Car'])
    got = ObjectStrata(path, ann_file).of(str(FIRST))
    assert got.tolist() == [-1] * 6 + [0, 1, 2]


def test_tables_of_other_sets_are_refused_at_the_start(
        ann_file, tmp_path):  # noqa: F811
    rows = object_rows(ann_file)
    for change, message in (
            (rows[1:], r"lacks 1 of the 135 .*\('1200', 0\).*validation set"),
            ([*rows, ('7', 0, 'Car', 1.)],
             r"has 1 of its 136 .*\('7', 0\)"),
            ([*rows, ('1200', 9, 'Car', 1.)], r"\('1200', 9\)"),
            ([('1200', 0, 'Car', 1.), *rows[1:]],
             r'has another class for 1 object')):
        path = save_objects(tmp_path / 'o.parquet', change)
        with pytest.raises(ValueError, match=message) as e:
            evaluate(ann_file, None, type='DequityKittiMetric', objects=path)
        assert '\n' not in str(e.value)
    for neutral in (3, [3.], [135], [-1]):
        path = save_objects(tmp_path / 'o.parquet', rows,
                            dict(neutral=neutral))
        with pytest.raises(ValueError, match='neutral objects by number'):
            ObjectStrata(path, ann_file)
    with pytest.raises(FileNotFoundError, match='object table .*--objects'):
        ObjectStrata(str(tmp_path / 'no.parquet'), ann_file)
    with pytest.raises(ValueError, match='objects=... needs a KittiMetric'):
        DequityMetric(dict(type='IndoorMetric'), objects=path)
    metric = DequityMetric(
        dict(type='mmdet3d.KittiMetric', ann_file=ann_file),
        objects=save_objects(tmp_path / 'o.parquet', rows))
    assert metric.objects.of('1200').tolist() == [2] * 9


@pytest.mark.parametrize('metric', ['bbox', 'img_bbox'])
def test_monocular_kitti(ann_file, tmp_path, metric):  # noqa: F811
    """Boxes of the camera, and flat ones beside them."""
    objects = save_objects(tmp_path / 'o.parquet', object_rows(
        ann_file, lambda i: (.1, .5, 1)[i % 3]))
    evaluator = METRICS.build(dict(
        type='DequityKittiMetric', ann_file=ann_file, objects=objects,
        metric=metric))
    evaluator.dataset_meta = dict(classes=CLASSES)
    for row, info in enumerate(load(ann_file)['data_list']):
        things = info['instances']
        labels = torch.tensor([t['bbox_label_3d'] for t in things])
        scores = torch.linspace(.9, .1, len(things))
        evaluator.process({}, [dict(
            sample_idx=row, pred_instances=dict(
                bboxes=torch.tensor([t['bbox'] for t in things]),
                labels=labels, scores=scores),
            pred_instances_3d=dict(
                bboxes_3d=CameraInstance3DBoxes(
                    torch.tensor([t['bbox_3d'] for t in things])),
                labels_3d=labels, scores_3d=scores))])
    with cpu_rotated_iou():
        got = evaluator.evaluate(FRAMES)
    start = 'Kitti metric/pred_instances'
    for s in STRATA:
        assert got[f'{start}/KITTI/object={s}/Car_easy_objects'] == FRAMES
        assert f'{start}/KITTI/object={s}/{NAME.format("AP40")}' not in got
        assert f'{start}/KITTI/object={s}/Car_2D_AP40_easy_strict' in got
        flat = f'{start}_3d/KITTI/object={s}/{NAME.format("AP40")}' not in got
        assert flat == (metric == 'img_bbox')
        if not flat:
            assert got[f'{start}_3d/KITTI/object={s}/' +
                       NAME.format('recall')] == 100


# ---- nuScenes


def test_nuscenes(nuscenes, tmp_path):  # noqa: F811
    path = nuscenes / 'nuscenes_infos_val.pkl'
    infos = load(path)
    args = dict(data_root=str(nuscenes), ann_file=str(path))
    rows = object_rows(path)
    got = nuscenes_values(DequityNuScenesMetric(
        **args, objects=save_objects(tmp_path / 'o.parquet', rows)), infos,
        lambda row: row > 0)
    for c in ('car', 'pedestrian'):
        n = got[f'object=common/{c}_objects']
        assert n > 0 and got[f'object=rare/{c}_objects'] == 0
        # all in one stratum: the mean over the distances is the stock AP
        assert got[f'object=common/{c}_AP'] == pytest.approx(np.mean([
            got[f'{c}_AP_dist_{d}'] for d in ('0.5', '1.0', '2.0', '4.0')]),
            abs=1e-4)
        assert f'object=rare/{c}_AP' not in got
    assert got['object=common/mAP'] == pytest.approx(np.mean(
        [got[f'object=common/{c}_AP'] for c in ('car', 'pedestrian')]))
    assert 0 < got['object=common/mean_recall'] < 1
    # another info file, whose objects stand elsewhere
    other = copy.deepcopy(infos['data_list'])
    for info in other:
        for thing in info['instances']:
            thing['bbox_3d'][0] += .5
    from nuscenes.eval.common.data_classes import EvalBoxes
    boxes = EvalBoxes()
    boxes.add_boxes(infos['data_list'][0]['token'], [box_at('car', *(
        nuscenes_objects._centres(infos['data_list'][0])[0]))])
    with pytest.raises(ValueError, match='not among the instances'):
        nuscenes_objects.strata_of_boxes(boxes, other, None)


class Boxes(dict):
    """Of the devkit, as far as tokens go."""
    sample_tokens = property(list)


@pytest.mark.parametrize('info, says', [
    (dict(token='u'), "KeyError: 't'"),
    (dict(token='t', ego2global=np.eye(4).tolist()),
     "KeyError: 'instances'"),
    (dict(token='t', instances=[dict(bbox_3d=[0, 0, 0])],
          ego2global='x', lidar_points={}), 'ValueError: '),
    (dict(token='t', instances=[{}]), "KeyError: 'bbox_3d'"),
    (dict(token='t', instances=[], ego2global=np.eye(4).tolist(),
          lidar_points=None), 'TypeError: ')])
def test_a_damaged_info_is_told_with_its_sample(info, says):
    with pytest.raises(ValueError, match=f"sample 't': the info file .*{says}"
                       '.*create-data'):
        nuscenes_objects.strata_of_boxes(Boxes(t=[]), [info], None)


def box_at(name, x, y, z=0., score=-1., token='t'):
    from nuscenes.eval.detection.data_classes import DetectionBox
    return DetectionBox(
        sample_token=token, translation=(x, y, z), size=(1., 1, 1),
        rotation=(1., 0, 0, 0), velocity=(0., 0), detection_name=name,
        detection_score=float(score), attribute_name='')


def test_nuscenes_by_hand():
    pytest.importorskip('nuscenes')
    from nuscenes.eval.common.config import config_factory
    from nuscenes.eval.common.data_classes import EvalBoxes
    gt, pred = EvalBoxes(), EvalBoxes()
    # a rare car, two common ones, one in no stratum
    gt.add_boxes('t', [box_at('car', 10 * i, 0) for i in range(4)])
    pred.add_boxes('t', [
        box_at('car', 10, 0, score=.9), box_at('car', 90, 0, score=.8),
        box_at('car', 30, 0, score=.7),
        box_at('car', 0, 1.5, score=.6)])  # right from 2 m on
    got = nuscenes_objects.evaluate_objects(
        gt, pred, dict(t=np.array([0, 2, 2, -1])), ['car', 'bus'],
        config_factory('detection_cvpr_2019'))
    assert got['object=rare/car_recall'] == 1
    assert got['object=common/car_recall'] == .5
    assert got['object=gap/car_recall'] == .5
    # at 2 and 4 m. A quarter of the false positive is the rare car's; the
    # curve of precision rises from (0, 0) to (1, 1 / 1.25), as the devkit
    # interpolates, and counts above recall and precision of 0.1
    rises = np.arange(11, 101) / 100 * .8
    ap = np.maximum(rises - .1, 0).mean() / .9
    assert got['object=rare/car_AP'] == pytest.approx(ap / 2)
    # precision 1 up to a recall of a half, where half of one false positive,
    # and of two below 2 m, come: interpolation takes the last value there
    last = (1 / 1.5 + 1 / 2) / 2
    assert got['object=common/car_AP'] == pytest.approx(
        (39 * .9 + (last - .1)) / 90 / .9, abs=1e-9)
    assert got['object=rare/objects'] == 1 and got['object=rare/mAP'] == (
        got['object=rare/car_AP'])
    assert got['object=common/bus_objects'] == 0
    assert 'object=common/bus_AP' not in got
