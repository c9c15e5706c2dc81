"""Images, info files and an encoder that tests of the offline half make."""
import hashlib
import os
import pickle
import subprocess
import sys

import numpy as np
from PIL import Image

from tests.helpers import ROOT

TOOL = ROOT / 'tools' / 'compute_likelihoods.py'


def compute_likelihoods(*args, cwd=None, **env):
    """The tool as a user runs it."""
    return subprocess.run(
        [sys.executable, str(TOOL), *map(str, args)],
        capture_output=True,
        text=True,
        timeout=300,
        cwd=cwd,
        env=dict(os.environ, **env))


def error_of(result):
    """The one line that a failed run may print on standard error."""
    assert result.returncode == 1, (result.returncode, result.stderr)
    lines = result.stderr.splitlines()
    assert len(lines) == 1 and lines[0].startswith('error: '), result.stderr
    return lines[0]


def write_images(folder, count, seed=0, suffix='.png', size=(40, 24)):
    """Small images of noise; their paths."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for i in range(count):
        pixels = rng.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
        paths.append(folder / f'{i:06d}{suffix}')
        Image.fromarray(pixels).save(paths[-1])
    return paths


def kitti_info(frame, image='{:06d}.png'):
    """An entry as the host's converter writes it, as far as it matters."""
    return dict(
        sample_idx=frame,
        images=dict(
            CAM0=dict(cam2img=np.eye(4)),
            CAM2=dict(img_path=image.format(frame), height=24, width=40),
            R0_rect=np.eye(4).tolist()),
        lidar_points=dict(lidar_path=f'{frame:06d}.bin'))


def write_infos(path, infos, dataset='kitti', **metainfo):
    path.write_bytes(
        pickle.dumps(
            dict(
                metainfo=dict(dataset=dataset, info_version='1.1', **metainfo),
                data_list=infos)))


class FakeEncoder:
    """Embeds an image as its 2 x 2 mean colours: D = 12, no network."""
    name = 'fake'
    pretrained = 'none'
    dim = 12
    fingerprint = hashlib.sha256(b'').hexdigest()
    precision = 'float32'
    features = 'pooled'

    def __init__(self):
        import torch

        from dequity_mmdet3d.likelihood.encoding.encoders.base import Squash
        self.preprocess = Squash((8, 8))
        self.device = torch.device('cpu')
        self.batches = []

    def encode(self, batch):
        self.batches.append(len(batch))
        x = batch.float().reshape(len(batch), 3, 2, 4, 2, 4)
        return x.mean(dim=(3, 5)).flatten(1)
