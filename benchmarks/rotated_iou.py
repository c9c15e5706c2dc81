"""Times the rotated IoU and a KITTI evaluation of full size on the CPU.

    python benchmarks/rotated_iou.py [--frames 3769] [--detections 50]

All data are random, from a fixed seed. Three figures:

1. ``rotated_iou`` against a loop over shapely polygons, on the same boxes
   in the same run. Their results must agree to 1e-9.
2. MMDetection3D's ``kitti_eval`` (bbox, BEV and 3D; three classes) on as many
   frames as KITTI's validation split has.
3. The same on rare, middle and common frames, beside it.
"""
import argparse
import time

import numba
import numpy as np
import shapely
from machine import machine
from mmdet3d.evaluation import kitti_eval

from dequity_mmdet3d.plugin.evaluation import cpu_rotated_iou, rotated_iou
from dequity_mmdet3d.plugin.evaluation.kitti_parts import evaluate_strata

CLASSES = ('Pedestrian', 'Cyclist', 'Car')
# Boxes of one frame: about KITTI's mean, with those that are ignored.
ANNOTATED = 8


def annotations(rng, count):
    """One frame of KITTI annotations with `count` boxes, fully visible."""
    corner = rng.uniform([0, 0], [1100, 250], (count, 2))
    return dict(
        name=rng.choice(CLASSES, count),
        truncated=np.zeros(count),
        occluded=np.zeros(count, int),
        alpha=rng.uniform(-3, 3, count),
        bbox=np.concatenate(
            [corner, corner + rng.uniform(30, 120, (count, 2))], 1),
        dimensions=rng.uniform([0.6, 1.4, 0.5], [4.5, 1.9, 1.9], (count, 3)),
        location=rng.uniform([-30, 1, 3], [30, 2, 65], (count, 3)),
        rotation_y=rng.uniform(-np.pi, np.pi, count),
        score=np.zeros(count))


def detections(rng, frame, count):
    """The annotated boxes, moved a little, and random ones up to `count`."""
    found = annotations(rng, count)
    known = min(len(frame['name']), count)
    for key in ('name', 'bbox', 'dimensions', 'location', 'rotation_y'):
        found[key][:known] = frame[key][:known]
    found['location'][:known] += rng.normal(0, 0.2, (known, 3))
    found['rotation_y'][:known] += rng.normal(0, 0.1, known)
    found['score'] = rng.uniform(0, 0.5, count)
    found['score'][:known] += 0.4
    return found


def polygon_loop(boxes, query_boxes):
    """The plain way: one polygon intersection a pair."""

    def polygon(x, y, size_x, size_y, angle):
        cos, sin = np.cos(angle), np.sin(angle)
        corners = []
        for u, v in ((1, 1), (-1, 1), (-1, -1), (1, -1)):
            u, v = u * size_x / 2, v * size_y / 2
            corners.append((x + cos * u + sin * v, y - sin * u + cos * v))
        return shapely.Polygon(corners)

    boxes = [polygon(*box) for box in boxes]
    query_boxes = [polygon(*box) for box in query_boxes]
    overlaps = np.zeros((len(boxes), len(query_boxes)))
    for n, box in enumerate(boxes):
        for k, query_box in enumerate(query_boxes):
            shared = box.intersection(query_box).area
            overlaps[n, k] = shared / (box.area + query_box.area - shared)
    return overlaps


def seconds(function, repeats):
    """Best of `repeats`."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return min(times)


def random_boxes(rng, count, spread):
    return np.concatenate([
        rng.uniform(-spread, spread, (count, 2)),
        rng.uniform(0.5, 5, (count, 2)),
        rng.uniform(-np.pi, np.pi, (count, 1))
    ], 1)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--frames', type=int, default=3769)
    parser.add_argument('--detections', type=int, default=50)
    args = parser.parse_args()
    print(machine(np, numba, shapely))

    rng = np.random.default_rng(0)
    start = time.perf_counter()
    rotated_iou([[0, 0, 1, 1, 0]], [[0, 0, 1, 1, 0]])
    print(f'compilation, once a process: {time.perf_counter() - start:.1f} s')
    for title, spread in (('most overlap', 1.5), ('as on a road', 35)):
        boxes = random_boxes(rng, 200, spread)
        others = random_boxes(rng, 200, spread)
        ours, plain = rotated_iou(boxes, others), polygon_loop(boxes, others)
        apart = np.abs(ours - plain).max()
        if apart > 1e-9:
            raise SystemExit(f'{title}: differs from the polygons by {apart}')
        fast = seconds(lambda: rotated_iou(boxes, others), 20)
        slow = seconds(lambda: polygon_loop(boxes, others), 3)
        print(f'200 x 200 boxes, {title} ({(plain > 0).mean():.1%}): '
              f'{fast / 4e4 * 1e9:.0f} ns a pair, polygons '
              f'{slow / 4e4 * 1e9:.0f} ns: {slow / fast:.0f} times faster '
              f'(largest difference {apart:.1e})')

    frames = [annotations(rng, ANNOTATED) for _ in range(args.frames)]
    found = [detections(rng, frame, args.detections) for frame in frames]
    with cpu_rotated_iou():
        start = time.perf_counter()
        _, values = kitti_eval(
            frames, found, list(CLASSES), eval_types=['bbox', 'bev', '3d'])
        total = time.perf_counter() - start
    print(f'kitti_eval, {args.frames} frames x {args.detections} detections:'
          f' {total:.1f} s (Car 3D AP40 moderate, loose: '
          f'{values["KITTI/Car_3D_AP40_moderate_loose"]:.2f})')
    stratum = rng.choice(3, args.frames, p=[.2, .3, .5])
    with cpu_rotated_iou():
        start = time.perf_counter()
        evaluate_strata(frames, found, stratum, CLASSES,
                        ['bbox', 'bev', '3d'])
        more = time.perf_counter() - start
    print(f'and by likelihood, three strata: {more:.1f} s more, '
          f'{total + more:.1f} s in all, {1 + more / total:.2f} times')


if __name__ == '__main__':
    main()
