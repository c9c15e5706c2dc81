"""Metrics that read annotations from files of their own, by tag.

Lyft's is run with its devkit on made tables. Waymo's devkit has no package
for this Python and its program is built by hand: what both are asked is
checked with messages of the same fields and a program that counts what is
found.
"""
import json
import subprocess
import sys
import types
from collections import Counter

import numpy as np
import pytest
import torch
from mmdet3d.registry import METRICS
from mmdet3d.structures import LiDARInstance3DBoxes
from mmengine import dump
from PIL import Image

TIMES = ['day', 'night', 'day', 'night', 'day']
N = len(TIMES)
# a car and a pedestrian in each frame, in the lidar's coordinates
PLACES = ((10., 2., 0.), (20., -3., 0.))
SIZES = ((4., 2., 1.6), (.8, .6, 1.8))


@pytest.fixture
def tags(tmp_path):
    """By number of the frame, and by token."""
    def write(ids):
        path = tmp_path / 'tags.csv'
        path.write_text('id,time\n' + ''.join(
            f'{i},{t}\n' for i, t in zip(ids, TIMES)))
        return str(path)
    return write


def found(row):
    """Detections: by day both objects, by night the car alone."""
    count = 2 if TIMES[row] == 'day' else 1
    return dict(
        bboxes_3d=LiDARInstance3DBoxes(torch.tensor(
            [[*at, *size, 0.] for at, size in zip(PLACES, SIZES)])[:count]),
        labels_3d=torch.arange(count),
        scores_3d=torch.linspace(.9, .8, count))


def evaluated(config, classes, **more):
    metric = METRICS.build(config)
    metric.dataset_meta = dict(classes=classes, version='v1.01-train')
    for row in range(N):
        metric.process({}, [dict(
            sample_idx=row, pred_instances={}, pred_instances_3d=found(row),
            **{key: values[row] for key, values in more.items()})])
    return metric.evaluate(N)


# ---- Lyft

TABLES = ('attribute', 'visibility', 'sensor', 'calibrated_sensor',
          'ego_pose', 'sample_data')


def write_lyft(root):
    """Raw tables and an info file; a last sample is of the training split."""
    folder = root / 'v1.01-train/v1.01-train'
    folder.mkdir(parents=True)
    Image.new('L', (8, 8)).save(root / 'v1.01-train/map.png')
    (root / 'val.txt').write_text('first\nsecond\n')
    scenes = ['first'] * 3 + ['second'] * 2 + ['other']
    names = ('car', 'pedestrian')
    tables = {
        **{name: [] for name in TABLES},
        'category': [dict(token=name, name=name) for name in names],
        'instance': [dict(token=f'i_{name}', category_token=name)
                     for name in names],
        'log': [dict(token='log')],
        'map': [dict(token='map', filename='map.png', log_tokens=['log'])],
        'scene': [dict(token=f's_{s}', name=s) for s in sorted({*scenes})],
        'sample': [dict(token=f't{i}', scene_token=f's_{s}')
                   for i, s in enumerate(scenes)],
        'sample_annotation': [
            dict(token=f'a{i}_{name}', sample_token=f't{i}',
                 instance_token=f'i_{name}', rotation=[1, 0, 0, 0],
                 # of the middle; width, length, height
                 translation=[at[0] + 100 * i, at[1], at[2] + size[2] / 2],
                 size=[size[1], size[0], size[2]])
            for i in range(len(scenes))
            for name, at, size in zip(names, PLACES, SIZES)],
    }
    for name, rows in tables.items():
        (folder / f'{name}.json').write_text(json.dumps(rows))
    moved = [np.eye(4) for _ in range(N)]
    for i in range(N):
        moved[i][0, 3] = 100 * i
    dump(dict(metainfo=dict(categories=dict(car=0, pedestrian=1)), data_list=[
        dict(token=f't{i}', sample_idx=i, ego2global=moved[i].tolist(),
             lidar_points=dict(lidar2ego=np.eye(4).tolist()),
             instances=[dict(bbox_label_3d=0), dict(bbox_label_3d=1)])
        for i in range(N)]), root / 'lyft_infos_val.pkl')


def test_lyft(tmp_path, tags):
    pytest.importorskip('lyft_dataset_sdk')
    write_lyft(tmp_path)
    config = dict(type='LyftMetric', data_root=str(tmp_path),
                  ann_file='lyft_infos_val.pkl')
    stock = evaluated(config, ('car', 'pedestrian'))
    got = evaluated(
        dict(type='DequityMetric', metric=config, tags=tags(
            [f't{i}' for i in range(N)])), ('car', 'pedestrian'))
    assert {k: got[k] for k in stock} == stock
    start = 'Lyft metric/pred_instances_3d_Lyft/'
    assert stock[f'{start}car_AP'] == 1
    # three of five are found; the tables have a sixth in another split
    assert stock[f'{start}pedestrian_AP'] == pytest.approx(.6)
    more = {k[len(start):]: v for k, v in got.items() if k not in stock}
    # what is annotated by night does not count as missed by day
    assert more['time=day/pedestrian_AP'] == more['time=day/mAP'] == 1
    assert more['time=night/pedestrian_AP'] == 0
    assert more['time=night/car_AP'] == 1
    assert more['time=night/mAP'] == .5
    assert more['time=day/frames'] == more['time=day/car_objects'] == 3
    assert more['time=night/objects'] == 4


# ---- Waymo


@pytest.fixture
def waymo(monkeypatch):
    """Messages of Waymo's fields, in place of its devkit's."""
    pytest.importorskip('google.protobuf')
    from google.protobuf import descriptor_pb2 as d
    from google.protobuf import descriptor_pool, message_factory
    kind = d.FieldDescriptorProto
    file = d.FileDescriptorProto(
        name='made_waymo.proto', package='made_waymo', syntax='proto2')

    def message(where, name, **fields):
        made = where.add(name=name)
        for field, (number, its_type) in fields.items():
            one = made.field.add(name=field, number=number,
                                 label=kind.LABEL_OPTIONAL)
            if isinstance(its_type, str):
                one.type, one.type_name = kind.TYPE_MESSAGE, its_type
            else:
                one.type = its_type
        return made

    label = message(file.message_type, 'Label',
                    box=(1, '.made_waymo.Label.Box'),
                    type=(3, kind.TYPE_INT32))
    message(label.nested_type, 'Box', **{
        name: (number, kind.TYPE_DOUBLE) for name, number in dict(
            center_x=1, center_y=2, center_z=3, width=4, length=5, height=6,
            heading=7).items()})
    message(file.message_type, 'Object', object=(1, '.made_waymo.Label'),
            score=(2, kind.TYPE_FLOAT), context_name=(4, kind.TYPE_STRING),
            frame_timestamp_micros=(5, kind.TYPE_INT64))
    message(file.message_type, 'Objects', objects=(
        1, '.made_waymo.Object')).field[0].label = kind.LABEL_REPEATED
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)

    def made(name):
        return message_factory.GetMessageClass(
            pool.FindMessageTypeByName(f'made_waymo.{name}'))

    box = made('Label.Box')
    metrics = types.SimpleNamespace(Object=made('Object'),
                                    Objects=made('Objects'))
    labels = types.SimpleNamespace(Label=types.SimpleNamespace(
        Box=box, TYPE_VEHICLE=1, TYPE_PEDESTRIAN=2, TYPE_SIGN=3,
        TYPE_CYCLIST=4))
    protos = types.ModuleType('waymo_open_dataset.protos')
    protos.metrics_pb2 = metrics
    package = types.ModuleType('waymo_open_dataset')
    package.label_pb2, package.protos = labels, protos
    there = types.ModuleType('waymo_open_dataset.protos.metrics_pb2')
    there.Object, there.Objects = metrics.Object, metrics.Objects
    for module in (package, protos, there):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.delitem(
        sys.modules, 'mmdet3d.evaluation.functional.waymo_utils.'
        'prediction_to_waymo', raising=False)
    yield metrics
    # it holds the messages above
    sys.modules.pop('mmdet3d.evaluation.functional.waymo_utils.'
                    'prediction_to_waymo', None)


def share_found(metrics, command):
    """In place of Waymo's program: what share of annotations is detected."""
    program, *paths = command.split()
    assert program.endswith('compute_detection_metrics_main')
    counts = []
    for path in paths:
        with open(path, 'rb') as file:
            objects = metrics.Objects.FromString(file.read()).objects
        counts.append(Counter(
            (o.context_name, o.frame_timestamp_micros, o.object.type)
            for o in objects))
    found, there = counts
    lines = []
    # after the types come ranges, which upstream reads and overwrites
    for number in range(1, 6):
        hits, every = (sum(n for key, n in c.items() if key[2] == number)
                       for c in (found & there, there))
        share = hits / every if every else 0
        lines += [f'{number} {level}: [mAP {share}] [mAPH {share / 2}]'
                  for level in (1, 2)]
    return '\n'.join(lines).encode()


def test_waymo(tmp_path, tags, waymo, monkeypatch):
    monkeypatch.setattr(subprocess, 'check_output',
                        lambda command, shell: share_found(waymo, command))
    annotated = waymo.Objects()
    for i in range(N):
        for number in (1, 2):
            one = annotated.objects.add()
            one.context_name, one.frame_timestamp_micros = f'c{i % 2}', i
            one.object.type = number
    path = tmp_path / 'gt.bin'
    path.write_bytes(annotated.SerializeToString())
    dump(dict(metainfo=dict(categories=dict(Car=0, Pedestrian=1)), data_list=[
        dict(sample_idx=1000 + i, instances=[
            dict(bbox_label_3d=0), dict(bbox_label_3d=1)])
        for i in range(N)]), tmp_path / 'waymo_infos_val.pkl')
    config = dict(type='WaymoMetric', waymo_bin_file=str(path))
    frames = dict(context_name=[f'c{i % 2}' for i in range(N)],
                  timestamp=list(range(N)))
    classes = ('Car', 'Pedestrian')
    wrapped = dict(type='DequityMetric', metric=config,
                   tags=tags(range(1000, 1000 + N)))
    with pytest.raises(KeyError, match='name the validation set.*ann_file='):
        evaluated(wrapped, classes, **frames,
                  lidar_path=[f'training/velodyne/{i}.bin' for i in range(N)])
    stock = evaluated(config, classes, **frames)
    got = evaluated(dict(wrapped, ann_file=str(
        tmp_path / 'waymo_infos_val.pkl')), classes, **frames)
    assert {k: got[k] for k in stock} == stock
    kinds = [('Vehicle', ''), ('Pedestrian', ''), ('Vehicle', 'time=day/'),
             ('Pedestrian', 'time=day/'), ('Vehicle', 'time=night/'),
             ('Pedestrian', 'time=night/')]
    assert [got[f'Waymo metric/{c}/{s}L1 mAP'] for c, s in kinds] == [
        1, .6, 1, 1, 1, 0]
    assert got['Waymo metric/Overall/time=night/L2 mAPH'] == pytest.approx(
        1 / 6)
    assert got['Waymo metric/Overall/time=night/frames'] == 2
    assert got['Waymo metric/Overall/time=night/objects'] == 4
    assert path.read_bytes() == annotated.SerializeToString()
