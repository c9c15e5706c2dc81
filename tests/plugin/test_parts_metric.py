"""Any metric on parts of the samples: ours, MMDetection's, a user's own."""
import copy
import json
import logging

import numpy as np
import pytest
import torch
from mmdet3d.registry import METRICS
from mmdet3d.structures import DepthInstance3DBoxes
from mmengine import dump
from mmengine.evaluator import BaseMetric, Evaluator

from dequity_mmdet3d.cli import is_users_mistake
from dequity_mmdet3d.plugin import DequityKittiMetric
from dequity_mmdet3d.plugin.evaluation import parts, parts_metric
from dequity_mmdet3d.plugin.evaluation.parts import frequency_of_rarest
from dequity_mmdet3d.tag_file import read_tags, tags_path, write_tags
from tests.helpers import save_table


@METRICS.register_module()
class HitRate(BaseMetric):
    """A project's metric: the share of samples with a hit, and a sum."""

    default_prefix = 'hits'

    def __init__(self, fails_below=0, out_file=None, **kwargs):
        super().__init__(**kwargs)
        self.fails_below, self.out_file = fails_below, out_file

    def process(self, data_batch, data_samples):
        for sample in data_samples:
            self.results.append([sample['hit']])

    def compute_metrics(self, results):
        if len(results) < self.fails_below:
            raise AssertionError('all samples\nare needed')
        if self.out_file:
            dump(results, self.out_file)
        rate = sum(r[0] for r in results) / len(results)
        for r in results:  # as some of MMDetection3D's do
            r[0] = None
        return dict(rate=rate, name='text', nothing=float('nan'),
                    classes=len(self.dataset_meta['classes']))


@METRICS.register_module()
class PerBatch(HitRate):
    """One entry a batch."""

    def process(self, data_batch, data_samples):
        self.results.append([sum(s['hit'] for s in data_samples)])


@METRICS.register_module()
class OwnState(HitRate):
    """Keeps nothing in its results."""

    def process(self, data_batch, data_samples):
        self.seen = [*getattr(self, 'seen', ()),
                     *([s['hit']] for s in data_samples)]

    def compute_metrics(self, results):
        return super().compute_metrics(self.seen)


@METRICS.register_module()
class OwnFile(HitRate):
    """Reads annotations itself."""

    def __init__(self, gt_file, **kwargs):
        super().__init__(**kwargs)


@METRICS.register_module()
class OwnEvaluate(HitRate):
    """Does not leave the collecting to mmengine."""

    def evaluate(self, size):
        return {}


WEATHER = ['sun', 'sun', 'rain', 'sun', 'rain', 'fog']
HITS = [1, 0, 1, 1, 1, 0]
LABELS = [[0], [0, 0], [0, 1], [0], [], [1, 0]]


@pytest.fixture
def tags(tmp_path):
    path = tmp_path / 'tags.csv'
    path.write_text('sample_id,weather,all\n' + ''.join(
        f't{i},{w},one\n' for i, w in enumerate(WEATHER)))
    return str(path)


def values(metric, batch_size=2, **more):
    """What mmengine's evaluator makes of six samples."""
    evaluator = Evaluator(METRICS.build(metric))
    evaluator.dataset_meta = dict(classes=('Car', 'Cyclist'))
    samples = [dict(token=f't{i}', hit=hit, eval_ann_info=dict(
        gt_labels_3d=np.array(LABELS[i]))) for i, hit in enumerate(HITS)]
    for i in range(0, 6, batch_size):
        evaluator.process(copy.deepcopy(samples[i:i + batch_size]))
    return evaluator.evaluate(6)


def test_a_metric_of_a_project_by_tag(tags):
    stock = values(dict(type='HitRate'))
    assert stock.pop('hits/nothing') != stock['hits/rate'] == 4 / 6
    got = values(dict(type='DequityMetric', metric=dict(type='HitRate'),
                      tags=tags, by='weather'))
    assert {k: got[k] for k in stock} == stock
    strata = {k: v for k, v in got.items() if '=' in k}
    assert strata == {
        'hits/weather=sun/rate': 2 / 3, 'hits/weather=sun/classes': 2,
        'hits/weather=sun/frames': 3, 'hits/weather=sun/objects': 4,
        'hits/weather=rain/rate': 1.0, 'hits/weather=rain/classes': 2,
        'hits/weather=rain/frames': 2, 'hits/weather=rain/objects': 2,
        'hits/weather=fog/rate': 0.0, 'hits/weather=fog/classes': 2,
        'hits/weather=fog/frames': 1, 'hits/weather=fog/objects': 2}


def test_one_stratum_is_the_stock_figure(tags):
    got = values(dict(type='DequityMetric', metric=dict(type='HitRate'),
                      tags=tags, by=['all']))
    assert got['hits/all=one/rate'] == got['hits/rate'] == 4 / 6
    assert got['hits/all=one/frames'] == 6


def test_likelihood_and_several_at_once(tags, tmp_path):
    """1 of 6 samples is rare, and there is a gap."""
    table = save_table(tmp_path / 't.parquet', {
        f't{i}': p for i, p in enumerate((1, 0.5, 1, 0.5, 1, 0.1))})
    got = values(dict(type='DequityMetric', metric=dict(type='HitRate'),
                      table=table, tags=tags))
    assert [got[f'hits/{s}/rate'] for s in
            ('rare', 'middle', 'common', 'gap')] == [0, 0.5, 1, -1]
    assert [got[f'hits/{s}/frames'] for s in
            ('rare', 'middle', 'common')] == [1, 2, 3]
    assert 'hits/weather=fog/rate' in got and 'hits/all=one/rate' in got


def test_rarest_class():
    """6 cars, 2 cyclists; nothing is rare in an empty sample."""
    assert frequency_of_rarest([['a'], ['a', 'a'], ['a', 'b'], ['a'], [],
                                ['b', 'a']]).tolist() == [
        0.75, 0.75, 0.25, 0.75, np.inf, 0.25]


def test_by_class_frequency():
    got = values(dict(type='DequityMetric', metric=dict(type='HitRate'),
                      by='class frequency'))
    # cyclists are in samples 2 and 5; cars alone in 0, 1, 3
    assert [got.get(f'hits/class_frequency={s}/rate') for s in
            ('rare', 'middle', 'common', 'gap')] == [
        0.5, None, 0.75, -0.25]
    assert got['hits/class_frequency=rare/objects'] == 4
    assert got['hits/class_frequency=middle/frames'] == 0


def test_each_stratum_has_its_file(tags, tmp_path):
    values(dict(type='DequityMetric', tags=tags, by='weather', metric=dict(
        type='HitRate', out_file=str(tmp_path / 'found.json'))))
    assert json.loads((tmp_path / 'found.json').read_text()) == [
        [hit] for hit in HITS]
    assert json.loads((tmp_path / 'found_weather=rain.json').read_text()) == [
        [1], [1]]


@pytest.mark.parametrize('metric, message', [
    (dict(type='PerBatch'), 'PerBatch made 1 results of a batch of 2 .*to 1'),
    (dict(type='OwnEvaluate'), 'OwnEvaluate has an evaluate'),
    (dict(type='OwnFile', gt_file='x.json'),
     r"OwnFile reads annotations itself \(gt_file\).*annotations='of"),
])
def test_a_metric_that_cannot_be_run_on_a_part(tags, metric, message):
    with pytest.raises(ValueError, match=message) as error:
        values(dict(type='DequityMetric', metric=metric, tags=tags,
                    by='weather'))
    assert '\n' not in str(error.value)


@pytest.fixture
def warned(monkeypatch):
    """Lines of warnings."""
    lines = []

    def keep(line, logger, level=logging.INFO):
        assert '\n' not in line or level != logging.WARNING
        lines.extend([line] * (level == logging.WARNING))

    for module in (parts, parts_metric):
        monkeypatch.setattr(module, 'print_log', keep)
    return lines


def test_a_stratum_that_the_metric_fails_on_is_left_out(tags, warned):
    """Rain has 2 samples, fog 1; the rest is as if it had not failed."""
    config = dict(type='DequityMetric', metric=dict(type='HitRate'),
                  tags=tags, by='weather')
    whole = values(config)
    assert not warned
    got = values(dict(config, metric=dict(type='HitRate', fails_below=3)))
    assert warned == [
        f'weather={name} is left out: HitRate cannot be run on its {n} alone '
        '(AssertionError: all samples are needed); its figures on all '
        'samples stay'
        for name, n in (('rain', '2 samples'), ('fog', '1 sample'))]
    lost = {f'hits/weather={name}/{k}' for name in ('rain', 'fog')
            for k in ('rate', 'classes')}
    for figures in (whole, got):
        assert figures.pop('hits/nothing') != figures['hits/rate'] == 4 / 6
    assert got == {k: v for k, v in whole.items() if k not in lost}


def test_no_gap_to_a_stratum_that_is_left_out(tmp_path, warned):
    """1 of 6 samples is rare."""
    table = save_table(tmp_path / 't.parquet', {
        f't{i}': p for i, p in enumerate((1, 0.5, 1, 0.5, 1, 0.1))})
    got = values(dict(type='DequityMetric', table=table, metric=dict(
        type='HitRate', fails_below=2)))
    assert got['hits/common/rate'] == 1 and got['hits/rare/frames'] == 1
    assert 'hits/rare/rate' not in got and 'hits/gap/rate' not in got
    assert len(warned) == 1 and warned[0].startswith('rare is left out')


@pytest.mark.parametrize('batch_size', [1, 2])
def test_a_metric_that_keeps_nothing_in_its_results(tags, warned, batch_size):
    """No size of the batch mends that; the stock figures stay."""
    stock = values(dict(type='OwnState'))
    got = values(dict(type='DequityMetric', metric=dict(type='OwnState'),
                      tags=tags, by='weather'), batch_size)
    assert stock.pop('hits/nothing') != got.pop('hits/nothing')
    assert got == stock and stock['hits/rate'] == 4 / 6
    [line] = warned
    assert line.startswith('OwnState keeps nothing in its results')


def test_cures(tags):
    for metric, more in ((dict(type='PerBatch'), {}),
                         (dict(type='OwnFile', gt_file='x.json'), dict(
                             annotations='of the samples given'))):
        got = values(dict(type='DequityMetric', metric=metric, tags=tags,
                          by='weather', **more), batch_size=1)
        assert got['hits/weather=sun/rate'] == 2 / 3


@pytest.mark.parametrize('more, message', [
    (dict(), 'by must name what samples are told apart by'),
    (dict(by='weather'), "by='weather' is a tag and needs tags=FILE"),
    (dict(by='likelihood'), "by='likelihood' needs table="),
    (dict(by='distance'), 'tells objects apart'),
    (dict(by=['class frequency'] * 2), 'each once'),
    (dict(by='class frequency', id='frame'), "id='frame' must name an entry"),
])
def test_bad_arguments(more, message):
    with pytest.raises((KeyError, ValueError), match=message):
        values(dict(type='DequityMetric', metric=dict(type='HitRate'),
                    **more))


@pytest.mark.parametrize('more, error, message', [
    (dict(), TypeError, r'DequityMetric needs metric=dict\(type=...\).*None'),
    (dict(metric=dict(tpye='HitRate')), TypeError, 'needs metric=.*tpye'),
    (dict(metric=['HitRate']), TypeError, 'config of a metric .* got list'),
    (dict(metric=dict(type='Nope')), KeyError, "no metric 'Nope'"),
    (dict(metric=dict(type='HitRate'), tabel='x'), TypeError,
     "DequityMetric has no argument 'tabel', but metric, table, by"),
    (dict(metric=dict(type='HitRate'), ann_file='no.pkl'), FileNotFoundError,
     'no info file no.pkl'),
])
def test_mistakes_are_one_line_of_ours(more, error, message):
    """Which the command tells from a bug by who raised them."""
    with pytest.raises(error, match=message) as caught:
        METRICS.build(dict(type='DequityMetric', by='class frequency', **more))
    assert '\n' not in str(caught.value)
    assert is_users_mistake(caught.value)


def infos_of(folder, *infos):
    dump(dict(metainfo={}, data_list=list(infos)), folder / 'val.pkl')
    return str(folder / 'val.pkl')


def test_table_of_other_samples(tmp_path, warned):
    """None of the file's: certain. Some: a part may be evaluated."""
    table = save_table(tmp_path / 't.parquet', {'1': 1., 'a/7.bin': .5})
    config = dict(type='DequityMetric', metric=dict(type='HitRate'),
                  table=table)

    def build(*infos, **more):
        METRICS.build(dict(config, ann_file=infos_of(tmp_path, *infos),
                           **more))

    other = dict(sample_idx=2), dict(sample_idx=3)
    with pytest.raises(ValueError, match='2 of 2 samples .*val.*') as error:
        build(*other)
    assert '\n' not in str(error.value) and is_users_mistake(error.value)
    # where data samples may have the name from elsewhere, or need none
    build(*other, id='frame')
    build(*other, by='class frequency')
    build(dict(lidar_points=dict(lidar_path='8.bin')))
    assert not warned
    for more in (dict(sample_idx=1), dict(sample_idx=4, sample_id='1'),
                 dict(sample_idx=7, lidar_points=dict(
                     lidar_path='data/a/7.bin'))):
        build(*other, more)
        assert 'samples of the evaluation are not in' in warned[-1]
    assert len(warned) == 3


def test_data_samples_that_may_not_tell_their_names(tmp_path, warned):
    frames = {'1': 1., '2': .5}
    numbers = save_table(tmp_path / 'n.parquet', frames,
                         id_type='sample_idx')
    images = save_table(tmp_path / 'i.parquet', frames, id_type='img_id')
    config = dict(type='DequityMetric', metric=dict(type='HitRate'))
    path = infos_of(tmp_path, dict(sample_idx=1), dict(sample_idx=2))
    for more in (dict(table=images), dict(table=numbers, ann_file=path),
                 dict(table=numbers, id='frame'),
                 dict(table=numbers, by='class frequency')):
        METRICS.build(dict(config, **more))
    assert not warned
    METRICS.build(dict(config, table=numbers))
    [line] = warned
    assert "'sample_idx'" in line and 'ann_file=' in line


def test_unknown_tag_and_unknown_samples(tags, tmp_path):
    with pytest.raises(KeyError, match="no tag 'road'"):
        values(dict(type='DequityMetric', metric=dict(type='HitRate'),
                    tags=tags, by='road'))
    other = tmp_path / 'other.csv'
    other.write_text('id,weather\nt1,sun\n')
    with pytest.raises(ValueError, match='5 of 6 samples have no row'):
        values(dict(type='DequityMetric', metric=dict(type='HitRate'),
                    tags=str(other)))


def test_tags_beside_the_table(tags, tmp_path, monkeypatch):
    """Found without being named, and missed before anything is evaluated."""
    table = save_table(tmp_path / 'val.parquet',
                       {f't{i}': 1 - i / 10 for i in range(6)})
    metric = dict(type='DequityMetric', metric=dict(type='HitRate'),
                  table=table, by=['weather', 'likelihood'])
    with pytest.raises(ValueError, match=r'tags=FILE \(there is no .*/val'):
        METRICS.build(metric)
    write_tags(tags_path(table), read_tags(tags))
    got = values(metric)
    assert got['hits/weather=sun/rate'] == 2 / 3 and 'hits/rare/rate' in got
    # by itself it changes nothing
    assert 'hits/weather=sun/rate' not in values(dict(metric, by=None))
    write_tags(tags_path(table), read_tags(tags).of(['t0', 't1', 't2']))
    with pytest.raises(ValueError, match="3 of 6 samples have no row, 't3'"):
        METRICS.build(metric)
    # an info file may be evaluated in part, so that it is a warning
    dump(dict(metainfo={}, data_list=[dict(token='t0'), dict(token='t8')]),
         tmp_path / 'val.pkl')
    said = []
    monkeypatch.setattr(parts, 'print_log', lambda *line: said.append(line))
    METRICS.build(dict(metric, table=None, by='weather', tags=tags,
                       ann_file=str(tmp_path / 'val.pkl')))
    [(line, _, level)] = said
    assert level == logging.WARNING
    assert "1 of 2 samples have no row, 't8'" in line and '\n' not in line


# ---- metrics of MMDetection3D and MMDetection


def boxes(*centres):
    return DepthInstance3DBoxes(torch.tensor(
        [[x, 0., 0., 1., 1., 1., 0.] for x in centres]).reshape(-1, 7))


def test_indoor_by_files_of_points(tmp_path):
    """Chairs are found in one of two kinds of rooms."""
    rooms = ['hall', 'hall', 'lab', 'lab']
    (tmp_path / 'tags.csv').write_text('id,room\n' + ''.join(
        f'scene{i}.bin,{r}\n' for i, r in enumerate(rooms)))

    def metric_values(config):
        metric = METRICS.build(config)
        metric.dataset_meta = dict(classes=('chair', 'sofa'))
        for i, room in enumerate(rooms):
            there = boxes(0., 5.)
            metric.process({}, [dict(
                sample_idx=i, lidar_path=f'/data/points/scene{i}.bin',
                pred_instances_3d=dict(
                    bboxes_3d=there if room == 'hall' else boxes(20., 25.),
                    labels_3d=torch.tensor([0, 1]),
                    scores_3d=torch.tensor([.9, .8])),
                eval_ann_info=dict(gt_bboxes_3d=there,
                                   gt_labels_3d=np.array([0, 1])))])
        return metric.evaluate(4)

    stock = metric_values(dict(type='IndoorMetric'))
    got = metric_values(dict(
        type='DequityMetric', metric=dict(type='IndoorMetric'),
        tags=str(tmp_path / 'tags.csv')))
    assert {k: got[k] for k in stock} == stock
    assert stock['mAP_0.25'] == 0.5
    assert got['room=hall/chair_AP_0.25'] == got['room=hall/mAP_0.50'] == 1
    assert got['room=lab/chair_AP_0.25'] == got['room=lab/mAP_0.50'] == 0
    assert got['room=lab/chair_objects'] == got['room=lab/frames'] == 2
    assert got['room=lab/objects'] == 4


def test_segmentation_by_likelihood(tmp_path):
    """Three points a scan; the rare scan is all wrong."""
    table = save_table(tmp_path / 't.parquet',
                       {'000': 0.1, '001': 0.5, '002': 1.0, '003': 1.0})

    def metric_values(config):
        metric = METRICS.build(config)
        metric.dataset_meta = dict(label2cat={0: 'road', 1: 'tree'},
                                   classes=('road', 'tree'), ignore_index=9)
        for i in range(4):
            truth = np.array([0, 1, 1])
            metric.process({}, [dict(
                sample_id=f'00{i}', eval_ann_info=dict(
                    pts_semantic_mask=truth),
                pred_pts_seg=dict(pts_semantic_mask=torch.tensor(
                    truth if i else 1 - truth)))])
        return metric.evaluate(4)

    stock = metric_values(dict(type='SegMetric'))
    got = metric_values(dict(
        type='DequityMetric', metric=dict(type='SegMetric'), table=table))
    assert {k: got[k] for k in stock} == stock
    assert got['rare/miou'] == got['rare/road'] == 0
    assert got['common/miou'] == got['common/acc'] == 1
    assert got['gap/miou'] == -1 and got['common/frames'] == 2
    assert not any(k.endswith('objects') for k in got)  # points are none


def coco_values(config, ann_file, **more):
    """Objects are found in images 11 and 12 of 11, 12, 21; 31 has none."""
    metric = METRICS.build(dict(config, **more))
    metric.dataset_meta = dict(classes=('car', 'cat'))
    for i in (11, 12, 21, 31):
        found = torch.tensor([[0., 0., 9., 9.]])
        sample = dict(
            img_id=i, ori_shape=(20, 20), pred_instances=dict(
                bboxes=found if i < 20 else found + 10,
                scores=torch.tensor([.9]), labels=torch.tensor([0])))
        if not ann_file:
            sample['instances'] = [
                dict(bbox=[0, 0, 9, 9], bbox_label=0)] if i < 30 else []
        metric.process({}, [sample])
    return metric.evaluate(4)


@pytest.mark.parametrize('from_file', [False, True])
def test_coco(tmp_path, from_file):
    """Images that are not in a part do not count as missed there."""
    (tmp_path / 'tags.csv').write_text(
        'id,time,seen\n11,day,yes\n12,day,yes\n21,night,yes\n31,night,no\n')
    ann_file = None
    if from_file:
        ann_file = str(tmp_path / 'val.json')
        dump(dict(
            images=[dict(id=i, width=20, height=20)
                    for i in (11, 12, 21, 31)],
            annotations=[dict(id=i, image_id=i, category_id=0, area=81,
                              iscrowd=0, bbox=[0, 0, 9, 9])
                         for i in (11, 12, 21)],
            categories=[dict(id=0, name='car'), dict(id=1, name='cat')]),
            ann_file)
    config = dict(type='mmdet.CocoMetric', ann_file=ann_file)
    stock = coco_values(config, ann_file)
    got = coco_values(dict(type='DequityMetric', metric=config,
                           tags=str(tmp_path / 'tags.csv')), ann_file)
    assert {k: got[k] for k in stock} == stock
    assert 0.5 < stock['coco/bbox_mAP'] < 1
    assert got['coco/time=day/bbox_mAP'] == 1
    assert got['coco/time=night/bbox_mAP'] == 0
    assert got['coco/time=day/frames'] == 2
    # where nothing is annotated COCO says -1, which is no figure
    assert stock['coco/bbox_mAP_l'] == -1
    assert got['coco/seen=yes/bbox_mAP'] > 0.5
    assert not any('AP' in k for k in got if 'seen=no/' in k)
    assert got['coco/seen=no/frames'] == 1
    if not from_file:
        assert got['coco/time=day/objects'] == 2


def test_kitti_is_handed_over(tmp_path):
    table = save_table(tmp_path / 't.parquet', {'1': 1.0})
    # with the scope that a base config of another project brings
    for config in (dict(type='KittiMetric'), dict(
            type='KittiMetric', _scope_='mmdet3d')):
        metric = METRICS.build(dict(
            type='DequityMetric', table=table,
            metric=dict(config, ann_file='infos.pkl')))
        assert type(metric) is DequityKittiMetric
    with pytest.raises(ValueError, match='KittiMetric needs no ann_file'):
        METRICS.build(dict(
            type='DequityMetric', table=table, ann_file='x.pkl',
            metric=dict(type='KittiMetric', ann_file='infos.pkl')))
