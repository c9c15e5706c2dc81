"""Evaluation by likelihood: stock figures stay, strata are evaluated alone."""
import copy

import numpy as np
import pytest
import torch
from mmdet3d.evaluation import NuScenesMetric, kitti_eval
from mmdet3d.structures import LiDARInstance3DBoxes
from mmengine import load

from dequity_mmdet3d.plugin import (
    DequityKittiMetric,
    DequityMetric,
    DequityNuScenesMetric,
)
from dequity_mmdet3d.plugin.convert import convert_nuscenes
from dequity_mmdet3d.plugin.evaluation import cpu_rotated_iou, strata
from dequity_mmdet3d.plugin.evaluation.kitti_parts import (
    count_objects,
    evaluate_strata,
    judged_once,
)
from dequity_mmdet3d.plugin.evaluation.strata import Strata
from tests.helpers import save_table
from tests.plugin.nuscenes_raw import write_nuscenes
from tests.plugin.test_evaluation_metric import (  # noqa: F401, a fixture
    CLASSES,
    FIRST,
    FRAMES,
    ann_file,
    evaluate,
)

# rare: 3 of 15 frames; middle: 5; common: 7
LIKELIHOOD = np.array([0.1] * 3 + [0.4] * 5 + [1.0] * 7)


def test_bad_bounds(tmp_path):
    table = save_table(tmp_path / 't.parquet', {'1': 1.0})
    with pytest.raises(ValueError, match='bounds must be two shares'):
        Strata(table, (0.5, 0.2))


def test_the_bounds_are_stated(tmp_path, monkeypatch):
    said = []
    monkeypatch.setattr(strata, 'print_log', lambda line, _: said.append(line))
    likelihood = dict(zip('abcdefghij', np.arange(1, 11) / 10))
    path = save_table(tmp_path / 't.parquet', likelihood)
    assert Strata(path).of([*'jabc']).tolist() == [2, 0, 1, 2]
    assert Strata(path).of(['a']).tolist() == [2]
    assert said == [
        f'strata by {path}: rare up to a likelihood of 0.1, common from 0.3',
        f'strata by {path}: all samples are alike, and so common']


@pytest.fixture
def kitti_table(tmp_path):
    return save_table(
        tmp_path / 'val.parquet',
        {str(FIRST + i): p for i, p in enumerate(LIKELIHOOD)},
        dataset='kitti')


def test_kitti(ann_file, kitti_table):  # noqa: F811
    """No detections in the first two of three rare frames."""
    def keep(row):
        return row > 1

    stock = evaluate(ann_file, keep)
    values = evaluate(
        ann_file, keep, type='DequityKittiMetric', table=kitti_table)
    assert {k: values[k] for k in stock} == stock
    more = {k: v for k, v in values.items() if k not in stock}
    for kind in ('3D', 'BEV'):
        name = f'Car_{kind}_AP40_moderate_strict'
        assert more[f'common/{name}'] == more[f'middle/{name}'] == 100
        # 3 of 9 objects: recall up to a third, 13 of 40 positions
        assert more[f'rare/{name}'] == pytest.approx(32.5, abs=2.5)
        assert more[f'gap/{name}'] == more[f'rare/{name}'] - 100
    assert [more[f'{s}/frames'] for s in ('rare', 'middle', 'common')] == [
        3, 5, 7]
    for c in CLASSES:
        assert [more[f'{s}/{c}_easy_objects']
                for s in ('rare', 'middle', 'common')] == [9, 15, 21]
    assert not any('AP11' in k or 'Overall' in k for k in more)


def tag_file(folder, ids, values):
    path = folder / 'tags.csv'
    path.write_text('id,light\n' + ''.join(
        f'{i},{v}\n' for i, v in zip(ids, values)))
    return str(path)


def check_same_strata(values, pairs):
    """Each pair of strata, of the same samples, has the same figures."""
    for one, other in pairs:
        start = f'{one}/'
        figures = {k[len(start):]: v for k, v in values.items()
                   if k.startswith(start)}
        assert any('AP' in k for k in figures) and 'frames' in figures
        assert figures == {k[len(other) + 1:]: v for k, v in values.items()
                           if k.startswith(f'{other}/')}


def test_kitti_by_tag_and_class(ann_file, tmp_path):  # noqa: F811
    """The rare are those by night; each frame holds all classes alike."""
    ids = range(FIRST, FIRST + FRAMES)
    by_night = [row % 5 == 0 for row in range(FRAMES)]
    table = save_table(tmp_path / 'val.parquet', {
        str(i): 0.1 if dark else 1.0 for i, dark in zip(ids, by_night)})
    values = evaluate(
        ann_file, lambda row: row > 1, type='DequityKittiMetric', table=table,
        by=['likelihood', 'light', 'class frequency'], tags=tag_file(
            tmp_path, (f'{i:06d}' for i in ids),  # as KITTI writes them
            ['night' if dark else 'day' for dark in by_night]))
    check_same_strata(values, [('rare', 'light=night'),
                               ('common', 'light=day')])
    assert values['light=day/frames'] == 12
    key = 'Car_3D_AP40_easy_strict'
    assert values[f'light=night/{key}'] < values[f'light=day/{key}'] < 100
    assert values['class_frequency=common/frames'] == FRAMES
    assert values['class_frequency=common/Car_easy_objects'] == 45
    assert values['class_frequency=rare/frames'] == 0
    assert not any(k.startswith('light=gap') for k in values)


def annotations(ann_file):  # noqa: F811
    metric = DequityKittiMetric.__bases__[0](ann_file=ann_file)
    return [info['kitti_annos'] for info in
            metric.convert_annos_to_kitti_annos(load(ann_file))]


def as_found(anno):
    """The annotated boxes as detections."""
    return dict(copy.deepcopy(anno), score=np.linspace(.9, .1,
                                                       len(anno['name'])))


def test_each_stratum_is_the_host_s_evaluation_of_its_frames(
        ann_file):  # noqa: F811
    gt = annotations(ann_file)
    rng = np.random.default_rng(0)
    dt = [as_found(anno) for anno in gt]
    for anno in dt:  # some are off
        anno['location'] = anno['location'] + rng.normal(0, .5, (9, 3))
    # 42 objects and more: the figures are the host's own
    gt, dt = gt * 4, dt * 4
    stratum = rng.permutation([0] * 20 + [2] * 40)
    with cpu_rotated_iou():
        got = evaluate_strata(gt, dt, stratum, CLASSES,
                              ['bbox', 'bev', '3d'])
        for i, name in ((0, 'rare'), (2, 'common')):
            rows = np.flatnonzero(stratum == i)
            want = kitti_eval([gt[r] for r in rows], [dt[r] for r in rows],
                              CLASSES, eval_types=['bbox', 'bev', '3d'])[1]
            for c in CLASSES:
                for kind in ('BEV', '3D'):
                    for d in ('easy_strict', 'hard_loose'):
                        key = f'{c}_{kind}_AP40_{d}'
                        assert got[f'{name}/{key}'] == pytest.approx(
                            want[f'KITTI/{key}'], abs=1e-4)
    assert got['middle/frames'] == 0
    assert not any(k.startswith('middle/') and 'AP' in k for k in got)


@pytest.mark.parametrize('count', [1, 2, 5, 13])
def test_few_objects_can_have_ap_100(ann_file, count):  # noqa: F811
    """The host gives (n - 1) / 40 at most."""
    gt = [{k: v[7:8] for k, v in anno.items()}
          for anno in annotations(ann_file)[:count]]
    dt = [as_found(anno) for anno in gt]
    names = {str(anno['name'][0]) for anno in gt}
    assert len(names) == 1
    key = f'{names.pop()}_BEV_AP40_easy_strict'
    with cpu_rotated_iou():
        stock = kitti_eval(gt, dt, CLASSES)[1]
        got = evaluate_strata(gt, dt, np.zeros(count, int), CLASSES,
                              ['bbox', 'bev', '3d'])
        judgements = {}
        for _ in range(2):  # without, and with what was judged before
            with judged_once(judgements):
                assert got == evaluate_strata(
                    gt, dt, np.zeros(count, int), CLASSES,
                    ['bbox', 'bev', '3d'])
    assert stock[f'KITTI/{key}'] == pytest.approx((count - 1) / .4)
    assert got[f'rare/{key}'] == 100


def test_what_stops_the_host_does_not_stop_a_stratum(ann_file):  # noqa: F811
    """A first frame without annotations, and 398 frames."""
    gt = annotations(ann_file)
    nothing = {k: v[:0] for k, v in gt[0].items()}
    many = [nothing] + [gt[i % FRAMES] for i in range(397)] + [nothing] * 2
    stratum = np.array([0] * 398 + [2] * 2)
    with cpu_rotated_iou():
        got = evaluate_strata(many, [as_found(a) for a in many], stratum,
                              CLASSES, ['bbox', 'bev', '3d'])
    assert got['rare/Car_BEV_AP40_easy_strict'] == pytest.approx(100)
    assert got['rare/Car_easy_objects'] == 397 * 3
    # a stratum without objects has no figure, and so there is no gap
    assert got['common/frames'] == 2 and got['common/Car_easy_objects'] == 0
    assert not any('AP' in k and not k.startswith('rare') for k in got)


def test_only_objects_that_count(ann_file):  # noqa: F811
    anno = copy.deepcopy(annotations(ann_file)[0])
    cars = np.flatnonzero(anno['name'] == 'Car')
    anno['occluded'][cars[0]] = 2  # counts as hard
    anno['truncated'][cars[1]] = 0.9  # as nothing
    got = count_objects([anno], CLASSES)
    assert got.shape == (1, 3, 3)
    assert got[0, CLASSES.index('Car')].tolist() == [1, 1, 2]


def test_table_of_the_training_set(ann_file, tmp_path):  # noqa: F811
    table = save_table(tmp_path / 'train.parquet', {'7': 1.0, '8': 0.5})
    args = dict(ann_file=ann_file, table=table)
    for build in (DequityKittiMetric, lambda **k: DequityMetric(dict(
            type='KittiMetric', ann_file=k['ann_file']), k['table']),
            lambda **k: DequityNuScenesMetric('', **k)):
        with pytest.raises(ValueError, match='15 of 15 samples .*--split val'):
            build(**args)
    # without figures nothing is looked up
    DequityKittiMetric(**args, format_only=True, submission_prefix='x')


# ---- nuScenes


@pytest.fixture(scope='module')
def nuscenes(tmp_path_factory):
    """Two validation scenes with two samples each."""
    root = tmp_path_factory.mktemp('nuscenes')
    write_nuscenes(root, scenes=('scene-0061', 'scene-0103', 'scene-0916'))
    convert_nuscenes(root, version='v1.0-mini', max_sweeps=0)
    return root


NUS_CLASSES = ('car', 'pedestrian')


def nuscenes_values(metric, infos, found):
    """Fed with the annotated boxes where ``found`` says so."""
    metric.dataset_meta = dict(classes=NUS_CLASSES, version='v1.0-mini')
    names = infos['metainfo']['categories']
    for row, info in enumerate(infos['data_list']):
        things = [t for t in info['instances'] if found(row) and
                  t['bbox_label_3d'] in [names[c] for c in NUS_CLASSES]]
        boxes = [[*t['bbox_3d'], *np.nan_to_num(t['velocity'])]
                 for t in things]
        pred = dict(
            bboxes_3d=LiDARInstance3DBoxes(
                torch.tensor(boxes).reshape(-1, 9), box_dim=9,
                origin=(.5, .5, .5)),
            labels_3d=torch.tensor(
                [[names[c] for c in NUS_CLASSES].index(t['bbox_label_3d'])
                 for t in things], dtype=torch.long),
            scores_3d=torch.linspace(.9, .5, len(things)))
        metric.process({}, [dict(sample_idx=row, pred_instances={},
                                 pred_instances_3d=pred)])
    return {k.split('NuScenes/')[1]: v for k, v in
            metric.evaluate(len(infos['data_list'])).items()}


def test_nuscenes(nuscenes, tmp_path):
    path = nuscenes / 'nuscenes_infos_val.pkl'
    infos = load(path)
    tokens = [info['token'] for info in infos['data_list']]
    assert len(tokens) == 4
    table = save_table(tmp_path / 'val.parquet',
                       dict(zip(tokens, (0.1, 0.5, 1.0, 1.0))))
    args = dict(data_root=str(nuscenes), ann_file=str(path))

    def found(row):
        return row > 0

    stock = nuscenes_values(NuScenesMetric(**args), infos, found)
    values = nuscenes_values(
        DequityNuScenesMetric(
            **args, table=table, by=['likelihood', 'light'],
            tags=tag_file(tmp_path, tokens, ['night', 'dusk', 'day', 'day'])),
        infos, found)
    check_same_strata(values, [('rare', 'light=night'),
                               ('middle', 'light=dusk'),
                               ('common', 'light=day')])
    assert {k: values[k] for k in stock} == pytest.approx(stock, nan_ok=True)
    assert [values[f'{s}/frames'] for s in ('rare', 'middle', 'common')] == [
        1, 1, 2]
    assert values['rare/car_AP'] == 0
    assert values['middle/car_AP'] == values['common/car_AP'] > 0.9
    assert values['gap/car_AP'] == -values['common/car_AP']
    assert values['common/mAP'] > 0.9  # of the classes that occur
    assert 0 < values['rare/car_objects'] <= values['common/car_objects']
