"""A small data set whose every figure can be told by hand."""
import json

import numpy as np
import pytest

from dequity_mmdet3d.likelihood.embeddings.names import image_names
from dequity_mmdet3d.likelihood.embeddings.shards import ShardStore
from dequity_mmdet3d.table import LikelihoodTable
from tests.report.helpers import (
    CONFIG,
    DEVIATION,
    FIGURE,
    MODES,
    RESULTS,
    SINGLETONS,
    TENTHS,
    likelihood_of,
)


@pytest.fixture(scope='session')
def small(tmp_path_factory):
    """Config, images and table with embeddings: (folder, modes, table)."""
    from PIL import Image
    root = tmp_path_factory.mktemp('small')
    modes = [m for m, (n, *_) in MODES.items() for _ in range(n)]
    modes += [-1] * SINGLETONS
    rng = np.random.default_rng(0)
    modes = rng.permutation(modes)
    (root / 'images').mkdir()
    infos, paths = [], []
    for i, mode in enumerate(modes):
        name = f'{i:06d}.png'
        Image.new('RGB', (200, 60), (40 * i % 256, 80 * (mode + 1), 99)).save(
            root / 'images' / name)
        paths.append(str(root / 'images' / name))
        cars, cyclists = MODES[mode][1:] if mode >= 0 else (0, 1)
        # class 2 is not trained, and -1 is DontCare
        labels = [0] * cars + [1] * cyclists + [2, -1]
        infos.append(dict(
            sample_idx=i, images=dict(CAM2=dict(img_path=name)),
            instances=[dict(bbox_label_3d=k, bbox=[20, 10, 60, 40])
                       for k in labels]))
    (root / 'infos.json').write_text(json.dumps(dict(
        metainfo=dict(categories=dict(Car=0, Cyclist=1, Tram=2, DontCare=-1),
                      dataset='kitti'), data_list=infos)))
    (root / 'config.py').write_text(CONFIG.format(root=str(root)))
    table = LikelihoodTable(
        [str(i) for i in range(len(modes))],
        np.array([likelihood_of(m) for m in modes]), modes,
        np.array([MODES[m][0] if m >= 0 else 1 for m in modes]),
        dict(encoder=dict(name='net', weights_sha256='abc'),
             note='<b>&"</script>', diagnosis=dict(
                 samples=len(modes), clusters=3, largest=20 / 36, rare=2,
                 lone=2, correlation=[0.5, 0.4], repeated=[3, 9],
                 tenths=TENTHS, deviation=DEVIATION)))
    path = root / 'likelihoods.parquet'
    table.save(path)
    vectors = np.eye(6)[modes] + 0.05 * rng.normal(size=(len(modes), 6))
    with ShardStore(path.with_suffix('.embeddings'), shard_size=16).open(
            dict(dim=6, dtype='float16', weights_sha256='abc')) as shards:
        names = image_names(paths, str(root))
        for k in range(0, len(names), 16):
            some = names[k:k + 16]
            shards.write(k // 16, some, [''] * len(some), vectors[k:k + 16],
                         [None] * len(some))
    path.with_suffix('.bad_images.txt').write_text('a/b.png\tcut off\n')
    return root, modes, path


@pytest.fixture(scope='session')
def comparison(tmp_path_factory):
    """What tools/compare.py leaves behind of two arms and two seeds."""
    from dequity_mmdet3d.compare.run_folder import Comparison, write_result
    from dequity_mmdet3d.compare.summary import write_table
    out = tmp_path_factory.mktemp('comparison')
    comparison = Comparison(
        out, dict(baseline='baseline', equity='equity'), (0, 1))
    for (arm, seed), value in RESULTS.items():
        folder = comparison.folder(arm, seed)
        for k, steps in enumerate(([50, 100], [100, 150])):
            log = folder / f'2026010{k}_000000/vis_data/scalars.json'
            log.parent.mkdir(parents=True)
            log.write_text(''.join(
                json.dumps(dict(loss=k + 1 / s, lr=0.1, step=s)) + '\n'
                for s in steps) + '{"loss": 1')  # killed
        write_result(folder, dict(
            arm=arm, seed=seed, steps=150, seconds=1, checkpoint='x.pth',
            metrics={FIGURE: value,
                     FIGURE.replace('rare', 'common'): 80 + seed,
                     'Kitti metric/KITTI/rare/Cyclist_moderate_objects': 7}))
    write_table(comparison)
    return out
