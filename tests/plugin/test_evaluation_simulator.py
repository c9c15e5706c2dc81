"""The host's own CUDA kernel, run by numba's simulator, as the reference.

The simulator is chosen when numba is imported, hence the subprocesses.
"""
import importlib.util
import json
import os
import subprocess
import sys

import numpy as np
import pytest

from dequity_mmdet3d.plugin.evaluation import rotated_iou

# Looked up, not imported: this process has no use for it.
pytestmark = [pytest.mark.slow, pytest.mark.skipif(
    importlib.util.find_spec('numba.cuda.simulator') is None,
    reason="this numba has no CUDA simulator to run the host's kernel")]

# Loads the one file: importing mmdet3d would take far longer.
KERNEL = """
import importlib.util, json, os, sys
import numpy as np
package = importlib.util.find_spec('mmdet3d').submodule_search_locations[0]
path = os.path.join(package, 'evaluation/functional/kitti_utils/rotate_iou.py')
spec = importlib.util.spec_from_file_location('rotate_iou', path)
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
boxes, query_boxes, criterion = json.load(sys.stdin)
json.dump(module.rotate_iou_gpu_eval(
    np.array(boxes), np.array(query_boxes), criterion).tolist(), sys.stdout)
"""

EVALUATION = """
import json, sys
import numpy as np
from dequity_mmdet3d.plugin import evaluation
from mmdet3d.evaluation import kitti_eval
assert evaluation.host_can_run() and not evaluation.use_cpu_rotated_iou()
frames, found = [[{key: np.array(value) for key, value in frame.items()}
                  for frame in part] for part in json.load(sys.stdin)]
def evaluate():
    return kitti_eval(frames, found, ['Pedestrian', 'Cyclist', 'Car'],
                      eval_types=['bbox', 'bev', '3d'])[1]
values = [evaluate()]
with evaluation.cpu_rotated_iou():
    values.append(evaluate())
print('\\n' + json.dumps(values))
"""


def simulate(script, data):
    done = subprocess.run([sys.executable, '-W', 'ignore', '-c', script],
                          input=json.dumps(data),
                          env=dict(os.environ, NUMBA_ENABLE_CUDASIM='1'),
                          capture_output=True,
                          text=True,
                          timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


def cars(rng, count, yaw=None):
    boxes = rng.uniform([-4, 5, 3, 1.4, -np.pi], [4, 11, 5, 2, np.pi],
                        (count, 5))
    if yaw is not None:
        boxes[:, 4] = yaw
    return boxes


@pytest.mark.parametrize('yaw', [None, 0], ids=['any yaw', 'axis-aligned'])
def test_is_the_host_where_no_edges_coincide(yaw):
    rng = np.random.default_rng(4)
    boxes, others = cars(rng, 20, yaw), cars(rng, 15, yaw)
    overlaps = rotated_iou(boxes, others)
    assert (overlaps > 0).mean() > 0.1
    host = simulate(KERNEL, [boxes.tolist(), others.tolist(), -1])
    np.testing.assert_allclose(overlaps, host, atol=1e-5)


def test_shared_areas_are_the_host_s():
    rng = np.random.default_rng(5)
    boxes, others = cars(rng, 15), cars(rng, 10)
    host = simulate(KERNEL, [boxes.tolist(), others.tolist(), 2])
    np.testing.assert_allclose(rotated_iou(boxes, others, 2), host, atol=1e-4)


def test_identical_boxes_are_where_the_host_is_wrong():
    """mmdetection3d issue 2910; right without yaw, by luck otherwise."""
    boxes = cars(np.random.default_rng(6), 12) + [0, 0, 0, 0, 0.01]
    # Far apart, so that the diagonal is all there is.
    boxes[:, 0] += 10 * np.arange(12)
    ours = rotated_iou(boxes, boxes)
    np.testing.assert_allclose(ours, np.eye(12), atol=1e-9)
    host = np.array(simulate(KERNEL, [boxes.tolist()] * 2 + [-1]))
    assert (np.diag(host) < 0.5).mean() > 0.5
    boxes[:, 4] = 0
    host = simulate(KERNEL, [boxes.tolist()] * 2 + [-1])
    np.testing.assert_allclose(host, np.eye(12), atol=1e-5)


def test_ap_is_the_host_s():
    rng = np.random.default_rng(7)
    names = ['Pedestrian', 'Cyclist', 'Car']
    sizes = [[0.8, 1.7, 0.6], [1.8, 1.7, 0.6], [3.9, 1.6, 1.6]]
    frames, found = [], []
    for _ in range(12):
        corner = rng.uniform(0, 800, (3, 2))
        frame = dict(
            name=names,
            truncated=[0.0] * 3,
            occluded=[0] * 3,
            alpha=rng.uniform(-3, 3, 3),
            bbox=np.concatenate([corner, corner + [90, 80]], 1),
            dimensions=sizes,
            location=rng.uniform([-9, 1, 8], [9, 2, 30], (3, 3)),
            rotation_y=rng.uniform(-np.pi, np.pi, 3),
            score=[1.0] * 3)
        frames.append(frame)
        found.append(
            dict(
                frame,
                location=frame['location'] + rng.normal(0, 0.12, (3, 3)),
                rotation_y=frame['rotation_y'] + rng.normal(0, 0.1, 3),
                score=rng.uniform(0.1, 1, 3)))
    data = [[{k: np.asarray(v).tolist()
              for k, v in frame.items()} for frame in part]
            for part in (frames, found)]
    host, ours = simulate(EVALUATION, data)
    assert len(set(host.values())) > 10
    assert ours == host
