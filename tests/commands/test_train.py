"""A stock config is trained with weights, by the host's own train.py."""
import json
from argparse import Namespace

import numpy as np
import pytest

from dequity_mmdet3d.commands import train
from dequity_mmdet3d.compare.arm_names import parse_arm
from dequity_mmdet3d.compare.arms import arm_config
from dequity_mmdet3d.config_files import FOLDER, read_config
from dequity_mmdet3d.weight import dequity_weight
from tests.commands.test_main import dequity
from tests.helpers import ROOT, run_tool
from tests.plugin.test_configs import HOST, plain

pytest.importorskip('mmdet3d')
NEW_STYLE = ROOT / 'tests/commands/new_style/pointpillars.py'


def ours(**given):
    return Namespace(**{**dict(table='t.parquet', eta=None, gamma=None,
                               form=None, content=None, t=None, beta=None,
                               normalize=None, sampler=False), **given})


def theirs(config, work_dir=None, cfg_options=None):
    return Namespace(config=str(config), work_dir=work_dir and str(work_dir),
                     cfg_options=cfg_options)


def stock_config(tmp_path, base):
    path = tmp_path / 'stock.py'
    path.write_text(f"_base_ = ['mmdet3d::{base}']\n")
    return path


# ---- the config that is written


@pytest.mark.parametrize('name', HOST)
def test_as_the_config_that_this_project_brings(tmp_path, name):
    """Of the same stock config, by other names for the same objects."""
    base, eta, gamma, table, _ = HOST[name]
    args = theirs(stock_config(tmp_path, base), tmp_path / 'run')
    train.use_weighted_config(args, ours(table=table, eta=eta, gamma=gamma))
    assert args.config == str(tmp_path / 'run/stock.py')
    found = plain(read_config(args.config).to_dict())
    expected = plain(read_config(ROOT / f'configs/{name}.py').to_dict())
    del expected['custom_imports'], expected['dequity']
    del expected['train_dataloader']['dataset']['missing']  # the default
    if name == 'pointpillars_dequity_kitti':
        step = expected['train_dataloader']['dataset']['dataset']['dataset'][
            'pipeline'][2]
        assert step.pop('use_ground_plane') is False
        found['train_dataloader']['dataset']['dataset']['dataset'][
            'pipeline'][2].pop('use_ground_plane')
    for config in (found, expected):
        for part in (config['train_dataloader']['dataset'],
                     config['default_hooks']['dequity']):
            part['type'] = part['type'].split('.')[-1]
    assert found == expected


def test_changes_are_those_of_the_stock_config(tmp_path):
    """A path in --cfg-options knows nothing of the wrapper."""
    args = theirs(NEW_STYLE, tmp_path, {'train_dataloader.dataset.times': 5})
    train.use_weighted_config(args, ours(normalize='mean', sampler=True))
    config = read_config(args.config)
    assert args.cfg_options is None
    assert config.train_dataloader.dataset.normalize == 'mean'
    assert config.train_dataloader.dataset.dataset.times == 5
    assert config.train_dataloader.sampler.type.endswith('.DequitySampler')


@pytest.mark.parametrize('own, folder', [
    ('', 'work_dirs/stock'), ("work_dir = 'mine'\n", 'mine')])
def test_work_dir_is_where_the_host_would_have_it(tmp_path, monkeypatch, own,
                                                  folder):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / 'stock.py'
    path.write_text(f'{own}train_dataloader = dict(dataset=dict(type="A"))\n')
    args = theirs(path)
    train.use_weighted_config(args, ours())
    assert (tmp_path / folder / 'stock.py').samefile(args.config)
    assert args.work_dir.endswith(folder)


def test_the_stock_config_is_not_overwritten(tmp_path):
    path = tmp_path / 'stock.py'
    path.write_text(text := 'train_dataloader = dict(dataset=dict(type="A"))')
    with pytest.raises(ValueError, match='give another --work-dir'):
        train.use_weighted_config(theirs(path, tmp_path), ours())
    assert path.read_text() == text


@pytest.mark.parametrize('arm', ['baseline', 'equity:gamma=2', 'sampling'])
def test_arms_of_a_pure_python_config(tmp_path, arm):
    args = theirs(NEW_STYLE, tmp_path)
    train.use_weighted_config(args, ours())
    config = arm_config(read_config(args.config), parse_arm(arm))
    if arm == 'baseline':
        assert config.to_dict() == read_config(NEW_STYLE).to_dict()
    elif arm == 'sampling':
        assert config.train_dataloader.sampler == dict(type='DequitySampler')
    else:
        assert config.train_dataloader.dataset.gamma == 2


@pytest.mark.parametrize('given', [
    dict(table=None, content='irfs', t=0.5),
    dict(table='t', form='effective', beta=0.9)])
def test_classes_and_forms(tmp_path, given):
    args = theirs(NEW_STYLE, tmp_path)
    train.use_weighted_config(args, ours(**given))
    dataset = read_config(args.config).train_dataloader.dataset.to_dict()
    del dataset['type'], dataset['dataset']
    expected = dict(given, eta=1.0, gamma=5.0, normalize=None)
    assert dataset == {k: v for k, v in expected.items()
                       if k != 'table' or v}


def test_a_number_that_nothing_uses(tmp_path):
    with pytest.raises(ValueError, match='t of the weights belongs to'):
        train.use_weighted_config(theirs(NEW_STYLE, tmp_path), ours(t=0.5))
    with pytest.raises(ValueError, match='needs a likelihood table'):
        train.use_weighted_config(theirs(NEW_STYLE, tmp_path), ours(
            table=None, content='rfs', form='equity'))
    assert not list(tmp_path.iterdir())


# ---- the command


@pytest.mark.parametrize('option', [
    ('--eta', '1'), ('--gamma', '0'), ('--normalize', 'mean'),
    ('--sampler', )])
def test_weights_need_a_table(option, capsys):
    with pytest.raises(SystemExit) as end:
        train.parse_args(['c.py', *option])
    assert end.value.code == 2
    assert f'{option[0]} belongs to --table' in capsys.readouterr().err


def test_what_is_ours_is_taken_out():
    argv = ['c.py', '--table', 't', '--cfg-options', 'a=1', 'b=2', '--eta',
            '0', '--resume', '--launcher', 'none']
    args, rest = train.parse_args(argv)
    assert (args.table, args.eta, args.gamma) == ('t', 0, None)
    assert rest == ['c.py', '--cfg-options', 'a=1', 'b=2', '--resume',
                    '--launcher', 'none']


def test_help_has_our_flags_and_the_hosts():
    done = run_tool('train.py', '--help')
    assert done.returncode == 0
    # a wheel's user has no clone with a folder of configs
    for text in ('--table TABLE', '--sampler', '--auto-scale-lr',
                 str(FOLDER)):
        assert text in done.stdout


def test_no_table():
    done = dequity('train', NEW_STYLE, '--table', 'none.parquet')
    assert done.returncode == 1
    assert done.stdout.startswith('error: likelihood table none.parquet does')
    assert done.stdout.count('\n') == 1


@pytest.mark.parametrize('command, split', [
    (('train', NEW_STYLE), 'train'),
    (('train', ROOT / 'configs/second_dequity_kitti.py'), 'train'),
    (('test', NEW_STYLE, 'none.pth'), 'val')])
def test_data_that_is_not_there(command, split, tmp_path):
    """One line, before anything is made of it."""
    done = dequity(*command, '--work-dir', tmp_path / 'run')
    assert done.returncode == 1, done.stdout
    line, = done.stdout.splitlines()
    assert line.startswith('error: there is no info file data/kitti/'
                           f'kitti_infos_{split}.pkl (looked from ')
    assert 'dequity create-data' in line
    assert not (tmp_path / 'run').exists()


def test_pure_python_config_trains_and_is_tested(mini_kitti, tmp_path):
    """Each frame has the weight of its likelihood, by gamma 3."""
    base = 'train_dataloader.dataset.dataset'
    changes = [
        f'data_root={mini_kitti}', f'{base}.data_root={mini_kitti}',
        f'{base}.pipeline.2.db_sampler.data_root={mini_kitti}',
        f'{base}.pipeline.2.db_sampler.info_path='
        f'{mini_kitti}/kitti_dbinfos_train.pkl',
        *(f'{split}_dataloader.dataset.data_root={mini_kitti}'
          for split in ('val', 'test')),
        *(f'{split}_evaluator.ann_file={mini_kitti}/kitti_infos_val.pkl'
          for split in ('val', 'test')), 'train_cfg.val_interval=2']
    work = tmp_path / 'run'
    done = dequity(
        'train', NEW_STYLE, '--table',
        mini_kitti / 'kitti_likelihoods.parquet', '--gamma', 3, '--work-dir',
        work, '--cfg-options', *changes)
    assert done.returncode == 0, done.stdout[-3000:]
    logged = [json.loads(line) for path in work.glob('*/vis_data/scalars.json')
              for line in path.read_text().splitlines()]
    means = [step['dequity_weight_mean'] for step in logged if 'loss' in step]
    assert len(means) == 3
    # batches of four, of 12 frames
    weights = dequity_weight(1 / np.arange(1, 13), 1, 3)
    np.testing.assert_allclose(np.mean(means), weights.mean(), rtol=1e-5)
    # the complete config, which stands alone
    config = work / 'pointpillars.py'
    assert read_config(config).train_dataloader.dataset.gamma == 3
    done = dequity('test', config, work / 'epoch_1.pth', '--work-dir',
                   tmp_path / 'test')
    assert done.returncode == 0, done.stdout[-3000:]
    assert 'Kitti metric' in done.stdout
