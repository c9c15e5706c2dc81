"""Each config of the project: its base plus equity, and nothing else."""
import copy
import sys

import numpy as np
import pytest
import torch
from mmdet3d.registry import DATASETS, MODELS
from mmengine.config import Config
from mmengine.registry import init_default_scope

from dequity_mmdet3d import plugin  # noqa: F401, registers everything
from dequity_mmdet3d.weight import dequity_weight
from tests.helpers import ROOT, save_table
from tests.plugin.helpers import first_batch, load_config, move_kitti

CONFIGS = ROOT / 'configs'
KITTI = 'data/kitti/kitti_likelihoods.parquet'
NUSCENES = 'data/nuscenes/nuscenes_likelihoods.parquet'

# name: config of the host, eta, gamma, table, data sets from outside in
HOST = {
    'pointpillars_dequity_kitti':
    ('pointpillars/pointpillars_hv_secfpn_8xb6-160e_kitti-3d-3class.py', 1, 5,
     KITTI, ['RepeatDataset', 'KittiDataset']),
    'second_dequity_kitti':
    ('second/second_hv_secfpn_8xb6-80e_kitti-3d-3class.py', 1, 5, KITTI,
     ['RepeatDataset', 'KittiDataset']),
    'smoke_dequity_kitti':
    ('smoke/smoke_dla34_dlaneck_gn-all_4xb8-6x_kitti-mono3d.py', 1, 5, KITTI,
     ['KittiDataset']),
    'pgd_dequity_kitti':
    ('pgd/pgd_r101-caffe_fpn_head-gn_4xb3-4x_kitti-mono3d.py', 1, 5, KITTI,
     ['KittiDataset']),
    'pointpillars_dequity_nuscenes':
    ('pointpillars/pointpillars_hv_fpn_sbn-all_8xb4-2x_nus-3d.py', 1, 5,
     NUSCENES, ['NuScenesDataset']),
    'centerpoint_dequity_nuscenes':
    ('centerpoint/centerpoint_voxel01_second_secfpn_8xb4-cyclic-20e_nus-3d.py',
     0.3, 5, NUSCENES, ['CBGSDataset', 'NuScenesDataset']),
    'fcos3d_dequity_nuscenes':
    ('fcos3d/fcos3d_r101-caffe-dcn_fpn_head-gn_8xb2-1x_nus-mono3d.py', 1, 5,
     NUSCENES, ['NuScenesDataset']),
    'pgd_dequity_nuscenes':
    ('pgd/pgd_r101-caffe_fpn_head-gn_16xb2-1x_nus-mono3d.py', 1, 5, NUSCENES,
     ['NuScenesDataset']),
}
# Of MMDetection, whose detectors are 2D; tests/plugin/test_coco.py.
HOST_2D = ['retinanet_dequity_coco']
# The same, of configs in a clone of the host.
PROJECTS = {
    'bevfusion_dequity_nuscenes':
    ('BEVFusion/configs/'
     'bevfusion_lidar-cam_voxel0075_second_secfpn_8xb4-cyclic-20e_nus-3d.py',
     1, 5, NUSCENES, ['CBGSDataset', 'NuScenesDataset']),
    'petr_dequity_nuscenes':
    ('PETR/configs/petr_vovnet_gridmask_p4_800x320.py', 0.5, 5, NUSCENES,
     ['NuScenesDataset']),
}
# Bases of their own: one of ours, with a range, a network, a schedule.
STUDY = ['study_second_mini_kitti', 'study_centerpoint_mini_kitti']
OWN = ['pointpillars_dequity_mini_kitti', 'study_mini_kitti', *STUDY]


def load(name):
    init_default_scope('mmdet3d')
    return Config.fromfile(CONFIGS / f'{name}.py')


def plain(value):
    """Without the scope that mmengine notes where a config reads a base."""
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items() if k != '_scope_'}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    return value


def stock(tmp_path, base):
    """The base alone, as a dict."""
    file = tmp_path / 'stock.py'
    file.write_text(f"_base_ = ['{base}']\n")
    return plain(Config.fromfile(file, import_custom_modules=False).to_dict())


def check_delta(cfg, base, eta, gamma, table, kinds):
    """Compare a config with its base, ours taken out step by step."""
    cfg = plain(cfg.to_dict())
    imports = cfg.pop('custom_imports')['imports']
    theirs = base.pop('custom_imports', dict(imports=[]))['imports']
    assert imports == theirs + ['dequity_mmdet3d.plugin']
    assert cfg['default_hooks'].pop('dequity') == dict(type='DequityHook')
    shared = cfg.pop('dequity', None)
    equity = cfg['train_dataloader']['dataset']
    cfg['train_dataloader']['dataset'] = equity.pop('dataset')
    assert equity == dict(
        shared or {},
        type='DequityDataset',
        eta=eta,
        gamma=gamma,
        table=table)
    assert cfg == base
    dataset = cfg['train_dataloader']['dataset']
    for kind in kinds:
        assert dataset['type'] == kind
        dataset = dataset.get('dataset')


def test_no_config_is_left_out():
    assert sorted(path.stem for path in CONFIGS.glob('*.py')) == sorted(
        [*HOST, *HOST_2D, *PROJECTS, *OWN, 'equity'])


@pytest.mark.parametrize('name', HOST)
def test_base_and_equity_alone(tmp_path, name):
    base, *expected = HOST[name]
    base = stock(tmp_path, f'mmdet3d::{base}')
    if name == 'pointpillars_dequity_kitti':
        # the one thing that KITTI's own download cannot give
        step = base['train_dataloader']['dataset']['dataset']['pipeline'][2]
        assert step['type'] == 'ObjectSample'
        step['use_ground_plane'] = False
    check_delta(load(name), base, *expected)


@pytest.mark.parametrize('name', [*HOST, *OWN])
def test_model_builds(name):
    MODELS.build(load(name).model)


def test_study_pastes_no_objects():
    """Its pipeline is its base's but for the objects of other frames."""

    def steps(name):
        dataset = load(name).train_dataloader.dataset.dataset.dataset
        return plain(dataset.pipeline)

    base = steps('pointpillars_dequity_mini_kitti')
    pasting = [step for step in base if step['type'] == 'ObjectSample']
    assert len(pasting) == 1
    base.remove(pasting[0])
    assert steps('study_mini_kitti') == base


@pytest.mark.parametrize('name', STUDY)
def test_studies_differ_in_the_network_alone(name):
    first, other = (plain(load(each).to_dict())
                    for each in ('study_mini_kitti', name))
    assert first.pop('model') != other.pop('model')
    voxel_size = first.pop('voxel_size')
    assert (other.pop('voxel_size') != voxel_size) == ('second' in name)
    steps = other['train_dataloader']['dataset']['dataset']['dataset'][
        'pipeline']
    if 'centerpoint' in name:
        assert steps.pop(-2)['type'].endswith('.ZeroVelocity')
    assert {key: other[key] for key in first} == first


@pytest.mark.parametrize('name', STUDY)
def test_networks_of_the_study_learn_and_detect(name, mini_kitti):
    cfg = load_config(name, mini_kitti)
    torch.manual_seed(0)
    model = MODELS.build(cfg.model)
    batch = model.data_preprocessor(first_batch(cfg, 4), True)
    losses = model(**batch, mode='loss')
    loss, _ = model.parse_losses(losses)
    loss.backward()
    for name, p in model.named_parameters():
        assert torch.isfinite(p.grad).all()
        # of the head, the velocity has no share in the loss, nor have boxes
        # of a class that is not in the batch
        if 'task_heads' not in name or '.heatmap.' in name:
            assert p.grad.any()
        elif '.vel.' in name:
            assert not p.grad.any()
    found = model.eval()(**batch, mode='predict')
    assert len(found) == 4
    assert all('scores_3d' in one.pred_instances_3d for one in found)


def test_centers_of_the_study_are_decoded_as_they_are_encoded(mini_kitti):
    """Targets taken for predictions give the annotated boxes again."""
    cfg = load_config('study_centerpoint_mini_kitti', mini_kitti)
    head = MODELS.build(cfg.model).pts_bbox_head
    samples = first_batch(cfg, 4)['data_samples']
    annotated = [sample.gt_instances_3d for sample in samples]
    maps, boxes, cells, _ = head.get_targets(annotated)
    outs = []
    for heat, rows, cell in zip(maps, boxes, cells):
        image = heat.new_zeros(*heat.shape[:1], 10, heat[0, 0].numel())
        image.scatter_(2, cell[:, None].expand(-1, 10, -1),
                       rows.transpose(1, 2))
        parts = image.view(-1, 10, *heat.shape[2:]).split([2, 1, 3, 2, 2], 1)
        names = ['reg', 'height', 'dim', 'rot', 'vel']
        outs.append([dict(zip(names, parts), heatmap=20 * (heat - 0.95))])
    decoded = head.predict_by_feat(outs, [s.metainfo for s in samples])
    count = 0
    for one, truth in zip(decoded, annotated):
        rows = torch.cat([one.labels_3d[:, None], one.bboxes_3d.tensor], 1)
        truth.bboxes_3d.limit_yaw(offset=0.5, period=2 * np.pi)
        want = torch.cat([truth.labels_3d[:, None],
                          truth.bboxes_3d.tensor], 1)
        assert (torch.cdist(want, rows).min(1).values < 1e-3).all()
        count += len(want)
    assert count > 10


# What a config in projects/ has that ours relies on.
FAKE_BASE = '''
custom_imports = dict(imports=['projects.{project}.code'])
dataset = dict(type='NuScenesDataset', ann_file='nuscenes_infos_train.pkl')
cbgs = dict(type='CBGSDataset', dataset=dataset)
train_dataloader = dict(
    batch_size=4,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset={dataset})
val_dataloader = dict(batch_size=1, dataset=dict(dataset, test_mode=True))
test_dataloader = val_dataloader
model = dict(type='{project}', bbox_head=dict(type='Head'))
default_hooks = dict(logger=dict(type='LoggerHook', interval=50))
'''


@pytest.fixture
def clone(tmp_path, monkeypatch):
    """A clone of the host, as far as the two configs look at it.

    Its modules are importable as a clone's are, with PYTHONPATH.
    """
    folder = tmp_path / 'mmdetection3d'
    for path, _, _, _, kinds in PROJECTS.values():
        file = folder / 'projects' / path
        file.parent.mkdir(parents=True)
        project = path.split('/')[0]
        file.write_text(
            FAKE_BASE.format(
                project=project,
                dataset='cbgs' if kinds[0] == 'CBGSDataset' else 'dataset'))
        (folder / 'projects' / project / 'code.py').write_text('')
    monkeypatch.setenv('MMDET3D', str(folder))
    monkeypatch.syspath_prepend(folder)
    yield folder
    for name in [n for n in sys.modules if n.split('.')[0] == 'projects']:
        del sys.modules[name]


@pytest.mark.parametrize('name', PROJECTS)
def test_project_of_a_clone(clone, tmp_path, name):
    base, *expected = PROJECTS[name]
    base = stock(tmp_path, clone / 'projects' / base)
    cfg = load(name)
    assert f'projects.{PROJECTS[name][0].split("/")[0]}.code' in sys.modules
    check_delta(cfg, base, *expected)


@pytest.mark.parametrize('name', PROJECTS)
def test_project_without_a_clone(monkeypatch, name):
    monkeypatch.delenv('MMDET3D', raising=False)
    with pytest.raises(KeyError, match='Please set `MMDET3D`'):
        load(name)


# ---- on real frames


def likelihoods(tmp_path, dataset, ids):
    """A table in which the i-th id has likelihood 1 / (i + 1)."""
    of = {key: 1 / (i + 1) for i, key in enumerate(ids)}
    return save_table(tmp_path / 'table.parquet', of, dataset=dataset), of


def check_items(dataset, p, eta, gamma=5):
    """Each item carries the weight of its likelihood (N,)."""
    assert len(dataset) == len(p)
    np.testing.assert_array_equal(dataset.weight,
                                  dequity_weight(np.array(p), eta, gamma))
    for i, weight in enumerate(dataset.weight):
        item = dataset[i]
        assert item['data_samples'].metainfo['dequity_weight'] == weight
        assert item['inputs']


@pytest.mark.parametrize('name', ['smoke_dequity_kitti', 'pgd_dequity_kitti'])
def test_monocular_kitti_frames(real_kitti, tmp_path, name):
    cfg = move_kitti(load(name), real_kitti).train_dataloader.dataset
    cfg.table, of = likelihoods(tmp_path, 'kitti', ['0', '1', '2', '134'])
    np.random.seed(0)
    dataset = DATASETS.build(cfg)
    check_items(dataset, list(of.values()), 1)
    path = dataset[3]['data_samples'].metainfo['img_path']
    assert path.endswith('000134.png')


@pytest.mark.parametrize('name, items', [('pointpillars_dequity_nuscenes', 1),
                                         ('centerpoint_dequity_nuscenes', 1),
                                         ('fcos3d_dequity_nuscenes', 6),
                                         ('pgd_dequity_nuscenes', 6)])
def test_nuscenes_key_frame(shared_data, tmp_path, name, items):
    """The frame, or each of its six images, has the weight of its token."""
    token = 'ca9a282c9e77460f8360f564131a8af5'
    cfg = copy.deepcopy(load(name).train_dataloader.dataset)
    table = save_table(
        tmp_path / 'table.parquet', {token: 0.25}, dataset='nuscenes')
    cfg.table = table
    if cfg.dataset.type == 'CBGSDataset':
        # one frame lacks classes, for which the host divides by zero
        cfg.dataset = cfg.dataset.dataset
    base = cfg.dataset
    base.data_root = str(shared_data / 'nuscenes')
    # its data base of objects is not here
    base.pipeline = [t for t in base.pipeline if t.type != 'ObjectSample']
    np.random.seed(0)
    check_items(DATASETS.build(cfg), [0.25] * items, HOST[name][1])
