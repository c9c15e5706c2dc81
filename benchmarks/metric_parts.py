"""Times DequityMetric by five tags, and KITTI's by object, at KITTI-val size.

    python benchmarks/metric_parts.py [--frames 3769] [--detections 50]
        [--metrics KittiMetric CocoMetric]

Frames, detections and tags are random, from a fixed seed; the tags have 2, 3,
4, 4 and 5 values, some of them rare. Two metrics are evaluated as mmengine
does it, from what a detector gives to the figures:

    KittiMetric   which has a class of its own: bbox, BEV and 3D, in 3D
    CocoMetric    which is wrapped: its 2D boxes

For each the stock metric's time stands first; for KITTI's the time by object
(``objects=TABLE``, likelihoods at random) stands last. The seconds of
compilation by numba, once a process, are not in them.
"""
import argparse
import contextlib
import logging
import os
import sys
import tempfile
import time
from pathlib import Path

import numba
import numpy as np
import torch
from machine import machine
from mmdet3d.registry import METRICS
from mmdet3d.structures import LiDARInstance3DBoxes
from mmengine import dump
from mmengine.logging import MMLogger

import dequity_mmdet3d.plugin  # noqa: F401, registers
from dequity_mmdet3d.object_table import ObjectTable
from dequity_mmdet3d.plugin import mend_host

CLASSES = ('Pedestrian', 'Cyclist', 'Car')
SHARES = (.13, .05, .82)  # of KITTI's annotated objects
SIZES = np.array([(0.8, 0.6, 1.7), (1.8, 0.6, 1.7), (3.9, 1.6, 1.6)])
ANNOTATED = 8  # boxes of a frame, about KITTI's mean
TAGS = dict(
    weather=(.7, .2, .08, .02), time=(.85, .15), road=(.5, .3, .2),
    season=(.25, .25, .25, .25), country=(.6, .2, .1, .07, .03))
# x right, y down, z forward from x forward, y left, z up
LIDAR2CAM = [[0, -1, 0, 0], [0, 0, -1, 0], [1, 0, 0, 0], [0, 0, 0, 1]]
CAM2IMG = [[721, 0, 621, 0], [0, 721, 187, 0], [0, 0, 1, 0], [0, 0, 0, 1]]


def objects(rng, count):
    """Labels (N,), boxes of the lidar (N, 7) and of the image (N, 4)."""
    labels = rng.choice(3, count, p=SHARES)
    at = rng.uniform([6, -20, -2.2], [60, 20, -1.2], (count, 3))
    corner = rng.uniform([0, 0], [1100, 250], (count, 2))
    return labels, np.column_stack([
        at, SIZES[labels] * rng.uniform(.9, 1.1, (count, 3)),
        rng.uniform(-np.pi, np.pi, count)
    ]), np.hstack([corner, corner + rng.uniform(30, 120, (count, 2))])


def found_of(rng, truth, count):
    """The annotated objects, moved a little, and false ones."""
    labels, boxes, flat = objects(rng, count)
    known = min(len(truth[0]), count)
    labels[:known] = truth[0][:known]
    boxes[:known] = truth[1][:known] + rng.normal(0, .1, (known, 7))
    flat[:known] = truth[2][:known] + rng.normal(0, 3, (known, 4))
    scores = rng.uniform(0, .5, count)
    scores[:known] += .4
    return labels, boxes, flat, scores


def infos_of(truths):
    """KITTI's info file."""
    return dict(
        metainfo=dict(categories={c: i for i, c in enumerate(CLASSES)}),
        data_list=[info_of(i, truth) for i, truth in enumerate(truths)])


def info_of(number, truth):
    """An entry of KITTI's info file."""
    camera = dict(img_path=f'{number:06d}.png', height=375, width=1242,
                  cam2img=CAM2IMG, lidar2cam=LIDAR2CAM)
    return dict(
        sample_idx=number, images=dict(CAM2=camera),
        lidar_points=dict(num_pts_feats=4, lidar_path=f'{number:06d}.bin'),
        instances=[dict(
            bbox=flat.tolist(), bbox_label=int(label),
            bbox_label_3d=int(label),
            # the camera's: length, height, width
            bbox_3d=[-box[1], -box[2], box[0], box[3], box[5], box[4],
                     -box[6] - np.pi / 2],
            depth=box[0], center_2d=[0., 0.], num_lidar_pts=10, difficulty=0,
            truncated=0., occluded=0, alpha=.5, score=0., index=i,
            group_id=i) for i, (label, box, flat) in enumerate(zip(*truth))])


def coco_of(truths):
    """An instances file of COCO."""
    annotations = [
        dict(image_id=i, category_id=int(label), iscrowd=0,
             bbox=[*flat[:2], *(flat[2:] - flat[:2])],
             area=float(np.prod(flat[2:] - flat[:2])))
        for i, truth in enumerate(truths)
        for label, flat in zip(truth[0], truth[2].round(2))]
    return dict(
        images=[dict(id=i, width=1242, height=375)
                for i in range(len(truths))],
        annotations=[dict(a, id=i) for i, a in enumerate(annotations, 1)],
        categories=[dict(id=i, name=c) for i, c in enumerate(CLASSES)])


def kitti_samples(found):
    """What a detector gives."""
    for row, (labels, boxes, _, scores) in enumerate(found):
        yield dict(sample_idx=row, pred_instances={}, pred_instances_3d=dict(
            bboxes_3d=LiDARInstance3DBoxes(torch.from_numpy(boxes).float()),
            labels_3d=torch.from_numpy(labels),
            scores_3d=torch.from_numpy(scores).float()))


def coco_samples(found):
    """What a 2D detector gives."""
    for row, (labels, _, flat, scores) in enumerate(found):
        yield dict(
            img_id=row, ori_shape=(375, 1242), pred_instances=dict(
                bboxes=torch.from_numpy(flat).float(),
                labels=torch.from_numpy(labels),
                scores=torch.from_numpy(scores).float()))


# What a detector gives to each, and a figure to show that it is no nonsense
METRICS_TIMED = dict(
    KittiMetric=(kitti_samples, 'Car_3D_AP40_moderate_strict'),
    CocoMetric=(coco_samples, 'bbox_mAP'))


@contextlib.contextmanager
def quiet():
    """No bars of progress, which keep the stream that there was at first."""
    sys.stdout.flush()
    stdout = os.dup(1)
    with open(os.devnull, 'w') as nowhere:
        os.dup2(nowhere.fileno(), 1)
    try:
        yield
    finally:
        sys.stdout.flush()
        os.dup2(stdout, 1)
        os.close(stdout)


def evaluated(config, samples):
    """Figures and seconds, from the first sample on."""
    with quiet():
        metric = METRICS.build(config)
    metric.dataset_meta = dict(classes=CLASSES)
    samples = list(samples)  # not ours to time
    start = time.perf_counter()
    with quiet():
        for sample in samples:
            metric.process({}, [sample])
        figures = metric.evaluate(len(samples))
    return figures, time.perf_counter() - start


def object_table(rng, truths, path):
    """The path of an object table whose likelihoods are random."""
    rows = [(str(frame), i, CLASSES[label])
            for frame, truth in enumerate(truths)
            for i, label in enumerate(truth[0])]
    ids, places, classes = zip(*rows)
    ObjectTable(ids, np.array(places), classes, rng.uniform(.01, 1, len(rows)),
                np.full(len(rows), -1), np.ones(len(rows), int)).save(path)
    return path


def check_stock(name, figures, stock):
    """Stop unless the stock figures are among all of them."""
    if {k: figures[k] for k in stock} != stock:
        raise SystemExit(f'{name}: stock figures differ')


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--frames', type=int, default=3769)
    parser.add_argument('--detections', type=int, default=50)
    parser.add_argument('--metrics', nargs='+', default=[*METRICS_TIMED],
                        choices=METRICS_TIMED)
    args = parser.parse_args()
    print(machine(np, numba, torch), torch.get_num_threads(), 'threads')
    mend_host(quiet=True)
    MMLogger.get_current_instance().setLevel(logging.ERROR)

    rng = np.random.default_rng(0)
    truths = [objects(rng, ANNOTATED) for _ in range(args.frames)]
    found = [found_of(rng, truth, args.detections) for truth in truths]
    with tempfile.TemporaryDirectory() as folder:
        kitti = dict(
            type='mmdet3d.KittiMetric', ann_file=f'{folder}/infos.pkl',
            pcd_limit_range=[0, -40, -5, 70.4, 40, 5])
        for some in truths[:3], truths:
            dump(infos_of(some), kitti['ann_file'])
            if some is not truths:  # compilation
                evaluated(kitti, kitti_samples(found[:3]))
        coco = str(Path(folder, 'val.json'))
        dump(coco_of(truths), coco)
        columns = [rng.choice([f'{name}{i}' for i in range(len(p))],
                              args.frames, p=p) for name, p in TAGS.items()]
        tags = Path(folder, 'tags.csv')
        tags.write_text('\n'.join([
            ','.join(['id', *TAGS]),
            *(','.join([str(i), *row]) for i, row in enumerate(
                zip(*columns)))]))
        configs = kitti, dict(type='mmdet.CocoMetric', ann_file=coco)
        for name, config in zip(METRICS_TIMED, configs):
            if name not in args.metrics:
                continue
            samples, shown = METRICS_TIMED[name]
            stock, alone = evaluated(config, samples(found))
            by_tag, seconds = evaluated(
                dict(type='DequityMetric', metric=config, tags=str(tags)),
                samples(found))
            check_stock(name, by_tag, stock)
            figure = next(v for k, v in stock.items() if k.endswith(shown))
            strata = len({k.rpartition('/')[0] for k in by_tag if '=' in k})
            print(f'{name}, {args.frames} frames x '
                  f'{args.detections} detections: {alone:.1f} s; by five '
                  f'tags, {strata} strata: {seconds:.1f} s, '
                  f'{seconds / alone:.1f} times ({shown} {figure:.2f})',
                  flush=True)
            if name == 'KittiMetric':
                table = object_table(rng, truths, f'{folder}/o.parquet')
                by_object, seconds = evaluated(
                    dict(type='DequityMetric', metric=config, objects=table),
                    samples(found))
                check_stock(name, by_object, stock)
                print(f'{name} by object, three strata a class: '
                      f'{seconds:.1f} s, {seconds - alone:.1f} s more',
                      flush=True)


if __name__ == '__main__':
    main()
