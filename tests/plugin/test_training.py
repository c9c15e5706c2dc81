"""Real training runs, as a user starts them."""
import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest
import torch

from dequity_mmdet3d.plugin import host_mends
from tests.helpers import ROOT, run_tool, save_table
from tests.plugin.helpers import (
    load_config,
    move_kitti,
    object_rows,
    save_objects,
)

pytestmark = pytest.mark.slow

CONFIG = ROOT / 'configs/pointpillars_dequity_mini_kitti.py'
SHORT = [
    'train_cfg.max_epochs=2', 'train_cfg.val_interval=2',
    'train_dataloader.num_workers=0',
    'train_dataloader.persistent_workers=False',
    'val_dataloader.num_workers=0', 'val_dataloader.persistent_workers=False',
    'default_hooks.logger.interval=1', 'randomness.seed=0'
]


def tool_env(root):
    return dict(os.environ, MINI_KITTI=f'{root}/')


@pytest.fixture(scope='module')
def run(mini_kitti, tmp_path_factory):
    """Two epochs on mini KITTI, from a foreign working directory."""
    folder = tmp_path_factory.mktemp('run')
    done = run_tool(
        'train.py',
        CONFIG,
        '--work-dir',
        folder / 'work',
        '--cfg-options',
        *SHORT,
        cwd=folder,
        env=tool_env(mini_kitti))
    assert done.returncode == 0, done.stdout[-3000:]
    return folder / 'work', done.stdout


def scalars(work):
    lines = next(work.glob('*/vis_data/scalars.json')).read_text().split('\n')
    return [json.loads(line) for line in lines if line]


def test_weights_reach_the_log_and_the_visualizer(run):
    work, text = run
    assert re.search(r'dequity_weight_mean: 0\.\d+', text)
    rows = [row for row in scalars(work) if 'dequity_weight_mean' in row]
    assert len(rows) == 6  # 12 frames, batch 4, 2 epochs
    for row in rows:
        assert (0.5 <= row['dequity_weight_min'] <= row['dequity_weight_mean']
                <= row['dequity_weight_max'] <= 1)
    # each epoch sees every frame once: the fixture's likelihoods 1 / n
    p = 1 / np.arange(1, 13)
    expected = ((1 + (1 - p)**5) / 2).mean()
    for epoch in (rows[:3], rows[3:]):
        mean = np.mean([row['dequity_weight_mean'] for row in epoch])
        assert mean == pytest.approx(expected, rel=1e-6)


def test_evaluated_without_cuda(run):
    work, text = run
    for kind in ('2D', 'BEV', '3D'):
        assert re.search(rf'Car_{kind}_AP40_moderate_loose: [\d.]+', text)


def test_resume(run, mini_kitti):
    work, _ = run
    # what a full disk leaves
    (work / 'last_checkpoint').write_text('')
    (work / 'epoch_3.pth').write_bytes((work / 'epoch_2.pth').read_bytes()[
        :-1000])
    done = run_tool('train.py', CONFIG, '--work-dir', work, '--resume',
                    '--cfg-options', *SHORT, 'train_cfg.max_epochs=3',
                    'train_cfg.val_interval=9', env=tool_env(mini_kitti))
    assert done.returncode == 0, done.stdout[-3000:]
    assert 'resumed epoch: 2, iter: 6' in done.stdout
    assert 'Epoch(train) [3][3/3]' in done.stdout
    assert (work / 'epoch_3.pth').exists()


def test_tools_test(run, mini_kitti, tmp_path):
    work, text = run
    # the same, and by object
    objects = save_objects(tmp_path / 'o.parquet', object_rows(
        mini_kitti / 'kitti_infos_val.pkl', lambda i: 1 / (1 + i)))
    done = run_tool('test.py', CONFIG, work / 'epoch_2.pth', '--work-dir',
                    tmp_path, '--cfg-options',
                    'test_evaluator.type=DequityKittiMetric',
                    f'test_evaluator.objects={objects}',
                    env=tool_env(mini_kitti))
    assert done.returncode == 0, done.stdout[-3000:]
    name = 'Car_BEV_AP40_moderate_loose: '
    after = [t.split(name)[1].split()[0] for t in (text, done.stdout)]
    assert after[0] == after[1]
    for s in ('rare', 'common'):
        found = re.search(rf'object={s}/Car_hard_objects: ([\d.]+)',
                          done.stdout)
        assert float(found[1]) > 0
        assert f'object={s}/Car_3D_recall_hard_loose: ' in done.stdout


def test_under_the_train_script_of_a_project(mini_kitti, tmp_path):
    """Only custom_imports and DequityHook are ours: what the host lacks on
    this machine is mended before a sample or a checkpoint is loaded."""
    from dequity_mmdet3d.plugin.convert import host_tools
    # becomes a ConfigDict in the checkpoint's dataset_meta
    meta = 'train_dataloader.dataset.dataset.dataset.metainfo.groups.a=1'
    for epochs, said in ((1, 'Epoch(train) [1][3/3]'),
                         (2, 'resumed epoch: 1, iter: 3')):
        done = subprocess.run(
            [sys.executable, '-W', 'ignore', str(host_tools() / 'train.py'),
             str(CONFIG), '--work-dir', str(tmp_path), '--resume',
             '--cfg-options', *SHORT, f'train_cfg.max_epochs={epochs}',
             'train_cfg.val_interval=1', meta],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            timeout=600, env=dict(tool_env(mini_kitti), PYTHONPATH=str(ROOT)))
        assert done.returncode == 0, done.stdout[-3000:]
        assert said in done.stdout
        assert 'Car_BEV_AP40_moderate_loose: ' in done.stdout
    state = torch.load(tmp_path / 'epoch_2.pth', weights_only=True)
    assert state['meta']['dataset_meta']['groups'] == dict(a=1)
    log = next(tmp_path.glob('*/*.log')).read_text()
    assert log.count('mended for this machine: ') == sum(
        m.needed for m in host_mends())


STOCK = '''
import sys

class Block:
    def find_spec(self, name, path=None, target=None):
        if name.split('.')[0] == 'dequity_mmdet3d':
            raise ImportError(name)

sys.meta_path.insert(0, Block())
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
cfg = Config.fromfile(sys.argv[1])
init_default_scope('mmdet3d')
from mmdet3d.registry import MODELS
model = MODELS.build(cfg.model)
# the host's own files, with its log history in them
torch.set_num_threads(int(sys.argv[5]))  # sums depend on it
state = torch.load(sys.argv[2], weights_only=False)['state_dict']
model.load_state_dict(state, strict=True)
batch = torch.load(sys.argv[3], weights_only=False)
with torch.no_grad():
    result = model.eval().test_step(batch)[0].pred_instances_3d
torch.save([result.scores_3d, result.bboxes_3d.tensor], sys.argv[4])
'''


def test_checkpoint_in_the_stock_host(run, mini_kitti, tmp_path):
    """Strict load and the same boxes where this package does not exist."""
    import copy

    from mmdet3d.registry import MODELS
    from mmengine.runner import Runner
    cfg = load_config('pointpillars_dequity_mini_kitti', mini_kitti)
    checkpoint = run[0] / 'epoch_2.pth'
    cfg.model.test_cfg.score_thr = 0.01
    model = MODELS.build(cfg.model)
    model.load_state_dict(
        torch.load(checkpoint, weights_only=False)['state_dict'])
    batch = next(iter(Runner.build_dataloader(cfg.val_dataloader)))
    torch.save(copy.deepcopy(batch), tmp_path / 'batch.pth')
    with torch.no_grad():
        here = model.eval().test_step(batch)[0].pred_instances_3d
    cfg.pop('custom_imports')
    cfg.dump(tmp_path / 'stock.py')
    subprocess.run([
        sys.executable, '-W', 'ignore', '-c', STOCK, tmp_path / 'stock.py',
        checkpoint, tmp_path / 'batch.pth', tmp_path / 'out.pth',
        str(torch.get_num_threads())
    ], check=True, cwd=tmp_path)
    scores, boxes = torch.load(tmp_path / 'out.pth')
    assert len(scores) > 0
    assert torch.equal(here.scores_3d, scores)
    assert torch.equal(here.bboxes_3d.tensor, boxes)


def check_error(done, *words):
    """One clear line, status 1, no traceback."""
    last = done.stdout.strip().split('\n')[-1]
    assert done.returncode == 1, done.stdout[-2000:]
    assert last.startswith('error: '), done.stdout[-2000:]
    assert 'Traceback' not in done.stdout
    for word in words:
        assert word in last, last


def test_missing_table(mini_kitti, tmp_path):
    check_error(
        run_tool('train.py', CONFIG, '--work-dir', tmp_path / 'work',
                 '--cfg-options', 'train_dataloader.dataset.table=no.parquet',
                 env=tool_env(mini_kitti)), 'no.parquet',
        'dequity likelihoods')


def test_wrong_table(mini_kitti, tmp_path):
    table = save_table(
        tmp_path / 'nus.parquet', {'a': 0.5}, dataset='nuscenes')
    check_error(
        run_tool('train.py', CONFIG, '--work-dir', tmp_path / 'work',
                 '--cfg-options', f'train_dataloader.dataset.table={table}',
                 env=tool_env(mini_kitti)), "'nuscenes'", "'kitti'")


def test_missing_config(tmp_path):
    check_error(run_tool('train.py', tmp_path / 'none.py'), 'none.py')
    check_error(
        run_tool('test.py', CONFIG, tmp_path / 'none.pth', cwd=tmp_path))


def test_data_set_without_equity(mini_kitti, tmp_path):
    """The hook without the wrapper is refused before the first step."""
    config = tmp_path / 'half.py'
    config.write_text(f"_base_ = ['{CONFIG}']\n"
                      'train_dataloader = dict(dataset=dict(_delete_=True, '
                      '**_base_.train_dataloader.dataset.dataset))\n')
    check_error(
        run_tool('train.py', config, '--work-dir', tmp_path / 'work',
                 env=tool_env(mini_kitti)), 'KittiDataset',
        'wrap train_dataloader.dataset')


@pytest.mark.parametrize('name',
                         ['pointpillars_dequity_kitti',
                          'second_dequity_kitti'])
def test_ten_iterations_on_real_frames(real_kitti, tmp_path, name):
    """Likelihoods from the real images, training, evaluation: the job."""
    cfg = load_config(name, real_kitti)
    cfg.train_dataloader.batch_size = 1  # 4 to 8 s a step of 2
    # 10 steps
    cfg.train_dataloader.dataset.dataset.dataset.indices = 2
    cfg.train_dataloader.dataset.dataset.times = 5
    cfg.train_cfg.max_epochs = cfg.train_cfg.val_interval = 1
    cfg.default_hooks.logger.interval = 1
    cfg = move_kitti(cfg, real_kitti)
    cfg.dump(tmp_path / 'config.py')
    made = run_tool('compute_likelihoods.py', tmp_path / 'config.py')
    assert made.returncode == 0, made.stdout
    done = run_tool('train.py', tmp_path / 'config.py', '--work-dir',
                    tmp_path / 'work')
    assert done.returncode == 0, done.stdout[-3000:]
    rows = [r for r in scalars(tmp_path / 'work') if 'loss_cls' in r]
    assert len(rows) == 10
    assert all(np.isfinite(r['loss']) for r in rows)
    assert 'Cyclist_3D_AP40_moderate_strict' in done.stdout


def test_nuscenes_key_frame(shared_data, tmp_path):
    """Six cameras to a likelihood, then two iterations of PointPillars."""
    text = load_config('pointpillars_dequity_nuscenes',
                       shared_data).pretty_text.replace(
                           'data/nuscenes/', f'{shared_data}/nuscenes/')
    config = tmp_path / 'config.py'
    config.write_text(text)
    table = tmp_path / 'nuscenes.parquet'
    made = run_tool('compute_likelihoods.py', config, '--out', table)
    assert made.returncode == 0, made.stdout
    done = run_tool(
        'train.py', config, '--work-dir', tmp_path / 'work', '--cfg-options',
        f'train_dataloader.dataset.table={table}',
        'train_dataloader.batch_size=1', 'train_cfg.max_epochs=2',
        'val_dataloader=None', 'val_cfg=None', 'val_evaluator=None',
        'default_hooks.logger.interval=1')
    assert done.returncode == 0, done.stdout[-3000:]
    rows = [r for r in scalars(tmp_path / 'work') if 'loss_cls' in r]
    assert len(rows) == 2
    # the only sample is the most common one
    assert all(r['dequity_weight_mean'] == 0.5 for r in rows)
